/* truncate.c - see truncate.h.
 *
 * The cheapest way to keep the tail that is right: a clone, a small copy, a swap of the whole inode
 * into the vault (nothing is copied), else a copy of the tail. */
#include "fusefs/truncate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fusefs/data.h"
#include "fusefs/fresh.h"
#include "fusefs/preimage.h"
#include "fusefs/unseen.h"
#include "journal/base/clock.h"
#include "journal/base/fault.h"
#include "journal/base/fd.h"

#define TAIL_CHUNK (1 << 20)

struct cut {
    struct fusefs *fs;
    struct file *file;
    struct node *node;
    int fd;
    const struct handle *own;
    int64_t size; /* new */
    struct change_spec spec;
    bool swap;
};

/* Holes are left out: a file that grows again gets them back by itself. */
static int keep_pieces(const struct cut *cut, int blocks, char *buffer, struct error *err)
{
    int64_t end = (int64_t)cut->spec.before.size;
    size_t n;
    for (int64_t at = cut->size;
         at < end && (n = fd_next_data(cut->fd, &at, end, TAIL_CHUNK)) > 0;) {
        int r = fd_pread_all(cut->fd, buffer, n, at);
        if (r < 0)
            return error_set(err, -r, "reading what is about to be cut off");
        TRY(vault_blocks_add(blocks, at, buffer, (uint32_t)n, err));
        vault_grew(cut->fs->vault, (int64_t)n);
        at += (int64_t)n;
    }
    return 0;
}

static int keep_tail(struct cut *cut, struct error *err)
{
    CLEANUP(fd_close) int blocks = -1;
    cut->spec.kept = KEPT_BLOCKS;
    TRY(vault_blocks_create(cut->fs->vault, cut->spec.version, &blocks, err));
    char *buffer = malloc(TAIL_CHUNK);
    if (!buffer)
        return error_set(err, ENOMEM, "keeping a file's tail");
    int r = keep_pieces(cut, blocks, buffer, err);
    free(buffer);
    return r;
}

/* One name, no other handle, nothing left of the old content, and an owner whom we can give a file
 * to: a new inode can take its place. */
static bool can_swap(const struct cut *cut)
{
    bool owner = cut->fs->act_as_caller ||
                 (cut->spec.before.uid == cut->fs->uid && cut->spec.before.gid == cut->fs->gid);
    return cut->size == 0 && owner && cut->file->through == 0 && cut->spec.before.nlink == 1 &&
           !node_in_vault(cut->fs->nodes, cut->node) &&
           !file_is_open(&cut->fs->handles, cut->node, cut->own);
}

static int keep(struct cut *cut, struct error *err)
{
    struct fusefs *fs = cut->fs;
    int64_t old = (int64_t)cut->spec.before.size;
    if (cut->size >= old)
        return 0; /* nothing is cut off */
    TRY(preimage_room(fs, &cut->spec, err));
    cut->spec.version = vault_new(fs->vault);
    int r = vault_copy_in(fs->vault, cut->spec.version, cut->fd, old, fs->copy_limit,
                          &cut->spec.kept, err);
    if (r != -EFBIG)
        return r;
    cut->swap = can_swap(cut);
    if (!cut->swap)
        return keep_tail(cut, err);
    cut->spec.kept = KEPT_INODE; /* linked there once the event is pending */
    return 0;
}

/* Others may be writing it unseen: what is kept must be what was looked at. */
static int keep_what_is_seen(struct cut *cut, struct error *err)
{
    struct change_spec *spec = &cut->spec;
    for (int looks = 1;; looks++) {
        int r = attr_read(cut->fd, "", &spec->before);
        if (r < 0)
            return error_set(err, -r, "stat of a file that is about to be truncated");
        TRY(keep(cut, err));
        if (cut->swap || preimage_rests(cut->fs, cut->fd, spec->kept, &spec->before))
            return 0;
        if (looks == PREIMAGE_LOOKS)
            break;
        if (spec->version)
            vault_discard(cut->fs->vault, spec->version);
        spec->version = 0;
        spec->kept = KEPT_NONE;
    }
    preimage_fit(cut->fs, spec->version, spec->kept, &spec->before);
    return 0;
}

/* A truncation is no change of the folder, though a rename did it. */
static void keep_folder_time(const struct place *at, const struct attr *before)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, clock_timespec(before->mtime)};
    utimensat(at->dir, "", times, AT_EMPTY_PATH);
}

/* An empty file with the old one's metadata, made beside the versions and moved over the old name.
 */
static int swap_inode(struct cut *cut, const struct place *at, struct error *err)
{
    struct fusefs *fs = cut->fs;
    char name[VAULT_NAME];
    uint64_t fresh = vault_new(fs->vault);
    int folder = vault_place(fs->vault, fresh, name);
    CLEANUP(fd_close) int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, "a fresh file for a truncated one");
    int r = preimage_dress(cut->fd, fd, &cut->spec.before, err);
    FAULT_POINT("swap_made");
    if (r == 0)
        r = preimage_inode(fs, at, cut->spec.version, &cut->spec.before, err);
    struct attr parent = {0};
    if (r == 0 && ((r = attr_read(at->dir, "", &parent)) < 0 ||
                   renameat(folder, name, at->dir, at->name) < 0))
        r = error_set(err, r < 0 ? -r : errno, "%s: truncate", at->path);
    if (r < 0) {
        vault_discard(fs->vault, fresh);
        return r;
    }
    FAULT_POINT("swapped");
    keep_folder_time(at, &parent);
    const struct timespec now[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    futimens(fd, now);
    struct attr attr;
    if (attr_read(fd, "", &attr) == 0)
        node_reborn(fs->nodes, cut->node, fd, &attr);
    /* In place of the old one, under its number: another thread may be reading by it. */
    return dup3(fd, cut->fd, O_CLOEXEC) < 0 ? error_set(err, errno, "truncate") : 0;
}

/* By its alias, which must still mean the inode that is to be put away. */
static int swap_by_alias(struct cut *cut, struct node *folder, const char *name, struct error *err)
{
    CLEANUP(place_release) struct place at;
    struct attr there;
    place_none(&at);
    TRY(place_find(cut->fs->nodes, folder->number, name, &at));
    TRY(place_attr(&at, &there, NULL));
    return attr_same_object(&there, &cut->spec.before) ? swap_inode(cut, &at, err) : -ESTALE;
}

static int apply(struct cut *cut, struct error *err)
{
    TRY(FAULT_ERROR("truncate"));
    if (!cut->swap)
        return ftruncate(cut->fd, cut->size) < 0 ? -errno : 0;
    struct node *folder = NULL;
    char name[256];
    TRY(node_alias(cut->fs->nodes, cut->node, &folder, name));
    int r = swap_by_alias(cut, folder, name, err);
    node_drop(cut->fs->nodes, folder);
    return r;
}

int truncate_file(struct fusefs *fs, const struct caller *caller, struct file *file, int fd,
                  const struct truncation *what, struct attr *after)
{
    CLEANUP(journal_abandon) struct change change = CHANGE_NONE;
    char path[PLACE_PATH_MAX];
    struct error err = ERROR_NONE;
    struct node *node = file->node;
    writing_settle(fs, file, fd);
    node_path(fs->nodes, node, path);
    int64_t size = what->size;
    struct cut cut = {
        .fs = fs, .file = file, .node = node, .fd = fd, .own = what->own, .size = size};
    cut.spec = spec_for(fs, caller, OP_TRUNCATE, path);
    int r = keep_what_is_seen(&cut, &err);
    int64_t old = (int64_t)cut.spec.before.size;
    struct range range =
        size < old ? (struct range){size, old - size} : (struct range){old, size - old};
    cut.spec.ranges = &range;
    cut.spec.range_count = 1;
    if (r == 0 && cut.swap && !what->alone)
        return -EAGAIN; /* nothing is kept yet */
    if (r == 0)
        r = journal_begin(fs->journal, &cut.spec, &change, &err);
    if (r < 0) {
        if (cut.spec.version)
            vault_discard(fs->vault, cut.spec.version);
        complain(&err);
        return r;
    }
    fresh_before(fs, node, fd);
    r = apply(&cut, &err);
    fresh_after(fs, node, fd);
    if (r < 0) {
        journal_fail_left(&change, -r, fd, "");
        return r;
    }
    if (what->kill_setid)
        caller_drop_setid(fd, cut.spec.before.mode);
    struct attr seen = {0};
    journal_confirm(&change, attr_read(fd, "", &seen) < 0 ? NULL : &seen);
    if (after)
        *after = seen;
    unseen_renew(fs, file, fd,
                 fs->copy_limit); /* whoever writes unseen does so behind this event */
    return 0;
}
