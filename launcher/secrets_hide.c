/* secrets_hide.c - see secrets_hide.h. */
#include "launcher/secrets_hide.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "journal/base/clock.h"
#include "journal/base/log.h"
#include "launcher/redact.h"

struct secrets_hide {
    const struct workspace *workspace;
    char *folder;
    pthread_mutex_t lock;
    int64_t seen; /* below: under lock; when the folder that was read had changed */
    struct redactor *redactor;
};

void secrets_hide_free(struct secrets_hide **h)
{
    if (!*h)
        return;
    redactor_free(&(*h)->redactor);
    pthread_mutex_destroy(&(*h)->lock);
    free((*h)->folder);
    free(*h);
    *h = NULL;
}

static void learn(struct secrets_hide *h)
{
    CLEANUP(secrets_release) struct secrets all = {0};
    struct error err = ERROR_NONE;
    if (secrets_load(h->workspace, &all, &err) < 0 || redactor_learn(h->redactor, &all, &err) < 0)
        log_error(&err);
}

/* A value that is set anew is a new name in the folder.  Of two changes at once the folder may have
 * one time: what has just changed is read again. */
static void look(struct secrets_hide *h)
{
    struct stat st;
    if (stat(h->folder, &st) < 0)
        return;
    int64_t changed = clock_ns(st.st_mtim);
    if (changed == h->seen && clock_now_ns() - changed > NS_PER_S)
        return;
    h->seen = changed;
    learn(h);
}

int secrets_hide_new(const struct workspace *w, struct secrets_hide **out, struct error *err)
{
    static const struct secrets none = {0};
    CLEANUP(secrets_hide_free) struct secrets_hide *h = calloc(1, sizeof *h);
    if (!h)
        return error_say(err, ENOMEM, "no memory to keep secrets out of the journal");
    h->workspace = w;
    pthread_mutex_init(&h->lock, NULL);
    TRY(secrets_folder(w, &h->folder, err));
    TRY(redactor_new(&none, &h->redactor, err));
    look(h);
    *out = h;
    h = NULL;
    return 0;
}

void secrets_hide_text(void *hide, char *text, size_t room)
{
    struct secrets_hide *h = hide;
    pthread_mutex_lock(&h->lock);
    look(h);
    redactor_text(h->redactor, text, room);
    pthread_mutex_unlock(&h->lock);
}
