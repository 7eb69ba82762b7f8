/* spec.c - see spec.h. */
#include "launcher/docker/spec.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "journal/base/log.h"
#include "launcher/json.h"
#include "launcher/net/proxy.h"

#define HOME "/home/agent"
#define PROXY_FILES 4096
#define LOAD_RULES "nft -f - && nft list table inet ccfs >/dev/null"
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

static const char *const suffixes[] = {"net", "nft", "proxy", "home"};

/* "a-net" would be the holder of the session a. */
static bool is_anothers(const char *name, size_t n)
{
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        size_t m = strlen(suffixes[i]);
        if (n >= m && strcmp(name + n - m, suffixes[i]) == 0 && (n == m || name[n - m - 1] == '-'))
            return true;
    }
    return false;
}

int spec_names_make(const char *name, struct spec_names *out, struct error *err)
{
    size_t n = name ? strlen(name) : 0;
    if (n > 40 || (n > 0 && strspn(name, NAME_LETTERS) != n))
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "a session in a container wants a name of up to 40 letters, digits, '_', "
                         "'.' and '-'");
    if (n > 0 && is_anothers(name, n))
        return error_say(err, EXIT_AS_ERROR(EXIT_USAGE),
                         "names that end in net, nft, proxy or home are those of a session's other "
                         "containers");
    snprintf(out->agent, sizeof out->agent, DOCKER_CONTAINER "%s%s", n ? "-" : "", n ? name : "");
    snprintf(out->holder, sizeof out->holder, "%.70s-net", out->agent);
    snprintf(out->helper, sizeof out->helper, "%.70s-nft", out->agent);
    snprintf(out->proxy, sizeof out->proxy, "%.70s-proxy", out->agent);
    snprintf(out->home, sizeof out->home, "%.70s-home", out->agent);
    return 0;
}

/* The Engine, which has to set it, is bounded as we are: it says nothing of that itself. */
static void fit_files(struct spec *s)
{
    struct rlimit limit;
    s->files = s->wish->files;
    s->proxy_files = PROXY_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    if (limit.rlim_max < s->proxy_files)
        s->proxy_files = limit.rlim_max;
    if (limit.rlim_max >= s->files)
        return;
    log_line("this machine lets a process open %" PRIu64 " files: the session gets these, not "
             "%" PRIu64,
             (uint64_t)limit.rlim_max, s->files);
    s->files = limit.rlim_max;
}

void spec_fit(struct spec *s, const struct engine *e)
{
    s->memory_bytes = s->wish->memory_bytes;
    s->cpus = s->wish->cpus;
    fit_files(s);
    if (e->memory_bytes && s->memory_bytes > e->memory_bytes) {
        log_line("this machine has %" PRIu64 " MiB of memory: the session gets that, not %" PRIu64
                 " MiB",
                 e->memory_bytes >> 20, s->memory_bytes >> 20);
        s->memory_bytes = e->memory_bytes;
    }
    if (e->cpus && s->cpus > e->cpus) {
        log_line("this machine has %" PRIu64 " CPUs: the session gets these, not %" PRIu64, e->cpus,
                 s->cpus);
        s->cpus = e->cpus;
    }
}

static void add_list(struct json *j, const char *key, const char *const *items, size_t count)
{
    json_begin_array(j, key);
    for (size_t i = 0; i < count; i++)
        json_exact(j, NULL, items[i]);
    json_end(j);
}

static void add_labels(struct json *j, const struct spec *s, const char *part)
{
    char owner[16];
    snprintf(owner, sizeof owner, "%u", s->workspace->owner);
    json_begin_object(j, "Labels");
    json_text(j, LABEL_PART, part);
    json_text(j, LABEL_VERSION, CCFS_VERSION);
    json_text(j, LABEL_WORKSPACE, s->workspace->path);
    json_text(j, LABEL_SESSION, s->names->agent);
    json_text(j, LABEL_OWNER, owner);
    json_end(j);
}

int spec_network(const char *subnet, const char *gateway, struct strbuf *out, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    json_text(j, "Name", DOCKER_NETWORK);
    json_text(j, "Driver", "bridge");
    json_bool(j, "CheckDuplicate", true);
    json_bool(j, "EnableIPv6", false);
    json_begin_object(j, "IPAM");
    json_begin_array(j, "Config");
    json_begin_object(j, NULL);
    json_text(j, "Subnet", subnet);
    json_text(j, "Gateway", gateway);
    json_end(j);
    json_end(j);
    json_end(j);
    json_begin_object(j, "Options");
    json_text(j, "com.docker.network.bridge.name", DOCKER_BRIDGE);
    json_text(j, "com.docker.network.bridge.enable_icc", "false");
    json_text(j, "com.docker.network.bridge.host_binding_ipv4", "127.0.0.1");
    json_end(j);
    json_begin_object(j, "Labels");
    json_text(j, LABEL_PART, "network");
    json_text(j, LABEL_VERSION, CCFS_VERSION);
    json_end(j);
    return json_line(j, out, err);
}

/* ---- what all containers have ---- */

/* By itself, none of them would end before its stdin does. */
static void add_body(struct json *j, const struct spec *s, const char *part,
                     const char *const *command, size_t words)
{
    char user[32];
    if (strcmp(part, "helper") == 0)
        snprintf(user, sizeof user, "0:0");
    else if (strcmp(part, "proxy") == 0)
        snprintf(user, sizeof user, "%u:%u", s->policy->proxy_user, s->policy->proxy_user);
    else
        snprintf(user, sizeof user, "%u:%u", s->workspace->owner, s->workspace->group);
    json_text(j, "Image", DOCKER_IMAGE ":" DOCKER_IMAGE_TAG);
    json_begin_array(j, "Entrypoint");
    json_end(j);
    add_list(j, "Cmd", command, words);
    json_text(j, "User", user);
    json_text(j, "WorkingDir", "/");
    json_bool(j, "Tty", false);
    json_bool(j, "OpenStdin", true);
    json_bool(j, "StdinOnce", true);
    json_bool(j, "AttachStdin", true);
    add_labels(j, s, part);
}

static void add_ulimits(struct json *j, uint64_t files)
{
    const struct {
        const char *name;
        uint64_t value;
    } limits[] = {{"nofile", files}, {"core", 0}};
    json_begin_array(j, "Ulimits");
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        json_begin_object(j, NULL);
        json_text(j, "Name", limits[i].name);
        json_uint(j, "Soft", limits[i].value);
        json_uint(j, "Hard", limits[i].value);
        json_end(j);
    }
    json_end(j);
}

static void add_security(struct json *j, const struct spec *s, bool agent)
{
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    json_begin_array(j, "SecurityOpt");
    json_text(j, NULL, "no-new-privileges:true");
    if (agent) {
        strbuf_add_format(&text, "seccomp=%s", s->seccomp);
        json_exact(j, NULL, strbuf_text(&text));
    }
    if (agent && s->wish->apparmor) {
        strbuf_clear(&text);
        strbuf_add_format(&text, "apparmor=%s", s->wish->apparmor);
        json_exact(j, NULL, strbuf_text(&text));
    }
    if (agent && s->wish->selinux) {
        strbuf_clear(&text);
        strbuf_add_format(&text, "label=%s", s->wish->selinux);
        json_exact(j, NULL, strbuf_text(&text));
    }
    json_end(j);
}

struct bounds {
    uint64_t memory_bytes;
    uint64_t nano_cpus;
    uint64_t processes;
    uint64_t files;
};

static void add_bounds(struct json *j, const struct bounds *b)
{
    json_uint(j, "Memory", b->memory_bytes);
    json_uint(j, "MemorySwap", b->memory_bytes); /* both together: no swap beyond it */
    json_uint(j, "NanoCpus", b->nano_cpus);
    json_uint(j, "PidsLimit", b->processes);
    add_ulimits(j, b->files);
    json_bool(j, "ReadonlyRootfs", true);
    json_bool(j, "Init", true);
    json_bool(j, "Privileged", false);
    json_text(j, "IpcMode", "private");
    json_text(j, "CgroupnsMode", "private");
    json_begin_object(j, "RestartPolicy");
    json_text(j, "Name", "no");
    json_end(j);
    json_begin_object(j, "LogConfig");
    json_text(j, "Type", "json-file");
    json_begin_object(j, "Config");
    json_text(j, "max-size", "10m");
    json_text(j, "max-file", "2");
    json_end(j);
    json_end(j);
}

static const struct bounds small = {64 << 20, 500000000, 16, 256};
static const char *const all[] = {"ALL"};
static const char *const idle[] = {"cat"};

/* ---- one by one ---- */

/* "8080" or "8080:80": on the host's loopback only. */
static void add_ports(struct json *j, const struct container_wish *wish, bool exposed)
{
    json_begin_object(j, exposed ? "ExposedPorts" : "PortBindings");
    for (size_t i = 0; i < wish->port_count; i++) {
        char inside[16];
        char outside[16];
        snprintf(inside, sizeof inside, "%u/tcp", wish->ports[i].inside);
        snprintf(outside, sizeof outside, "%u", wish->ports[i].outside);
        if (exposed) {
            json_begin_object(j, inside);
            json_end(j);
            continue;
        }
        json_begin_array(j, inside);
        json_begin_object(j, NULL);
        json_text(j, "HostIp", "127.0.0.1");
        json_text(j, "HostPort", outside);
        json_end(j);
        json_end(j);
    }
    json_end(j);
}

static void add_dns(struct json *j, const struct net_policy *policy)
{
    json_begin_array(j, "Dns");
    for (size_t i = 0; i < policy->dns_count; i++) {
        char text[INET_ADDRSTRLEN];
        if (inet_ntop(AF_INET, &policy->dns[i], text, sizeof text))
            json_text(j, NULL, text);
    }
    json_end(j);
}

int spec_holder(const struct spec *s, struct strbuf *out, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    bool network = s->policy->mode != NET_NONE;
    add_body(j, s, "holder", idle, COUNT_OF(idle));
    json_text(j, "Hostname", "ccfs");
    add_ports(j, s->wish, true);
    json_begin_object(j, "HostConfig");
    json_text(j, "NetworkMode", network ? DOCKER_NETWORK : "none");
    json_bool(j, "AutoRemove", true);
    add_list(j, "CapDrop", all, COUNT_OF(all));
    add_security(j, s, false);
    add_bounds(j, &small);
    if (network) {
        add_dns(j, s->policy);
        add_ports(j, s->wish, false);
    }
    json_end(j);
    return json_line(j, out, err);
}

static void add_shared_network(struct json *j, const struct spec *s)
{
    char mode[SPEC_NAME_LIMIT + 16];
    snprintf(mode, sizeof mode, "container:%s", s->names->holder);
    json_text(j, "NetworkMode", mode);
}

/* Without NoCopy Docker makes an empty one like the image's home, which is another user's. */
static void add_home(struct json *j, const struct spec *s)
{
    json_begin_object(j, NULL);
    json_text(j, "Type", "volume");
    json_text(j, "Source", s->names->home);
    json_text(j, "Target", HOME);
    json_begin_object(j, "VolumeOptions");
    json_bool(j, "NoCopy", true);
    json_end(j);
    json_end(j);
}

/* Reads the rules back: what is loaded is what it says. */
int spec_helper(const struct spec *s, struct strbuf *out, struct error *err)
{
    static const char loading[] = LOAD_RULES;
    static const char giving[] =
        LOAD_RULES " || exit\n"
                   "[ \"$(stat -c %u:%g " HOME ")\" = \"$0\" ] || chown -hR \"$0\" " HOME;
    static const char *const powers[] = {"NET_ADMIN", "CHOWN"};
    const bool home = s->wish && s->wish->keep_home; /* a session that runs has it already */
    char owner[32];
    snprintf(owner, sizeof owner, "%u:%u", s->workspace->owner, s->workspace->group);
    const char *const load[] = {"/bin/sh", "-c", home ? giving : loading, owner};
    CLEANUP(json_free) struct json *j = json_new();
    add_body(j, s, "helper", load, COUNT_OF(load));
    json_begin_object(j, "HostConfig");
    add_shared_network(j, s);
    json_bool(j, "AutoRemove", false);
    add_list(j, "CapDrop", all, COUNT_OF(all));
    add_list(j, "CapAdd", powers, home ? 2 : 1);
    add_security(j, s, false);
    add_bounds(j, &small);
    json_begin_array(j, "Mounts");
    if (home)
        add_home(j, s);
    json_end(j);
    json_end(j);
    return json_line(j, out, err);
}

static void add_proxy_variable(void *json, const char *name, const char *value)
{
    char text[128];
    snprintf(text, sizeof text, "%s=%s", name, value);
    json_text(json, NULL, text);
}

static void add_environment(struct json *j, const struct spec *s)
{
    static const char *const fixed[] = {("HOME=" HOME), "USER=agent",      "LOGNAME=agent",
                                        "LANG=C.UTF-8", "SHELL=/bin/bash", "DISABLE_AUTOUPDATER=1"};
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    const struct {
        const char *names[2];
        const char *value;
    } git[] = {
        {{"GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"}, s->wish->git_name},
        {{"GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"}, s->wish->git_email},
    };
    json_begin_array(j, "Env");
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        json_text(j, NULL, fixed[i]);
    for (size_t i = 0; i < 2 * COUNT_OF(git); i++) {
        if (!git[i / 2].value)
            continue;
        strbuf_clear(&text);
        strbuf_add_format(&text, "%s=%s", git[i / 2].names[i % 2], git[i / 2].value);
        json_exact(j, NULL, strbuf_text(&text));
    }
    if (s->policy->mode == NET_ALLOWLIST)
        proxy_variables("127.0.0.1", add_proxy_variable, j);
    for (size_t i = 0; s->env && i < s->env->count; i++)
        json_exact(j, NULL, s->env->items[i]);
    json_end(j);
}

/* Tries the proxy until it answers with something else than an error of its own, as it does for a
 * moment at the beginning; then stays behind to end it when stdin ends.  How it ended is gone with
 * the container: said here. */
static const char proxy_script[] =
    "umask 077 && cd /run/proxy || exit\n"
    "command -v squid >/dev/null || {\n"
    "  echo 'the image has no squid; make it anew: ccfs image build' >&2; exit 1; }\n"
    "for file in squid.conf " SPEC_PROXY_CERTIFICATE "; do\n"
    "  read -r bytes && head -c \"$bytes\" >\"$file\" || exit\n"
    "done\n"
    "exec 3<&0 </dev/null\n"
    "squid " PROXY_OPTIONS " -f squid.conf 3<&- &\n"
    "proxy=$!\n"
    "{ while case $(curl -sk -m 2 -o /dev/null -w '%{http_connect}' -x \"$0\" \"$1\") in\n"
    "    000|500) ;; *) false;; esac; do sleep 0.1; kill -0 $proxy || exit; done\n"
    "  echo " SPEC_PROXY_READY "; cat <&3 >/dev/null; kill $proxy; } 2>/dev/null &\n"
    "wait $proxy\n"
    "code=$?\n"
    "echo \"FATAL: exit code $code\" >&2\n" /* as squid says why, where it has not */
    "exit $code";

int spec_proxy(const struct spec *s, struct strbuf *out, struct error *err)
{
    char address[48];
    char options[120];
    const uint32_t user = s->policy->proxy_user;
    const struct bounds bounds = {256 << 20, 1000000000, 32, s->proxy_files};
    snprintf(address, sizeof address, "http://127.0.0.1:%d", NET_PROXY_PORT);
    const char *const run[] = {"/bin/sh", "-c", proxy_script, address,
                               "https://" PROXY_TRIAL_NAME "/"};
    CLEANUP(json_free) struct json *j = json_new();
    add_body(j, s, "proxy", run, COUNT_OF(run));
    json_bool(j, "AttachStdout", true);
    json_bool(j, "AttachStderr", true);
    json_begin_object(j, "HostConfig");
    add_shared_network(j, s);
    json_bool(j, "AutoRemove", true);
    add_list(j, "CapDrop", all, COUNT_OF(all));
    add_security(j, s, false);
    add_bounds(j, &bounds);
    json_begin_object(j, "Tmpfs");
    snprintf(options, sizeof options, "rw,noexec,nosuid,nodev,mode=0700,uid=%u,gid=%u,size=1m",
             user, user);
    json_text(j, "/run/proxy", options);
    json_end(j);
    json_end(j);
    return json_line(j, out, err);
}

/* Without noexec: programs are built and run there, too. */
static void add_tmpfs(struct json *j, const struct spec *s)
{
    char options[160];
    json_begin_object(j, "Tmpfs");
    snprintf(options, sizeof options, "rw,exec,nosuid,nodev,mode=1777,size=%" PRIu64,
             s->wish->tmp_bytes);
    json_text(j, "/tmp", options);
    snprintf(options, sizeof options, "rw,noexec,nosuid,nodev,mode=0755,uid=%u,gid=%u,size=%d",
             s->workspace->owner, s->workspace->group, 64 << 20);
    json_text(j, "/run", options);
    snprintf(options, sizeof options, "rw,exec,nosuid,nodev,mode=0700,uid=%u,gid=%u,size=%" PRIu64,
             s->workspace->owner, s->workspace->group, s->wish->tmp_bytes);
    if (!s->wish->keep_home)
        json_text(j, HOME, options);
    snprintf(options, sizeof options, "rw,noexec,nosuid,nodev,mode=0700,uid=%u,gid=%u,size=%s",
             s->workspace->owner, s->workspace->group, SECRETS_TMPFS);
    json_text(j, SECRETS_FOLDER, options); /* filled when it runs: give.h */
    json_end(j);
}

static void add_bind(struct json *j, const char *from, const char *to, bool read_only)
{
    json_begin_object(j, NULL);
    json_text(j, "Type", "bind");
    json_exact(j, "Source", from);
    json_exact(j, "Target", to);
    json_bool(j, "ReadOnly", read_only);
    json_end(j);
}

static void add_mounts(struct json *j, const struct spec *s)
{
    json_begin_array(j, "Mounts");
    add_bind(j, s->mountpoint, "/workspace", false);
    if (s->wish->keep_home)
        add_home(j, s);
    for (size_t i = 0; i < s->wish->mount_count; i++)
        add_bind(j, s->wish->mounts[i].from, s->wish->mounts[i].to, true);
    json_end(j);
}

static void add_capabilities(struct json *j, const struct container_wish *wish)
{
    add_list(j, "CapDrop", all, COUNT_OF(all));
    json_begin_array(j, "CapAdd");
    for (size_t i = 0; i < wish->capability_count; i++)
        json_exact(j, NULL, wish->capabilities[i]);
    json_end(j);
}

int spec_agent(const struct spec *s, struct strbuf *out, struct error *err)
{
    CLEANUP(json_free) struct json *j = json_new();
    const struct bounds bounds = {s->memory_bytes, s->cpus * 1000000000, s->wish->processes,
                                  s->files};
    add_body(j, s, "agent", idle, COUNT_OF(idle));
    add_environment(j, s);
    json_begin_object(j, "HostConfig");
    add_shared_network(j, s);
    json_bool(j, "AutoRemove", false);
    add_capabilities(j, s->wish);
    add_security(j, s, true);
    add_bounds(j, &bounds);
    add_tmpfs(j, s);
    add_mounts(j, s);
    json_end(j);
    return json_line(j, out, err);
}
