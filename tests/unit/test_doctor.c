/* test_doctor.c - what a check of the doctor says of a workspace that is hard to come by. */
#include <fcntl.h>
#include <unistd.h>

#include "launcher/doctor/checks.h"
#include "tests/support/test.h"

static const struct check room = {"room", 0, check_room, "make room"};

/* /proc stands for it: it has no blocks, neither free nor used. */
static void a_filesystem_without_a_size_is_not_a_full_one(void **state)
{
    (void)state;
    CLEANUP(doctor_release) struct doctor d = {.workspace = WORKSPACE_NONE};
    d.workspace.root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(d.workspace.root >= 0);
    doctor_run(&d, &room, 1);
    assert_int_equal(d.count, 1);
    assert_int_equal(doctor_worst(&d), VERDICT_WARN);
    assert_non_null(strstr(d.findings[0].says, "does not say how much room"));
    assert_null(d.findings[0].fix); /* more room would not help */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filesystem_without_a_size_is_not_a_full_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
