#!/bin/bash
# allowlist.sh - a session that may reach some names, and nothing else: through the proxy by name and
# port, with the name that TLS says; not past it; and all of it on record.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap squid openssl
# shellcheck source=tests/support/world.sh
. "$(dirname "$0")/../support/world.sh"
# shellcheck source=tests/support/allowlist.sh
. "$(dirname "$0")/../support/allowlist.sh"

squid -v | grep -q 'enable-ssl-crtd' || skip "this squid knows nothing of TLS: it is not squid-openssl"
command -v pasta >/dev/null || command -v slirp4netns >/dev/null || skip "there is no pasta and no slirp4netns here"
[[ -c /dev/net/tun ]] || skip "there is no /dev/net/tun"
given_workspace
chmod 755 "$work"
given_allowlist

ask_inside() { # FILE
    "$CCFS" -w "$raw" run -- python3 proxied.py <"$1"
}

# --- names, their ports, and what is said by TLS ---
names_are_kept_apart

# --- the record: in the summary, in history, in JSON ---
warned 'contacted  allowed.test:80'
warned 'other.test:443  network: not on the allowlist'
the_record_tells

# --- hostile words ---
hostile_words_are_borne
expect 0 history --op network
[[ $out != *$'\33'* ]] || fail "what the agent said reaches the terminal"

# --- past the proxy there is nothing: no route, no name server, nothing of this machine ---
expect 0 run -- python3 reach.py tcp:203.0.113.2:80 tcp:203.0.113.4:443 udp:203.0.113.2:53 tcp:203.0.113.2:53 \
    name:allowed.test tcp:192.168.77.2:80 tcp:203.0.113.1:8081 tcp:198.51.100.7:8081 tcp:169.254.169.254:80 \
    tcp:192.0.0.1:22 tcp:192.0.0.1:3129 'tcp:[fd77::2]:80'
[[ $out != *open* ]] || fail "it gets past the proxy"
inside 0 'test ! -e /etc/resolv.conf && ! grep -q "00000000	[0-9A-F]*	0003" /proc/net/route; grep -c . /proc/net/route'

# --- what ordinary programs make of it ---
if command -v curl >/dev/null; then
    inside 0 'curl -sS http://allowed.test/; curl -sSk https://allowed.test/'
    [[ $out == $'internet\ninternet-tls' ]] || fail "curl does not use the proxy"
    inside 56 'curl -sSk https://other.test/'
    warned 'response 403'
fi

# --- a normal user ---
if given_owner "$here/support/proxied.py"; then
    install -o "$owner" -m 600 "$raw/.ccfs/config.json" "$work/home/workspace/.ccfs/config.json"
    printf '%s\n' 'get http://allowed.test/' 'connect other.test 443' >"$work/asked"
    for who in as_owner as_root; do
        "$who" run -- python3 proxied.py <"$work/asked" >"$work/out" 2>"$work/err" ||
            fail "$who: $(<"$work/err")"
        out=$(<"$work/out")
        then_answered 'http://allowed.test/ 200 internet' 'other.test:443 403'
    done
fi

# --- nothing is left, also of one that is killed; and without squid there is no session ---
proxies() { pgrep -x squid >/dev/null || pgrep -f '^[^ ]*bin/(pasta|passt|slirp4netns)' >/dev/null; }
! proxies || fail "a session left its proxy behind"
"$CCFS" -w "$raw" run -- sleep 1000 >/dev/null 2>&1 &
victim=$!
until_true 'the session does not run' pgrep -x sleep >/dev/null
proxies || fail "there is no proxy"
kill -9 "$victim"
wait "$victim" 2>/dev/null || true
nothing_left() { ! proxies && ! pgrep -x sleep >/dev/null; }
until_true 'a killed session leaves its proxy behind' nothing_left
until_true 'the daemon does not end' no_mount
not_mounted

# --- it dies: the session reaches nothing and goes on; told at once, by status, and at the end ---
"$CCFS" -w "$raw" run --session alone -- sh -c 'until [ -e ../shared/go ]; do sleep 0.1; done
    python3 reach.py tcp:192.0.0.1:3128 tcp:203.0.113.2:80 name:allowed.test; echo on >../shared/on' \
    >"$work/alone" 2>"$work/said" &
alone=$!
until_true 'the session does not run' pgrep -x sleep >/dev/null
expect 0 status --json
said '"proxy_ended":false'
kill -9 "$(pgrep -x squid)"
is_told() {
    expect 0 status
    [[ $out == *'its proxy ended: it reaches nothing'* ]]
}
until_true "the proxy's end is not told" is_told
grep -q 'the proxy of this session ended' "$work/said" || fail "it is not told at once: $(<"$work/said")"
touch "$raw/shared/go"
wait "$alone" || fail "a session does not go on without its proxy: $(<"$work/said")"
[[ $(grep -c closed "$work/alone") == 3 && -e $raw/shared/on ]] || fail "without its proxy: $(<"$work/alone")"
grep -q 'proxy      it ended' "$work/said" || fail "the summary does not tell of the proxy: $(<"$work/said")"
expect 0 history --op network --session alone
said '(the proxy)'

# --- names in shared memory that another user's squid has left behind are in nobody's way ---
mount -t tmpfs -o mode=1777 none /dev/shm
for name in cf__metadata cf__queues cf__readers tls_session_cache; do
    install -o nobody -m 600 /dev/null "/dev/shm/squid-$name.shm"
done
ask 'get http://allowed.test/'
then_answered 'http://allowed.test/ 200 internet'
[[ $(find /dev/shm -type f | wc -l) == 4 ]] || fail "a session leaves something in /dev/shm"

# --- a proxy that cannot start says why; where it says nothing, how it ended is told ---
ends_at_once() { # SCRIPT WHY: a squid that does this
    printf '#!/bin/sh\n%s\n' "$1" >"$work/squid"
    chmod 755 "$work/squid"
    mount --bind "$work/squid" "$(command -v squid)"
    expect 1 run -- true
    umount "$(command -v squid)"
    one_line
    warned "the proxy ended: $2"
}
ends_at_once 'exit 3' 'exit code 3'
ends_at_once 'kill -9 $$' 'signal 9'
ends_at_once 'echo "2026/11/27 02:27:03| FATAL: Bungled squid.conf" >&2; exit 1' 'Bungled squid.conf'
mount --bind /dev/null "$(command -v squid)"
code=0
errs=$("$CCFS" -w "$raw" run -- true 2>&1) || code=$?
umount "$(command -v squid)"
((code == 5)) || fail "without squid: exit $code"
warned 'apt-get install squid-openssl'
not_mounted
