/* sealed.h - a workspace whose journal has all kinds of rows, all of them sealed, for tests. */
#ifndef TESTS_SUPPORT_SEALED_H
#define TESTS_SUPPORT_SEALED_H

#include "journal/signature.h"
#include "tests/support/mediator.h"

/* A session with files that are made, overwritten, replaced and deleted: events 2 to 12 are its. */
void tell_story(struct mediator *m);
/* Closed in order: everything is sealed. */
void given_a_sealed_journal(struct mediator *m);
/* And what can be hashed is, which takes a moment. */
void given_a_hashed_journal(struct mediator *m);
/* From now on contents are hashed and seals are signed (key NULL: not). */
void begin_proof(struct mediator *m, const struct signing_key *key);
/* The name of a version in the vault. */
void vault_name(uint64_t version, char name[64]);

#endif
