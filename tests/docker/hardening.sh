#!/bin/bash
# hardening.sh - what a session in a container has and lacks, read from inside.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
# shellcheck source=tests/support/docker.sh
. "$(dirname "$0")/../support/docker.sh"
given_engine_and_workspace
cat >"$raw/.ccfs/config.json" <<END
{"container": {"memory": "256m", "cpus": 1, "processes": 64, "files": 512, "tmp": "32m",
 "ports": ["18080:8080"], "mounts": [{"from": "$work/extra", "to": "/extra"}],
 "deny_calls": ["ptrace"], "git_name": "Somebody Else"}}
END
chown 1000:1000 "$raw/.ccfs/config.json"
mkdir "$work/extra"
echo shown >"$work/extra/file"
install -o 1000 -g 1000 -m 644 "$here/support/reach.py" "$here/support/answer.py" "$raw/Projects/"

expect 0 start --print
printf '%s\n' "$out" | python3 -c '
import json, sys
bodies = [json.loads(line)["body"] for line in sys.stdin]
agent = bodies[-1]["HostConfig"]
assert agent["CapDrop"] == ["ALL"] and agent["CapAdd"] == [] and agent["ReadonlyRootfs"]
assert agent["Memory"] == agent["MemorySwap"] == 256 << 20 and agent["NanoCpus"] == 10**9
assert not any("docker.sock" in json.dumps(body) for body in bodies)
' || fail "--print is not what it should be"
[[ -z $(docker ps -aq) ]] || fail "--print has made something"

expect 0 start
said 'claude-code-env runs'

# who it is, and what it may
in_session 0 cat /proc/self/status
for line in CapInh CapPrm CapEff CapBnd CapAmb; do
    said "$line:"$'\t0000000000000000'
done
said $'NoNewPrivs:\t1'
said $'Seccomp:\t2'
said $'Uid:\t1000\t1000\t1000\t1000'
said $'Gid:\t1000\t1000\t1000\t1000'
in_session 0 sh -c 'readlink /proc/self/ns/ipc /proc/self/ns/cgroup /proc/self/ns/net; cat /proc/1/cmdline | tr "\0" " "'
said 'docker-init'
for kind in ipc net; do
    [[ $out != *"$(readlink "/proc/self/ns/$kind")"* ]] || fail "it shares our $kind namespace"
done

# bounds
in_session 0 sh -c 'ulimit -n; ulimit -c; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true'
said $'512\n0\n268435456'
in_session 0 sh -c 'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null || true'
said 64
in_session 0 sh -c 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null || true'
said 100000

# where it can write, and where not
in_session 0 sh -c 'touch /tmp/a /run/a "$HOME/a" /workspace/Projects/a && echo written'
said written
for place in / /usr/bin /etc /var /proc/sys/kernel/core_pattern /sys/kernel /extra; do
    in_session 1 sh -c "touch $place/x 2>&1 || touch $place 2>/dev/null && false"
done
in_session 0 cat /extra/file
said shown
in_session 1 dd if=/dev/zero of=/tmp/much bs=1M count=40
in_session 0 sh -c 'rm -f /tmp/much; cat /proc/self/mountinfo'
[[ $out == *' /workspace '*' fuse.ccfs '* ]] || fail "/workspace is not the mount"
[[ $out != *docker.sock* ]] || fail "the Engine's socket is inside"
in_session 0 sh -c 'ls -a /workspace; ls -d /workspace/.ccfs 2>&1 || true'
said 'No such file'
in_session 1 sh -c 'find / -xdev -perm /6000 2>/dev/null | grep .'
in_session 1 unshare -U true
in_session 32 mount -t tmpfs none /tmp
if [[ $(uname -m) == x86_64 ]]; then
    in_session 0 perl -e 'print syscall(101, 0, 0, 0, 0) == 0 ? "allowed" : "ptrace: $!"'
    said 'ptrace: Operation not permitted'
fi

# who commits, and what of ours is not there
in_session 0 sh -c 'cd /tmp && git init -q r && cd r && git commit -q --allow-empty -m x && git log --format="%an <%ae>"; env; ls -a ~'
said 'Somebody Else <dev@container.local>'
[[ $out != *SSH_* && $out != *.ssh* ]] || fail "something of our keys is inside"
in_session 0 claude --version
said 'Claude Code'

# a port is this machine's own only, and the network is bounded below
docker port claude-code-env-net >"$work/ports"
grep -qx '8080/tcp -> 127.0.0.1:18080' "$work/ports" || fail "ports: $(<"$work/ports")"

expect 0 exec --detach -- python3 answer.py 8080 9090
served() { # TARGET open|closed
    [[ $(python3 "$here/support/reach.py" "$1") == "$1 $2" ]]
}
holder=$(docker inspect -f '{{(index .NetworkSettings.Networks "claude-net").IPAddress}}' claude-code-env-net)
until_true "the published port does not answer" served tcp:127.0.0.1:18080 open
for closed in tcp:172.28.0.1:18080 "tcp:$holder:9090"; do
    served "$closed" closed || fail "$closed is open"
done
in_session 0 python3 reach.py tcp:172.28.0.1:18080
said closed
expect 0 stats --json
[[ $out =~ \"received\":[1-9] ]] || fail "stats tell nothing of the network: $out"

# what must never be shown is refused
refused() { # MOUNT
    echo "{\"container\": {\"mounts\": [{\"from\": \"$1\", \"to\": \"/x\"}]}}" >"$raw/.ccfs/config.json"
    expect 3 start --name other
    one_line
}
refused "$engine"
refused "$work"
refused "$raw"
refused "$raw/.ccfs"
refused /proc
expect 0 stop
not_mounted

# profiles of AppArmor and SELinux are the agent's, and asked for as configured
configure() { # CONTAINER-SECTION
    echo "{\"container\": $1}" >"$raw/.ccfs/config.json"
    chown 1000:1000 "$raw/.ccfs/config.json"
}
configure '{"apparmor": "my-profile", "selinux": "level:s0:c100,c200", "memory": "64t", "cpus": 1000}'
expect 0 start --print
warned 'CPUs: the session gets these, not 1000'
warned 'MiB of memory: the session gets that, not 67108864 MiB'
printf '%s\n' "$out" | python3 -c '
import json, os, sys
bodies = [json.loads(line)["body"] for line in sys.stdin]
options = [body["HostConfig"]["SecurityOpt"] for body in bodies[1:]]
plain, seccomp, *labels = options[-1]
assert json.loads(seccomp.removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"
assert [plain, *labels] == ["no-new-privileges:true", "apparmor=my-profile", "label=level:s0:c100,c200"]
assert all(o == ["no-new-privileges:true"] for o in options[:-1])
agent = bodies[-1]["HostConfig"]
assert agent["NanoCpus"] == os.cpu_count() * 10**9, agent["NanoCpus"]
assert agent["Memory"] == agent["MemorySwap"] <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
' || fail "--print is not what it should be"

# an Engine that has none would pass over them without a word
if ! docker info -f '{{.SecurityOptions}}' | holds apparmor; then
    configure '{"apparmor": "my-profile"}'
    expect 5 start
    warned 'confines nothing by AppArmor'
fi
if ! docker info -f '{{.SecurityOptions}}' | holds selinux; then
    configure '{"selinux": "level:s0:c100,c200"}'
    expect 5 run --backend docker -- true
    warned 'confines nothing by SELinux'
fi

# a home that stays, until reset; also of a user that the image does not know
configure '{"keep_home": true}'
chown -R 1234:1234 "$raw"
expect 0 start
in_session 0 sh -c 'id -u && echo mine >~/kept && [ "$(stat -c %u ~)" = 1234 ]'
said 1234
expect 0 restart
in_session 0 sh -c 'cat ~/kept'
said mine
expect 0 reset
expect 0 start
in_session 0 sh -c 'ls -a ~ && touch ~/again'
[[ $out != *kept* ]] || fail "reset leaves what was in the home"
expect 0 reset
[[ -z $(docker volume ls -q) ]] || fail "reset leaves its home"
not_mounted
