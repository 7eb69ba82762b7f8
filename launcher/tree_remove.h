/* tree_remove.h - a folder of ours goes with all that is in it. */
#ifndef LAUNCHER_TREE_REMOVE_H
#define LAUNCHER_TREE_REMOVE_H

/* Follows no symlink and stays on its filesystem.  What cannot be removed stays. */
void tree_remove(const char *path);

#endif
