/* ops.h - private to fusefs/: the table that libfuse calls. */
#ifndef FUSEFS_OPS_H
#define FUSEFS_OPS_H

struct fuse_lowlevel_ops;
extern const struct fuse_lowlevel_ops ops_table;

#endif
