/* cut.c - see cut.h. */
#include "launcher/net/cut.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/child.h"
#include "launcher/net/tool.h"
#include "launcher/pidfd.h"
#include "launcher/process_tree.h"

#define TABLE "table inet ccfs_incident"

void net_cut_rules(bool cut, struct strbuf *out)
{
    static const char *const hooks[] = {"input", "output", "forward"};
    strbuf_add_text(out, TABLE "\ndelete " TABLE "\n"); /* made first: it may not be there */
    if (!cut)
        return;
    strbuf_add_text(out, TABLE " {\n");
    for (size_t i = 0; i < COUNT_OF(hooks); i++)
        strbuf_add_format(out, " chain %s { type filter hook %s priority -400; policy drop; }\n",
                          hooks[i], hooks[i]);
    strbuf_add_text(out, "}\n");
}

static int network_of(pid_t pid, char out[64], struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    ssize_t n = readlink(path, out, 63);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? 0 : error_set(err, errno, "look at the session's network");
}

/* Its first process enters the network that was made for it; else it has that of ccfs run. */
static int find_network(pid_t root, bool *has, struct error *err)
{
    struct process first;
    char its[64];
    char ours[64];
    if (!process_look(root, &first))
        return error_say(err, ESRCH, "it has ended");
    TRY(network_of(root, its, err));
    TRY(network_of(first.parent, ours, err));
    *has = strcmp(its, ours) != 0;
    return 0;
}

/* ---- in a child, which is in there for good ---- */

static int load(const struct workspace *w, int process, bool cut, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf rules = STRBUF_EMPTY;
    char nft[4096];
    TRY(tool_find("nft", "nftables", nft, sizeof nft, err));
    TRY(workspace_become_owner(w, err));
    if (setns(process, CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return error_set(err, errno, "enter the session's network");
    net_cut_rules(cut, &rules);
    const char *const argv[] = {nft, "-f", "-", NULL};
    return rules.failed ? error_say(err, ENOMEM, "no memory for rules")
                        : tool_run(argv, &rules, NULL, err);
}

static void live_as_child(const struct workspace *w, int process, bool cut, int says)
{
    struct error err = ERROR_NONE;
    (void)!load(w, process, cut, &err); /* err says it */
    _exit(fd_write_all(says, &err, sizeof err) < 0);
}

static int hear(int hears, pid_t pid, struct error *err)
{
    struct error said = ERROR_NONE;
    ssize_t n = 0;
    while ((n = read(hears, &said, sizeof said)) < 0 && errno == EINTR)
        continue;
    (void)child_wait(pid);
    if (n != (ssize_t)sizeof said)
        return error_say(err, EIO, "whoever was to cut the network ended without a word");
    return error_pass(err, &said);
}

int net_cut(const struct workspace *w, pid_t root, bool cut, bool *has_network, struct error *err)
{
    CLEANUP(fd_close) int process = pidfd_of(root);
    if (process < 0)
        return error_set(err, errno, "find the session");
    TRY(find_network(root, has_network, err));
    if (!*has_network)
        return 0;
    CLEANUP(fd_close) int hears = -1;
    CLEANUP(fd_close) int says = -1;
    TRY(fd_pipe(&hears, &says, err));
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "cut the network");
    if (pid == 0)
        live_as_child(w, process, cut, says);
    fd_close(&says);
    return hear(hears, pid, err);
}
