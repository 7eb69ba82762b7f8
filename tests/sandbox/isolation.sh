#!/bin/bash
# isolation.sh - what a command in a session sees and can do, and what it cannot.
# shellcheck source=tests/support/session.sh
. "$(dirname "$0")/../support/session.sh"
need_fuse
need bwrap
given_workspace

# who it is, where it is
inside 0 'pwd; id -u; hostname; whoami'
[[ $out == $'/workspace/Projects\n1000\nccfs\nagent' ]] || fail "it is somebody else, or elsewhere"
expect 0 run --cd Research -- pwd
said /workspace/Research
expect 0 run --cd /workspace/shared -- pwd
said /workspace/shared

# no capability, no way to gain one, filtered
inside 0 'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status'
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    said "$set:"$'\t0000000000000000'
done
said $'NoNewPrivs:\t1'
said $'Seccomp:\t2'
inside 0 '! unshare -U true 2>/dev/null && ! mount -t tmpfs none /tmp 2>/dev/null'

# nothing of the host's folders, processes, network and open files
echo secret >"$work/secret"
exec 9<"$work/secret"
inside 0 "! ls /root /run /srv /mnt /media /opt 2>/dev/null; ! test -e '$work' && ! test -e '$raw'"
exec 9<&-
# what it reads from and writes to is a stream, not a file of the host
echo precious >"$work/given"
echo first >"$work/log"
"$CCFS" -w "$raw" run -- sh -c 'cat; echo x >/proc/self/fd/0; : >/proc/self/fd/1; echo said; echo so >&2' \
    <"$work/given" >>"$work/log" 2>"$work/err" || fail "ccfs run with files for its streams"
[[ $(cat "$work/given") == precious ]] || fail "it writes to its stdin"
[[ $(cat "$work/log") == $'first\nprecious\nsaid' ]] || fail "it truncates its stdout, or it was not copied"
grep -qx so "$work/err" || fail "its stderr was not copied"
[[ $("$CCFS" -w "$raw" run -- ls /proc/self/fd/0/ </ 2>/dev/null) != *usr* ]] || fail "it is given a folder of the host"

inside 0 'ls -A /home /home/agent /tmp'
[[ $out == $'/home:\nagent\n\n/home/agent:\n\n/tmp:' ]] || fail "home or tmp is not its own"
inside 0 'for f in /proc/self/fd/*; do n=${f##*/}; [ "$n" -le 3 ] || echo "open: $n"; done'
[[ -z $out ]] || fail "it inherited an open file"
inside 0 'ls -d /proc/[0-9]* | wc -l'
((out < 10)) || fail "it sees the processes of the host"
expect 0 run --network none -- sh -c 'tail -n +3 /proc/net/dev | grep -vc "^ *lo:"; test ! -e /etc/resolv.conf'
[[ $out == 0 ]] || fail "it has a network"
inside 0 '! test -e /etc/shadow && ! test -e /etc/ssh'
inside 0 '! test -r /proc/kcore && ! cat /proc/keys 2>/dev/null'
inside 0 '! test -e /workspace/.ccfs && ! mkdir /workspace/.ccfs 2>/dev/null'

# what is the host's is read-only, what is its own is not
inside 0 'for d in / /usr /etc /bin /dev /proc/sys/kernel; do
    if touch "$d/probe" 2>/dev/null; then echo "$d is writable"; fi; done
    echo x >/tmp/x && echo x >/home/agent/x && echo x >/dev/shm/x && echo x >/dev/null'
[[ -z $out ]] || fail "the host's folders are writable"

# the switches of the kernel, which are root's own by their mode, too
inside 0 'find /proc/sys /proc/fs /proc/driver /proc/sysrq-trigger -writable 2>/dev/null
    if (: >>/proc/sys/kernel/core_pattern) 2>/dev/null; then echo core_pattern; fi'
[[ -z $out ]] || fail "switches of the kernel are writable"

# an environment that is built
export LEAK=secret LD_PRELOAD_TEST=x
expect 0 run --env GIVEN='a b=c' -- env
[[ $out != *LEAK* && $out != *LD_PRELOAD_TEST* ]] || fail "the environment leaks"
said 'GIVEN=a b=c'
said 'HOME=/home/agent'
said 'PATH=/usr/local/sbin:'
inside 0 'cat /proc/[0-9]*/environ'
[[ $out != *LEAK* && $out != *LD_PRELOAD_TEST* ]] || fail "the environment leaks through pid 1"

# zones, as for everybody
inside 0 '! echo x >/workspace/imports/x && echo x >/workspace/exports/x && ! cat /workspace/exports/x'
warned 'refused'
not_mounted
