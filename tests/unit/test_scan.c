/* test_scan.c - what scanners say in their documented forms becomes findings; what is no report is
 * an error, and never "nothing found". */
#include "tests/support/test.h"

#include <stdio.h>

#include "launcher/docker/scan_parse.h"

static struct scan_report given(scan_parser *parse, const char *text)
{
    struct scan_report report = {0};
    struct error err = ERROR_NONE;
    if (parse(text, strlen(text), "it", &report, &err) < 0)
        fail_msg("%s", err.message);
    return report;
}

static void then(const struct scan_finding *f, enum severity severity, const char *id,
                 const char *package, const char *installed, const char *fixed)
{
    const struct {
        const char *is;
        const char *want;
    } parts[] = {{f->id, id}, {f->package, package}, {f->installed, installed}, {f->fixed, fixed}};
    assert_int_equal(f->severity, severity);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!parts[i].want)
            assert_null(parts[i].is);
        else
            assert_string_equal(parts[i].is, parts[i].want);
    }
}

static void trivy_tells_of_each_target(void **state)
{
    (void)state;
    struct scan_report r =
        given(scan_parse_trivy,
              "{\"SchemaVersion\":2,\"ArtifactName\":\"x\",\"Results\":["
              "{\"Target\":\"x (debian "
              "12.5)\",\"Class\":\"os-pkgs\",\"Type\":\"debian\",\"Vulnerabilities\":["
              "{\"VulnerabilityID\":\"CVE-2026-1\",\"PkgName\":\"libfoo1\",\"InstalledVersion\":"
              "\"1.2-3\","
              "\"FixedVersion\":\"1.2-4\",\"Severity\":\"CRITICAL\",\"Title\":\"t\"},"
              "{\"VulnerabilityID\":\"CVE-2026-2\",\"PkgName\":\"bar\",\"InstalledVersion\":\"2\","
              "\"Severity\":\"LOW\"}]},"
              "{\"Target\":\"Node.js\",\"Class\":\"lang-pkgs\"}]}");
    assert_int_equal(r.count, 2);
    then(&r.findings[0], SEVERITY_CRITICAL, "CVE-2026-1", "libfoo1", "1.2-3", "1.2-4");
    then(&r.findings[1], SEVERITY_LOW, "CVE-2026-2", "bar", "2", NULL);
    scan_report_release(&r);
}

static void grype_tells_of_each_match(void **state)
{
    (void)state;
    struct scan_report r = given(
        scan_parse_grype,
        "{\"matches\":["
        "{\"vulnerability\":{\"id\":\"CVE-2026-3\",\"severity\":\"High\","
        "\"fix\":{\"versions\":[\"3.1\",\"4.0\"],\"state\":\"fixed\"}},"
        "\"artifact\":{\"name\":\"zlib1g\",\"version\":\"3.0\",\"type\":\"deb\"}},"
        "{\"vulnerability\":{\"id\":\"CVE-2026-4\",\"severity\":\"Negligible\","
        "\"fix\":{\"versions\":[],\"state\":\"wont-fix\"}},"
        "\"artifact\":{\"name\":\"tar\",\"version\":\"1\"}}],\"source\":{\"type\":\"image\"}}");
    assert_int_equal(r.count, 2);
    then(&r.findings[0], SEVERITY_HIGH, "CVE-2026-3", "zlib1g", "3.0", "3.1");
    then(&r.findings[1], SEVERITY_NEGLIGIBLE, "CVE-2026-4", "tar", "1", NULL);
    scan_report_release(&r);
}

static void scout_tells_in_the_rules_of_its_sarif(void **state)
{
    (void)state;
    struct scan_report r =
        given(scan_parse_sarif,
              "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"docker "
              "scout\",\"rules\":["
              "{\"id\":\"CVE-2026-5\",\"properties\":{\"affected_version\":\"<2.39.5-1\","
              "\"fixed_version\":\"2.39.5-1\",\"cvssV3_severity\":\"HIGH\","
              "\"purls\":[\"pkg:deb/debian/git@2.39.2-1.1?os_distro=bookworm&os_name=debian\"],"
              "\"security-severity\":\"8.1\"}},"
              "{\"id\":\"CVE-2026-6\",\"properties\":{\"fixed_version\":\"not fixed\","
              "\"purl\":\"pkg:npm/%40scope/name@1.0.0\",\"security-severity\":\"4.2\"}}"
              "]}},\"results\":[{\"ruleId\":\"CVE-2026-5\",\"ruleIndex\":0}]}]}");
    assert_int_equal(r.count, 2);
    then(&r.findings[0], SEVERITY_HIGH, "CVE-2026-5", "git", "2.39.2-1.1", "2.39.5-1");
    then(&r.findings[1], SEVERITY_MEDIUM, "CVE-2026-6", "name", "1.0.0", NULL);
    scan_report_release(&r);
}

static void npm_tells_of_advisories_and_not_of_those_who_depend(void **state)
{
    (void)state;
    struct scan_report r = given(
        scan_parse_npm,
        "{\"auditReportVersion\":2,\"vulnerabilities\":{"
        "\"lodash\":{\"name\":\"lodash\",\"severity\":\"critical\",\"isDirect\":true,\"via\":["
        "{\"source\":1094499,\"name\":\"lodash\",\"dependency\":\"lodash\",\"title\":\"t\","
        "\"url\":\"https://github.com/advisories/GHSA-abcd-efgh-ijkl\",\"severity\":\"moderate\","
        "\"range\":\"<4.17.21\"}],\"range\":\"<4.17.21\",\"nodes\":[\"node_modules/lodash\"],"
        "\"fixAvailable\":{\"name\":\"lodash\",\"version\":\"4.17.21\",\"isSemVerMajor\":false}},"
        "\"parent\":{\"name\":\"parent\",\"severity\":\"critical\",\"via\":[\"lodash\"],"
        "\"fixAvailable\":true}},\"metadata\":{\"vulnerabilities\":{\"total\":2}}}");
    assert_int_equal(r.count, 1);
    then(&r.findings[0], SEVERITY_MEDIUM, "GHSA-abcd-efgh-ijkl", "lodash", "<4.17.21", "4.17.21");
    scan_report_release(&r);
}

static void debsecan_tells_in_lines(void **state)
{
    (void)state;
    struct scan_report r = given(scan_parse_debsecan,
                                 "CVE-2026-7 openssl (fixed, remotely exploitable, high urgency)\n"
                                 "CVE-2026-8 bash (low urgency)\n"
                                 "TEMP-1 tar\n"
                                 "\n"
                                 "alone\n");
    assert_int_equal(r.count, 3);
    then(&r.findings[0], SEVERITY_HIGH, "CVE-2026-7", "openssl", NULL, "a newer one");
    then(&r.findings[1], SEVERITY_LOW, "CVE-2026-8", "bash", NULL, NULL);
    then(&r.findings[2], SEVERITY_UNKNOWN, "TEMP-1", "tar", NULL, NULL);
    scan_report_release(&r);
}

static void refuse(scan_parser *parse, const char *text, const char *says)
{
    struct scan_report report = {0};
    struct error err = ERROR_NONE;
    assert_true(parse(text, strlen(text), "it", &report, &err) < 0);
    if (!strstr(err.message, says))
        fail_msg("%s", err.message);
    scan_report_release(&report);
}

static void what_is_no_report_is_an_error(void **state)
{
    static const char *const texts[] = {"", "not json", "{}", "[]", "null", "{\"Results\":7}"};
    scan_parser *const parsers[] = {scan_parse_trivy, scan_parse_grype, scan_parse_sarif,
                                    scan_parse_npm};
    (void)state;
    for (size_t p = 0; p < COUNT_OF(parsers); p++)
        for (size_t t = 0; t < COUNT_OF(texts); t++)
            refuse(parsers[p], texts[t], "no report");
    refuse(scan_parse_npm, "{\"message\":\"405 Method\\u001b[31m Not Allowed\",\"statusCode\":405}",
           "it: 405 Method\\x1b[31m Not Allowed");
}

static void odd_parts_are_left_out_and_long_ones_cut(void **state)
{
    char text[1024];
    char id[600];
    (void)state;
    memset(id, 'A', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    snprintf(text, sizeof text,
             "{\"matches\":[7,null,{\"vulnerability\":[]},{\"vulnerability\":{\"id\":7}},"
             "{\"vulnerability\":{\"id\":\"%s\",\"severity\":{}},\"artifact\":\"x\"}]}",
             id);
    struct scan_report r = given(scan_parse_grype, text);
    assert_int_equal(r.count, 1);
    assert_int_equal(strlen(r.findings[0].id), 200);
    assert_int_equal(r.findings[0].severity, SEVERITY_UNKNOWN);
    scan_report_release(&r);
}

static void severities_have_one_order_whatever_they_are_called(void **state)
{
    enum severity s;
    (void)state;
    assert_true(severity_from_word("Moderate", &s) && s == SEVERITY_MEDIUM);
    assert_true(severity_from_word("CRITICAL", &s) && s == SEVERITY_CRITICAL);
    assert_true(severity_from_word("info", &s) && s == SEVERITY_NEGLIGIBLE);
    assert_false(severity_from_word("dreadful", &s));
    assert_false(severity_from_word(NULL, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trivy_tells_of_each_target),
        cmocka_unit_test(grype_tells_of_each_match),
        cmocka_unit_test(scout_tells_in_the_rules_of_its_sarif),
        cmocka_unit_test(npm_tells_of_advisories_and_not_of_those_who_depend),
        cmocka_unit_test(debsecan_tells_in_lines),
        cmocka_unit_test(what_is_no_report_is_an_error),
        cmocka_unit_test(odd_parts_are_left_out_and_long_ones_cut),
        cmocka_unit_test(severities_have_one_order_whatever_they_are_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
