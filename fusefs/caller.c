/* caller.c - on whose behalf: actors, ownership, refusals. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fusefs/fs.h"
#include "journal/base/clock.h"
#include "journal/base/log.h"

struct actor_ref caller_actor(struct fusefs *fs, const struct caller *caller)
{
    return journal_actor(fs->journal, caller->tid, caller->uid, caller->gid);
}

bool caller_has_capability(unsigned cap)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &header, caps) == 0 &&
           (caps[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap));
}

bool caller_can_switch(void)
{
    const unsigned wish[] = {CAP_SETUID,       CAP_SETGID, CAP_CHOWN,
                             CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID};
    for (size_t i = 0; i < COUNT_OF(wish); i++)
        if (!caller_has_capability(wish[i]))
            return false;
    /* The kernel has checked the caller's rights; ours must not shrink with the fsuid. */
    int bits = prctl(PR_GET_SECUREBITS);
    return (bits >= 0 && (bits & SECBIT_NO_SETUID_FIXUP)) ||
           prctl(PR_SET_SECUREBITS, (unsigned)bits | SECBIT_NO_SETUID_FIXUP) == 0;
}

static bool is_somebody_else(const struct fusefs *fs, const struct caller *caller)
{
    return fs->act_as_caller && (caller->uid != fs->uid || caller->gid != fs->gid);
}

void caller_enter(struct fusefs *fs, const struct caller *caller)
{
    if (!is_somebody_else(fs, caller))
        return;
    setfsgid(caller->gid);
    setfsuid(caller->uid);
}

void caller_leave(struct fusefs *fs, const struct caller *caller)
{
    if (!is_somebody_else(fs, caller))
        return;
    setfsuid(fs->uid);
    setfsgid(fs->gid);
}

void caller_drop_setid(int fd, uint32_t mode)
{
    uint32_t drop = mode & S_ISUID;
    if ((mode & S_ISGID) && (mode & S_IXGRP))
        drop |= S_ISGID;
    if (drop)
        fchmod(fd, (mode & 07777) & ~drop);
}

struct change_spec spec_for(struct fusefs *fs, const struct caller *caller, enum op op,
                            const char *path)
{
    return (struct change_spec){
        .op = op, .who = caller_actor(fs, caller), .tid = caller->tid, .path = path};
}

int refuse(struct fusefs *fs, const struct caller *caller, enum op op, const char *path,
           const char *path2, int code, const char *reason)
{
    struct change_spec spec = spec_for(fs, caller, op, path);
    spec.path2 = path2;
    journal_note(fs->journal, &spec, OUTCOME_DENIED, code, reason);
    return -code;
}

int allow(struct fusefs *fs, const struct caller *caller, enum op op, const struct zone *zone,
          enum wish wish, const char *path, const char *path2)
{
    const char *reason = NULL;
    int r = zone_check(zone, wish, &reason);
    if (r == 0)
        return 0;
    char sentence[512];
    snprintf(sentence, sizeof sentence, "%.400s is %s", zone->path[0] ? zone->path : "the root",
             reason);
    return refuse(fs, caller, op, path, path2, -r, sentence);
}

struct fusefs *gate_enter(struct fusefs *fs)
{
    pthread_rwlock_rdlock(&fs->gate);
    return fs;
}

struct fusefs *gate_enter_alone(struct fusefs *fs)
{
    pthread_rwlock_wrlock(&fs->gate);
    return fs;
}

void gate_leave(struct fusefs **fs)
{
    pthread_rwlock_unlock(&(*fs)->gate);
}

void complain(const struct error *err)
{
    static _Atomic int64_t last;
    int64_t now = clock_now_ns();
    int64_t before = atomic_load(&last);
    if (now - before < NS_PER_S || !atomic_compare_exchange_strong(&last, &before, now))
        return;
    log_error(err);
}
