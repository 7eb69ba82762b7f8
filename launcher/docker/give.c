/* give.c - see give.h. */
#include "launcher/docker/give.h"

#include "launcher/docker/exec.h"
#include "launcher/docker/swarm.h"
#include "launcher/secrets.h"
#include "launcher/tar.h"

/* As the session's user: the files are its own, 0400 by the umask, and the folder is closed. */
static int unpack(const struct engine *e, const char *container, const struct strbuf *archive,
                  struct error *err)
{
    char *const command[] = {(char[]){"/bin/sh"}, (char[]){"-c"},
                             (char[]){"umask 0377 && tar -xf - -C " SECRETS_FOLDER
                                      " --no-same-permissions && chmod 0500 " SECRETS_FOLDER},
                             NULL};
    const struct exec_wish wish = {.container = container, .folder = "/", .command = command};
    return error_prefix(err, exec_feed(e, &wish, archive, NULL, err),
                        "the secrets could not be given to the session");
}

static int check_variables(const struct secrets *all, const struct secrets_wish *wish,
                           struct error *err)
{
    const struct secret *found = NULL;
    for (size_t i = 0; i < wish->env_count; i++)
        TRY(secrets_find_variable(all, wish->env[i], &found, err));
    return 0;
}

int give_secrets(const struct engine *e, const struct spec *s, struct error *err)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    CLEANUP(strbuf_wipe) struct strbuf archive = STRBUF_EMPTY;
    struct tar_file files[SECRETS_LIMIT];
    TRY(secrets_load(s->workspace, &all, err));
    TRY(swarm_take_secrets(e, s, &all, err));
    TRY(check_variables(&all, s->secrets, err));
    if (all.count == 0)
        return 0;
    for (size_t i = 0; i < all.count; i++)
        files[i] = (struct tar_file){all.items[i].name, all.items[i].value, all.items[i].bytes};
    TRY(tar_files(files, all.count, &archive, err));
    return unpack(e, s->names->agent, &archive, err);
}
