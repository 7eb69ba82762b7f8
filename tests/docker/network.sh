#!/bin/bash
# network.sh - what a session in a container reaches of the network: the internet and its names, and
# nothing of this machine, its networks, its clouds and its other containers.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
given_folder
chmod 755 "$work"
given_engine
given_image
given_workspace
given_world example.test=203.0.113.2
install -m 644 "$here/support/reach.py" "$here/support/answer.py" "$raw/Projects/"
chown -R 1000:1000 "$raw"

readonly open_ones=(tcp:203.0.113.2:80 tcp:203.0.113.4:80 name:example.test udp:203.0.113.2:53)
readonly closed_ones=(
    tcp:192.168.77.2:80 udp:192.168.77.2:53 tcp:192.168.77.2:53 # the LAN and its name server
    tcp:169.254.169.254:80                                      # the cloud's metadata
    tcp:203.0.113.1:8081 tcp:192.168.77.1:8081 tcp:198.51.100.7:8081 # this machine
    tcp:172.28.0.1:8081 tcp:172.17.0.1:8081                     # by its bridges
    udp:203.0.113.3:53 tcp:203.0.113.3:53                       # another name server
    'tcp:[fd77::2]:80' 'tcp:[fd77::1]:8082'                     # IPv6
)
probe() { # ARG... of exec
    expect 0 exec "$@" -- python3 reach.py "${open_ones[@]}" "${closed_ones[@]}"
    check open "${open_ones[@]}"
    check closed "${closed_ones[@]}"
}

expect 0 start
probe
expect 0 restart
probe

# what no rule of a network holds: the hypervisor's sockets, and calls that pass the filter by
expect 1 exec -- python3 -c 'import socket; socket.socket(40, socket.SOCK_STREAM)'
warned 'Operation not permitted'
if [[ $(uname -m) == x86_64 ]]; then
    expect 0 exec -- perl -e '$room = "\0" x 120; print syscall(425, 4, $room) < 0 ? "io_uring: $!" : "open"'
    said 'io_uring: Operation not permitted'
fi

# another session on the same bridge, and nobody comes in
expect 0 start --name other
expect 0 exec --detach --name other -- python3 answer.py 7777
address=$(docker inspect -f '{{(index .NetworkSettings.Networks "claude-net").IPAddress}}' claude-code-env-other-net)
serves() {
    [[ $("$CCFS" -w "$raw" exec --name other -- python3 reach.py tcp:127.0.0.1:7777) == *' open' ]]
}
until_true "the other session does not serve" serves
expect 0 exec -- python3 reach.py "tcp:$address:7777"
said "tcp:$address:7777 closed"
[[ $(python3 "$here/support/reach.py" "tcp:$address:7777") == *closed ]] || fail "the host comes in"

# its rules are not the agent's to change
expect 1 exec -- sh -c 'nft flush ruleset 2>&1; nft list ruleset 2>/dev/null | grep -q ccfs'
probe

# doctor tries again what must be closed, and sees a hole
expect 0 start --name none --network none
expect 0 doctor
[[ $(grep -c 'what must be closed is' <<<"$out") == 3 ]] || fail "doctor does not find three sessions sound"
inside=$(docker inspect -f '{{.State.Pid}}' claude-code-env)
nsenter --net="/proc/$inside/ns/net" nft insert rule inet ccfs outward ip daddr 10.77.77.77 accept
expect 1 doctor
said '(10.77.77.77, port 443) is not refused'
expect 0 exec --name none -- python3 reach.py tcp:203.0.113.2:80
said 'tcp:203.0.113.2:80 closed'
for name in '' other none; do
    expect 0 stop ${name:+--name "$name"}
done

# an nft that only says that it did: the policy is tried, and nothing starts without it
docker create --name lying --network none --user 0 claude-code-container >/dev/null
printf '#!/bin/sh\ncat >/dev/null\n' >"$work/nft"
chmod 755 "$work/nft"
docker cp "$work/nft" lying:/usr/sbin/nft
docker commit -c 'USER 1000:1000' lying claude-code-container:latest >/dev/null
docker rm lying >/dev/null
expect 7 start
warned 'no network policy is in force'
[[ -z $(docker ps -q) ]] || fail "without a policy something runs"
not_mounted
