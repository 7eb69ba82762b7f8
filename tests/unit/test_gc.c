/* test_gc.c - what is dropped is what the limits say, never more; what is left is sound, and
 * whoever drops or brings back something without gc is found. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/db.h"
#include "journal/gc.h"
#include "journal/tombstone.h"
#include "tests/support/mediated.h"
#include "tests/support/sound.h"

#define MANY 560 /* twice as many events: more than a seal covers */

/* ---- a workspace ---- */

static uint64_t destroyed(const char *name)
{
    do_create(&m, name, "what is to be destroyed");
    return do_unlink(&m, name);
}

static void given_destroyed(int count)
{
    mediator_open(&m);
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        destroyed(name);
    }
}

static struct gc_result gc(struct gc_limits limits)
{
    struct gc_result result;
    struct error err = ERROR_NONE;
    if (gc_run(m.journal, &limits, (struct actor_ref){0}, false, &result, &err) < 0)
        fail_msg("%s", err.message);
    return result;
}

static uint64_t kept(void)
{
    uint64_t bytes;
    uint64_t versions;
    assert_int_equal(vault_usage(journal_vault(m.journal), &bytes, &versions), 0);
    return versions;
}

/* ---- limits ---- */

static void only_so_many_old_contents_are_kept_and_they_are_the_newest(void **state)
{
    (void)state;
    given_destroyed(10);
    struct gc_result result = gc((struct gc_limits){.vault_count = 3});
    assert_int_equal(result.versions, 7);
    assert_int_equal(result.vault_versions, 3);
    assert_int_equal(kept(), 3);
    assert_int_equal(ask("SELECT count(*) FROM version WHERE state = 3"), 7);
    assert_int_equal(ask("SELECT count(*) FROM version WHERE state = 1 AND id <="
                         " (SELECT max(id) FROM version WHERE state = 3)"),
                     0);
    assert_int_equal(ask("SELECT count(*) FROM event WHERE op = 6"), 10);
    assert_journal_sound(m.root);
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

static void the_vault_shrinks_to_its_budget(void **state)
{
    (void)state;
    given_destroyed(10);
    struct gc_result before = gc((struct gc_limits){.vault_count = 100});
    assert_int_equal(before.versions, 0);
    uint64_t budget = before.vault_bytes / 2;
    struct gc_result result = gc((struct gc_limits){.vault_bytes = budget});
    assert_true(result.versions > 0 && result.versions < 10);
    assert_true(result.vault_bytes <= budget);
    assert_int_equal(result.bytes, before.vault_bytes - result.vault_bytes);
    assert_journal_sound(m.root);
}

static void what_is_older_goes_and_what_is_younger_stays(void **state)
{
    (void)state;
    given_destroyed(4);
    assert_int_equal(gc((struct gc_limits){.vault_age_s = 3600}).versions, 0);
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    damage("UPDATE event SET time = time - 7200000000000 WHERE id <="
           " (SELECT event FROM version ORDER BY id LIMIT 1 OFFSET 1)");
    assert_int_equal(gc((struct gc_limits){.vault_age_s = 3600}).versions, 2);
}

static void a_dry_run_tells_and_drops_nothing(void **state)
{
    (void)state;
    struct gc_result result;
    const struct gc_limits limits = {.vault_count = 1};
    given_destroyed(5);
    assert_int_equal(gc_run(m.journal, &limits, (struct actor_ref){0}, true, &result, NULL), 0);
    assert_int_equal(result.versions, 4);
    assert_int_equal(result.event, 0);
    assert_int_equal(kept(), 5);
    assert_int_equal(ask("SELECT count(*) FROM tombstone"), 0);
}

static void it_is_an_event_that_says_what_was_dropped(void **state)
{
    (void)state;
    given_destroyed(5);
    uint64_t event = gc((struct gc_limits){.vault_count = 1}).event;
    assert_true(event > 0);
    assert_int_equal(ask("SELECT max(id) FROM event WHERE op = 38"), (int64_t)event);
    assert_int_equal(ask("SELECT reason LIKE 'dropped 4 old contents%' FROM event WHERE op = 38"),
                     1);
}

/* ---- floors ---- */

static void the_newest_sessions_are_held(void **state)
{
    (void)state;
    uint64_t session = 0;
    given_destroyed(4);
    assert_int_equal(journal_session_begin(m.journal, "s", "sandbox", "sh", 0, &session, NULL), 0);
    destroyed("of the session");
    journal_session_end(m.journal, session, 0);
    struct gc_result result = gc((struct gc_limits){.vault_count = 0, .keep_sessions = 1});
    assert_int_equal(result.versions, 0);
    result = gc((struct gc_limits){.vault_bytes = 1, .keep_sessions = 1});
    assert_int_equal(result.versions, 4);
    assert_true(result.held_back > 0);
    assert_int_equal(kept(), 1);
}

static void an_idle_session_among_the_newest_bares_no_other(void **state)
{
    (void)state;
    uint64_t idle = 0;
    uint64_t busy = 0;
    mediator_open(&m);
    assert_int_equal(journal_session_begin(m.journal, "i", "sandbox", "true", 0, &idle, NULL), 0);
    journal_session_end(m.journal, idle, 0);
    assert_int_equal(journal_session_begin(m.journal, "b", "sandbox", "sh", 0, &busy, NULL), 0);
    destroyed("of the session");
    journal_session_end(m.journal, busy, 0);
    struct gc_result result = gc((struct gc_limits){.vault_bytes = 1, .keep_sessions = 2});
    assert_int_equal(result.versions, 0);
    assert_true(result.held_back > 0);
}

static void a_session_that_is_alive_is_held_whatever_the_limits(void **state)
{
    (void)state;
    uint64_t session = 0;
    mediator_open(&m);
    assert_int_equal(journal_session_begin(m.journal, "s", "sandbox", "sh", 0, &session, NULL), 0);
    destroyed("of the session");
    assert_int_equal(gc((struct gc_limits){.vault_bytes = 1}).versions, 0);
    journal_session_end(m.journal, session, 0);
    assert_int_equal(gc((struct gc_limits){.vault_bytes = 1}).versions, 1);
}

static void days_that_the_user_names_are_held(void **state)
{
    (void)state;
    given_destroyed(4);
    assert_int_equal(gc((struct gc_limits){.vault_bytes = 1, .keep_age_s = 3600}).versions, 0);
}

static void an_undo_that_has_not_ended_holds_everything(void **state)
{
    (void)state;
    struct gc_result result;
    struct error err = ERROR_NONE;
    const struct gc_limits limits = {.vault_bytes = 1};
    given_destroyed(2);
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    damage("INSERT INTO undo(id, time, state) VALUES(999, 1, 1)");
    assert_int_equal(gc_run(m.journal, &limits, (struct actor_ref){0}, false, &result, &err),
                     -EBUSY);
    assert_int_equal(kept(), 2);
}

/* ---- undo of what is gone ---- */

static void undo_says_who_dropped_it_and_when(void **state)
{
    (void)state;
    char words[64];
    const struct undo_conflict *conflicts;
    mediator_open(&m);
    uint64_t removal = destroyed("gone");
    uint64_t event = gc((struct gc_limits){.vault_bytes = 1}).event;
    struct undo_plan *plan = plan_ids(&m, &removal, 1);
    assert_int_equal(undo_plan_conflicts(plan, &conflicts), 1);
    snprintf(words, sizeof words, "dropped by gc on ");
    assert_non_null(strstr(conflicts[0].reason, words));
    snprintf(words, sizeof words, "(event #%llu)", (unsigned long long)event);
    assert_non_null(strstr(conflicts[0].reason, words));
    undo_plan_free(&plan);
}

/* ---- events ---- */

static void events_go_by_whole_seals_and_the_chain_holds(void **state)
{
    (void)state;
    given_destroyed(MANY);
    mediator_reopen(&m);
    destroyed("later");
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    int64_t before = ask("SELECT count(*) FROM event");
    struct gc_result result = gc((struct gc_limits){.events_count = 100});
    assert_true(result.events > 0);
    assert_int_equal(ask("SELECT count(*) FROM event"), before + 1 - (int64_t)result.events);
    assert_true(ask("SELECT count(*) FROM event") >= 100);
    assert_int_equal(ask("SELECT count(*) FROM version v WHERE NOT EXISTS"
                         " (SELECT 1 FROM event WHERE id = v.event)"),
                     0);
    assert_journal_sound(m.root);
    mediator_reopen(&m);
    destroyed("still later");
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

static void numbers_are_not_used_again(void **state)
{
    (void)state;
    given_destroyed(MANY);
    int64_t version = ask("SELECT max(id) FROM version");
    mediator_reopen(&m);
    (void)gc((struct gc_limits){.events_count = 1, .vault_bytes = 1});
    damage("DELETE FROM meta WHERE key = 'clean'");
    mediator_reopen(&m);
    destroyed("later");
    assert_int_equal(journal_drain(m.journal, NULL), 0);
    assert_true(ask("SELECT max(id) FROM version") > version);
    assert_journal_sound(m.root);
}

/* ---- manipulation ---- */

static void given_dropped_versions(void)
{
    given_destroyed(4);
    (void)gc((struct gc_limits){.vault_count = 2});
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

static void given_dropped_events(void)
{
    given_destroyed(MANY);
    mediator_reopen(&m);
    (void)gc((struct gc_limits){.events_count = 100});
    journal_close(&m.journal);
    assert_journal_sound(m.root);
}

static void a_version_that_is_said_to_be_dropped_without_a_tombstone_is_found(void **state)
{
    (void)state;
    given_dropped_versions();
    damage("UPDATE version SET state = 3, tombstone = 1 WHERE id = (SELECT max(id) FROM version)");
    assert_journal_tells(m.root, "no sealed tombstone names it");
}

static void a_forged_tombstone_is_found(void **state)
{
    (void)state;
    given_dropped_versions();
    damage("UPDATE tombstone SET ranges = x'0000000000000000ffffffff00000000'");
    assert_journal_tells(m.root, "was changed after it was sealed");
}

static void a_tombstone_that_nobody_sealed_is_worth_nothing(void **state)
{
    (void)state;
    given_dropped_versions();
    damage("INSERT INTO tombstone(id, time, event, versions, bytes, highest, ranges, events)"
           " VALUES(9, 1, 1, 1, 1, 99, x'0000000000000000ffffffff00000000', 0);"
           "UPDATE version SET state = 3, tombstone = 9 WHERE id = (SELECT max(id) FROM version)");
    assert_journal_tells(m.root, "no sealed tombstone names it");
}

static void a_tombstone_that_is_removed_is_missed(void **state)
{
    (void)state;
    given_dropped_versions();
    damage("DELETE FROM tombstone");
    assert_journal_tells(m.root, "missing");
}

static void a_version_that_is_put_back_is_found(void **state)
{
    (void)state;
    given_dropped_versions();
    damage("UPDATE version SET state = 1, tombstone = NULL");
    assert_journal_tells(m.root, "gc had dropped it");
}

static void events_that_are_removed_without_gc_are_missed(void **state)
{
    (void)state;
    given_dropped_events();
    damage("DELETE FROM event WHERE id = (SELECT min(id) FROM event)");
    assert_journal_tells(m.root, "missing");
}

static void a_digest_that_no_tombstone_asked_for_is_found(void **state)
{
    (void)state;
    given_dropped_events();
    damage("UPDATE gone SET tombstone = 77");
    assert_journal_tells(m.root, "no tombstone names them");
}

static void a_forged_digest_breaks_its_seal(void **state)
{
    (void)state;
    given_dropped_events();
    damage("UPDATE gone SET sha256 = zeroblob(32) WHERE part = 3");
    assert_journal_tells(m.root, "does not fit any more");
}

static void a_row_beside_dropped_ones_is_still_watched(void **state)
{
    (void)state;
    given_dropped_events();
    damage("UPDATE path SET bytes = x'41' WHERE id = 5");
    assert_journal_tells(m.root, "does not fit any more");
}

static void an_event_that_is_put_back_is_found(void **state)
{
    (void)state;
    given_dropped_events();
    damage("INSERT INTO event(id, time, op, flags, outcome, count) VALUES(3, 1, 6, 0, 0, 1)");
    assert_journal_tells(m.root, "is there again, which gc had dropped");
}

/* ---- cut off ---- */

#ifdef CCFS_FAULTS
static const struct gc_limits all_limits = {.events_count = 100, .vault_count = 30};

static void killed_at_any_step_it_is_sound_and_goes_on(void **state)
{
    static const char *const points[] = {"gc_stored",  "gc_sealed",    "gc_said",  "gc_said:2",
                                         "gc_removed", "gc_removed:7", "gc_forgot"};
    (void)state;
    given_destroyed(MANY);
    for (size_t i = 0; i < COUNT_OF(points); i++) {
        for (int more = 0; more < 40; more++)
            destroyed("more");
        when_gc_is_killed(&m, &all_limits, points[i]);
        assert_journal_sound(m.root);
        mediator_reopen(&m);
        assert_journal_sound(m.root);
        (void)gc(all_limits);
        assert_int_equal(ask("SELECT count(*) FROM meta WHERE key = 'dropping'"), 0);
        assert_int_equal(kept(), 30);
        for (int more = 0; i == 5 && more < MANY; more++) /* events for the next step to forget */
            destroyed("more");
        assert_journal_sound(m.root);
    }
}
#endif

#define STORY(name) cmocka_unit_test_teardown(name, close_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(only_so_many_old_contents_are_kept_and_they_are_the_newest),
        STORY(the_vault_shrinks_to_its_budget),
        STORY(what_is_older_goes_and_what_is_younger_stays),
        STORY(a_dry_run_tells_and_drops_nothing),
        STORY(it_is_an_event_that_says_what_was_dropped),
        STORY(the_newest_sessions_are_held),
        STORY(an_idle_session_among_the_newest_bares_no_other),
        STORY(a_session_that_is_alive_is_held_whatever_the_limits),
        STORY(days_that_the_user_names_are_held),
        STORY(an_undo_that_has_not_ended_holds_everything),
        STORY(undo_says_who_dropped_it_and_when),
        STORY(events_go_by_whole_seals_and_the_chain_holds),
        STORY(numbers_are_not_used_again),
        STORY(a_version_that_is_said_to_be_dropped_without_a_tombstone_is_found),
        STORY(a_forged_tombstone_is_found),
        STORY(a_tombstone_that_nobody_sealed_is_worth_nothing),
        STORY(a_tombstone_that_is_removed_is_missed),
        STORY(a_version_that_is_put_back_is_found),
        STORY(events_that_are_removed_without_gc_are_missed),
        STORY(a_digest_that_no_tombstone_asked_for_is_found),
        STORY(a_forged_digest_breaks_its_seal),
        STORY(a_row_beside_dropped_ones_is_still_watched),
        STORY(an_event_that_is_put_back_is_found),
#ifdef CCFS_FAULTS
        STORY(killed_at_any_step_it_is_sound_and_goes_on),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
