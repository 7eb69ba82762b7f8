/* tree.h - a workspace's tree written down, so that two states of it can be compared to the last
 * bit. */
#ifndef TESTS_SUPPORT_TREE_H
#define TESTS_SUPPORT_TREE_H

#include <stdbool.h>

/* Every path with type, mode, owner, links, size, mtime, target, content, xattrs and the names that
 * are one file with it, a line each, without .ccfs; root: a folder's descriptor.  Yours (free()).
 */
char *tree_text(int root);
/* Are they the same?  Shows the lines that are in one of them only. */
bool tree_text_same(const char *expected, const char *found);

#endif
