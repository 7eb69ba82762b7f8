/* undo_check.c - see undo_check.h.
 *
 * A place must be there for what comes back, a folder that goes must be empty by then, and the
 * bytes that are to be put back must be those that were kept. */
#include "journal/undo_check.h"

#include <errno.h>

#include "journal/outside.h"
#include "journal/undo_intact.h"
#include "journal/undo_thing.h"

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "plan an undo");
}

/* ---- places ---- */

/* The event that took away the nearest folder that is missing. */
static uint64_t missing_by(const struct undo_tree *t, const struct node *folder)
{
    for (uint64_t left = t->numbers; left > 0 && folder != t->top; left--) {
        const struct link *link = node_link_in(folder, VIEW_TARGET);
        if (!link)
            return folder->links ? folder->links->stays : 0;
        folder = link->at[VIEW_TARGET]->folder;
    }
    return 0;
}

static int check_place(struct rewind *r, const struct link *link, struct error *err)
{
    struct undo_tree *t = r->tree;
    const struct slot *to = link->at[VIEW_TARGET];
    if (!to || to == link->at[VIEW_DISK] || tree_reaches(t, VIEW_TARGET, to->folder))
        return 0;
    const char *path = tree_path_text(t, VIEW_TARGET, to);
    return path ? rewind_trouble(r, path, TROUBLE_FOLDER, link->event, missing_by(t, to->folder),
                                 link->node, err)
                : no_memory(err);
}

/* ---- folders that go ---- */

static int empty_folder(struct rewind *r, struct node *folder, uint64_t event, struct error *err);

/* What was made outside goes too, into the vault. */
static int take_foreign(struct rewind *r, struct link *link, uint64_t event, struct error *err)
{
    link_move(link, VIEW_TARGET, NULL);
    link->event = event;
    return S_ISDIR(link->node->attr.mode) ? empty_folder(r, link->node, event, err) : 0;
}

/* What would be left in a folder that goes, for `event`'s sake. */
static int check_left(struct rewind *r, const struct node *folder, const struct slot *slot,
                      uint64_t event, struct error *err)
{
    struct link *link = slot->in[VIEW_TARGET];
    if (!link)
        return 0;
    const char *path = tree_path_text(r->tree, VIEW_DISK, slot);
    if (!path)
        return no_memory(err);
    uint64_t by = rewind_staying(link);
    if (!by)
        TRY(r->newest(r->newest_context, path, &by, err));
    if (!by && (r->how & UNDO_FORCE))
        return take_foreign(r, link, event, err);
    return rewind_trouble(r, path, by ? TROUBLE_LATER : TROUBLE_FOREIGN, event, by, folder, err);
}

static int empty_folder(struct rewind *r, struct node *folder, uint64_t event, struct error *err)
{
    TRY(tree_list(r->tree, folder, err));
    for (const struct slot *slot = folder->slots; slot; slot = slot->next)
        TRY(check_left(r, folder, slot, event, err));
    return 0;
}

static int check_emptied(struct rewind *r, struct node *folder, struct error *err)
{
    bool goes = S_ISDIR(folder->attr.mode) && folder->origin == ORIGIN_DISK &&
                !tree_has_in_target(r->tree, folder) && !folder->troubled;
    const struct link *link = goes ? node_link_in(folder, VIEW_DISK) : NULL;
    return goes ? empty_folder(r, folder, link ? link->event : 0, err) : 0;
}

/* ---- bytes ---- */

static int bytes_trouble(struct rewind *r, const struct node *node, enum trouble trouble,
                         uint64_t event, struct error *err)
{
    const struct link *link = node_link_in(node, VIEW_TARGET);
    const char *path = tree_path_text(r->tree, VIEW_TARGET, link->at[VIEW_TARGET]);
    return path ? rewind_trouble(r, path, trouble, event, 0, node, err) : no_memory(err);
}

/* A whole content that is shorter or longer than it was is not that content. */
static int check_patch(struct rewind *r, const struct node *node, const struct patch *p,
                       struct error *err)
{
    enum trouble trouble = TROUBLE_NONE;
    struct attr now;
    bool there = vault_attr(r->vault, p->version, &now) == 0 && S_ISREG(now.mode) &&
                 (!kept_is_whole(p->kept) || now.size == p->size);
    if (there)
        TRY(intact_check(r->intact, p->version, &trouble, err));
    else
        TRY(intact_why_gone(r->intact, p->version, &trouble, err));
    return trouble ? bytes_trouble(r, node, trouble, p->event, err) : 0;
}

/* Blocks, or a size, give the old content over the one that the journal knew, and over no other.
 * 1: one is to be put over a content that somebody else has made. */
static int lacks_base(struct rewind *r, const struct node *node, uint64_t *event, struct error *err)
{
    const struct patch *whole = kept_is_whole(node->patches->kept) ? node->patches : NULL;
    const struct patch *oldest = node->oldest_patch;
    uint64_t found = 0;
    if (whole == oldest)
        return 0;
    *event = oldest->event;
    if (node->forced && !whole)
        return 1;
    if (node->thing && !node->thing->swapped)
        TRY(outside_found_by(r->db, node->thing->object, oldest->own,
                             whole ? whole->own : UINT64_MAX, &found, err));
    return found != 0;
}

static int check_patches(struct rewind *r, const struct node *node, struct error *err)
{
    uint64_t event = 0;
    int lacks = node->patches && (r->how & UNDO_FORCE) ? lacks_base(r, node, &event, err) : 0;
    TRY(lacks);
    if (lacks)
        return bytes_trouble(r, node, TROUBLE_BASE, event, err);
    for (const struct patch *p = node->patches; p; p = p->older)
        if (p->version)
            TRY(check_patch(r, node, p, err));
    return 0;
}

static int check_bytes(struct rewind *r, const struct node *node, struct error *err)
{
    enum trouble trouble = TROUBLE_NONE;
    const struct link *link = node_link_in(node, VIEW_TARGET);
    bool kept = node->origin == ORIGIN_INODE || node->origin == ORIGIN_CONTENT;
    if (!link || node->troubled)
        return 0;
    if (kept)
        TRY(intact_check(r->intact, node->version, &trouble, err));
    return trouble ? bytes_trouble(r, node, trouble, link->event, err)
                   : check_patches(r, node, err);
}

/* ---- all ---- */

int check_plan(struct rewind *r, struct error *err)
{
    for (const struct link *link = r->tree->links; link; link = link->next)
        TRY(check_place(r, link, err));
    for (struct node *node = r->tree->nodes; node; node = node->next) {
        TRY(check_emptied(r, node, err));
        TRY(check_bytes(r, node, err));
    }
    return 0;
}
