# The flags of every target, as three libraries without code: ccfs_warnings, ccfs_hardening, and
# ccfs_flags, which is both together with the sanitizers of this build.
include(CheckCCompilerFlag)

add_library(ccfs_warnings INTERFACE)
target_compile_options(ccfs_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wundef -Wvla -Wcast-qual
    -Wstrict-prototypes -Wmissing-prototypes $<$<BOOL:${CCFS_WERROR}>:-Werror>)

add_library(ccfs_hardening INTERFACE)
target_compile_options(ccfs_hardening INTERFACE -fstack-protector-strong)
check_c_compiler_flag(-fstack-clash-protection CCFS_HAS_STACK_CLASH_PROTECTION)
if(CCFS_HAS_STACK_CLASH_PROTECTION)
    target_compile_options(ccfs_hardening INTERFACE -fstack-clash-protection)
endif()
target_link_options(ccfs_hardening INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
if(NOT CCFS_SANITIZE) # sanitizers have checks of their own, and fortified calls escape them
    target_compile_options(ccfs_hardening INTERFACE
        $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
endif()

add_library(ccfs_flags INTERFACE)
target_link_libraries(ccfs_flags INTERFACE ccfs_warnings ccfs_hardening)
target_include_directories(ccfs_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(ccfs_flags INTERFACE
    _GNU_SOURCE _FILE_OFFSET_BITS=64 $<$<BOOL:${CCFS_FAULTS}>:CCFS_FAULTS=1>)

if(CCFS_SANITIZE STREQUAL "address")
    set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=undefined)
elseif(CCFS_SANITIZE STREQUAL "thread")
    set(sanitize -fsanitize=thread)
elseif(CCFS_SANITIZE)
    message(FATAL_ERROR "CCFS_SANITIZE is '${CCFS_SANITIZE}'; it knows 'address' and 'thread'")
endif()
if(CCFS_SANITIZE)
    target_compile_options(ccfs_flags INTERFACE ${sanitize} -O1 -fno-omit-frame-pointer)
    target_link_options(ccfs_flags INTERFACE ${sanitize})
endif()
