#!/bin/bash
# setup.sh - from a clean clone to a program that is built, shown and tested.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

# The libfuse that is built here where the system's is older: upstream's release file.
readonly fuse_needed=3.18
readonly fuse_version=3.18.3
readonly fuse_sha256=bcd19582c5e30f7fe45dd86a5540e998590aa01903afc7ebcbeea6c8ac5421ee
readonly fuse_dir=deps/fuse3 # what it installs is below usr/
readonly fuse_given=deps/fuse-$fuse_version.tar.gz

# What must be there: a kind (tool, lib or file), its name, the package that brings it.
readonly build_needs=(
    'tool cc gcc'
    'file /usr/include/stdio.h libc6-dev'
    'tool cmake cmake'
    'tool ninja ninja-build'
    'tool pkg-config pkgconf'
    'lib sqlite3 libsqlite3-dev'
    'lib libcrypto libssl-dev'
    'lib libzstd libzstd-dev'
    'lib libcjson libcjson-dev'
    'lib libseccomp libseccomp-dev'
    'lib libcurl libcurl4-openssl-dev'
    'lib libarchive libarchive-dev'
    'lib cmocka libcmocka-dev'
    'tool bwrap bubblewrap'
    'tool pasta passt'
    'tool nft nftables'
    'tool fusermount3 fuse3'
)
readonly fuse_needs=(
    'tool meson meson'
    'lib liburing liburing-dev'
    'lib numa libnuma-dev'
)
# What bench/run compares with: programs of the same libfuse, and what it runs on.
readonly bench_needs=(
    'tool meson meson'
    'tool ninja ninja-build'
    'tool g++ g++'
    'lib liburing liburing-dev'
    'lib numa libnuma-dev'
    'tool bindfs bindfs'
    'tool python3 python3'
    'tool git git'
    'tool make make'
    'tool node nodejs'
    'tool npm npm'
    'tool mkfs.ext4 e2fsprogs'
    'tool mkfs.xfs xfsprogs'
    'tool mkfs.btrfs btrfs-progs'
)
readonly run_needs=(
    'tool git git'
    'tool make make'
)
readonly test_needs=(
    'tool git git'
    'tool make make'
    'tool python3 python3'
    'tool rsync rsync'
    'tool sqlite3 sqlite3'
    'tool setfattr attr'
    'tool setfacl acl'
    'tool tmux tmux'
    'tool dockerd docker.io'
    'tool debootstrap debootstrap'
    'tool debsecan debsecan'
    'tool node nodejs'
    'tool npm npm'
    'tool ip iproute2'
    'tool slirp4netns slirp4netns'
    'tool openssl openssl'
    'tool curl curl'
    'tool squid squid-openssl'
    'tool mkfs.ext4 e2fsprogs'
    'tool mkfs.xfs xfsprogs'
    'tool mkfs.btrfs btrfs-progs'
)

usage() {
    cat <<'END'
Usage: ./setup.sh build          install what is missing, build build/ccfs
       ./setup.sh run [ARG...]   build, then a shell in a session on your workspace;
                                 with ARGs, `ccfs run ARG...`
       ./setup.sh run --tour     build, then the tour on a workspace of its own: a session,
                                 an attack, its history, its undo (also without a terminal)
       ./setup.sh test           build, with sanitizers too, run all tests and the quick benchmark
       ./setup.sh peers DIR      build in DIR what bench/run compares with (it calls this itself)

As root, or as a user with sudo: only to install packages, and only those that are missing.
END
}

say() {
    printf 'setup: %s\n' "$*" >&2
}

fail() {
    say "$*"
    exit 1
}

misuse() {
    say "$*; see ./setup.sh --help"
    exit 2
}

# --- packages ---------------------------------------------------------------------------------

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo "$@"
    fi
}

is_there() { # KIND NAME
    case $1 in
    tool) PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null ;;
    lib) command -v pkg-config >/dev/null && pkg-config --exists "$2" ;;
    file) [[ -e $2 ]] ;;
    esac
}

install_packages() { # PACKAGE...
    command -v apt-get >/dev/null ||
        fail "missing, and this system has no apt-get; install what these are called here: $*"
    ((EUID == 0)) || command -v sudo >/dev/null ||
        fail "missing, and there is no sudo; as root: apt-get install $*"
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null ||
        say "apt-get update had trouble; going on with the lists that are there"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        install "$@" </dev/null >/dev/null || fail "apt-get could not install: $*"
}

need() { # 'KIND NAME PACKAGE'...
    local line kind name package missing=()
    for line in "$@"; do
        read -r kind name package <<<"$line"
        is_there "$kind" "$name" || missing+=("$package")
    done
    ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
}

# --- libfuse ----------------------------------------------------------------------------------

system_has_fuse() {
    pkg-config --atleast-version="$fuse_needed" fuse3 && return
    command -v apt-cache >/dev/null || return
    local candidate
    candidate=$(apt-cache policy libfuse3-dev 2>/dev/null | sed -n 's/^ *Candidate: *//p')
    [[ -n $candidate && $candidate != '(none)' ]] || return
    dpkg --compare-versions "$candidate" ge "$fuse_needed" || return
    install_packages libfuse3-dev
    pkg-config --atleast-version="$fuse_needed" fuse3
}

# Prints the addresses this machine has its Debian from, whatever the form of its sources; others
# that only look like Debian may be among them.  Asked without lists, apt names all it would fetch.
debian_mirrors() {
    local work=$1 id codename
    # shellcheck disable=SC1091 # the system's
    read -r id codename < <(. /etc/os-release && echo "${ID:-} ${VERSION_CODENAME:-}")
    [[ $id == debian ]] || return
    mkdir -p "$work/no-lists/partial"
    apt-get -o Dir::State::lists="$work/no-lists" --print-uris update 2>/dev/null |
        sed -nE "s#^'([^']+)/dists/($codename|stable|testing|unstable|sid)/main/binary-.*#\1#p" |
        awk '!seen[$0]++'
}

# Has apt fetch Debian's source package into the folder $1, by lists of its own: the system's apt is
# not touched. apt checks the archive's signature and the file's hash.
fetch_fuse_with_apt() {
    local work=$1 mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    local own=(
        -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=-
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache"
    )
    [[ -e $keyring ]] || return
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    while read -r mirror; do
        echo "deb-src [signed-by=$keyring] $mirror testing main" >"$work/sources.list"
        (
            cd "$work"
            apt-get "${own[@]}" update && apt-get "${own[@]}" source --download-only fuse3
        ) </dev/null >"$work/log" 2>&1 && return
    done < <(debian_mirrors "$work")
    return 1
}

# Leaves the release file in the folder $1 and prints its name; the known one is kept for the next time.
fetch_fuse() {
    local work=$1 file
    if [[ -e $fuse_given ]]; then
        file=$fuse_given
    elif fetch_fuse_with_apt "$work" && file=$(compgen -G "$work/fuse3_*.orig.tar.*z"); then
        if [[ $file != */fuse3_"$fuse_version".orig.* ]]; then
            say "Debian has gone on to ${file##*/}: taking it, on the archive's signature"
            echo "$file"
            return
        fi
    else
        [[ ! -e $work/log ]] || tail -n 5 "$work/log" >&2
        fail "cannot get libfuse $fuse_version from a Debian mirror; put upstream's release file" \
            "into $fuse_given and try again"
    fi
    sha256sum --check --status <<<"$fuse_sha256  $file" ||
        fail "$file is not libfuse $fuse_version: its SHA-256 is not $fuse_sha256"
    mkdir -p "${fuse_given%/*}"
    [[ $file == "$fuse_given" ]] || cp "$file" "$fuse_given"
    echo "$fuse_given"
}

unpack_fuse() { # WORK: fetches into it, unpacks to WORK/src
    local file
    file=$(fetch_fuse "$1")
    mkdir "$1/src"
    tar -xf "$file" -C "$1/src" --strip-components=1 --no-same-owner
}

configure_fuse() { # WORK EXAMPLES
    meson setup "$1/build" "$1/src" --buildtype=debugoptimized --prefix=/usr --libdir=lib \
        -Ddefault_library=static -Dexamples="$2" -Dtests=false -Dutils=false \
        -Denable-io-uring=true
}

# Runs COMMAND quietly, and says its last words if it fails.
quietly() { # LOG WHAT COMMAND...
    "${@:3}" </dev/null >"$1" 2>&1 && return
    tail -n 20 "$1" >&2
    fail "$2; its last words are above"
}

build_fuse() {
    local work
    need "${fuse_needs[@]}"
    work=$(mktemp -d)
    # shellcheck disable=SC2064 # its name is known now, and local
    trap "rm -rf -- '$work'" EXIT
    chmod 755 "$work" # apt downloads as a user of its own

    say "the system's libfuse is older than $fuse_needed: building one in $fuse_dir"
    unpack_fuse "$work"
    mkdir "$work/root"
    # The prefix stays /usr: the library starts PREFIX/bin/fusermount3, which is the system's.
    quietly "$work/log" "libfuse cannot be configured here" configure_fuse "$work" false
    quietly "$work/log" "libfuse does not build here" ninja -C "$work/build"
    quietly "$work/log" "libfuse cannot be installed into $work/root" \
        env DESTDIR="$work/root" ninja -C "$work/build" install
    # For pkg-config the prefix is where the file lies.
    # shellcheck disable=SC2016 # for pkg-config to expand
    sed -i 's|^prefix=.*|prefix=${pcfiledir}/../..|' "$work/root/usr/lib/pkgconfig/fuse3.pc"
    rm -rf "$fuse_dir" "$fuse_dir.new"
    mkdir -p "${fuse_dir%/*}"
    cp -r "$work/root" "$fuse_dir.new"
    mv "$fuse_dir.new" "$fuse_dir"
    rm -rf -- "$work"
    trap - EXIT
}

# libfuse's own examples, of the source that ccfs is built with: what bench/run compares with.
build_peers() { # DIR
    local folder name names=(passthrough_ll passthrough_hp)
    need "${bench_needs[@]}"
    folder=$(realpath -m -- "$1")
    [[ ! -x $folder/${names[1]} ]] || return 0
    rm -rf -- "$folder"
    mkdir -p "$folder/work"
    chmod 755 "$folder/work" # apt downloads as a user of its own
    say "building libfuse's examples in $1"
    unpack_fuse "$folder/work"
    quietly "$folder/log" "libfuse's examples cannot be configured here" \
        configure_fuse "$folder/work" true
    quietly "$folder/log" "libfuse's examples do not build here" \
        ninja -C "$folder/work/build" "${names[@]/#/example/}"
    for name in "${names[@]}"; do
        cp "$folder/work/build/example/$name" "$folder/"
    done
    rm -rf -- "$folder/work" "$folder/log"
}

need_fuse() {
    PKG_CONFIG_PATH=$fuse_dir/usr/lib/pkgconfig \
        pkg-config --atleast-version="$fuse_version" fuse3 && return
    system_has_fuse || build_fuse
}

# --- the kernel -------------------------------------------------------------------------------

# What the running system needs to be told; another start of it forgets.
prepare_kernel() {
    local uring=/sys/module/fuse/parameters/enable_uring device
    # fusermount3 finds a user's mounts there; systemd makes it, small installations lack it.
    [[ -e /etc/mtab ]] || as_root ln -s ../proc/self/mounts /etc/mtab
    if ((EUID == 0)); then
        [[ -e /dev/fuse ]] || modprobe fuse 2>/dev/null || true
        [[ -e /dev/net/tun ]] || modprobe tun 2>/dev/null || true
        for device in /dev/fuse /dev/net/tun; do
            if [[ -c $device && $(stat -c %a "$device") == 600 ]]; then
                chmod 0666 "$device" && say "$device was root's alone: made it 0666, as udev does"
            fi
        done
        if [[ -e $uring && $(<"$uring") == N ]]; then
            { echo Y >"$uring"; } 2>/dev/null && say "switched FUSE over io_uring on ($uring)"
        fi
    elif [[ -c /dev/fuse && ! -w /dev/fuse ]]; then
        say "/dev/fuse is not open to you; as root: chmod 0666 /dev/fuse"
    fi
    [[ -c /dev/net/tun ]] || say "there is no /dev/net/tun: sessions in the sandbox have no network"
    [[ -c /dev/fuse ]] || say "there is no /dev/fuse: ccfs builds, but cannot mount here"
    return 0
}

# --- the verbs --------------------------------------------------------------------------------

compile() { # PRESET TARGET [CMAKE-OPTION...]
    local preset=$1 target=$2 folder=build-$1
    [[ $preset != release ]] || folder=build
    mkdir -p "$folder"
    cmake --preset "$preset" "${@:3}" >"$folder/configure.log" 2>&1 || {
        cat "$folder/configure.log" >&2
        fail "cmake could not configure $folder"
    }
    cmake --build --preset "$preset" --target "$target" || fail "$folder does not compile"
}

build() { # [TARGET]
    need "${build_needs[@]}"
    need_fuse
    prepare_kernel
    compile release "${1:-ccfs}" -D CCFS_WERROR="${CCFS_WERROR:-OFF}"
}

run() {
    build
    if (($# == 0)) && [[ -t 0 && -t 1 ]]; then
        exec build/ccfs run -- /bin/bash
    elif (($# > 0)) && [[ $1 != --tour ]]; then
        exec build/ccfs run "$@"
    fi
    need "${run_needs[@]}"
    exec tests/tour/tour.sh build/ccfs "${@:2}"
}

# The package starts a proxy for the whole machine, which the tests do not use.
silence_squid() {
    if [[ -d /run/systemd/system ]]; then
        as_root systemctl disable --quiet --now squid || say "squid's service is on: switch it off if you do not use it"
    fi
}

run_tests() {
    local preset failed=() squid=there
    is_there tool squid || squid=new
    need "${build_needs[@]}" "${test_needs[@]}"
    [[ $squid == there ]] || silence_squid
    build all
    for preset in asan tsan; do
        compile "$preset" all -D CCFS_WERROR=ON
    done
    for preset in release asan tsan; do
        say "testing: $preset"
        ctest --preset "$preset" || failed+=("$preset")
    done
    say "measuring"
    bench/run --quick || (($? == 77)) || failed+=("bench/run --quick")
    ((${#failed[@]} == 0)) || fail "tests failed in: ${failed[*]}"
}

case ${1:-} in
build)
    (($# == 1)) || misuse "build takes no argument"
    build
    say "built build/ccfs"
    ;;
run) run "${@:2}" ;;
peers)
    (($# == 2)) || misuse "peers takes a folder"
    build_peers "$2"
    ;;
test)
    (($# == 1)) || misuse "test takes no argument"
    run_tests
    ;;
-h | --help | help) usage ;;
'')
    usage >&2
    exit 2
    ;;
*) misuse "unknown verb '$1'" ;;
esac
