/* gate.c - see gate.h. */
#include "launcher/net/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "launcher/child.h"
#include "launcher/cli.h"
#include "launcher/net/carrier.h"
#include "launcher/net/fence.h"
#include "launcher/net/owner.h"
#include "launcher/net/probe.h"
#include "launcher/net/proxy.h"
#include "launcher/net/tool.h"

#define AGENT_ADDRESS "192.0.0.2"
#define PREFIX "/29"
#define SHARED_MEMORY "mode=0700,size=16m"

/* ---- the link ---- */

static int run_ip(const struct strbuf *batch, struct error *err)
{
    char ip[4096];
    TRY(tool_find("ip", "iproute2", ip, sizeof ip, err));
    const char *const argv[] = {ip, "-batch", "-", NULL};
    return tool_run(argv, batch, NULL, err);
}

static int link_proxy(pid_t agent, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf batch = STRBUF_EMPTY;
    strbuf_add_format(&batch,
                      "link set lo up\n"
                      "link add " GATE_LINK " type veth peer name eth0 netns /proc/%d/ns/net\n"
                      "addr add " GATE_ADDRESS PREFIX " dev " GATE_LINK "\n"
                      "link set " GATE_LINK " up\n",
                      agent);
    return run_ip(&batch, err);
}

static int link_agent(struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf batch = STRBUF_EMPTY;
    strbuf_add_text(&batch, "link set lo up\n"
                            "addr add " AGENT_ADDRESS PREFIX " dev eth0\n"
                            "link set eth0 up\n");
    return run_ip(&batch, err);
}

/* ---- the proxy ---- */

/* What squid reads and writes, as files that it inherits. */
struct proxy_files {
    char squid[4096];
    int config, certificate, log;
};

static int memory_file(const struct strbuf *text, int *out, struct error *err)
{
    *out = memfd_create("squid", MFD_CLOEXEC);
    int r = *out < 0 ? -errno : fd_write_all(*out, text->data, text->bytes);
    if (r < 0 || lseek(*out, 0, SEEK_SET) < 0)
        return error_set(err, r < 0 ? -r : errno, "write a file in memory");
    return 0;
}

static int write_config(const struct net_policy *policy, const struct net_wish *wish,
                        struct proxy_files *f, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    char certificate[40];
    char log[40];
    snprintf(certificate, sizeof certificate, "/proc/self/fd/%d", f->certificate);
    snprintf(log, sizeof log, "/proc/self/fd/%d", f->log);
    struct proxy_setup setup = {
        .listen = GATE_ADDRESS, .certificate = certificate, .log = log, .policy = policy};
    TRY(proxy_config_for(wish, &setup, &text, err));
    return memory_file(&text, &f->config, err);
}

static int prepare_proxy(const struct net_policy *policy, const struct net_wish *wish,
                         struct proxy_files *f, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf certificate = STRBUF_EMPTY;
    TRY(tool_find("squid", "squid-openssl", f->squid, sizeof f->squid, err));
    TRY(proxy_certificate(&certificate, err));
    TRY(memory_file(&certificate, &f->certificate, err));
    return write_config(policy, wish, f, err);
}

static void become_proxy(const struct proxy_files *f, int said)
{
    char config[40];
    const int keep[] = {f->config, f->certificate, f->log, -1};
    snprintf(config, sizeof config, "/proc/self/fd/%d", f->config);
    const char *const argv[] = {f->squid, PROXY_OPTIONS, "-f", config, NULL};
    tool_become(argv, said, keep);
}

/* squid calls its shared memory the same for everybody on the machine: two that start at once take
 * it from each other, what another user's has left behind cannot be taken, and either ends it. */
static int own_shared_memory(struct error *err)
{
    if (unshare(CLONE_NEWNS) < 0 ||
        mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, SHARED_MEMORY) < 0)
        return error_set(err, errno, "give the proxy a /dev/shm of its own");
    return 0;
}

/* In order: the policy, the link, no more power over both; then a way out, the probes, the proxy.
 */
static int make_gate(const struct net_policy *policy, pid_t agent, struct error *err)
{
    if (unshare(CLONE_NEWNET) < 0)
        return error_set(err, errno, "make a network namespace");
    TRY(own_shared_memory(err));
    TRY(fence_raise(policy, err));
    TRY(link_proxy(agent, err));
    return owner_become(PROXY_USER, err);
}

static void live_as_gate(const struct net_policy *policy, const struct proxy_files *f, pid_t agent,
                         int said, int made)
{
    struct error err = ERROR_NONE;
    int r = make_gate(policy, agent, &err);
    if (fd_write_all(made, &err, sizeof err) < 0 || r < 0)
        _exit(EXIT_FAILED);
    fd_close(&made);
    r = carrier_wait_route(NULL, &err);
    if (r == 0)
        r = probe_closed(policy, &err);
    if (r == 0)
        become_proxy(f, said);
    (void)!write(said, err.message, strnlen(err.message, sizeof err.message));
    _exit(EXIT_FAILED);
}

/* ---- the session's side ---- */

static int hear_made(int made, struct error *err)
{
    struct error said;
    ssize_t n = read(made, &said, sizeof said); /* less than a pipe takes at once */
    if (n != (ssize_t)sizeof said)
        return error_say(err, EIO, "the proxy's namespace could not be made");
    return error_pass(err, &said);
}

static int start_gate(const struct net_policy *policy, const struct proxy_files *f,
                      struct gate *gate, struct error *err)
{
    pid_t agent = getpid();
    CLEANUP(fd_close) int hears = -1;
    CLEANUP(fd_close) int says = -1;
    TRY(fd_pipe(&hears, &says, err));
    gate->pid = fork();
    if (gate->pid < 0)
        return error_set(err, errno, "start the proxy");
    if (gate->pid == 0) {
        fd_close(&gate->log);
        live_as_gate(policy, f, agent, gate->said, says);
    }
    fd_close(&says);
    return hear_made(hears, err);
}

static void close_files(struct proxy_files *f)
{
    fd_close(&f->config);
    fd_close(&f->certificate);
    fd_close(&f->log);
}

int gate_open(const struct net_policy *policy, const struct net_wish *wish, struct gate *out,
              struct error *err)
{
    CLEANUP(close_files)
    struct proxy_files f = {.config = -1, .certificate = -1, .log = -1};
    *out = GATE_NONE;
    TRY(fd_pipe(&out->log, &f.log, err));
    TRY(tool_said_open(&out->said, err));
    TRY(prepare_proxy(policy, wish, &f, err));
    TRY(start_gate(policy, &f, out, err));
    return link_agent(err);
}

/* The code of its answer to the trial; 0: none. */
static int ask(int fd)
{
    static const char request[] = "CONNECT " PROXY_TRIAL_NAME ":443 HTTP/1.0\r\n\r\n";
    const struct timeval patience = {.tv_sec = 2};
    char answer[16] = {0};
    int code = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        fd_write_all(fd, request, sizeof request - 1) < 0 ||
        recv(fd, answer, sizeof answer - 1, MSG_WAITALL) < 12)
        return 0;
    return sscanf(answer, "HTTP/%*3s %3d", &code) == 1 ? code : 0;
}

static bool answers(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(NET_PROXY_PORT)};
    CLEANUP(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, GATE_ADDRESS, &to.sin_addr) != 1 ||
        connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
        return false;
    int code = ask(fd);
    return code > 0 && code != 500;
}

int gate_check(struct gate *gate, struct error *err)
{
    char text[4096];
    char line[200];
    int status = 0;
    if (answers()) {
        tool_said_enough(gate->said);
        return 1;
    }
    if (waitpid(gate->pid, &status, WNOHANG) == 0)
        return 0;
    tool_said_text(gate->said, text, sizeof text);
    proxy_complaint(text, line, sizeof line);
    if (line[0] == '\0')
        child_how_ended(status, line, sizeof line);
    return error_say(err, EIO, "the proxy ended: %s", line);
}
