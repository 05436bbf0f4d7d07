/* log: one line an event, to stderr, without ever holding the loop up.
 *
 * Lines are gathered in memory and written by the ring, a batch at a time. Where the reader of
 * stderr is slower than the events, lines are dropped and counted, and the count is written when
 * there is room again. Every line begins with the time in UTC. Values that came from a peer are
 * escaped and cut; passwords and mail never come here.
 */
#ifndef RINGPOST_CORE_LOG_H
#define RINGPOST_CORE_LOG_H

#include "core/ring.h"
#include "proto/span.h"

/* A storm of two thousand logins in one turn has room; memory is touched as far as it is needed. */
#define LOG_BATCH_BYTES (256 * 1024)
#define LOG_LINE_MAX    1024 /* longer lines are cut */

/* A busy shard writes so often, or when so much has been gathered; where stderr is a file each
 * write wakes a thread of the kernel. */
#define LOG_DELAY_MS   10
#define LOG_SOON_BYTES (LOG_BATCH_BYTES / 4)

struct log {
    struct op write;
    struct op delay; /* until the lines that were gathered are due */
    struct ring *ring;
    char *gathering;      /* LOG_BATCH_BYTES; lines since the last write began */
    char *writing;        /* LOG_BATCH_BYTES; the batch that the kernel has */
    uint32_t gathered;    /* bytes in `gathering` */
    uint32_t line_begins; /* where the line under way begins in it */
    uint32_t batch;       /* bytes in `writing` */
    uint32_t written;     /* of those, what the kernel has taken */
    bool is_due;          /* the oldest line has waited for LOG_DELAY_MS */
    bool dropping;        /* the line under way has no room */
    uint64_t dropped;
    uint64_t time_s;    /* of `time_text` */
    char time_text[24]; /* "2026-11-21T23:00:00Z " */
};

/* Allocates the batches; `ring` must outlive the log. */
bool log_init(struct log *log, struct ring *ring);

/* Frees; lines that are still gathered are written first, waiting if need be. The log must be idle
 * (log_is_idle). */
void log_fini(struct log *log);

/* Sets the time that the next lines carry, in seconds since 1970. Cheap when it did not change. */
void log_set_time(struct log *log, uint64_t now_s);

/* A line is begun, filled and ended; nothing else may happen with this log between. A value with
 * bytes other than printable ASCII, or with a space, quote or backslash, has those as \xHH. */
void log_begin(struct log *log, const char *event);
void log_text(struct log *log, const char *name, struct span value);
void log_number(struct log *log, const char *name, uint64_t value);
void log_end(struct log *log);

/* Once a loop turn: starts the write of lines that have waited for LOG_DELAY_MS, or are
 * LOG_SOON_BYTES together. */
void log_settle(struct log *log);

/* Starts the write of what has been gathered, if none is under way. */
void log_flush(struct log *log);

/* Gives up lines that nobody takes, at the end; the log is idle soon after. */
void log_give_up(struct log *log);

bool log_is_idle(const struct log *log);

/* A line at once, from a thread without a ring (start, signals); dropped where stderr does not take
 * it within a fifth of a second. */
void log_now(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
