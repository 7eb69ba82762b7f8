/* What the journal's rows hold as bytes: extended attributes, and the steps of an undo.  The first
 * byte says which. */
#include <string.h>

#include "journal/undo_step.h"
#include "journal/xattr.h"
#include "tests/fuzz/fuzz.h"

const unsigned long fuzz_runs = 200000;

static void walk_xattrs(const uint8_t *data, size_t bytes)
{
    struct xattr x;
    size_t at = 0;
    volatile char last = 0;
    while (xattr_next(data, bytes, &at, &x) == 1) {
        if (x.name_bytes)
            last = x.name[x.name_bytes - 1];
        if (x.value_bytes && x.value_bytes != XATTR_ABSENT)
            last = ((const char *)x.value)[x.value_bytes - 1];
    }
    (void)last;
}

/* What was understood can be written, and reads as the same. */
static void decode_step(const uint8_t *data, size_t bytes)
{
    struct arena memory = {0};
    struct step step;
    struct step again;
    struct strbuf out = STRBUF_EMPTY;
    if (step_decode(data, bytes, &memory, &step) == 0) {
        for (size_t i = 0; i < step_patch_count(&step); i++)
            (void)step_patch_at(&step, i);
        for (size_t i = 0; i < step_id_count(&step); i++)
            (void)step_id_at(&step, i);
        walk_xattrs(step.xattrs, step.xattr_bytes);
        step_encode(&step, &out);
        if (step_decode(out.data, out.bytes, &memory, &again) < 0 || again.kind != step.kind ||
            strcmp(again.path, step.path) != 0)
            __builtin_trap();
    }
    strbuf_release(&out);
    arena_release(&memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    if (data[0] & 1)
        walk_xattrs(data + 1, bytes - 1);
    else
        decode_step(data + 1, bytes - 1);
    return 0;
}

/* ---- seeds ---- */

static size_t take(struct strbuf *blob, uint8_t kind, uint8_t *out, size_t room)
{
    size_t bytes = blob->bytes < room - 1 ? blob->bytes : room - 1;
    out[0] = kind;
    memcpy(out + 1, blob->data, bytes);
    strbuf_release(blob);
    return bytes + 1;
}

static size_t seed_step(enum step_kind kind, uint8_t *out, size_t room)
{
    struct strbuf blob = STRBUF_EMPTY;
    struct strbuf data = STRBUF_EMPTY;
    struct strbuf xattrs = STRBUF_EMPTY;
    const struct step_patch patch = {.version = 7, .kept = 4, .size = 4096};
    step_patch_add(&data, &patch);
    step_patch_add(&data, &patch);
    xattr_pack(&xattrs, "user.one", "value", 5);
    const struct step step = {
        .kind = kind,
        .event = 12,
        .version = 7,
        .staged = 3,
        .path = "folder/file",
        .path2 = "folder/other",
        .attr = {.ino = 99, .mode = 0100644, .nlink = 1, .size = 10, .mtime = 1, .born = 2},
        .fields = 0xf,
        .wish = {.mode = 0100600, .uid = 1, .gid = 2, .mtime = 3},
        .xattrs = xattrs.data,
        .xattr_bytes = xattrs.bytes,
        .data = data.data,
        .data_bytes = data.bytes,
    };
    step_encode(&step, &blob);
    strbuf_release(&data);
    strbuf_release(&xattrs);
    return take(&blob, 0, out, room);
}

size_t fuzz_seed(size_t number, uint8_t *out, size_t room)
{
    struct strbuf blob = STRBUF_EMPTY;
    if (number > STEP_META)
        return SIZE_MAX;
    if (number > 0)
        return seed_step((enum step_kind)number, out, room);
    xattr_pack(&blob, "user.one", "value", 5);
    xattr_pack(&blob, "user.gone", NULL, XATTR_ABSENT);
    xattr_pack(&blob, "user.empty", "", 0);
    return take(&blob, 1, out, room);
}
