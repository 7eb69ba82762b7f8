/* test_docker_usage.c - what a container uses is the same number under cgroup v1 and v2. */
#include "launcher/docker/usage.h"
#include "tests/support/test.h"

/* As Engine 20.10 says it, shortened: the first under cgroup v1, the second under v2. */
static const char by_v1[] =
    "{\"pids_stats\":{\"current\":3,\"limit\":512},"
    "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":3000000,\"percpu_usage\":[1,2]},"
    "\"system_cpu_usage\":20000000,\"online_cpus\":2},"
    "\"precpu_stats\":{\"cpu_usage\":{\"total_usage\":1000000},\"system_cpu_usage\":10000000},"
    "\"memory_stats\":{\"usage\":1048576,\"max_usage\":2097152,\"limit\":8388608,"
    "\"stats\":{\"cache\":300000,\"total_inactive_file\":48576,\"inactive_file\":1}},"
    "\"networks\":{\"eth0\":{\"rx_bytes\":100,\"tx_bytes\":7},\"eth1\":{\"rx_bytes\":1,"
    "\"tx_bytes\":1}}}";
static const char by_v2[] =
    "{\"pids_stats\":{\"current\":3,\"limit\":512},"
    "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":3000000,\"usage_in_kernelmode\":1},"
    "\"system_cpu_usage\":20000000,\"online_cpus\":2,\"throttling_data\":{\"periods\":0}},"
    "\"precpu_stats\":{\"cpu_usage\":{\"total_usage\":1000000},\"system_cpu_usage\":10000000},"
    "\"memory_stats\":{\"usage\":1048576,\"limit\":8388608,"
    "\"stats\":{\"anon\":900000,\"file\":300000,\"inactive_file\":48576}},"
    "\"networks\":{\"eth0\":{\"rx_bytes\":101,\"tx_bytes\":8}}}";

static void both_kinds_of_cgroup_give_the_same_numbers(void **state)
{
    static const char *const both[] = {by_v1, by_v2};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        CLEANUP(json_tree_free) struct cJSON *tree = NULL;
        struct usage u;
        assert_int_equal(json_read(both[i], strlen(both[i]), &tree, NULL), 0);
        usage_read(tree, &u);
        assert_int_equal((int)(u.cpu_percent + 0.5), 40);
        assert_int_equal(u.memory, 1000000);
        assert_int_equal(u.memory_limit, 8388608);
        assert_int_equal(u.processes, 3);
        assert_int_equal(u.received, 101);
        assert_int_equal(u.sent, 8);
    }
}

static void what_is_not_there_or_nonsense_is_nothing(void **state)
{
    static const char *const lines[] = {
        "{}",
        "[]",
        "{\"memory_stats\":{}}", /* what a container that ended says */
        "{\"memory_stats\":{\"usage\":5,\"stats\":{\"inactive_file\":9}},\"networks\":7}",
        "{\"cpu_stats\":{\"system_cpu_usage\":1},\"precpu_stats\":{\"system_cpu_usage\":9}}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        CLEANUP(json_tree_free) struct cJSON *tree = NULL;
        struct usage u;
        assert_int_equal(json_read(lines[i], strlen(lines[i]), &tree, NULL), 0);
        usage_read(tree, &u);
        assert_int_equal((int)u.cpu_percent, 0);
        assert_true(u.memory <= 5);
        assert_int_equal(u.received, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_of_cgroup_give_the_same_numbers),
        cmocka_unit_test(what_is_not_there_or_nonsense_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
