/* rows.h - the rows of a workspace's journal, asked and tampered with, for tests.
 * Each opens the database for itself: `folder` is the workspace's path. */
#ifndef TESTS_SUPPORT_ROWS_H
#define TESTS_SUPPORT_ROWS_H

#include <stdint.h>

/* The number that the query gives first, -1: none. */
int64_t rows_ask(const char *folder, const char *sql);
/* Waits until it is at least `wanted`; fails after a minute. */
void rows_await(const char *folder, const char *sql, int64_t wanted);
/* Whatever else the journal holds meanwhile does not fit any more. */
void rows_change(const char *folder, const char *sql);

#endif
