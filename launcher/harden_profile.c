/* harden_profile.c - the table of allowed system calls, as the Docker Engine reads it.
 *
 * The Engine's own profile cannot be had from it to be tightened, and that of older Engines leaves
 * io_uring open, behind which no filter looks, and sockets of the hypervisor.  Ours allows the rest
 * of it to a container without capabilities.  Arguments are bounded as there: clone makes no
 * namespace. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "launcher/harden.h"
#include "launcher/json.h"

#define NAMESPACES 0x7e020000 /* every CLONE_NEW… flag */
#define INT_ARGUMENT UINT64_C(0xffffffff)

static bool is_in(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, list[i]) == 0)
            return true;
    return false;
}

static bool is_denied(const char *name, char *const *deny, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, deny[i]) == 0)
            return true;
    return false;
}

/* Allowed where the argument, of which the bits in mask count, is value. */
static void add_bounded(struct json *j, const char *name, uint64_t mask, uint64_t value)
{
    json_begin_object(j, NULL);
    json_begin_array(j, "names");
    json_text(j, NULL, name);
    json_end(j);
    json_text(j, "action", "SCMP_ACT_ALLOW");
    json_begin_array(j, "args");
    json_begin_object(j, NULL);
    json_uint(j, "index", 0);
    json_uint(j, "value", mask);
    json_uint(j, "valueTwo", value);
    json_text(j, "op", "SCMP_CMP_MASKED_EQ");
    json_end(j);
    json_end(j);
    json_end(j);
}

/* The others reach past the session's network, or are of no use without capabilities. */
static void add_sockets(struct json *j)
{
    static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    for (size_t i = 0; i < COUNT_OF(families); i++)
        add_bounded(j, "socket", INT_ARGUMENT, families[i]);
}

static void add_personalities(struct json *j)
{
    size_t count = 0;
    const uint64_t *known = harden_personalities(&count);
    for (size_t i = 0; i < count; i++)
        add_bounded(j, "personality", INT_ARGUMENT, known[i]);
}

/* Programs take clone where clone3, whose flags cannot be checked, is not known. */
static void add_clone3(struct json *j)
{
    json_begin_object(j, NULL);
    json_begin_array(j, "names");
    json_text(j, NULL, "clone3");
    json_end(j);
    json_text(j, "action", "SCMP_ACT_ERRNO");
    json_uint(j, "errnoRet", ENOSYS);
    json_end(j);
}

static void add_plain(struct json *j, char *const *deny, size_t count)
{
    static const char *const special[] = {"clone", "clone3", "socket"};
    size_t known = 0;
    const char *const *names = harden_allowed_names(&known);
    json_begin_object(j, NULL);
    json_begin_array(j, "names");
    for (size_t i = 0; i < known; i++)
        if (!is_in(names[i], special, COUNT_OF(special)) && !is_denied(names[i], deny, count))
            json_text(j, NULL, names[i]);
    json_end(j);
    json_text(j, "action", "SCMP_ACT_ALLOW");
    json_end(j);
}

int harden_profile(char *const *deny, size_t count, struct strbuf *out, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    size_t known = 0;
    const char *const *names = harden_allowed_names(&known);
    for (size_t i = 0; i < count; i++)
        if (!is_in(deny[i], names, known))
            return error_say(err, EXIT_AS_ERROR(EXIT_CONFIG),
                             "container.deny_calls: %s is no call that a container may make anyway",
                             deny[i]);
    json_text(j, "defaultAction", "SCMP_ACT_ERRNO");
    json_uint(j, "defaultErrnoRet", EPERM);
    json_begin_array(j, "syscalls");
    add_plain(j, deny, count);
    if (!is_denied("clone", deny, count))
        add_bounded(j, "clone", NAMESPACES, 0);
    if (!is_denied("socket", deny, count))
        add_sockets(j);
    add_personalities(j);
    add_clone3(j);
    json_end(j);
    return json_line(j, out, err);
}
