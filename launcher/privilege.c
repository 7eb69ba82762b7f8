/* privilege.c - see privilege.h.
 *
 *   (1) What is not in a table here is gone from all sets, the bounding set too.
 *   (2) Called before any thread is made: capabilities belong to threads. */
#include "launcher/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))

/* Root's workspace: what a caller creates belongs to the caller, as on the raw folder. */
static const uint64_t for_everybody =
    BIT(CAP_SYS_ADMIN) | /* mount, passthrough, trusted xattrs of the raw folder */
    BIT(CAP_CHOWN) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | /* chown, chmod for callers */
    BIT(CAP_DAC_OVERRIDE) |
    BIT(CAP_DAC_READ_SEARCH) |          /* the kernel has checked the caller already */
    BIT(CAP_LEASE) |                    /* whether a caller still has its file mapped */
    BIT(CAP_SETUID) | BIT(CAP_SETGID) | /* fsuid of the caller */
    BIT(CAP_SYS_PTRACE);                /* the names of callers' programs */

static const uint64_t for_the_owner = BIT(CAP_SYS_ADMIN);

static int set_capabilities(uint64_t keep, struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    for (unsigned half = 0; half < 2; half++) {
        data[half].permitted = (uint32_t)(keep >> (32 * half));
        data[half].effective = data[half].permitted;
    }
    if (syscall(SYS_capset, &header, data) < 0)
        return error_set(err, errno, "give up capabilities");
    return 0;
}

static void drop_bounding_set(uint64_t keep)
{
    for (unsigned cap = 0; cap < 64; cap++)
        if (!(keep & BIT(cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno == EINVAL)
            return; /* beyond the last one that this kernel knows */
}

/* In a container root may lack some of them: asking for more than there is would fail. */
static uint64_t permitted(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

int privilege_drop(const struct workspace *w, struct error *err)
{
    if (geteuid() != 0)
        return 0;
    uint64_t keep = permitted() & (w->owner == 0 ? for_everybody : for_the_owner);
    /* Capabilities stay while a thread acts under a caller's fsuid: the kernel has checked the
     * caller. */
    if (w->owner == 0 && prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
        return error_set(err, errno, "keep capabilities under a caller's fsuid");
    drop_bounding_set(keep);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return error_set(err, errno, "keep CAP_SYS_ADMIN");
    TRY(workspace_become_owner(w, err));
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return error_set(err, errno, "keep no more capabilities");
    return set_capabilities(keep, err);
}

int privilege_give_up(struct error *err)
{
    return set_capabilities(0, err);
}
