/* xattr.c - extended attributes as one blob; see xattr.h.
 *
 *   (1) A blob from a journal is checked whole before the first attribute is touched.
 *   (2) What already has its value is not set again: attributes that only the system may set
 *       (security.*, trusted.*) then need no right. */
#include "journal/xattr.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/xattr.h>

#include "journal/base/error.h"

#define HEADER_BYTES 6
#define LINK_BYTES 32 /* "/proc/self/fd/N" */

static void put_little_endian(unsigned char *to, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t little_endian(const unsigned char *from, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t)from[i] << (8 * i);
    return value;
}

void xattr_pack(struct strbuf *out, const char *name, const void *value, uint32_t value_bytes)
{
    unsigned char header[HEADER_BYTES];
    size_t name_bytes = strlen(name);
    put_little_endian(header, (uint32_t)name_bytes, 2);
    put_little_endian(header + 2, value_bytes, 4);
    strbuf_add(out, header, sizeof header);
    strbuf_add(out, name, name_bytes);
    if (value_bytes != XATTR_ABSENT)
        strbuf_add(out, value, value_bytes);
}

int xattr_next(const void *blob, size_t bytes, size_t *at, struct xattr *out)
{
    const unsigned char *p = blob;
    if (*at >= bytes)
        return 0;
    if (bytes - *at < HEADER_BYTES)
        return -EBADMSG;
    size_t name_bytes = little_endian(p + *at, 2);
    uint32_t value_bytes = little_endian(p + *at + 2, 4);
    size_t held = value_bytes == XATTR_ABSENT ? 0 : value_bytes;
    size_t left = bytes - *at - HEADER_BYTES;
    if (name_bytes == 0 || name_bytes > left || held > left - name_bytes)
        return -EBADMSG;
    out->name = (const char *)p + *at + HEADER_BYTES;
    out->name_bytes = name_bytes;
    out->value = p + *at + HEADER_BYTES + name_bytes;
    out->value_bytes = value_bytes;
    *at += HEADER_BYTES + name_bytes + held;
    return 1;
}

/* An O_PATH descriptor has no xattr calls of its own; its link in /proc leads to the object itself,
 * symlinks included. */
static const char *link_of(int fd, char link[LINK_BYTES])
{
    snprintf(link, LINK_BYTES, "/proc/self/fd/%d", fd);
    return link;
}

static bool has_none(int code)
{
    return code == EOPNOTSUPP || code == ENOSYS;
}

/* The list of names; *out is yours (free()).  Bytes or -errno. */
static ssize_t list_names(const char *link, char **out)
{
    *out = malloc(XATTR_LIST_MAX);
    if (!*out)
        return -ENOMEM;
    ssize_t n = listxattr(link, *out, XATTR_LIST_MAX);
    if (n >= 0)
        return n;
    int code = errno;
    free(*out);
    *out = NULL;
    return has_none(code) ? 0 : -code;
}

static int pack_value(const char *link, const char *name, char *value, struct strbuf *out)
{
    ssize_t n = getxattr(link, name, value, XATTR_SIZE_MAX);
    if (n < 0 && (errno == ENODATA || has_none(errno))) {
        xattr_pack(out, name, NULL, XATTR_ABSENT);
        return 0;
    }
    if (n < 0)
        return -errno;
    xattr_pack(out, name, value, (uint32_t)n);
    return 0;
}

static int pack_each(const char *link, const char *names, size_t bytes, char *value,
                     struct strbuf *out)
{
    for (size_t at = 0; at < bytes; at += strlen(names + at) + 1)
        TRY(pack_value(link, names + at, value, out));
    return out->failed ? -ENOMEM : 0;
}

static void free_text(char **text)
{
    free(*text);
}

int xattr_read_all(int fd, struct strbuf *out)
{
    char link[LINK_BYTES];
    CLEANUP(free_text) char *names = NULL;
    CLEANUP(free_text) char *value = NULL;
    ssize_t n = list_names(link_of(fd, link), &names);
    if (n <= 0)
        return (int)n;
    value = malloc(XATTR_SIZE_MAX);
    return value ? pack_each(link, names, (size_t)n, value, out) : -ENOMEM;
}

int xattr_read_one(int fd, const char *name, struct strbuf *out)
{
    char link[LINK_BYTES];
    CLEANUP(free_text) char *value = malloc(XATTR_SIZE_MAX);
    if (!value)
        return -ENOMEM;
    TRY(pack_value(link_of(fd, link), name, value, out));
    return out->failed ? -ENOMEM : 0;
}

bool xattr_holds(const struct strbuf *one, const void *value, uint32_t value_bytes)
{
    struct xattr x;
    size_t at = 0;
    if (xattr_next(one->data, one->bytes, &at, &x) != 1 || x.value_bytes != value_bytes)
        return false;
    bool is_empty = value_bytes == 0 || value_bytes == XATTR_ABSENT;
    return is_empty || memcmp(x.value, value, value_bytes) == 0;
}

/* ---- applying ---- */

static int name_copy(const struct xattr *x, char name[XATTR_NAME_MAX + 1])
{
    if (x->name_bytes > XATTR_NAME_MAX || memchr(x->name, '\0', x->name_bytes))
        return -EBADMSG;
    memcpy(name, x->name, x->name_bytes);
    name[x->name_bytes] = '\0';
    return 0;
}

static int blob_check(const void *blob, size_t bytes)
{
    char name[XATTR_NAME_MAX + 1];
    struct xattr x;
    size_t at = 0;
    int r;
    while ((r = xattr_next(blob, bytes, &at, &x)) == 1)
        TRY(name_copy(&x, name));
    return r;
}

static bool blob_names(const void *blob, size_t bytes, const char *name)
{
    struct xattr x;
    size_t at = 0;
    while (xattr_next(blob, bytes, &at, &x) == 1)
        if (x.name_bytes == strlen(name) && memcmp(x.name, name, x.name_bytes) == 0)
            return true;
    return false;
}

static int remove_one(const char *link, const char *name)
{
    if (removexattr(link, name) == 0 || errno == ENODATA || has_none(errno))
        return 0;
    return -errno;
}

static int remove_others(const char *link, const void *blob, size_t bytes)
{
    CLEANUP(free_text) char *names = NULL;
    ssize_t n = list_names(link, &names);
    if (n < 0)
        return (int)n;
    for (size_t at = 0; at < (size_t)n; at += strlen(names + at) + 1)
        if (!blob_names(blob, bytes, names + at))
            TRY(remove_one(link, names + at));
    return 0;
}

static int apply_one(const char *link, const struct xattr *x, char *value)
{
    char name[XATTR_NAME_MAX + 1];
    TRY(name_copy(x, name));
    if (x->value_bytes == XATTR_ABSENT)
        return remove_one(link, name);
    ssize_t n = getxattr(link, name, value, XATTR_SIZE_MAX);
    if (n >= 0 && (uint32_t)n == x->value_bytes && memcmp(value, x->value, (size_t)n) == 0)
        return 0;
    return setxattr(link, name, x->value, x->value_bytes, 0) < 0 ? -errno : 0;
}

int xattr_apply(int fd, const void *blob, size_t bytes, int only)
{
    char link[LINK_BYTES];
    struct xattr x;
    size_t at = 0;
    CLEANUP(free_text) char *value = NULL;

    TRY(blob_check(blob, bytes));
    link_of(fd, link);
    if (!only)
        TRY(remove_others(link, blob, bytes));
    if (bytes > 0 && !(value = malloc(XATTR_SIZE_MAX)))
        return -ENOMEM;
    while (xattr_next(blob, bytes, &at, &x) == 1)
        TRY(apply_one(link, &x, value));
    return 0;
}
