/* send_raw: codes a raw message into the form of the wire while it is sent.
 *
 * A raw range is read in windows, coded by proto/dot.h, and checked against the bytes that it was
 * said to give before the last of them leave: a file that has changed since ends the connection and
 * never the message. Keeps no buffer: a window that leaves only in part is coded again.
 */
#ifndef RINGPOST_CORE_SEND_RAW_H
#define RINGPOST_CORE_SEND_RAW_H

#include "proto/dot.h"
#include "proto/mail.h"
#include "storage/disk.h"

enum send_result {
    SEND_DONE,    /* all pieces before `piece_end` have been taken by the kernel */
    SEND_FULL,    /* the socket is full: come back when it is writable */
    SEND_COLD,    /* stream->cold is not in memory: bring it there, and come back */
    SEND_YIELD,   /* the share of this turn is used up: come back in the next */
    SEND_BROKEN,  /* the connection is gone */
    SEND_DAMAGED, /* the file is not what the range says */
};

/* Bytes of a file that are read at once. They stand at the end of scratch, and at most twice as
 * many come out of them. */
#define SEND_RAW_WINDOW (48 * 1024)

/* What is brought into memory at once where it is cold. */
#define SEND_RAW_AHEAD (256 * 1024)

/* Room for output with which a window is worth beginning. */
#define SEND_RAW_ROOM 4096

/* Where the coder of a range stands; zeroes at its begin. */
struct send_raw {
    uint64_t taken; /* bytes of the file */
    uint64_t wire;  /* bytes that they gave */
    enum dot_place place;
};

/* Codes what comes next of `range` into `out`, up to `room` bytes, at least one, and moves `raw`.
 * `out` may lie in the access's scratch in front of the window. SEND_COLD with *out_cold,
 * SEND_DAMAGED where the file is shorter or gives other bytes than the range says, else SEND_DONE.
 * `populated` allows one read that may wait, and is taken back. */
enum send_result send_raw_code(struct send_raw *raw, const struct mail_range *range,
                               const struct disk_access *access, bool *populated,
                               struct mail_range *out_cold, char *out, size_t room,
                               size_t *out_bytes);

#endif
