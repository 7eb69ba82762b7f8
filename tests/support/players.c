/* players.c - see players.h. */
#include "tests/support/players.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "journal/base/fd.h"
#include "tests/support/test.h"

#define LET_GO UINT32_MAX

static void play(const char *folder, const struct deed *deeds, int line)
{
    uint32_t at;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    umask(022);
    if (chdir(folder) < 0)
        _exit(1);
    while (read(line, &at, sizeof at) == sizeof at) {
        int32_t r = 0;
        if (at == LET_GO)
            deed_release_all();
        else
            r = deed_do(&deeds[at]);
        if (write(line, &r, sizeof r) != sizeof r)
            _exit(1);
    }
    _exit(0);
}

static void start_one(struct players *p, unsigned who, const char *folder, const struct deed *deeds)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    fflush(NULL);
    p->pid[who] = fork();
    assert_true(p->pid[who] >= 0);
    if (p->pid[who] == 0) {
        for (unsigned i = 0; i < who; i++)
            fd_close(&p->line[i]);
        fd_close(&ends[0]);
        play(folder, deeds, ends[1]);
    }
    fd_close(&ends[1]);
    p->line[who] = ends[0];
}

void players_start(struct players *p, const char *folder, const struct deed *deeds)
{
    for (unsigned who = 0; who < PLAYERS; who++)
        start_one(p, who, folder, deeds);
}

static void ask(struct players *p, unsigned who, uint32_t at)
{
    int32_t r;
    assert_int_equal(write(p->line[who], &at, sizeof at), sizeof at);
    if (read(p->line[who], &r, sizeof r) != sizeof r)
        fail_msg("player %u died of deed %u", who, at);
}

void players_do(struct players *p, const struct deed *deeds, size_t at)
{
    ask(p, deeds[at].who % PLAYERS, (uint32_t)at);
}

void players_let_go(struct players *p)
{
    for (unsigned who = 0; who < PLAYERS; who++)
        ask(p, who, LET_GO);
}

void players_end(struct players *p)
{
    for (unsigned who = 0; who < PLAYERS; who++) {
        fd_close(&p->line[who]);
        waitpid(p->pid[who], NULL, 0);
    }
}
