/* pod.c - see pod.h. */
#include "launcher/docker/pod.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/base/fd.h"
#include "journal/base/log.h"
#include "journal/base/text.h"
#include "launcher/docker/container.h"
#include "launcher/docker/give.h"
#include "launcher/docker/image.h"
#include "launcher/docker/network.h"
#include "launcher/docker/pod_check.h"
#include "launcher/docker/rules.h"
#include "launcher/harden.h"
#include "launcher/net/visit.h"
#include "launcher/pidfd.h"

#define END_MS 10000

/* Everything that the bodies are made of. */
struct plan {
    struct spec spec;
    struct net_policy policy;
    struct strbuf seccomp;
};
#define PLAN_NONE ((struct plan){.policy = NET_POLICY_NONE})

static void plan_release(struct plan *p)
{
    net_policy_release(&p->policy);
    strbuf_release(&p->seccomp);
}

static int plan_make(const struct engine *e, const struct pod_wish *wish, struct plan *out,
                     struct error *err)
{
    const struct container_wish *container = &wish->config->container;
    TRY(net_policy_make(&wish->config->network, &out->policy, err));
    _Static_assert(CONTAINER_LIST_LIMIT <= NET_SERVED_LIMIT, "each port has its place");
    if (out->policy.mode == NET_ALLOWLIST) {
        TRY(pod_check_user(container, err));
        out->policy.proxy_user = sidecar_user(wish->workspace);
    }
    for (size_t i = 0; i < container->port_count; i++)
        net_policy_serve(&out->policy, container->ports[i].inside);
    TRY(pod_check_mounts(e, wish->workspace, container, err));
    TRY(harden_profile(container->deny, container->deny_count, &out->seccomp, err));
    out->spec = (struct spec){
        .names = wish->names,
        .workspace = wish->workspace,
        .wish = container,
        .policy = &out->policy,
        .env = wish->env,
        .secrets = &wish->config->secrets,
        .mountpoint = wish->mountpoint,
        .seccomp = strbuf_text(&out->seccomp),
    };
    spec_fit(&out->spec, e);
    return 0;
}

/* ---- looking ---- */

int pod_look(const struct engine *e, const struct spec_names *names, struct pod_state *out,
             struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *said = NULL;
    *out = (struct pod_state){0};
    int r = engine_call(e, "GET", NULL, &said, err, "/containers/%s/json", names->agent);
    if (r == -ENOENT)
        return 0;
    TRY(r);
    const struct cJSON *labels = json_at(said, "Config/Labels");
    const char *part = json_at_text(labels, LABEL_PART);
    const char *workspace = json_at_text(labels, LABEL_WORKSPACE);
    if (!part || strcmp(part, "agent") != 0)
        return error_say(err, EXIT_AS_ERROR(EXIT_CONFLICT),
                         "there is a container %s that ccfs did not make: rename or remove it, or "
                         "name the session (--name)",
                         names->agent);
    out->there = true;
    out->running = json_at_bool(said, "State/Running");
    out->paused = json_at_bool(said, "State/Paused");
    out->exit_code = (int)json_at_number(said, "State/ExitCode");
    out->root = out->running ? (pid_t)json_at_number(said, "State/Pid") : 0;
    snprintf(out->workspace, sizeof out->workspace, "%s", workspace ? workspace : "");
    return 0;
}

bool pod_is_of(const struct pod_state *state, const struct workspace *w)
{
    CLEANUP(strbuf_release) struct strbuf ours = STRBUF_EMPTY;
    text_escape(&ours, w->path, strlen(w->path)); /* as the label has it */
    return strcmp(strbuf_text(&ours), state->workspace) == 0;
}

static int check_free(const struct engine *e, const struct pod_wish *wish, struct error *err)
{
    struct pod_state state;
    CLEANUP(strbuf_release) struct strbuf theirs = STRBUF_EMPTY;
    TRY(pod_look(e, wish->names, &state, err));
    text_escape(&theirs, state.workspace, strlen(state.workspace));
    if (state.running && !pod_is_of(&state, wish->workspace))
        return error_say(err, EXIT_AS_ERROR(EXIT_BUSY),
                         "%s runs already, on the workspace %s: name this session (--name)",
                         wish->names->agent, strbuf_text(&theirs));
    if (state.running)
        return error_say(err, EXIT_AS_ERROR(EXIT_BUSY),
                         "%s runs already; use it (ccfs shell, ccfs claude), or ccfs stop",
                         wish->names->agent);
    return 0;
}

/* ---- single containers ---- */

int pod_sweep_rest(const struct engine *e, const struct spec_names *names, struct error *err)
{
    TRY(container_drop(e, names->helper, err));
    TRY(container_drop(e, names->proxy, err));
    return container_drop(e, names->holder, err);
}

int pod_sweep(const struct engine *e, const struct spec_names *names, struct error *err)
{
    TRY(container_drop(e, names->agent, err));
    return pod_sweep_rest(e, names, err);
}

int pod_drop_home(const struct engine *e, const struct spec_names *names, struct error *err)
{
    int r = engine_call(e, "DELETE", NULL, NULL, err, "/volumes/%s", names->home);
    return r == -ENOENT ? 0 : r;
}

/* ---- the policy ---- */

static int load_policy(const struct engine *e, const struct plan *plan, struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf rules = STRBUF_EMPTY;
    net_policy_ruleset(&plan->policy, &rules);
    if (rules.failed)
        return error_say(err, ENOMEM, "no memory for the network policy");
    return error_prefix(err, rules_load(e, &plan->spec, &rules, err),
                        "the network policy could not be loaded, so nothing was started");
}

/* From inside, where nobody works yet.  Whom the Engine or this machine does not let look has the
 * rules as the helper has read them back. */
static int try_policy(const struct engine *e, const struct plan *plan, struct error *err)
{
    CLEANUP(json_tree_free) struct cJSON *said = NULL;
    enum net_found found;
    struct error why = ERROR_NONE;
    if (geteuid() != 0 || e->rootless)
        return 0;
    TRY(engine_call(e, "GET", NULL, &said, err, "/containers/%s/json", plan->spec.names->holder));
    pid_t holder = (pid_t)json_at_number(said, "State/Pid");
    if (holder <= 0)
        return error_say(err, EIO, "the container that holds the session's network ended at once");
    if (net_visit(holder, &plan->policy, &found, &why) != -EPERM)
        return 0;
    return error_say(err, why.code, "%s, so nothing was started", why.message);
}

/* ---- the whole ---- */

static int open_holder(const struct engine *e, const struct plan *plan, struct pod *pod,
                       struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
    TRY(spec_holder(&plan->spec, &body, err));
    TRY(container_create(e, plan->spec.names->holder, &body, err));
    return container_start(e, plan->spec.names->holder, &pod->holder_life, NULL, err);
}

static int open_agent(const struct engine *e, const struct plan *plan, struct pod *pod,
                      struct error *err)
{
    CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
    struct pod_state state;
    TRY(spec_agent(&plan->spec, &body, err));
    TRY(container_create(e, plan->spec.names->agent, &body, err));
    TRY(container_start(e, plan->spec.names->agent, &pod->agent_life, NULL, err));
    TRY(pod_look(e, plan->spec.names, &state, err));
    pod->process = state.root > 0 ? pidfd_of(state.root) : -1;
    if (pod->process < 0)
        return error_say(err, EIO, "the container ended at once; see: ccfs logs");
    pod->root = state.root;
    return give_secrets(e, &plan->spec, err);
}

static int open_proxy(const struct engine *e, const struct plan *plan, const struct pod_wish *wish,
                      struct pod *pod, struct error *err)
{
    if (plan->policy.mode != NET_ALLOWLIST)
        return 0;
    return sidecar_open(e, &plan->spec, &wish->config->network, wish->contacts, &pod->sidecar, err);
}

static int open_all(const struct engine *e, struct plan *plan, const struct pod_wish *wish,
                    struct pod *pod, struct error *err)
{
    TRY(pod_sweep(e, plan->spec.names, err));
    if (plan->policy.mode != NET_NONE)
        TRY(network_ensure(e, &plan->policy.served_to, err));
    TRY(open_holder(e, plan, pod, err));
    TRY(load_policy(e, plan, err));
    TRY(try_policy(e, plan, err));
    TRY(open_proxy(e, plan, wish, pod, err));
    return open_agent(e, plan, pod, err);
}

static int check_and_plan(const struct engine *e, const struct pod_wish *wish, struct plan *out,
                          struct error *err)
{
    TRY(image_check(e, err));
    TRY(check_free(e, wish, err));
    TRY(pod_check_profiles(e, &wish->config->container, err));
    return plan_make(e, wish, out, err);
}

int pod_check(const struct engine *e, const struct pod_wish *wish, struct error *err)
{
    CLEANUP(plan_release) struct plan plan = PLAN_NONE;
    TRY(check_and_plan(e, wish, &plan, err));
    if (plan.policy.mode != NET_NONE && plan.policy.dns_count == 0)
        log_line("this session has no name server: the host's is on its own loopback, which no "
                 "session reaches; name one as network.dns");
    if (wish->workspace->owner == 0)
        log_line("the workspace is root's, so the session works under root's user id, without any "
                 "of root's rights");
    return 0;
}

int pod_open(const struct engine *e, const struct pod_wish *wish, struct pod *out,
             struct error *err)
{
    CLEANUP(plan_release) struct plan plan = PLAN_NONE;
    TRY(check_and_plan(e, wish, &plan, err));
    *out = POD_NONE;
    int r = open_all(e, &plan, wish, out, err);
    if (r < 0)
        pod_close(e, wish->names, false, out);
    return r;
}

void pod_end(const struct engine *e, const struct spec_names *names, const struct pod *pod)
{
    (void)!engine_call(e, "POST", NULL, NULL, NULL, "/containers/%s/kill", names->agent);
    pidfd_kill(pod->process);
    if (pod->process >= 0 && !pidfd_wait(pod->process, END_MS))
        log_line("%s could not be ended: when the Engine is back, ccfs stop does it", names->agent);
}

void pod_let_go(struct pod *pod)
{
    fd_close(&pod->agent_life);
    fd_close(&pod->holder_life);
    fd_close(&pod->sidecar.life);
}

void pod_close(const struct engine *e, const struct spec_names *names, bool keep, struct pod *pod)
{
    fd_close(&pod->agent_life);
    fd_close(&pod->holder_life);
    pod_end(e, names, pod);
    if (!keep)
        (void)!container_drop(e, names->agent, NULL);
    sidecar_end(&pod->sidecar);
    (void)!container_drop(e, names->proxy, NULL);
    (void)!container_drop(e, names->helper, NULL);
    (void)!container_drop(e, names->holder, NULL);
    fd_close(&pod->process);
    *pod = POD_NONE;
}

/* ---- as it would be asked for ---- */

static void print_request(const char *what, const char *path, const struct strbuf *body)
{
    printf("{\"request\":\"POST %s%s\",\"body\":%.*s}\n", path, what,
           (int)(body->bytes ? body->bytes - 1 : 0), strbuf_text(body));
}

int pod_print(const struct engine *e, const struct pod_wish *wish, struct error *err)
{
    CLEANUP(plan_release) struct plan plan = PLAN_NONE;
    char subnet[24];
    char gateway[24];
    TRY(plan_make(e, wish, &plan, err));
    const struct {
        const char *name;
        int (*make)(const struct spec *s, struct strbuf *out, struct error *err);
    } rows[] = {{wish->names->holder, spec_holder},
                {wish->names->helper, spec_helper},
                {plan.policy.mode == NET_ALLOWLIST ? wish->names->proxy : NULL, spec_proxy},
                {wish->names->agent, spec_agent}};
    if (plan.policy.mode != NET_NONE) {
        CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
        network_subnet(0, subnet, gateway);
        TRY(spec_network(subnet, gateway, &body, err));
        print_request("", "/networks/create", &body);
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CLEANUP(strbuf_release) struct strbuf body = STRBUF_EMPTY;
        if (!rows[i].name)
            continue;
        TRY(rows[i].make(&plan.spec, &body, err));
        print_request(rows[i].name, "/containers/create?name=", &body);
    }
    return 0;
}
