#!/bin/bash
# scan.sh - what is known to be vulnerable in the image, by the scanner that is there; and what no
# scanner could look at is never called sound.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
need debsecan
given_folder
chmod 755 "$work"
given_engine
expect 5 image scan
warned 'ccfs image build'
given_image

# Programs of these names that say what is in NAME.out, and leave their words in NAME.words.
fakes=$work/fakes
mkdir "$fakes"
fake() { # NAME STATUS
    cat >"$fakes/$1" <<END
#!/bin/bash
[[ \$1 != scout || \$2 != version ]] || exit 0
printf '%s\n' "\$@" "DOCKER_HOST=\$DOCKER_HOST" >'$work/$1.words'
cat '$work/$1.out'
echo 'it says why' >&2
exit $2
END
    chmod 755 "$fakes/$1"
}
plain=$PATH
PATH=$fakes:$plain

# --- debsecan over the image's packages, with what is known from a mirror (a folder) ---
mkdir "$work/known"
python3 - "$work/known/bookworm" <<'END'
import sys, zlib
text = ("VERSION 1\n"
        "CVE-2026-1111,,first\nCVE-2026-2222,,second\nCVE-2026-3333,,third\n\n"
        "git-man,0,BHRF,9:9,\ngit-man,1,BL  ,9:9,\nnot-in-the-image,2,SH F,9:9,\n\n"
        "git,git git-man\n\n")
open(sys.argv[1], "wb").write(zlib.compress(text.encode()))
END
expect 0 image scan --scanner debsecan --source "file://$work/known"
said 'CVE-2026-1111'
said 'git'
said '1 high, 1 low'
[[ $out != *CVE-2026-3333* ]] || fail "a package that is not in the image is found"
[[ $out == *CVE-2026-2222*CVE-2026-1111* ]] || fail "the worst is not beside the prompt"
expect 0 image scan --scanner debsecan --source "file://$work/known" --json
said '{"severity":"high","id":"CVE-2026-1111","package":"git-man","installed":null,"fixed":"a newer one","scanner":"debsecan"}'
expect 1 image scan --scanner debsecan --source "file://$work/known" --fail-on high
one_line
warned '1 finding of high or worse'
expect 0 image scan --scanner debsecan --source "file://$work/known" --fail-on critical
[[ -z $(docker ps -aq) ]] || fail "scan leaves a container"

# what is known cannot be had: that is no "nothing found"
expect 1 image scan --scanner debsecan --source "file://$work/nothing"
warned 'debsecan could not look'
[[ $out != *'nothing is known'* ]] || fail "an error is taken for a finding of nothing"

# --- npm, which says what is wrong in place of a report, or reports with status 1 ---
fake npm 1
echo '{"message":"405 Method Not Allowed","statusCode":405}' >"$work/npm.out"
expect 0 image scan --source "file://$work/known"
warned 'npm could not look: npm: 405 Method Not Allowed'
said '1 high, 1 low'
expect 1 image scan --source "file://$work/known" --fail-on critical
warned 'not everything was looked at'
cat >"$work/npm.out" <<'END'
{"auditReportVersion":2,"vulnerabilities":{"left-pad":{"via":[{"url":"https://github.com/advisories/GHSA-1","severity":"critical","range":"<1"}],"fixAvailable":{"version":"1.0.0"}}}}
END
expect 1 image scan --source "file://$work/known" --fail-on critical
said 'GHSA-1'
said '1 critical, 1 high, 1 low'
grep -q -- '--package-lock-only' "$work/npm.words" || fail "npm is asked something else"
[[ -z $(find /tmp -maxdepth 1 -name 'ccfs-scratch-*' -newer "$work/known") ]] || fail "scan leaves a folder in /tmp"

# --- one that looks at everything is enough; it is asked about this Engine, and not by a shell ---
fake trivy 0
printf '{"SchemaVersion":2,"Results":[{"Vulnerabilities":[{"VulnerabilityID":"CVE-9","PkgName":"a\\u001b[2Jb","InstalledVersion":"1","Severity":"MEDIUM"}]}]}' >"$work/trivy.out"
expect 0 image scan
said 'CVE-9'
said 'a\x1b[2Jb'
[[ $out != *$'\e'* && $out != *GHSA-1* ]] || fail "what it shows is not escaped, or not one scanner's"
grep -qx 'claude-code-container:latest' "$work/trivy.words" || fail "trivy is asked about something else"
grep -qx "DOCKER_HOST=unix://$engine" "$work/trivy.words" || fail "trivy is asked about another Engine"
expect 1 image scan --fail-on medium
expect 0 image scan --fail-on high

# one that fails, says too much, or nothing that makes sense: the next one
fake trivy 3
fake grype 0
echo '{"matches":[{"vulnerability":{"id":"CVE-8","severity":"Low"},"artifact":{"name":"b","version":"2"}}]}' >"$work/grype.out"
expect 0 image scan --fail-on high
warned 'trivy could not look: trivy failed: it says why'
said 'CVE-8'
printf '#!/bin/sh\nexec yes\n' >"$fakes/trivy"
echo 'no report' >"$work/grype.out"
fake docker 0
printf '{"runs":[{"tool":{"driver":{"rules":[{"id":"CVE-7","properties":{"purls":["pkg:deb/debian/c@3"],"security-severity":"9.8"}}]}}}]}' >"$work/docker.out"
expect 0 image scan --json
warned 'says more than can be right'
warned 'grype answers something that is no report'
said '"severity":"critical","id":"CVE-7","package":"c"'
PATH=$plain

# --- what is not understood ---
expect 2 image scan --fail-on dreadful
one_line
expect 2 image scan --scanner nobody
one_line
code=0
env PATH=/nowhere "$CCFS" image scan >"$work/out" 2>&1 || code=$?
((code == 5)) && grep -q 'there is no scanner here' "$work/out" || fail "without a scanner: $code $(<"$work/out")"
