/* node_table.h - private to the nodes: found by identity, numbered for the kernel.  All under nodes->lock. */
#ifndef FUSEFS_NODE_TABLE_H
#define FUSEFS_NODE_TABLE_H

#include "fusefs/node.h"

void table_insert(struct nodes *nodes, struct node *node);
void table_remove(struct nodes *nodes, struct node *node);
void table_grow(struct nodes *nodes); /* without memory the chains get longer, nothing worse */
/* NULL: none; any zone where zone is NULL. */
struct node *table_find(struct nodes *nodes, uint64_t ino, int64_t born, const struct zone *zone);
bool slots_grow(struct nodes *nodes); /* false: no memory, and all is as before */
/* Gives the node its number; false: no memory. */
bool table_number(struct nodes *nodes, struct node *node);
void table_take_number_back(struct nodes *nodes, struct node *node);

#endif
