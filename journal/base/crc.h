/* crc.h - CRC32C (Castagnoli): tells torn and damaged bytes, not forged ones. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* before: 0, or the result for the bytes that stand in front. */
uint32_t crc32c(uint32_t before, const void *data, size_t bytes);

#endif
