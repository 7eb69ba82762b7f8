#!/bin/bash
# allowlist.sh - a session that may reach some names, and nothing else: through the proxy by name and
# port, with the name that TLS says; not past it; and all of it on record.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap squid openssl
# shellcheck source=tests/support/world.sh
. "$(dirname "$0")/../support/world.sh"

squid -v | grep -q 'enable-ssl-crtd' || skip "this squid knows nothing of TLS: it is not squid-openssl"
command -v pasta >/dev/null || command -v slirp4netns >/dev/null || skip "there is no pasta and no slirp4netns here"
[[ -c /dev/net/tun ]] || skip "there is no /dev/net/tun"
given_workspace
chmod 755 "$work"
given_world allowed.test=203.0.113.2 wild.test=203.0.113.2 sub.wild.test=203.0.113.2 \
    special.test=203.0.113.2 other.test=203.0.113.4 private.test=192.168.77.2 metadata.test=169.254.169.254
install -m 644 "$here/support/reach.py" "$here/support/proxied.py" "$raw/Projects/"
cat >"$raw/.ccfs/config.json" <<'JSON'
{"network": {"mode": "allowlist", "defaults": false, "allow": [
    "allowed.test", "*.wild.test", "special.test:8443", "private.test", "metadata.test", "dead.test"]}}
JSON

ask() { # LINE...
    printf '%s\n' "$@" >"$work/asked"
    "$CCFS" -w "$raw" run -- python3 proxied.py <"$work/asked" >"$work/out" 2>"$work/err" ||
        fail "the session failed: $(<"$work/err")"
    out=$(<"$work/out")
    errs=$(<"$work/err")
}

then_answered() { # LINE...
    local line
    for line in "$@"; do
        grep -qxF -- "$line" <<<"$out" || fail "no line: $line"
    done
}

# --- names, their ports, and what is said by TLS ---
ask 'get http://allowed.test/' 'connect allowed.test 443' 'connect sub.wild.test 443' 'connect wild.test 443' \
    'connect special.test 8443' 'connect special.test 443' 'get http://special.test/' \
    'connect other.test 443' 'get http://other.test/' 'connect sub.allowed.test 443' \
    'connect allowed.test 22' 'connect allowed.test 8443' 'connect allowed.test 80' \
    'connect allowed.test 443 other.test' \
    'connect 203.0.113.2 443' 'get http://203.0.113.2/' 'connect [::ffff:203.0.113.2] 443' 'get http://3405803778/' \
    'get http://private.test/' 'connect private.test 443' 'get http://metadata.test/' 'connect dead.test 443'
then_answered 'http://allowed.test/ 200 internet' 'allowed.test:443 200 internet-tls' \
    'sub.wild.test:443 200 internet-tls' 'wild.test:443 200 internet-tls' \
    'special.test:8443 200 internet-8443' 'special.test:443 403' 'http://special.test/ 403' \
    'other.test:443 403' 'http://other.test/ 403' 'sub.allowed.test:443 403' \
    'allowed.test:22 403' 'allowed.test:8443 403' 'allowed.test:80 403' \
    'allowed.test:443 200 cut' \
    '203.0.113.2:443 403' 'http://203.0.113.2/ 403' '[::ffff:203.0.113.2]:443 403' 'http://3405803778/ 403' \
    'http://private.test/ 503' 'private.test:443 200 cut' 'http://metadata.test/ 503' 'dead.test:443 200 cut'

# --- the record: in the summary, in history, in JSON; and nobody's trial is in it ---
warned 'contacted  allowed.test:80'
warned 'other.test:443  network: not on the allowlist'
expect 0 history
said 'contacted'
said 'allowed.test:443'
said 'network: TLS for another name'
expect 0 history --op network --json
for line in '"path":"sub.wild.test:443"' '"outcome":"ok"' '"reason":"TLS for another name"' \
    '"path":"dead.test:443"' '"reason":"no such name, or nobody answers"'; do
    said "$line"
done
[[ $out != *ccfs.invalid* ]] || fail "the proxy's trial is on record"
expect 0 verify

# --- hostile words: bounded, escaped, and the proxy lives on ---
long=$(printf 'a%.0s' {1..3000})
ask 'raw GARBAGE\r\n\r\n' 'raw GET\x20http://a\x01\xffb.test/\x20HTTP/1.0\r\n\r\n' \
    'raw GET\x20http://\x1b[31m.test/\x20HTTP/1.0\r\n\r\n' "get http://$long.test/" \
    'raw CONNECT\x20allowed.test:443\x20HTTP/1.0\r\n\r\nnot\x20TLS\x20at\x20all,\x20but\x20something\x20else\r\n\r\n' \
    'raw GET\x20http://other.test/\x20HTTP/1.0\r\nHost:\x20allowed.test\r\n\r\n' \
    'raw GET\x20cache_object://localhost/info\x20HTTP/1.0\r\n\r\n' \
    'get http://allowed.test/'
then_answered 'http://allowed.test/ 200 internet'
[[ $(grep -c '^raw 200' <<<"$out") -le 1 ]] || fail "hostile words were let through"
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
until_true 'the daemon does not end' not_mounted
mount --bind /dev/null "$(command -v squid)"
code=0
errs=$("$CCFS" -w "$raw" run -- true 2>&1) || code=$?
umount "$(command -v squid)"
((code == 5)) || fail "without squid: exit $code"
warned 'apt-get install squid-openssl'
not_mounted
