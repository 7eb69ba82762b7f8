#!/bin/bash
# arrows.sh - launcher -> fusefs -> journal -> journal/base; nothing points back.
#
# Reads every #include line of the house and of small houses with one fault each, which it must find:
# a check that never says no proves nothing.
set -euo pipefail

# Which files may include what of our own: a pattern of files, a pattern of includes.
# The first line whose file pattern fits decides.
arrows=(
    '^journal/base/ ^journal/base/'
    '^journal/ ^journal/'
    '^fusefs/ ^(fusefs|journal)/'
    '^launcher/ ^(launcher|fusefs|journal)/'
    '^tests/ ^(tests|launcher|fusefs|journal)/'
    '^bench/src/journal_ ^(bench|journal)/'
    '^bench/ ^(bench|journal/base)/'
)

# Each library has one door: a pattern of headers, a pattern of the files that may include them.
doors=(
    '^sqlite3(ext)?\.h$ ^(journal/db(_private\.h|\.c)|tests/.*|bench/src/inserts\.c)$'
    '^(cjson/)?cJSON\.h$ ^(launcher/(config(_[a-z]+)?|json(_read)?)\.[ch]|tests/.*)$'
    '^curl/ ^launcher/http\.c$'
    '^archive(_entry)?\.h$ ^(launcher/tar(ball)?\.c|tests/.*)$'
    '^(fuse3/)?(cu|f)use(_[a-z]+)?\.h$ ^(fusefs/.*|tests/.*)$'
    '^linux/fuse\.h$ ^(fusefs/.*|tests/.*)$'
    '^z(std|dict)(_errors)?\.h$ ^journal/pack\.c$'
    '^openssl/ ^(journal/.*|tests/.*)$'
    '^seccomp\.h$ ^launcher/.*$'
    '^cmocka\.h$ ^tests/support/test\.h$'
)

# FILE LINE HEADER of each include, quoted ones with their quote in front.
includes() {
    local folder folders=()
    for folder in journal fusefs launcher tests bench; do
        [[ -d $1/$folder ]] && folders+=("$folder")
    done
    (cd "$1" && grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include\b' "${folders[@]}") |
        sed -nE 's/^([^:]+):([0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*(<|("))([^>"]+).*/\1 \2 \4\5/p'
}

# Prints what points the wrong way in the house $1.
violations() {
    local file line header rule

    while read -r file line header; do
        if [[ $header == '"'* ]]; then
            for rule in "${arrows[@]}"; do
                [[ $file =~ ${rule% *} ]] || continue
                [[ ${header#?} =~ ${rule#* } ]] ||
                    echo "$file:$line: ${rule% *} may not include ${header#?} (spelled from the root?)"
                break
            done
        fi
        for rule in "${doors[@]}"; do
            if [[ ${header#\"} =~ ${rule% *} && ! $file =~ ${rule#* } ]]; then
                echo "$file:$line: ${header#\"} has another door: ${rule#* }"
            fi
        done
    done < <(includes "$1")

    (cd "$1" && grep -rnE --include='*.c' '^int main\(' journal fusefs launcher 2>/dev/null) |
        grep -v '^launcher/main\.c:' | sed 's/$/: only launcher\/main.c has a main()/' || true
}

# must_find FILE LINE_OF_CODE: a house with this line in it is refused.
must_find() {
    local house
    house=$(mktemp -d)
    mkdir -p "$house/$(dirname "$1")"
    printf '%s\n' "$2" >"$house/$1"
    [[ -n $(violations "$house") ]] || missed+=("$2 in $1")
    rm -rf -- "$house"
}

missed=()
must_find journal/base/fd.c '#include "journal/journal.h"'
must_find journal/undo.c '#include "fusefs/fusefs.h"'
must_find journal/undo.h '#  include "launcher/config.h"'
must_find fusefs/ops.c '#include "launcher/config.h"'
must_find fusefs/ops.c '#include "ops.h"'
must_find fusefs/ops.c '#include "../launcher/config.h"'
must_find launcher/main.c '#include "tests/support/test.h"'
must_find fusefs/ops.c '#include <sqlite3.h>'
must_find journal/undo.c '#include <sqlite3.h>'
must_find journal/history.c '#include <cjson/cJSON.h>'
must_find launcher/cmd_run.c '#include <cJSON.h>'
must_find launcher/config.c '#include <curl/curl.h>'
must_find launcher/cmd_mount.c '#include <fuse_lowlevel.h>'
must_find journal/event.c '#include <fuse3/fuse.h>'
must_find fusefs/zone.c '#include <openssl/evp.h>'
must_find fusefs/zone.c '#include <seccomp.h>'
must_find journal/vault.c '#include <zstd.h>'
must_find tests/unit/test_zone.c '#include <cmocka.h>'
must_find bench/src/stream.c '#include "journal/journal.h"'
must_find bench/src/journal_cost.c '#include "fusefs/fusefs.h"'
must_find journal/journal.c 'int main(void)'
if ((${#missed[@]})); then
    printf 'the check itself overlooks: %s\n' "${missed[@]}"
    exit 1
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
found=$(violations "$root")
if [[ -n $found ]]; then
    printf '%s\n' "$found"
    exit 1
fi
echo "every arrow points down"
