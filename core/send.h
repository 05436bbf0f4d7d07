/* send: moves a plan to a socket, in as few system calls as its pieces allow.
 *
 * Texts and small ranges that follow each other leave together; a large range goes from the page
 * cache to the socket without being copied (sendfile(2)), a raw one through the coder
 * (core/send_raw.h). Nothing here waits: a full socket or a
 * range that is not in memory is said, and the caller comes back with the same stream. Sends are
 * plain system calls and not ring operations, because they never wait; docs/decisions says what was
 * measured.
 */
#ifndef RINGPOST_CORE_SEND_H
#define RINGPOST_CORE_SEND_H

#include "core/send_raw.h"
#include "proto/plan.h"
#include "storage/disk.h"

/* Ranges up to this many bytes are copied, so that they share a send with their neighbours; larger
 * ones are sent from where they lie. */
#define SEND_COPY_MAX 4096

/* All sessions of a shard together send this much in a turn, then what has come in meanwhile is
 * looked at: whoever asks for little waits for one such piece, not for all that others fetch. */
#define SEND_TURN_BYTES (512 * 1024)

/* A range is looked at for being in memory, and populated, in windows of this size. */
#define SEND_WINDOW_BYTES (256 * 1024)

/* A range that was in memory is taken to be there for so long: it is not looked at again for each
 * of the messages that a client fetches twice or after TOP. */
#define SEND_BELIEF_MS 100

/* The sending side of a connection. Begins with the socket and zeroes; `piece` and `sent` go back
 * to zero with each new plan (send_begin). */
struct send_stream {
    int socket;
    bool nonblocking;       /* the socket's mode: sendfile needs it, and a pending receive must have
                             * been started without it (core/conn_input.c) */
    bool stalled;           /* the socket was full: what was in memory may have left it since */
    bool populated;         /* `cold` has just been brought into memory: do not look again */
    bool is_careful;        /* somebody has had to wait for the disk: nothing else is believed */
    uint32_t piece;         /* pieces before this one are sent */
    uint64_t sent;          /* bytes of it that are */
    struct send_raw raw;    /* how far it has been coded, where it is a raw one */
    struct mail_range cold; /* SEND_COLD */
    struct mail_range warm; /* was in memory, */
    uint64_t warm_until_ms; /* and is taken to be so until then */
};

struct send_counters {
    uint64_t bytes, calls, range_calls;
    uint64_t turn_left; /* bytes that may leave in this turn before large pieces have to wait */
};

/* Begins a new plan. */
void send_begin(struct send_stream *stream);

/* Sends the pieces of `plan` up to `piece_end`. `more` says that what follows is to leave in the
 * same segment. `access` is the shard's; `now_ms` is any steady clock's. SEND_YIELD where a piece
 * of more than SEND_COPY_MAX is next and `counters->turn_left` is used up. */
enum send_result send_plan(struct send_stream *stream, const struct plan *plan, uint32_t piece_end,
                           bool more, const struct disk_access *access, uint64_t now_ms,
                           struct send_counters *counters);

/* Takes bytes that have left off what may leave in this turn. */
static inline void send_count_turn(struct send_counters *counters, uint64_t bytes)
{
    counters->turn_left -= bytes < counters->turn_left ? bytes : counters->turn_left;
}

/* Copies what comes next of the plan into `buffer`, up to `room` bytes and `piece_end`, and counts
 * it as sent: for a sender that changes the bytes on their way. SEND_DONE, or why there is not
 * more: SEND_COLD or SEND_DAMAGED, perhaps behind some bytes. */
enum send_result send_collect(struct send_stream *stream, const struct plan *plan,
                              uint32_t piece_end, const struct disk_access *access, char *buffer,
                              size_t room, size_t *out_count);

#endif
