#!/bin/bash
# sandbox.sh - what a session in the sandbox reaches of the network, in each mode and for each user:
# the internet and its names, and nothing of this machine, its networks and its clouds.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap
# shellcheck source=tests/support/world.sh
. "$(dirname "$0")/../support/world.sh"

command -v pasta >/dev/null || command -v slirp4netns >/dev/null || skip "there is no pasta and no slirp4netns here"
[[ -c /dev/net/tun ]] || skip "there is no /dev/net/tun"
given_workspace
chmod 755 "$work"
given_world example.test=203.0.113.2
cp "$here/support/reach.py" "$raw/Projects/reach.py"
chmod 644 "$raw/Projects/reach.py"

readonly open_ones=(tcp:203.0.113.2:80 tcp:203.0.113.4:80 name:example.test udp:203.0.113.2:53 tcp:203.0.113.2:53)
readonly closed_ones=(
    tcp:192.168.77.2:80 udp:192.168.77.2:53 tcp:192.168.77.2:53 # the LAN and its name server
    tcp:169.254.169.254:80                                      # the cloud's metadata
    tcp:203.0.113.1:8081 tcp:192.168.77.1:8081 tcp:198.51.100.7:8081 tcp:169.254.169.1:8081 # this machine
    tcp:10.0.2.2:8081 tcp:127.0.0.1:8081                        # what user-mode networks make of it
    udp:203.0.113.3:53 tcp:203.0.113.3:53                       # another name server
    'tcp:[fd77::2]:80' 'tcp:[fd77::1]:8082'                     # IPv6
)

# every closed one that can be is open from here: so it is the policy that closes
python3 "$here/support/reach.py" "${open_ones[@]}" tcp:192.168.77.2:80 udp:192.168.77.2:53 \
    tcp:169.254.169.254:80 tcp:203.0.113.1:8081 tcp:192.168.77.1:8081 tcp:198.51.100.7:8081 \
    udp:203.0.113.3:53 tcp:203.0.113.3:53 'tcp:[fd77::2]:80' 'tcp:[fd77::1]:8082' >"$work/control"
! grep -q closed "$work/control" || fail "the world is not as it should be: $(grep closed "$work/control")"

# --- internet, as root on its own workspace ---
expect 0 run --network internet -- python3 reach.py "${open_ones[@]}" "${closed_ones[@]}"
check open "${open_ones[@]}"
check closed "${closed_ones[@]}"
inside 0 'cat /etc/resolv.conf; cat /proc/net/fib_trie'
said 'nameserver 203.0.113.2'
[[ $out != *203.0.113.1* ]] || fail "it knows an address of this machine"

# what it refuses, it refuses at once
inside 0 'python3 -c "
import socket
for address in (\"169.254.169.254\", \"10.1.2.3\", \"192.168.77.2\"):
    try: socket.create_connection((address, 80), 20)
    except OSError as e: print(address, e.errno)
"'
[[ $out == $'169.254.169.254 113\n10.1.2.3 113\n192.168.77.2 113' ]] || fail "a refusal that is none"

# nobody comes in: it listens on all of its addresses, and is called on all of ours
"$CCFS" -w "$raw" run -- python3 -m http.server 7777 --bind 0.0.0.0 >"$work/out" 2>&1 &
server=$!
listens() { # in the session's own namespace
    local pid
    pid=$(pgrep -n -f 'python3 -m http.server 7777') && grep -q ':1E61 00000000:0000 0A' "/proc/$pid/net/tcp"
}
until_true 'the server in the session does not run' listens
python3 "$here/support/reach.py" tcp:127.0.0.1:7777 tcp:203.0.113.1:7777 tcp:192.168.77.1:7777 >"$work/in"
ip netns exec internet python3 "$here/support/reach.py" tcp:203.0.113.1:7777 >>"$work/in"
kill "$server"
wait "$server" || true
! grep open "$work/in" || fail "somebody comes in"

# --- a name server on the LAN: its port 53, and nothing else of it ---
echo '{"network": {"dns": ["192.168.77.2"]}}' >"$raw/.ccfs/config.json"
expect 0 run -- python3 reach.py udp:192.168.77.2:53 tcp:192.168.77.2:53 name:example.test \
    tcp:192.168.77.2:80 tcp:192.168.77.2:8080 udp:203.0.113.2:53
check open udp:192.168.77.2:53 tcp:192.168.77.2:53 name:example.test
check closed tcp:192.168.77.2:80 tcp:192.168.77.2:8080 udp:203.0.113.2:53
rm "$raw/.ccfs/config.json"

# --- a name server on this machine itself, on one of its own addresses: that port, and nothing else ---
serve here dns 192.168.77.1 53 example.test=203.0.113.2
echo '{"network": {"dns": ["192.168.77.1"]}}' >"$raw/.ccfs/config.json"
expect 0 run -- python3 reach.py udp:192.168.77.1:53 name:example.test tcp:192.168.77.1:8081
check open udp:192.168.77.1:53 name:example.test
check closed tcp:192.168.77.1:8081
sed -i 's/192.168.77.1/203.0.113.1/' "$raw/.ccfs/config.json"
serve here dns 203.0.113.1 53 example.test=203.0.113.2
expect 0 run -- python3 reach.py udp:203.0.113.1:53 name:example.test tcp:203.0.113.1:8081
check open udp:203.0.113.1:53 name:example.test
check closed tcp:203.0.113.1:8081
rm "$raw/.ccfs/config.json"

# --- none ---
expect 0 run --network none -- python3 reach.py "${open_ones[@]}" "${closed_ones[@]}"
check closed "${open_ones[@]}" "${closed_ones[@]}"
echo '{"network": {"mode": "none"}}' >"$raw/.ccfs/config.json"
inside 0 'tail -n +3 /proc/net/dev | grep -vc "^ *lo:"; test -e /etc/resolv.conf || echo none'
[[ $out == $'0\nnone' ]] || fail "none is not none"
rm "$raw/.ccfs/config.json"
expect 2 run --network some -- true
warned 'internet, none or allowlist'

# --- killed, it leaves nothing ---
"$CCFS" -w "$raw" run -- sleep 1000 >/dev/null 2>&1 &
victim=$!
until_true 'the session does not run' pgrep -x sleep >/dev/null
carriers() {
    pgrep -f '^[^ ]*bin/(pasta|passt|slirp4netns)' >/dev/null
}
carriers || fail "nothing carries its network"
kill -9 "$victim"
wait "$victim" 2>/dev/null || true
nothing_left() { ! carriers && ! pgrep -x sleep >/dev/null; }
until_true 'a killed session leaves its network behind' nothing_left
until_true 'the daemon does not end' no_mount
not_mounted

# --- by slirp4netns where there is no pasta; and with neither ---
mkdir "$work/bin"
for tool in bwrap fusermount3 slirp4netns; do
    path=$(command -v "$tool") && ln -s "$path" "$work/bin/$tool"
done
if [[ -e $work/bin/slirp4netns ]]; then
    full=$PATH
    PATH=$work/bin
    code=0
    "$CCFS" -w "$raw" run --network internet -- python3 reach.py "${open_ones[@]}" "${closed_ones[@]}" \
        >"$work/slirp" 2>"$work/slirp.err" || code=$?
    PATH=$full
    out=$(<"$work/slirp") errs=$(<"$work/slirp.err")
    ((code == 0)) || fail "by slirp4netns: exit $code"
    check open "${open_ones[@]}"
    check closed "${closed_ones[@]}"
    rm "$work/bin/slirp4netns"
fi
code=0
errs=$(PATH=$work/bin "$CCFS" -w "$raw" run --network internet -- true 2>&1) || code=$?
((code == 5)) || fail "without a carrier: exit $code"
warned 'apt-get install passt'
one_line
code=0
errs=$(PATH=$work/bin "$CCFS" -w "$raw" run -- sh -c 'cat /proc/net/dev | grep -c eth; true' 2>&1) || code=$?
((code == 0)) || fail "without a carrier, by default: exit $code"
warned 'this session has no network'
warned 'apt-get install passt'

# --- a normal user, and root on a normal user's workspace ---
if given_owner "$here/support/reach.py"; then
    for who in as_owner as_root; do
        "$who" run --network internet -- python3 reach.py \
            "${open_ones[@]}" "${closed_ones[@]}" >"$work/out" 2>"$work/err" || fail "$who: $(<"$work/err")"
        out=$(<"$work/out")
        check open "${open_ones[@]}"
        check closed "${closed_ones[@]}"
    done
    # root's own environment is not for the owner to read
    LEAK=secret "$work/ccfs" -w "$work/home/workspace" run -- sleep 1000 >/dev/null 2>&1 &
    session=$!
    until_true 'the session does not run' pgrep -x sleep >/dev/null
    keeper=$(pgrep -u "$owner" -P "$session" -x ccfs | head -n 1)
    [[ -n $keeper ]] || fail "nobody keeps the network"
    tr '\0' '\n' <"/proc/$keeper/environ" | lacks secret || fail "the keeper shows root's environment"
    kill "$session"
    wait "$session" || true
fi

# --- a machine without a network: the session has none either, and says so ---
ip link del internet
expect 0 run -- true
warned 'this session has no network: this machine has no route to the internet'
not_mounted
