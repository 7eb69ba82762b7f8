# manifest.sh - a folder written down, so that two states of it can be compared to the last bit.
#
# Sourced.  One line for each thing that can differ, sorted, so that diff names what does:
#   entry PATH  type, mode, owner, mtime in ns; for all but folders size, links, symlink's target
#   link        names that are one file
#   content     SHA-256
#   and all extended attributes, ACLs with them, where getfattr is there
# Left out: access and change times, which nobody can put back, and .ccfs.
# Newlines in names become \001, so that a line stays a line.
# shellcheck shell=bash

manifest_each() { # FIND-TEST... : what is in the current folder, without .ccfs
    find . -path ./.ccfs -prune -o "$@"
}

manifest_lines() {
    sort -z | tr '\n\0' '\001\n'
}

manifest_entries() {
    local common='entry %p\t%y %m %U:%G %T@'
    manifest_each \( -type d -printf "$common\\0" -o -printf "$common %s %n %l\\0" \) |
        manifest_lines
}

manifest_links() {
    manifest_each -type f -links +1 -printf '%i %p\0' | manifest_lines |
        awk '{ inode = $1; sub(/^[0-9]+ /, "")
               if (inode == last) print "link " first " = " $0; else first = $0
               last = inode }' | sort
}

manifest_contents() {
    manifest_each -type f -print0 | sort -z | xargs -0 -r sha256sum -- | sed 's/^/content /'
}

manifest_xattrs() {
    command -v getfattr >/dev/null || return 0
    manifest_each -print0 | sort -z | xargs -0 -r getfattr -h -d -m - -e hex -- 2>/dev/null |
        sed '/^$/d; s/^/xattr /'
}

# Everything.
manifest() { # DIR
    (
        export LC_ALL=C
        cd -- "$1" || exit
        manifest_entries && manifest_links && manifest_contents && manifest_xattrs
    )
}

# What two runs of a program at different times and places have in common: no times, no owners.
manifest_of_results() { # DIR
    (
        export LC_ALL=C
        cd -- "$1" || exit
        manifest_each \( -type d -printf 'entry %p\t%y %m\0' -o -printf 'entry %p\t%y %m %s %n %l\0' \) |
            manifest_lines
        manifest_links && manifest_contents && manifest_xattrs
    )
}

# Are two manifests, in files, the same?  Shows the first differences.
manifest_same() { # BEFORE AFTER
    cmp -s -- "$1" "$2" && return
    diff -U0 --label before --label after -- "$1" "$2" | head -n 40 >&2
    return 1
}
