/* dir.h - an open list of a folder is declared with its end. */
#ifndef BASE_DIR_H
#define BASE_DIR_H

#include <dirent.h>

/* CLEANUP(dir_close) DIR *dir = fdopendir(…);  keeps errno, accepts NULL, may run twice. */
void dir_close(DIR **dir);

#endif
