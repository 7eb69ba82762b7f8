#!/bin/bash
# saves.sh - the ways in which editors save: in place, by a rename over the old file, by a backup and
# a new file, through a symlink.  The identity, the mode and every version come back.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"

edit_like_everybody() {
    printf 'one\ntwo\n' >file
    chmod 0755 file
    ln -s file link
    ln file second
    sed -i 's/one/1/' file          # a rename over it: link count 1 from here on
    sed -i --follow-symlinks 's/two/2/' link
    printf 'three\n' >>second       # the old inode
    cp -p file file~ && printf 'new\n' >file # a backup, then in place
    printf 'atomic\n' >.file.swp && mv -f .file.swp file
    if command -v vim >/dev/null; then
        vim -u NONE -i NONE -es -c 'set backupcopy=no' -c '%s/atomic/by vim/' -c wq file </dev/null
        vim -u NONE -i NONE -es -c 'set backupcopy=yes' -c '%s/vim/hand/' -c wq file </dev/null
    else
        printf 'by hand\n' >file
    fi
    mv file~ kept && mv kept 'kept too' && mkdir d && mv 'kept too' d/ && mv d e
    cat file second e/*
}

given_workspace
mkdir "$raw/Documentation/book"
for i in 1 2 3 4 5; do
    seq "$i" 500 >"$raw/Documentation/book/chapter $i"
done
chmod 0600 "$raw/Documentation/book/chapter 2"
ln -s 'chapter 1' "$raw/Documentation/book/latest"
given_mount
same_as_raw edit_like_everybody

cd "$mnt/Documentation/book"
sed -i 's/1/one/' chapter\ *
mv 'chapter 1' 'chapter 2' # over it
mv 'chapter 3' aside && mv 'chapter 4' 'chapter 3' && mv aside 'chapter 4'
: >'chapter 5'
ln -sf 'chapter 3' latest
cd /
mv "$mnt/Documentation/book" "$mnt/Documentation/novel"
then_journal_tells 40
then_journal_has rename
MOUNTED=no then_undo_gives_back
