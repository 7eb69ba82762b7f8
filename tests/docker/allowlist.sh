#!/bin/bash
# allowlist.sh - a session in a container that may reach some names, and nothing else: through a proxy
# beside it, which ends with it; and all of it on record.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
# shellcheck source=tests/support/allowlist.sh
. "$(dirname "$0")/../support/allowlist.sh"
need openssl
given_folder
chmod 755 "$work"
given_engine
given_image
given_workspace
given_allowlist
chown -R 1000:1000 "$raw"

ask_inside() { # FILE
    "$CCFS" -w "$raw" exec -- python3 proxied.py <"$1"
}

# --- what is asked for ---
expect 0 start --print
printf '%s\n' "$out" | python3 -c '
import json, sys
requests = [json.loads(line) for line in sys.stdin]
proxy = next(r["body"] for r in requests if r["request"].endswith("claude-code-env-proxy"))
host = proxy["HostConfig"]
assert proxy["User"] == "13:13" and host["CapDrop"] == ["ALL"] and "CapAdd" not in host
assert host["ReadonlyRootfs"] and host["SecurityOpt"] == ["no-new-privileges:true"]
assert host["NetworkMode"] == "container:claude-code-env-net" and host["PidsLimit"] and host["Memory"]
agent = requests[-1]["body"]
assert "HTTPS_PROXY=http://127.0.0.1:3128" in agent["Env"]
assert not any("BEGIN" in json.dumps(r) for r in requests), "a key in what the Engine shows"
' || fail "--print is not what it should be"

# --- names, addresses, what TLS says; past the proxy there is nothing ---
readonly past_it=(
    tcp:203.0.113.2:80 tcp:203.0.113.4:443 udp:203.0.113.2:53 tcp:203.0.113.2:53 name:allowed.test
    udp:127.0.0.11:53 tcp:127.0.0.11:53                              # Docker's resolver
    tcp:127.0.0.1:3129                                               # the proxy's inner door
    tcp:192.168.77.2:80 tcp:203.0.113.1:8081 tcp:198.51.100.7:8081 tcp:172.28.0.1:8081
    tcp:169.254.169.254:80 'tcp:[fd77::2]:80'
)
nothing_past_it() {
    expect 0 exec -- python3 reach.py "${past_it[@]}"
    [[ $out != *open* ]] || fail "it gets past the proxy"
}
expect 0 start
names_are_kept_apart
expect 0 doctor
said 'the network policy is in force, and what must be closed is'
said 'network.allow: no name server knows dead.test'
nothing_past_it
hostile_words_are_borne
expect_policy() {
    "$CCFS" -w "$raw" doctor >"$work/out" 2>&1 || true
    grep -q 'the network policy is in force, and what must be closed is' "$work/out" || fail "doctor: $(<"$work/out")"
}
expect_policy
in_session 0 sh -c 'curl -sS http://allowed.test/; curl -sSk https://allowed.test/'
[[ $out == $'internet\ninternet-tls' ]] || fail "curl does not use the proxy"
in_session 56 curl -sSk https://other.test/
expect 0 restart
names_are_kept_apart
nothing_past_it

# --- what it asked for is on record while it goes on, and whole at the end ---
is_recorded() {
    expect 0 history --op network --session claude-code-env --json
    [[ $out == *'"path":"other.test:443"'* && $out == *'TLS for another name'* ]]
}
until_true "what is refused is not on record" is_recorded
ask 'connect other.test 443' 'connect other.test 443'
expect 0 stop
the_record_tells
expect 0 history --op network --session claude-code-env --json
[[ $(grep -c '"path":"other.test:443"' <<<"$out") == 2 ]] ||
    fail "it is not told of once when it came, and once of what came later"
expect 0 history --op network
[[ $out != *$'\33'* ]] || fail "what the agent said reaches the terminal"
[[ -z $(docker ps -aq -f name=proxy) ]] || fail "stop leaves the proxy behind"

# --- what the proxy is, seen from inside ---
expect 0 start
docker exec claude-code-env-proxy cat /proc/self/status >"$work/proxy"
for line in $'CapEff:\t0000000000000000' $'CapBnd:\t0000000000000000' $'NoNewPrivs:\t1' $'Uid:\t13\t13\t13\t13'; do
    grep -qxF "$line" "$work/proxy" || fail "the proxy's process: no $line"
done
! docker exec claude-code-env-proxy touch /x 2>/dev/null || fail "the proxy can write to its root"

# --- it dies: the session reaches nothing, is told of, and goes on ---
docker kill claude-code-env-proxy >/dev/null
told() {
    expect 0 history --op network
    [[ $out == *'(the proxy)'* ]]
}
until_true "the proxy's end is not recorded" told
expect 0 status
said 'its proxy ended'
expect 0 status --json
said '"proxy_ended":true'
expect 0 exec -- python3 reach.py tcp:127.0.0.1:3128 "${past_it[@]}"
[[ $out != *open* ]] || fail "without its proxy a session reaches something"
in_session 0 sh -c 'echo on >/workspace/shared/on'
expect 0 restart
ask 'get http://allowed.test/'
then_answered 'http://allowed.test/ 200 internet'

# --- ccfs dies, and with it all; the next stop cleans up ---
kill -9 "$(pgrep -o -f -- "-w $raw start --foreground")"
until_true "a proxy outlives its session" nothing_runs
until_true "the mount outlives its session" no_mount
expect 0 stop
[[ -z $(docker ps -aq -f name=proxy -f name=net) ]] || fail "something is left"

# --- one command ---
printf '%s\n' 'get http://allowed.test/' 'connect other.test 443' >"$work/asked"
"$CCFS" -w "$raw" run --backend docker -- python3 proxied.py <"$work/asked" >"$work/out" 2>"$work/err" ||
    fail "run: $(<"$work/err")"
out=$(<"$work/out")
errs=$(<"$work/err")
then_answered 'http://allowed.test/ 200 internet' 'other.test:443 403'
warned 'contacted  allowed.test:80'
warned 'other.test:443  network: not on the allowlist'
until_true "run leaves something running" nothing_runs

# --- an image without squid, and one who could pass for it ---
docker run --name bare --user 0 --network none claude-code-container rm /usr/sbin/squid
docker commit -c 'USER 1000:1000' -c 'CMD ["/bin/bash"]' bare claude-code-container:latest >/dev/null
docker rm bare >/dev/null
expect 1 start
warned 'the image has no squid'
docker run --name mute --user 0 --network none claude-code-container \
    sh -c 'printf "#!/bin/sh\nexit 3\n" >/usr/sbin/squid && chmod 755 /usr/sbin/squid'
docker commit -c 'USER 1000:1000' -c 'CMD ["/bin/bash"]' mute claude-code-container:latest >/dev/null
docker rm mute >/dev/null
expect 1 start
warned 'the proxy ended, so nothing was started: exit code 3'
nothing_runs || fail "without a proxy something runs"
sed -i 's/^{/{"container": {"capabilities": ["SETUID"]}, /' "$raw/.ccfs/config.json"
expect 3 start
warned 'not with an allowlist'
not_mounted
