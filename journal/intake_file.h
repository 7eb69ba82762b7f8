/* intake_file.h - private to intake.c: the file that holds the ring, its making and its header.
 *
 * What is mapped was checked: its sizes cannot lead out of the file. */
#ifndef JOURNAL_INTAKE_FILE_H
#define JOURNAL_INTAKE_FILE_H

#include "journal/intake.h"

#define INTAKE_HEADER_BYTES 4096
#define INTAKE_ALIGN 64u

struct intake_header {
    char magic[8];
    uint32_t version;
    uint32_t crc; /* of magic, version and ring_bytes */
    uint64_t ring_bytes;
    char pad1[40];
    _Atomic uint64_t head; /* moved by intake_reserve() under lock */
    char pad2[56];
    _Atomic uint64_t tail; /* moved by the writer */
};

/* -EBADMSG: its header is damaged; -EPROTO: a newer ccfs made it; both leave it untouched. */
MUST_USE int intake_file_map(int fd, struct intake_header **out, struct error *err);

#endif
