/* scan_parse.h - what scanners say, as findings.  Pure: text in, findings out.
 *
 * What is not there, or has another form, is left out; a text that is no report at all is an error.
 */
#ifndef LAUNCHER_DOCKER_SCAN_PARSE_H
#define LAUNCHER_DOCKER_SCAN_PARSE_H

#include "launcher/docker/scan.h"

#define SCAN_FINDINGS_LIMIT 50000

/* Forgets those from count on. */
void scan_report_cut(struct scan_report *r, size_t count);

typedef int scan_parser(const char *text, size_t bytes, const char *scanner,
                        struct scan_report *out, struct error *err);

/* trivy image --format json; grype -o json; docker scout cves --format sarif; npm audit --json;
 * debsecan --format summary. */
MUST_USE scan_parser scan_parse_trivy;
MUST_USE scan_parser scan_parse_grype;
MUST_USE scan_parser scan_parse_sarif;
MUST_USE scan_parser scan_parse_npm;
MUST_USE scan_parser scan_parse_debsecan;

#endif
