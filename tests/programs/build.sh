#!/bin/bash
# build.sh - a C project is built in the mount: the same objects, the same program, bit by bit.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"
need make cc

build_it() {
    cp -r "$repository/journal/base" "$repository/tests/tour/checksum.c" .
    mkdir -p journal
    mv base journal/base
    cat >Makefile <<'END'
objects = $(patsubst %.c,%.o,$(wildcard journal/base/*.c)) checksum.o
CFLAGS = -O1 -std=c17 -D_GNU_SOURCE -I.
checksum: $(objects)
	$(CC) $(LDFLAGS) -o $@ $(objects) -pthread
END
    make --silent -j2
    ./checksum Makefile
    make --silent
    touch -d '2026-01-01' journal/base/crc.o
    make | grep -c crc.o
}

MOUNTED=no # the undo too
given_mount
same_as_raw build_it
then_journal_tells 30
then_journal_has utimens
then_undo_gives_back
