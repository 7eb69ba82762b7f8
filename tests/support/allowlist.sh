# allowlist.sh - what is asked of a session with an allowlist, and what must come of it, the same for
# every backend.
#
# Sourced behind world.sh.  The test defines
#   ask_inside FILE             proxied.py in the session, with FILE as its stdin
# and then tells
#   given_allowlist             the world and the configuration
#   ask LINE... / then_answered LINE...
#   names_are_kept_apart        names, ports, addresses, what TLS says
#   the_record_tells            of all that, in history
#   hostile_words_are_borne
# shellcheck shell=bash

given_allowlist() {
    given_world allowed.test=203.0.113.2 wild.test=203.0.113.2 sub.wild.test=203.0.113.2 \
        special.test=203.0.113.2 other.test=203.0.113.4 private.test=192.168.77.2 metadata.test=169.254.169.254
    install -m 644 "$here/support/reach.py" "$here/support/proxied.py" "$raw/Projects/"
    cat >"$raw/.ccfs/config.json" <<'JSON'
{"network": {"mode": "allowlist", "defaults": false, "allow": [
    "allowed.test", "*.wild.test", "special.test:8443", "private.test", "metadata.test", "dead.test"]}}
JSON
}

ask() { # LINE...
    printf '%s\n' "$@" >"$work/asked"
    ask_inside "$work/asked" >"$work/out" 2>"$work/err" || fail "the session failed: $(<"$work/err")"
    out=$(<"$work/out")
    errs=$(<"$work/err")
}

then_answered() { # LINE...
    local line
    for line in "$@"; do
        grep -qxF -- "$line" <<<"$out" || fail "no line: $line"
    done
}

names_are_kept_apart() {
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
}

# In JSON, too; and nobody's trial is in it.
the_record_tells() {
    local line
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
}

# Bounded, escaped, and the proxy lives on.
hostile_words_are_borne() {
    local long
    long=$(printf 'a%.0s' {1..3000})
    ask 'raw GARBAGE\r\n\r\n' 'raw GET\x20http://a\x01\xffb.test/\x20HTTP/1.0\r\n\r\n' \
        'raw GET\x20http://\x1b[31m.test/\x20HTTP/1.0\r\n\r\n' "get http://$long.test/" \
        'raw CONNECT\x20allowed.test:443\x20HTTP/1.0\r\n\r\nnot\x20TLS\x20at\x20all,\x20but\x20something\x20else\r\n\r\n' \
        'raw GET\x20http://other.test/\x20HTTP/1.0\r\nHost:\x20allowed.test\r\n\r\n' \
        'raw GET\x20cache_object://localhost/info\x20HTTP/1.0\r\n\r\n' \
        'get http://allowed.test/'
    then_answered 'http://allowed.test/ 200 internet'
    [[ $(grep -c '^raw 200' <<<"$out") -le 1 ]] || fail "hostile words were let through"
}
