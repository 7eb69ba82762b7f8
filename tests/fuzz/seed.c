/* seed.c - see fuzz.h. */
#include <string.h>

#include "tests/fuzz/fuzz.h"

size_t fuzz_seed_text(const char *const *texts, size_t count, size_t number, uint8_t *out,
                      size_t room)
{
    if (number >= count)
        return SIZE_MAX;
    size_t bytes = strlen(texts[number]);
    bytes = bytes < room ? bytes : room;
    memcpy(out, texts[number], bytes);
    return bytes;
}
