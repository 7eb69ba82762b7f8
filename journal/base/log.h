/* log.h - one line on stderr, at the edge, once. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "journal/base/compiler.h"
#include "journal/base/error.h"

void log_line(const char *format, ...) PRINTF_LIKE(1, 2); /* "ccfs: …" */
void log_error(const struct error *err);

#endif
