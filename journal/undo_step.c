/* undo_step.c - see undo_step.h.
 *
 * Stored form: a u64 for each number below in little endian, then path, path2, xattrs and data,
 * each behind its length (u64). */
#include "journal/undo_step.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/base/list.h"
#include "journal/undo_place.h"
#include "journal/undo_tree.h"

#define NUMBERS 24
#define PARTS 4
#define PATCH_NUMBERS 3

void steps_release(struct steps *s)
{
    free(s->list);
    *s = (struct steps){0};
}

int steps_add(struct steps *s, const struct step *step)
{
    struct step *list = list_grown(s->list, s->count, &s->room, sizeof *list);
    if (!list)
        return -ENOMEM;
    s->list = list;
    s->list[s->count++] = *step;
    return 0;
}

/* ---- what it would change ---- */

uint32_t step_wished_uid(const struct step *step, const struct attr *now)
{
    return step->fields & WISH_UID ? step->wish.uid : now->uid;
}

uint32_t step_wished_gid(const struct step *step, const struct attr *now)
{
    return step->fields & WISH_GID ? step->wish.gid : now->gid;
}

bool step_owner_differs(const struct step *step, const struct attr *now)
{
    return step_wished_uid(step, now) != now->uid || step_wished_gid(step, now) != now->gid;
}

bool step_mode_differs(const struct step *step, const struct attr *now)
{
    return (step->fields & WISH_MODE) && ((step->wish.mode ^ now->mode) & 07777) != 0;
}

bool step_mtime_differs(const struct step *step, const struct attr *now)
{
    return (step->fields & WISH_MTIME) && step->wish.mtime != now->mtime;
}

bool step_attr_differs(const struct step *step, const struct attr *now)
{
    return step_owner_differs(step, now) || step_mode_differs(step, now) ||
           step_mtime_differs(step, now);
}

/* ---- numbers ---- */

static void put(struct strbuf *out, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    strbuf_add(out, bytes, sizeof bytes);
}

static uint64_t get(const void *data, size_t at)
{
    const unsigned char *bytes = (const unsigned char *)data + 8 * at;
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

void step_id_add(struct strbuf *data, uint64_t id)
{
    put(data, id);
}

size_t step_id_count(const struct step *step)
{
    return step->data_bytes / 8;
}

uint64_t step_id_at(const struct step *step, size_t at)
{
    return get(step->data, at);
}

void step_patch_add(struct strbuf *data, const struct step_patch *patch)
{
    put(data, patch->version);
    put(data, patch->kept);
    put(data, patch->size);
}

size_t step_patch_count(const struct step *step)
{
    return step->data_bytes / (8 * PATCH_NUMBERS);
}

struct step_patch step_patch_at(const struct step *step, size_t at)
{
    return (struct step_patch){
        .version = get(step->data, PATCH_NUMBERS * at),
        .kept = get(step->data, PATCH_NUMBERS * at + 1),
        .size = get(step->data, PATCH_NUMBERS * at + 2),
    };
}

/* ---- steps ---- */

static void encode_attr(const struct attr *attr, struct strbuf *out)
{
    put(out, attr->ino);
    put(out, (uint64_t)attr->born);
    put(out, attr->mode);
    put(out, attr->uid);
    put(out, attr->gid);
    put(out, attr->nlink);
    put(out, attr->size);
    put(out, (uint64_t)attr->mtime);
    put(out, (uint64_t)attr->ctime);
}

static struct attr decode_attr(const void *data, size_t at)
{
    return (struct attr){
        .ino = get(data, at),
        .born = (int64_t)get(data, at + 1),
        .mode = (uint32_t)get(data, at + 2),
        .uid = (uint32_t)get(data, at + 3),
        .gid = (uint32_t)get(data, at + 4),
        .nlink = (uint32_t)get(data, at + 5),
        .size = get(data, at + 6),
        .mtime = (int64_t)get(data, at + 7),
        .ctime = (int64_t)get(data, at + 8),
    };
}

static void encode_part(const void *data, size_t bytes, struct strbuf *out)
{
    put(out, bytes);
    strbuf_add(out, data, bytes);
}

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) : 0;
}

void step_encode(const struct step *step, struct strbuf *out)
{
    put(out, step->kind);
    put(out, step->event);
    put(out, step->version);
    put(out, step->staged);
    put(out, step->fields);
    encode_attr(&step->attr, out);
    encode_attr(&step->wish, out);
    put(out, 0); /* for later */
    encode_part(step->path, text_bytes(step->path), out);
    encode_part(step->path2, text_bytes(step->path2), out);
    encode_part(step->xattrs, step->xattr_bytes, out);
    encode_part(step->data, step->data_bytes, out);
}

struct part {
    const char *data;
    size_t bytes;
};

static int decode_parts(const char *data, size_t bytes, struct arena *memory,
                        struct part parts[PARTS])
{
    for (int i = 0; i < PARTS; i++) {
        if (bytes < 8 || get(data, 0) > bytes - 8)
            return -EBADMSG;
        size_t length = (size_t)get(data, 0);
        parts[i].data = arena_copy(memory, data + 8, length);
        parts[i].bytes = length;
        if (!parts[i].data)
            return -ENOMEM;
        data += 8 + length;
        bytes -= 8 + length;
    }
    return bytes == 0 ? 0 : -EBADMSG;
}

/* What it says may come from a hostile journal; what it does stays within the workspace. */
static bool is_sound(const struct step *step, const struct part parts[PARTS])
{
    bool acts = step->kind > STEP_STAGE && step->kind != STEP_ABORTED;
    bool two = step->kind == STEP_LINK || step->kind == STEP_RENAME;
    if (step->kind < STEP_EVENTS || step->kind > STEP_ABORTED)
        return false;
    for (int i = 0; i < 2; i++)
        if (strlen(parts[i].data) != parts[i].bytes)
            return false;
    return (!acts || step->path[0] == '\0' || place_is_sound(step->path)) &&
           (!acts || step->path[0] != '\0' || step->kind == STEP_META) &&
           (!two || place_is_sound(step->path2));
}

int step_decode(const void *data, size_t bytes, struct arena *memory, struct step *out)
{
    struct part parts[PARTS];
    if (bytes < NUMBERS * 8)
        return -EBADMSG;
    TRY(decode_parts((const char *)data + NUMBERS * 8, bytes - NUMBERS * 8, memory, parts));
    *out = (struct step){
        .kind = (enum step_kind)get(data, 0),
        .event = get(data, 1),
        .version = get(data, 2),
        .staged = get(data, 3),
        .fields = (unsigned)get(data, 4),
        .attr = decode_attr(data, 5),
        .wish = decode_attr(data, 14),
        .path = parts[0].data,
        .path2 = parts[1].data,
        .xattrs = parts[2].data,
        .xattr_bytes = parts[2].bytes,
        .data = parts[3].data,
        .data_bytes = parts[3].bytes,
    };
    return is_sound(out, parts) ? 0 : -EBADMSG;
}
