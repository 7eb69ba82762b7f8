/* config_secrets.c - the section "secrets" of the configuration: which of them are variables, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/config_reader.h"

void secrets_wish_release(struct secrets_wish *wish)
{
    for (size_t i = 0; i < wish->env_count; i++)
        free(wish->env[i]);
    wish->env_count = 0;
}

/* Twice the same is once. */
static int add(struct secrets_wish *wish, const char *name, struct error *err)
{
    TRY(secret_check_name(name, err));
    for (size_t i = 0; i < wish->env_count; i++)
        if (strcmp(wish->env[i], name) == 0)
            return 0;
    if (wish->env_count == SECRETS_LIMIT)
        return error_say(err, E2BIG, "more than %d secrets as variables", SECRETS_LIMIT);
    char *copy = strdup(name);
    if (!copy)
        return error_say(err, ENOMEM, "no memory for the configuration");
    wish->env[wish->env_count++] = copy;
    return 0;
}

int config_add_secret_env(struct config *c, const struct cli_list *names, struct error *err)
{
    for (size_t i = 0; i < names->count; i++)
        TRY(add(&c->secrets, names->items[i], err));
    return 0;
}

static int take_name(struct config_reader *r, const struct config_place *at, const cJSON *value,
                     void *out)
{
    const char *text = NULL;
    struct error why = ERROR_NONE;
    TRY(config_take_text(r, at, value, &text));
    if (add(out, text, &why) < 0)
        return config_wrong(r, at, "%.200s", why.message);
    return 0;
}

static int take_env(struct config_reader *r, const struct config_place *at, const cJSON *value,
                    void *out)
{
    return config_take_list(r, at, value, take_name, out);
}

int config_take_secrets(struct config_reader *r, const struct config_place *at, const cJSON *value,
                        void *out)
{
    static const struct config_key keys[] = {{"env", take_env, 0}};
    return config_take_members(r, at, value, keys, COUNT_OF(keys), out);
}
