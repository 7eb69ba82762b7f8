# ccfs_embed(OUT FILE...): a C file with one array for each FILE, and a table of them by name.
function(ccfs_embed out)
    set(arrays "")
    set(rows "")
    set(n 0)
    foreach(file ${ARGN})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
        file(READ "${file}" hex HEX)
        string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
        cmake_path(GET file FILENAME name)
        string(APPEND arrays "static const unsigned char file_${n}[] = {${bytes}0};\n")
        string(APPEND rows "    {\"${name}\", file_${n}, sizeof file_${n} - 1},\n")
        math(EXPR n "${n} + 1")
    endforeach()
    file(CONFIGURE OUTPUT "${out}" CONTENT
"#include \"launcher/docker/image_files.h\"\n\n${arrays}
const struct image_file image_files[] = {\n${rows}};
const size_t image_file_count = ${n};\n")
endfunction()
