/* What scanners say about the image, and what may be a secret in a file.  The first byte says which. */
#include <string.h>

#include "journal/base/compiler.h"
#include "launcher/docker/scan_parse.h"
#include "launcher/doctor/secrets.h"
#include "tests/fuzz/fuzz.h"

const unsigned long fuzz_runs = 20000;

static const char *const texts[] = {
    "T{\"SchemaVersion\":2,\"Results\":[{\"Vulnerabilities\":[{\"VulnerabilityID\":\"CVE-1\","
    "\"PkgName\":\"a\",\"Severity\":\"HIGH\"}]}]}",
    "G{\"matches\":[{\"vulnerability\":{\"id\":\"CVE-1\",\"fix\":{\"versions\":[\"1\"]}},"
    "\"artifact\":{\"name\":\"a\"}}]}",
    "S{\"runs\":[{\"tool\":{\"driver\":{\"rules\":[{\"id\":\"CVE-1\",\"properties\":"
    "{\"purls\":[\"pkg:deb/debian/a@1?x=y\"],\"security-severity\":\"9.1\"}}]}}}]}",
    "N{\"vulnerabilities\":{\"a\":{\"via\":[{\"url\":\"https://x/GHSA-1\",\"severity\":\"low\"}]}}}",
    "DCVE-1 a (fixed, remotely exploitable, high urgency)\nCVE-2 b\n",
    "KA_KEY=0123456789\nx = AKIAABCDEFGHIJKLMNOP\n-----BEGIN PRIVATE KEY-----\n",
};

static const struct {
    char letter;
    scan_parser *parse;
} parsers[] = {{'T', scan_parse_trivy},
               {'G', scan_parse_grype},
               {'S', scan_parse_sarif},
               {'N', scan_parse_npm},
               {'D', scan_parse_debsecan}};

size_t fuzz_seed(size_t number, uint8_t *out, size_t room)
{
    return fuzz_seed_text(texts, COUNT_OF(texts), number, out, room);
}

static void parse(scan_parser *parser, const char *text, size_t bytes)
{
    struct scan_report report = {0};
    struct error err = ERROR_NONE;
    if (parser(text, bytes, "it", &report, &err) < 0 && !err.message[0])
        __builtin_trap(); /* an error says why */
    for (size_t i = 0; i < report.count; i++)
        if (!report.findings[i].id || report.findings[i].severity >= SEVERITY_COUNT)
            __builtin_trap();
    scan_report_release(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    const char *text = (const char *)data + 1;
    for (size_t i = 0; i < COUNT_OF(parsers); i++)
        if (parsers[i].letter == (char)data[0])
            parse(parsers[i].parse, text, bytes - 1);
    (void)secret_in(text, bytes - 1);
    (void)secret_setting(text, bytes - 1);
    return 0;
}
