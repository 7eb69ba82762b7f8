/* The control socket: whatever comes as a line is answered by one that begins with ok or err, and
 * the daemon goes on.  Lines that would end it are left out. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/mount.h"

static struct mount *m;

const unsigned long fuzz_runs = 400;

static const char *const texts[] = {
    "status",
    "drain",
    "session-begin name=n%20ame backend=sandbox command=sh%0a pid=0",
    "session-end session=1 status=0",
    "undo ids=1,2,3 how=0",
    "undo ids=18446744073709551615,-1,,x how=7",
    "undo-resume",
    "undo-abort how=0",
    "umount-if-busy",
    "note-history",
    "session-begin name=%00%ff%%%2 backend= command",
};

size_t fuzz_seed(size_t number, uint8_t *out, size_t room)
{
    return fuzz_seed_text(texts, COUNT_OF(texts), number, out, room);
}

static void end(void)
{
    if (m->daemon)
        mount_stop(m);
    mount_remove(&m);
}

static void begin(void)
{
    m = mount_make(NULL);
    mount_start(m);
    atexit(end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char line[1024];
    size_t count = 0;
    if (!mount_is_possible())
        exit(77);
    if (!m)
        begin();
    for (size_t i = 0; i < bytes && count < sizeof line - 1; i++)
        if (data[i] != '\n' && data[i] != '\0')
            line[count++] = (char)data[i];
    line[count] = '\0';
    if (count == 0 || strncmp(line, "umount", 6) == 0)
        return 0;
    free(mount_ask(m, line)); /* fails where no answer comes */
    return 0;
}
