# world.sh - a small world for tests of the network, in namespaces of its own.
#
# Sourced behind session.sh, before anything else.  The test starts again in a network namespace that
# has no way out of the machine: nothing that it does, ccfs included, can leave, and with its last
# process everything here is gone.  given_world builds in it:
#
#   this machine   203.0.113.1 towards the internet, 192.168.77.1 on a LAN, 198.51.100.7 besides
#   internet       203.0.113.2 (web, names), 203.0.113.3 (other names), 203.0.113.4
#   lan            192.168.77.2, fd77::2 (web, names)
#   metadata       169.254.169.254
# shellcheck shell=bash

if [[ -z ${CCFS_IN_WORLD:-} ]]; then
    need_root
    need unshare ip python3 nft
    unshare -n -m -p -f true 2>/dev/null || skip "this system or container makes no namespaces"
    export CCFS_IN_WORLD=1
    exec unshare -n -m -p -f --kill-child --mount-proc bash "$0" "$@"
fi

# What reach.py, run in a session, has said in $out.
check() { # open|closed TARGET...: in $out
    local wanted=$1 target
    shift
    for target in "$@"; do
        said "$target $wanted"
    done
}

serve() { # NAMESPACE|here SERVER-WORDS...
    local namespace=$1 word ready enter=()
    shift
    [[ $namespace == here ]] || enter=(ip netns exec "$namespace")
    # waits for the word; the servers live on
    exec {ready}< <(exec "${enter[@]}" python3 "$here/support/servers.py" "$@")
    read -r -t 120 -u "$ready" word || true
    [[ ${word:-} == ready ]] || fail "the servers of $namespace do not start"
}

link() { # NAMESPACE OUR-ADDRESS THEIR-ADDRESS...
    local namespace=$1 ours=$2 address
    shift 2
    ip netns add "$namespace"
    ip link add "$namespace" type veth peer name eth0 netns "$namespace"
    ip addr add "$ours" dev "$namespace"
    ip link set "$namespace" up
    for address in "$@"; do
        ip -n "$namespace" addr add "$address" dev eth0
    done
    ip -n "$namespace" link set eth0 up
    ip -n "$namespace" link set lo up
    ip -n "$namespace" route add default via "${ours%/*}"
}

# Each address lies where the test put it, before the first packet goes to it.
leads_to() { # INTERFACE ADDRESS...
    local interface=$1 address
    shift
    for address in "$@"; do
        [[ $(ip route get "$address") == *" dev $interface "* ]] || fail "$address is not the test's"
    done
}

given_world() { # NAME=ADDRESS... of the internet's name server
    mount -t tmpfs none /run # for ip netns
    ip link set lo up
    ip addr add 198.51.100.7/32 dev lo
    link internet 203.0.113.1/24 203.0.113.2/24 203.0.113.3/24 203.0.113.4/24
    link lan 192.168.77.1/24 192.168.77.2/24
    ip addr add fd77::1/64 dev lan nodad
    ip -n lan addr add fd77::2/64 dev eth0 nodad
    link metadata 169.254.169.1/24 169.254.169.254/24
    ip route add default via 203.0.113.2
    leads_to internet 203.0.113.2 203.0.113.3 203.0.113.4
    leads_to lan 192.168.77.2
    leads_to metadata 169.254.169.254
    printf 'nameserver 203.0.113.2\n' >"$work/resolv.conf"
    mount --bind "$work/resolv.conf" /etc/resolv.conf
    serve internet http 203.0.113.2 80 internet -- tls 203.0.113.2 443 internet-tls \
        -- tls 203.0.113.2 8443 internet-8443 -- dns 203.0.113.2 53 "$@" \
        -- dns 203.0.113.3 53 '*=203.0.113.3' -- http 203.0.113.4 80 other -- tls 203.0.113.4 443 other-tls
    serve lan http 192.168.77.2 80 lan -- http 192.168.77.2 8080 lan -- http fd77::2 80 lan -- dns 192.168.77.2 53 '*=203.0.113.4'
    serve metadata http 169.254.169.254 80 metadata
    serve here http 0.0.0.0 8081 host -- http :: 8082 host
}

# A normal user's workspace, $work/home/workspace, with FILE... in its Projects; as_owner CCFS-ARG...
# runs ccfs as that user, as_root likewise.  false: this machine lets no normal user do it.
given_owner() { # FILE...
    owner=$(id -u games) && [[ $(stat -c %a /dev/fuse) == *[67] && $(stat -c %a /dev/net/tun) == *[67] ]] || return
    mkdir "$work/home"
    cp "$CCFS" "$work/ccfs"
    chown "$owner:$owner" "$work/home"
    as_owner init >/dev/null
    install -o "$owner" -m 644 "$@" "$work/home/workspace/Projects/"
}

as_owner() {
    env -i HOME="$work/home" PATH="$PATH" setpriv --reuid "$owner" --regid "$owner" --clear-groups \
        "$work/ccfs" -w "$work/home/workspace" "$@"
}

as_root() {
    "$work/ccfs" -w "$work/home/workspace" "$@"
}
