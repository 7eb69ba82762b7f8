/* test_config.c - the configuration is understood wholly, or refused with its place. */
#include "tests/support/test.h"

#include "launcher/config.h"

struct house {
    struct config config;
    struct error err;
    char path[128];
    int root; /* a workspace's folders, or -1 */
};

static int given_house(void **state)
{
    static const char *const folders[] = {"Projects", "imports", "exports", "Projects/deep",
                                          "extra"};
    struct house *house = calloc(1, sizeof *house);
    assert_non_null(house);
    house->root = test_folder_make(house->path, sizeof house->path);
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        assert_int_equal(mkdirat(house->root, folders[i], 0755), 0);
    *state = house;
    return 0;
}

static int house_removed(void **state)
{
    struct house *house = *state;
    config_release(&house->config);
    close(house->root);
    test_folder_remove(house->path);
    free(house);
    return 0;
}

static int parse(struct house *house, const char *text)
{
    config_release(&house->config);
    house->err = ERROR_NONE;
    return config_parse(text, strlen(text), "config.json", house->root, &house->config,
                        &house->err);
}

static const struct zone *zone(const struct house *house, const char *path)
{
    for (size_t i = 0; i < house->config.zone_count; i++)
        if (strcmp(house->config.zones[i].path, path) == 0)
            return &house->config.zones[i];
    return NULL;
}

static void an_empty_object_gives_the_defaults(void **state)
{
    struct house *house = *state;
    assert_int_equal(parse(house, "{}"), 0);
    assert_int_equal(house->config.zone_count, 6);
    assert_int_equal(zone(house, "imports")->mode, ZONE_RO);
    assert_int_equal(zone(house, "exports")->mode, ZONE_WO);
    assert_int_equal(zone(house, "Projects")->mode, ZONE_RW);
    assert_int_equal(house->config.transport, TRANSPORT_AUTO);
    assert_int_equal(house->config.writes, WRITES_CLOSE);
    assert_int_equal(house->config.durability, DURABILITY_RELAXED);
    assert_false(house->config.allow_other);
}

static void every_key_reaches_its_place(void **state)
{
    struct house *house = *state;
    assert_int_equal(parse(house,
                           "{\"transport\":\"dev\",\"writes\":\"each\",\"allow_other\":true,"
                           "\"durability\":\"strict\","
                           "\"sandbox\":{\"memory\":\"512m\",\"processes\":64,\"files\":1024,"
                           "\"tmp\":134217728}}"),
                     0);
    assert_int_equal(house->config.transport, TRANSPORT_DEV);
    assert_int_equal(house->config.writes, WRITES_EACH);
    assert_int_equal(house->config.durability, DURABILITY_STRICT);
    assert_true(house->config.allow_other);
    assert_int_equal(house->config.sandbox.memory_bytes, 512 << 20);
    assert_int_equal(house->config.sandbox.processes, 64);
    assert_int_equal(house->config.sandbox.files, 1024);
    assert_int_equal(house->config.sandbox.tmp_bytes, 128 << 20);
}

static void a_container_is_bounded_and_gets_only_what_is_named(void **state)
{
    struct house *house = *state;
    const struct container_wish *wish = &house->config.container;
    assert_int_equal(parse(house, "{}"), 0);
    assert_int_equal(wish->memory_bytes, UINT64_C(8) << 30);
    assert_int_equal(wish->cpus, 4);
    assert_int_equal(wish->processes, 512);
    assert_int_equal(wish->capability_count + wish->port_count + wish->mount_count, 0);
    assert_int_equal(
        parse(house, "{\"container\":{\"cpus\":2,\"capabilities\":[\"CAP_NET_BIND_SERVICE\"],"
                     "\"ports\":[8080,\"9000:80\"],\"mounts\":[{\"from\":\"/a\",\"to\":\"/b\"}],"
                     "\"deny_calls\":[\"ptrace\"],\"selinux\":\"level:s0:c100,c200\"}}"),
        0);
    assert_int_equal(wish->cpus, 2);
    assert_string_equal(wish->capabilities[0], "NET_BIND_SERVICE");
    assert_int_equal(wish->ports[0].inside, 8080);
    assert_int_equal(wish->ports[1].outside, 9000);
    assert_int_equal(wish->ports[1].inside, 80);
    assert_string_equal(wish->mounts[0].to, "/b");
    assert_string_equal(wish->selinux, "level:s0:c100,c200");
}

static void the_network_is_a_mode_its_name_servers_and_its_domains(void **state)
{
    struct house *house = *state;
    const struct net_wish *wish = &house->config.network;
    assert_int_equal(parse(house, "{}"), 0);
    assert_int_equal(wish->mode, NET_INTERNET);
    assert_false(wish->given);
    assert_true(wish->defaults);
    assert_int_equal(parse(house, "{\"network\":{\"mode\":\"allowlist\",\"dns\":[\"9.9.9.9\"],"
                                  "\"allow\":[\"*.Example.com\",\"git.example.net:8443\"],"
                                  "\"defaults\":false}}"),
                     0);
    assert_int_equal(wish->mode, NET_ALLOWLIST);
    assert_true(wish->given);
    assert_false(wish->defaults);
    assert_int_equal(wish->dns_count, 1);
    assert_int_equal(wish->dns[0].s_addr, htonl(0x09090909));
    assert_int_equal(wish->allow_count, 2);
    assert_string_equal(wish->allow[0].name, "example.com");
    assert_true(wish->allow[0].below);
    assert_int_equal(wish->allow[1].port, 8443);
}

static void given_zones_replace_the_default_of_their_folder_and_add_others(void **state)
{
    struct house *house = *state;
    assert_int_equal(
        parse(house, "{\"zones\":{\"imports\":\"rw\",\"extra/\":{\"mode\":\"rw\",\"setid\":true},"
                     "\"exports\":{\"mode\":\"wo\",\"list\":false},"
                     "\"Projects//./deep\":\"none\"}}"),
        0);
    assert_int_equal(house->config.zone_count, 8);
    assert_int_equal(zone(house, "imports")->mode, ZONE_RW);
    assert_true(zone(house, "extra")->setid);
    assert_true(zone(house, "extra")->list);
    assert_false(zone(house, "exports")->list);
    assert_int_equal(zone(house, "Projects/deep")->mode, ZONE_NONE);
}

static void what_is_wrong_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"{\"zones\":{\"exprots\":\"wo\"}}",
         "config.json: zones.exprots: unknown key; did you mean \"exports\"?"},
        {"{\"zones\":{\"nowhere\":\"rw\"}}", "zones.nowhere: there is no such folder"},
        {"{\"zonse\":{}}", "config.json: zonse: unknown key; did you mean \"zones\"?"},
        {"{\"sandbox\":{\"memroy\":\"8g\"}}",
         "sandbox.memroy: unknown key; did you mean \"memory\"?"},
        {"{\"quite_other\":1}", "quite_other: unknown key; ccfs(1)"},
        {"{\"zones\":{\"imports\":{\"mdoe\":\"ro\"}}}",
         "zones.imports.mdoe: unknown key; did you mean \"mode\"?"},
        {"{\"zones\":{\"imports\":{\"list\":true}}}", "zones.imports: needs a \"mode\""},
        {"{\"zones\":{\"imports\":\"rx\"}}",
         "zones.imports: must be \"ro\", \"wo\", \"rw\" or \"none\""},
        {"{\"zones\":{\"imports\":{\"mode\":\"ro\",\"list\":1}}}",
         "zones.imports.list: must be true or false, not a number"},
        {"{\"zones\":{\"imports\":{\"mode\":\"ro\",\"list\":false}}}", "for mode \"wo\" only"},
        {"{\"zones\":[]}", "zones: must be an object, not a list"},
        {"{\"zones\":{\"/etc\":\"rw\"}}", "without the leading /"},
        {"{\"zones\":{\"../x\":\"rw\"}}", "cannot lie outside the workspace"},
        {"{\"zones\":{\"Projects/../../x\":\"rw\"}}", "cannot lie outside the workspace"},
        {"{\"zones\":{\".\":\"rw\"}}", "the workspace itself"},
        {"{\"zones\":{\"\":\"rw\"}}", "the workspace itself"},
        {"{\"zones\":{\".ccfs\":\"rw\"}}", "ccfs's own"},
        {"{\"zones\":{\".ccfs/vault\":\"rw\"}}", "ccfs's own"},
        {"{\"zones\":{\"extra\":\"rw\",\"extra/\":\"ro\"}}",
         "names the same folder as another zone"},
        {"{\"zones\":{\"imports\":\"rw\",\"imports\":\"ro\"}}",
         "names the same folder as another zone"},
        {"{\"writes\":\"each\",\"writes\":\"close\"}", "writes: is there twice"},
        {"{\"durability\":\"paranoid\"}", "durability: must be \"relaxed\" or \"strict\""},
        {"{\"transport\":\"usb\"}", "transport: must be \"auto\", \"uring\" or \"dev\""},
        {"{\"passthrough\":\"always\"}", "passthrough: must be \"off\" or \"auto\""},
        {"{\"allow_other\":\"yes\"}", "allow_other: must be true or false, not a text"},
        {"{\"sandbox\":{\"memory\":\"8 g\"}}", "sandbox.memory: must be a size"},
        {"{\"sandbox\":{\"memory\":\"1k\"}}", "sandbox.memory: must be from 16m to 64t"},
        {"{\"sandbox\":{\"memory\":\"99999999t\"}}", "sandbox.memory: must be"},
        {"{\"sandbox\":{\"processes\":1.5}}", "sandbox.processes: must be a whole number"},
        {"{\"sandbox\":{\"processes\":-1}}", "sandbox.processes: must be a whole number"},
        {"{\"sandbox\":{\"processes\":1e999}}", "sandbox.processes: must be a whole number"},
        {"{\"sandbox\":{\"files\":null}}", "sandbox.files: must be a whole number"},
        {"{\"network\":\"none\"}", "network: must be an object, not a text"},
        {"{\"network\":{\"mode\":\"open\"}}",
         "network.mode: must be \"internet\", \"none\" or \"allowlist\""},
        {"{\"network\":{\"dns\":\"1.1.1.1\"}}", "network.dns: must be a list, not a text"},
        {"{\"network\":{\"dns\":[\"::1\"]}}", "network.dns.1: must be the IPv4 address"},
        {"{\"network\":{\"dns\":[\"1.1.1.1\",\"127.0.0.53\"]}}",
         "network.dns.2: is the host's own loopback"},
        {"{\"network\":{\"dns\":[\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\",\"1.1.1.5\"]}}",
         "network.dns.5: more than 4"},
        {"{\"network\":{\"allow\":[\"a.example\",7]}}", "network.allow.2: must be a text"},
        {"{\"network\":{\"allow\":[\"https://a.example\"]}}",
         "network.allow.1: name the host alone"},
        {"{\"container\":{\"cpus\":0}}", "container.cpus: must be"},
        {"{\"container\":{\"capabilities\":[\"SYS_ADMIN\"]}}",
         "container.capabilities.1: SYS_ADMIN would let the agent out"},
        {"{\"container\":{\"capabilities\":[\"CAP_ALL\"]}}", "ALL would let the agent out"},
        {"{\"container\":{\"capabilities\":[\"chown\"]}}", "must be the name of a capability"},
        {"{\"container\":{\"ports\":[0]}}", "container.ports.1: must be a port"},
        {"{\"container\":{\"ports\":[\"80:70000\"]}}", "container.ports.1: must be a port"},
        {"{\"container\":{\"ports\":[\"0.0.0.0:80:80\"]}}", "container.ports.1: must be a port"},
        {"{\"container\":{\"mounts\":[{\"from\":\"/a\"}]}}", "wants \"from\" and \"to\""},
        {"{\"container\":{\"mounts\":[{\"from\":\"/a/../b\",\"to\":\"/c\"}]}}",
         "container.mounts.1: wants"},
        {"{\"container\":{\"mounts\":[{\"from\":\"/a\",\"to\":\"/workspace/x\"}]}}",
         "would cover the workspace"},
        {"{\"container\":{\"apparmor\":\"a b\"}}", "container.apparmor: must be a plain word"},
        {"{\"container\":{\"apparmor\":\"unconfined\"}}", "not take away the Engine's own"},
        {"{\"container\":{\"selinux\":\"disable\"}}", "not take away the Engine's own"},
        {"{\"container\":{\"git_name\":\"a\\nb\"}}", "container.git_name: must be on one line"},
        {"{\"container\":{\"deny_calls\":[\"rm -rf\"]}}", "must be the name of a system call"},
        {"", "not JSON near line 1"},
        {"{\n\n\"zones\":}", "not JSON near line 3"},
        {"{} {}", "something follows the object, on line 1"},
        {"[]", "must be an object, not a list"},
        {"{\"writes\\u0000x\":\"each\"}", "contains a NUL character"},
    };
    struct house *house = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(parse(house, cases[i].text) < 0);
        if (!strstr(house->err.message, cases[i].says))
            fail_msg("%s gave: %s", cases[i].text, house->err.message);
        assert_int_equal(cli_exit_code(&house->err), EXIT_CONFIG);
        assert_null(strchr(house->err.message, '\n'));
    }
}

static void a_zone_behind_a_symlink_is_refused(void **state)
{
    struct house *house = *state;
    assert_int_equal(symlinkat("/etc", house->root, "away"), 0);
    assert_true(parse(house, "{\"zones\":{\"away\":\"rw\"}}") < 0);
    assert_true(parse(house, "{\"zones\":{\"away/ssl\":\"rw\"}}") < 0);
}

static void deep_nesting_is_refused_and_not_followed(void **state)
{
    struct house *house = *state;
    char text[20001];
    memset(text, '[', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_true(parse(house, text) < 0);
    assert_int_equal(cli_exit_code(&house->err), EXIT_CONFIG);
}

static void a_file_that_others_can_write_is_not_read(void **state)
{
    struct house *house = *state;
    struct workspace w = {
        .root = house->root, .path = house->path, .owner = geteuid(), .group = getegid()};
    assert_int_equal(mkdirat(house->root, ".ccfs", 0700), 0);
    test_file_text(house->root, ".ccfs/config.json", "{\"writes\":\"each\"}");

    assert_int_equal(config_load(&w, &house->config, &house->err), 0);
    assert_int_equal(house->config.writes, WRITES_EACH);
    config_release(&house->config);

    assert_int_equal(fchmodat(house->root, ".ccfs/config.json", 0666, 0), 0);
    assert_true(config_load(&w, &house->config, &house->err) < 0);
    assert_non_null(strstr(house->err.message, "can be written by others"));
    assert_int_equal(cli_exit_code(&house->err), EXIT_CONFIG);

    assert_int_equal(unlinkat(house->root, ".ccfs/config.json", 0), 0);
    assert_int_equal(symlinkat("/etc/hostname", house->root, ".ccfs/config.json"), 0);
    assert_true(config_load(&w, &house->config, &house->err) < 0);
}

static void sizes_are_bytes_with_a_unit(void **state)
{
    uint64_t n = 0;
    (void)state;
    assert_true(config_parse_size("8g", &n));
    assert_int_equal(n, UINT64_C(8) << 30);
    assert_true(config_parse_size("64KiB", &n));
    assert_int_equal(n, 65536);
    assert_true(config_parse_size("123", &n));
    assert_int_equal(n, 123);
    assert_false(config_parse_size("", &n));
    assert_false(config_parse_size("g", &n));
    assert_false(config_parse_size("-1", &n));
    assert_false(config_parse_size("8gx", &n));
    assert_false(config_parse_size("999999999999999999t", &n));
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, given_house, house_removed)
    const struct CMUnitTest tests[] = {
        STORY(an_empty_object_gives_the_defaults),
        STORY(every_key_reaches_its_place),
        STORY(the_network_is_a_mode_its_name_servers_and_its_domains),
        STORY(a_container_is_bounded_and_gets_only_what_is_named),
        STORY(given_zones_replace_the_default_of_their_folder_and_add_others),
        STORY(what_is_wrong_is_refused_with_its_place),
        STORY(a_zone_behind_a_symlink_is_refused),
        STORY(deep_nesting_is_refused_and_not_followed),
        STORY(a_file_that_others_can_write_is_not_read),
        cmocka_unit_test(sizes_are_bytes_with_a_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
