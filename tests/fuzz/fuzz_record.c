/* The intake's records: a ring of our own, whose bytes anybody may have turned.  The first byte
 * says as what the rest is unpacked; its length is right, as the intake has checked it. */
#include <stdlib.h>
#include <string.h>

#include "journal/record.h"
#include "tests/fuzz/fuzz.h"

const unsigned long fuzz_runs = 200000;

static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

static void unpack(unsigned kind, const struct record *r)
{
    struct event event;
    struct actor actor;
    struct record_session session;
    struct record_update update;
    volatile size_t seen = 0;
    if (kind == RECORD_PROC && record_proc_unpack(r, &actor) == 0)
        seen = length(actor.exe) + length(actor.cmdline) + length(actor.container);
    else if (kind == RECORD_SESSION_BEGIN && record_session_unpack(r, &session) == 0)
        seen = length(session.name) + length(session.backend) + length(session.command);
    else if (kind == RECORD_WRITE_UPDATE && record_update_unpack(r, &update) == 0)
        seen = update.range_count ? (size_t)update.ranges[update.range_count - 1].length : 0;
    else if (kind == RECORD_CHANGE && record_event_unpack(r, &event) == 0)
        seen = length(event.path) + length(event.path2) + length(event.reason) +
               (event.xattr_bytes ? ((const uint8_t *)event.xattrs)[event.xattr_bytes - 1] : 0) +
               (event.range_count ? (size_t)event.ranges[event.range_count - 1].length : 0);
    (void)seen;
}

static const unsigned kinds[] = {RECORD_CHANGE, RECORD_PROC, RECORD_SESSION_BEGIN,
                                 RECORD_WRITE_UPDATE};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < 1 + sizeof(struct record))
        return 0;
    struct record *r = aligned_alloc(64, (bytes - 1 + 63) / 64 * 64);
    if (!r)
        return 0;
    memcpy(r, data + 1, bytes - 1);
    r->bytes = (uint32_t)((bytes - 1 + 63) / 64 * 64);
    r->payload_bytes = (uint32_t)(bytes - 1 - sizeof *r);
    unpack(kinds[data[0] % COUNT_OF(kinds)], r);
    free(r);
    return 0;
}

/* ---- seeds ---- */

static size_t take(unsigned which, struct record *r, size_t payload, uint8_t *out, size_t room)
{
    size_t bytes = sizeof *r + payload;
    bytes = bytes < room - 1 ? bytes : room - 1;
    out[0] = (uint8_t)which;
    memcpy(out + 1, r, bytes);
    return bytes + 1;
}

static void as_reserved(struct record *r, const struct reservation *want)
{
    r->kind = want->kind;
    r->payload_bytes = (uint32_t)want->payload_bytes;
    r->open_bytes = (uint32_t)want->open_bytes;
    r->event = 1;
}

static size_t seed_event(struct record *r, uint8_t *out, size_t room)
{
    const struct range ranges[] = {{0, 10}, {4096, 4096}};
    const struct event event = {
        .op = OP_RENAME,
        .path = "folder/file",
        .path2 = "folder/other",
        .reason = "why",
        .before = {.ino = 5, .mode = 0100644, .size = 3},
        .version = 9,
        .kept = KEPT_COPY,
        .xattrs = "\1\0\1\0\0\0ab",
        .xattr_bytes = 8,
        .ranges = ranges,
        .range_count = COUNT_OF(ranges),
    };
    const struct reservation want = record_event_size(RECORD_CHANGE, &event);
    as_reserved(r, &want);
    record_event_pack(r, &event);
    return take(0, r, want.payload_bytes, out, room);
}

static size_t seed_proc(struct record *r, uint8_t *out, size_t room)
{
    const struct actor actor = {
        .exe = "/usr/bin/make", .cmdline = "make -j2", .container = "c0ffee"};
    const struct reservation want = record_proc_size(&actor);
    as_reserved(r, &want);
    record_proc_pack(r, &actor);
    return take(1, r, want.payload_bytes, out, room);
}

static size_t seed_session(struct record *r, uint8_t *out, size_t room)
{
    const struct record_session session = {
        .id = 3, .name = "name", .backend = "sandbox", .command = "sh -c true"};
    const struct reservation want = record_session_size(RECORD_SESSION_BEGIN, &session);
    as_reserved(r, &want);
    record_session_pack(r, &session);
    return take(2, r, want.payload_bytes, out, room);
}

static size_t seed_update(struct record *r, uint8_t *out, size_t room)
{
    const struct range range = {8, 16};
    const struct record_update update = {
        .event = 4, .ended = true, .ranges = &range, .range_count = 1};
    const struct reservation want = record_update_size(&update);
    as_reserved(r, &want);
    record_update_pack(r, &update);
    return take(3, r, want.payload_bytes, out, room);
}

size_t fuzz_seed(size_t number, uint8_t *out, size_t room)
{
    static size_t (*const seeds[])(struct record *, uint8_t *,
                                   size_t) = {seed_event, seed_proc, seed_session, seed_update};
    if (number >= COUNT_OF(seeds))
        return SIZE_MAX;
    struct record *r = calloc(1, 4096);
    size_t bytes = r ? seeds[number](r, out, room) : SIZE_MAX;
    free(r);
    return bytes;
}
