/* pager.c - see pager.h. */
#include "launcher/pager.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/child.h"

#define WORDS_MOST 16

/* The words of text, which is cut up; at most WORDS_MOST - 1. */
static void split(char *text, char *words[WORDS_MOST])
{
    size_t n = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t", &rest); word && n < WORDS_MOST - 1;
         word = strtok_r(NULL, " \t", &rest))
        words[n++] = word;
    words[n] = NULL;
}

/* In the child: the pager, else what comes is passed on as it is. */
static _Noreturn void become_pager(int in, char *text)
{
    char *words[WORDS_MOST];
    char *const cat[] = {(char[]){"cat"}, NULL};
    split(text, words);
    dup2(in, STDIN_FILENO);
    setenv("LESS", "FRX", 0);
    if (words[0])
        execvp(words[0], words);
    execvp(cat[0], cat);
    _exit(127);
}

static char *wanted_pager(void)
{
    const char *given = getenv("PAGER");
    if (!isatty(STDOUT_FILENO) || (given && (!*given || strcmp(given, "cat") == 0)))
        return NULL;
    return strdup(given ? given : "less -R");
}

static int start(struct pager *pager, char *text, struct error *err)
{
    CLEANUP(fd_close) int in = -1;
    CLEANUP(fd_close) int out = -1;
    TRY(fd_pipe(&in, &out, err));
    pager->pid = fork();
    if (pager->pid == 0)
        become_pager(in, text);
    if (pager->pid < 0)
        return error_set(err, errno, "start the pager");
    pager->out = fdopen(out, "w");
    if (!pager->out)
        return error_set(err, errno, "start the pager");
    fd_take(&out);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* it is the pager's, until that has ended */
    return 0;
}

int pager_open(struct pager *pager, struct error *err)
{
    char *text = wanted_pager();
    *pager = (struct pager){.out = stdout};
    fflush(stdout);
    int r = text ? start(pager, text, err) : 0;
    free(text);
    return r;
}

void pager_close(struct pager *pager)
{
    if (pager->pid <= 0)
        return;
    if (pager->out)
        fclose(pager->out);
    (void)child_wait(pager->pid);
    *pager = (struct pager){0};
}
