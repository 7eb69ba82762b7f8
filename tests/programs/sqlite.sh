#!/bin/bash
# sqlite.sh - databases in both journal modes, two writers at once, a rollback, a reader of old pages.
# shellcheck source=tests/support/programs.sh
. "$(dirname "$0")/../support/programs.sh"
need sqlite3

fill() { # DATABASE MODE
    sqlite3 "$1" "PRAGMA journal_mode=$2;" \
        'CREATE TABLE t(id INTEGER PRIMARY KEY, who TEXT, body BLOB);' \
        'CREATE INDEX t_who ON t(who);'
    sqlite3 "$1" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO t(who, body) SELECT 'seed', zeroblob(i % 300) FROM n;"
    write_some "$1" left & write_some "$1" right &
    wait
    sqlite3 "$1" 'BEGIN; DELETE FROM t; ROLLBACK;' \
        "DELETE FROM t WHERE who = 'seed' AND id % 3 = 0;" 'PRAGMA integrity_check;' \
        'SELECT who, count(*), sum(length(body)) FROM t GROUP BY who ORDER BY who;' 'VACUUM;' \
        'PRAGMA wal_checkpoint(TRUNCATE);' 'PRAGMA journal_mode;'
}

write_some() { # DATABASE WHO
    local i
    for i in {1..25}; do
        sqlite3 -cmd '.timeout 20000' "$1" \
            "INSERT INTO t(who, body) VALUES ('$2', zeroblob($i));" || return
    done
}

both_modes() {
    fill delete.db delete
    fill wal.db wal
    # Two writers leave their rows in any order: pages differ, the content must not.
    sqlite3 wal.db 'SELECT who, length(body) FROM t ORDER BY 1, 2;' >rows
    sqlite3 delete.db 'SELECT who, length(body) FROM t ORDER BY 1, 2;' >>rows
    rm -f delete.db wal.db
}

given_workspace
sqlite3 "$raw/Documentation/mine.db" 'PRAGMA journal_mode=wal;' 'CREATE TABLE t(n);' \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
     INSERT INTO t SELECT i FROM n;" >/dev/null
given_mount
same_as_raw both_modes

# A database that was there before is emptied in place.
sqlite3 "$mnt/Documentation/mine.db" 'DELETE FROM t;' 'VACUUM;' 'PRAGMA journal_mode=delete;' >/dev/null
then_journal_tells 100
then_journal_has write
then_undo_gives_back
[[ $(sqlite3 "$raw/Documentation/mine.db" 'SELECT sum(n) FROM t;') == 12502500 ]] ||
    fail "the database's rows are not back"
