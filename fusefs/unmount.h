/* unmount.h - private to fusefs/: the mount goes, and with it the daemon. */
#ifndef FUSEFS_UNMOUNT_H
#define FUSEFS_UNMOUNT_H

#include "fusefs/fs.h"

/* umount2(2), without the right to it fusermount3.  lazy: also while files are open there.  -EBUSY. */
int unmount_folder(const char *mountpoint, bool lazy);
/* Unmounts and lets the daemon end.  -EBUSY: files are open, and not lazy. */
int unmount_and_end(struct fusefs *fs, bool lazy);

#endif
