/* native: an open native maildrop, the file that is the wire.
 *
 * Opening reads the last record of the index and takes the session lock: the same work at ten
 * messages and at a million. Facts are read from the index when they are asked for, in windows, and
 * nothing of them is kept. Only a maildrop with expunged records needs more: the runs of live
 * records, at most NATIVE_RUNS_MAX of them, because an UPDATE that would leave more compacts.
 */
#ifndef RINGPOST_STORAGE_NATIVE_H
#define RINGPOST_STORAGE_NATIVE_H

#include "proto/mail.h"
#include "storage/disk.h"

#include <stdbool.h>

/* Runs of live records that one open maildrop remembers; 30 of them are 240 bytes of each session.
 * More than that, and UPDATE rewrites the index (128 bytes a live message, no mail is copied).
 * Where a crash came in between, the next runs are computed when they are needed. */
#define NATIVE_RUNS_MAX 30

/* Messages up to this size are checked on the shard where they are in memory; larger ones by a
 * worker, so that no loop turn takes longer than about 50 microseconds. */
#define NATIVE_CHECK_NOW_BYTES (256 * 1024)

struct native_run {
    uint32_t first; /* ordinal */
    uint32_t count;
};

/* Messages whose places in the wire file are read together, for sessions fetch them in order; or
 * kept of a listing's end, where the new mail is. 24 bytes of each session for one. */
#define NATIVE_PLACES 16

/* What sending a message needs of its record. */
struct native_place {
    uint64_t offset;
    uint32_t wire_bytes, octets, header_bytes, wire_crc;
};

struct native {
    int index;             /* handle, or -1: a user without a maildrop */
    int wire;              /* handle, or -1 while not needed */
    uint64_t wire_state;   /* disk_state when it was opened, or 0: not known */
    uint32_t record_count; /* of the snapshot, the header included */
    uint32_t tail_crc; /* of the snapshot's last record: the UPDATE checks that it is still there */
    uint32_t last_expunge;
    struct mail_view view;
    uint32_t checked_first; /* messages checked_first..checked_end-1 have passed the checksum in */
    uint32_t checked_end; /* this session; a contiguous stretch of numbers is enough in practice */
    uint32_t run_number;  /* the number of the first message of runs[0] */
    uint8_t run_count;    /* 0: not read yet */
    struct native_run runs[NATIVE_RUNS_MAX];
    uint32_t place_number; /* places[i] is that of message place_number + i */
    uint8_t place_count;
    struct native_place places[NATIVE_PLACES];
    const char *path; /* the maildrop's folder; the owner's, outlives the mailbox */
};

#endif
