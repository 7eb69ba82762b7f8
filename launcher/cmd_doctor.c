/* cmd_doctor.c - ccfs doctor: the checklist before, during and after work. */
#include "launcher/commands.h"
#include "launcher/docker/option.h"
#include "launcher/doctor/checks.h"
#include "launcher/doctor/fix.h"

static const struct cli_verb verb = {
    .name = "doctor",
    .usage = "[--fix WHAT] [--json]",
    .about =
        "Looks whether this machine, the workspace and its sessions are as they should be, and "
        "says "
        "for\n"
        "each thing that is not what to do.  Ends with 1 if one of them is wrong now (FAIL).\n"
        "It changes nothing, but what --fix names: uring (io_uring for FUSE, as root), folders "
        "(modes as\n"
        "init gives them), mount (a dead one goes).\n",
    .examples = "  ccfs doctor\n"
                "  sudo ccfs doctor --fix uring\n"
                "  ccfs doctor --json | jq '.checks[] | select(.verdict != \"ok\")'\n",
};

/* In this order; what looks into the workspace comes last, as its owner. */
static const struct check checks[] = {
    {"fuse", 0, check_fuse_device, "see /dev/fuse"},
    {"libfuse", 0, check_fuse_library, NULL},
    {"io_uring", 0, check_uring, "sudo ccfs doctor --fix uring"},
    {"passthrough", 0, check_passthrough, "mount it as root: sudo ccfs -w DIR mount"},
    {"workspace", 0, check_workspace, "ccfs init"},
    {"config", NEEDS_WORKSPACE, check_config, "see config.json in ccfs(1)"},
    {"engine", 0, check_engine, "only sessions in containers need it"},
    {"image", NEEDS_ENGINE, check_image, "ccfs image build"},
    {"network", NEEDS_CONFIG, check_policy, "end it: ccfs stop"},
    {"domains", NEEDS_CONFIG, check_domains, "is it misspelled? see network.allow in config.json"},
    {"sandbox", NEEDS_CONFIG | NEEDS_OWNER, check_sandbox, "without: ccfs run --backend docker"},
    {"mount", NEEDS_WORKSPACE | NEEDS_OWNER, check_mount, "ccfs doctor --fix mount"},
    {"folders", NEEDS_WORKSPACE | NEEDS_OWNER, check_folders, "ccfs doctor --fix folders"},
    {"room", NEEDS_WORKSPACE | NEEDS_OWNER, check_room, "make room, or: ccfs gc --dry-run"},
    {"seals", NEEDS_WORKSPACE | NEEDS_OWNER, check_seals,
     "keep a copy of .ccfs before anything else, then: ccfs verify --json"},
    {"undo", NEEDS_WORKSPACE | NEEDS_OWNER, check_undo,
     "ccfs undo --resume, or take it back: ccfs undo --abort"},
    {"vault", NEEDS_CONFIG | NEEDS_OWNER, check_vault,
     "ccfs gc --dry-run, or retention.vault.size"},
    {"secrets", NEEDS_CONFIG | NEEDS_OWNER, check_secrets, "move it: ccfs secret set NAME"},
    {"identity", NEEDS_WORKSPACE | NEEDS_OWNER, check_identity,
     "git config --global user.name NAME, and user.email"},
    {"repositories", NEEDS_WORKSPACE | NEEDS_OWNER, check_repositories, "commit and push it"},
    {"backup", NEEDS_WORKSPACE | NEEDS_OWNER, check_backup, "ccfs backup"},
};

static int fix_all(const struct cli *cli, const struct cli_list *names, struct error *err)
{
    for (size_t i = 0; i < names->count; i++)
        TRY(doctor_fix(cli, names->items[i], err));
    return 0;
}

int cmd_doctor(struct cli *cli, int argc, char **argv)
{
    CLEANUP(doctor_release) struct doctor d = {.cli = cli, .workspace = WORKSPACE_NONE};
    struct error err = ERROR_NONE;
    struct cli_list fixes = {0};
    bool json = false;
    const struct cli_option options[] = {
        DOCKER_HOST_OPTION(d.host),
        {"fix", 0, OPTION_LIST, &fixes, "WHAT", "uring, folders or mount: mend it"},
        {"json", 0, OPTION_FLAG, &json, NULL, "one JSON object on one line"},
    };
    if (!cli_options(cli, &verb, options, COUNT_OF(options), argc, argv))
        return cli->exit_code;
    if (fixes.count)
        return fix_all(cli, &fixes, &err) < 0 ? cli_fail(&err) : EXIT_DONE;
    doctor_run(&d, checks, COUNT_OF(checks));
    if (json && doctor_print_json(&d, &err) < 0)
        return cli_fail(&err);
    if (!json)
        doctor_print(&d);
    return doctor_worst(&d) == VERDICT_FAIL || d.failed ? EXIT_FAILED : EXIT_DONE;
}
