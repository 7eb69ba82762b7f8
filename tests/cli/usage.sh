#!/bin/bash
# usage.sh - what is typed wrongly gets one line, a suggestion and exit 2; what can be typed is in --help
# and in the manual.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
given_folder

lines=$("$CCFS" | wc -l)
((lines == 12)) || fail "ccfs alone prints $lines lines, not 12"
"$CCFS" --version | grep -qE '^ccfs [0-9]+\.[0-9]+' || fail "no version"

for verb in init mount umount run status history show diff cat restore undo redo; do
    text=$("$CCFS" "$verb" --help) || fail "$verb --help ends with $?"
    [[ $text == *"usage: ccfs $verb"* ]] || fail "$verb --help has no usage"
    [[ $text == *Examples:* ]] || fail "$verb --help has no examples"
    "$CCFS" help "$verb" >/dev/null || fail "help $verb"
done

# --- each verb says how it is called, and the manual knows all its options ---
in_the_manual() { # OPTION
    grep -qE -- "(^|[ |])-$1( |\$)" "$repository/docs/ccfs.1"
}
verbs=$("$CCFS" --help | sed -n '/^Verbs:/,$ s/^  \([a-z-]*\) .*/\1/p')
(($(wc -w <<<"$verbs") > 25)) || fail "--help lists too few verbs: $verbs"
for verb in $verbs; do
    text=$("$CCFS" "$verb" --help) || fail "$verb --help ends with $?"
    [[ $text == "usage: ccfs $verb"* && ${text%%$'\n'*} != *' ' ]] || fail "$verb --help has no usage"
    options=$(sed -n 's/^  \(-.,\|   \) --\([a-z0-9-]*\).*/\2/p' <<<"$text")
    [[ $options == *help* ]] || fail "$verb --help lists no options"
    for option in $options; do
        in_the_manual "$option" || fail "ccfs(1) lacks --$option of $verb"
    done
done

expect 2 hstory
one_line
warned "did you mean 'history'?"
expect 2 qqqqqqqq
one_line
expect 2 run --bakend sandbox -- true
one_line
warned 'did you mean --backend?'
expect 2 run
one_line
expect 2 run --cd
one_line
expect 2 run --backend docekr -- true
one_line
expect 2 run --env 1X=y -- true
one_line
expect 2 run --session 77 -- true
one_line
expect 2 status too many
one_line
expect 2 -w '' status # not the workspace at home
one_line
# characters that are not seen, or turn the line: of a name they show as what they are
for hidden in $'\xc2\x85' $'\xc2\xad' $'\xd8\x9c' $'\xe2\x80\x8b' $'\xe2\x80\xae' $'\xe2\x81\xa6' \
    $'\xef\xbb\xbf' $'\xf3\xa0\x81\x81'; do
    expect 2 "a${hidden}b"
    [[ $errs == *'a\x'* ]] || fail "a hidden character is printed as it is"
done
expect 2 "$(printf 'a\nb\033[31m')" # a name that would draw on the terminal
one_line
[[ $errs != *$'\033'* ]] || fail "an escape sequence reached the terminal"
expect 2 --nosuch
one_line
