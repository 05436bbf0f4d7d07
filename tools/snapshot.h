/* snapshot: the messages of a maildrop as they were when it was opened, for list, show and export.
 *
 * Unlike a session's mailbox it gives the times too, and can read without the session lock: then it
 * neither disturbs a session nor is refused because of one; what an UPDATE removes meanwhile shows
 * as a message that cannot be read. Numbers are those that POP3 would show. It changes nothing.
 */
#ifndef RINGPOST_TOOLS_SNAPSHOT_H
#define RINGPOST_TOOLS_SNAPSHOT_H

#include "proto/span.h"
#include "storage/live.h"

#define SNAPSHOT_WINDOW_RECORDS 256

struct snapshot {
    const struct disk_access *access;
    const char *path;
    int index; /* handle, or -1: a user without a maildrop */
    int wire;  /* handle, or -1 while not needed */
    struct native_tail tail;
    struct live live;
    uint32_t ordinal; /* of the next record to look at */
    uint32_t number;  /* of the last message that was given out */
    uint32_t window_first, window_end;
    char window[SNAPSHOT_WINDOW_RECORDS * RECORD_BYTES];
};

/* One message. Where its record is damaged nothing but the number is known. */
struct snapshot_message {
    uint32_t number;
    bool damaged;
    struct record record;
};

/* Opens the maildrop in `path`, with the session lock or without. `access` and its scratch are the
 * snapshot's until it is closed. A user without a maildrop has an empty one. MAIL_IN_USE only with
 * `lock`. On failure nothing stays open. */
enum mail_result snapshot_open(struct snapshot *snapshot, const struct disk_access *access,
                               const char *path, bool lock);
void snapshot_close(struct snapshot *snapshot);

/* The next message, from number 1 on; *out_end where there is none any more. */
enum mail_result snapshot_next(struct snapshot *snapshot, struct snapshot_message *out_message,
                               bool *out_end);

/* Reads a message once to see that it is whole: checksum, first line, end. MAIL_PERMANENT where it
 * is not, or is gone. `out_cr_ends_line` says whether a line of it ends in a CR besides its CRLF,
 * which a file with LF line ends cannot show. */
enum mail_result snapshot_check(struct snapshot *snapshot, const struct snapshot_message *message,
                                bool *out_cr_ends_line);

/* Bytes of the message's wire form behind its first line, from `*at` on, and moves `*at`; begin
 * with 0. No bytes: that was all. They are good until the next call. */
enum mail_result snapshot_read(struct snapshot *snapshot, const struct snapshot_message *message,
                               uint64_t *at, struct span *out_wire);

#endif
