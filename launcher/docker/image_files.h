/* image_files.h - the files of launcher/docker/image/, as they lie in the program. */
#ifndef LAUNCHER_DOCKER_IMAGE_FILES_H
#define LAUNCHER_DOCKER_IMAGE_FILES_H

#include <stddef.h>

struct image_file {
    const char *name;
    const unsigned char *data;
    size_t bytes;
};
extern const struct image_file image_files[];
extern const size_t image_file_count;

#endif
