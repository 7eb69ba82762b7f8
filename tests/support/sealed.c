/* sealed.c - see sealed.h. */
#include "tests/support/sealed.h"

#include <stdio.h>

#include "tests/support/rows.h"
#include "tests/support/test.h"

void begin_proof(struct mediator *m, const struct signing_key *key)
{
    struct error err = ERROR_NONE;
    if (journal_keep_proof(m->journal, key, &err) < 0)
        fail_msg("%s", err.message);
}

void tell_story(struct mediator *m)
{
    uint64_t session = 0;
    assert_int_equal(journal_session_begin(m->journal, "s", "sandbox", "sh", 0, &session, NULL), 0);
    do_mkdir(m, "d");
    do_create(m, "d/kept", "this one is deleted");
    do_create(m, "d/over", "this one is overwritten");
    do_create(m, "d/blocks", "of this one only some bytes are overwritten");
    do_create(m, "d/replaced", "this one is replaced");
    do_write(m, "d/over", 0, "THIS", CAPTURE_COPY);
    do_write(m, "d/blocks", 3, "THAT", CAPTURE_BLOCKS);
    do_symlink(m, "kept", "d/link");
    do_rename(m, "d/over", "d/replaced");
    do_unlink(m, "d/kept");
    do_unlink(m, "d/link");
    journal_session_end(m->journal, session, 0);
}

void given_a_sealed_journal(struct mediator *m)
{
    mediator_open(m);
    tell_story(m);
    journal_close(&m->journal);
}

void given_a_hashed_journal(struct mediator *m)
{
    mediator_open(m);
    begin_proof(m, NULL);
    tell_story(m);
    rows_await(m->path, "SELECT count(*) FROM hash", 7);
    journal_close(&m->journal);
}

void vault_name(uint64_t version, char name[64])
{
    snprintf(name, 64, ".ccfs/vault/%02x/%016llx", (unsigned)(version % 256),
             (unsigned long long)version);
}
