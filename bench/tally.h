/* tally: what a thread of the generator counts, and the board where all threads put it together.
 *
 * A thread counts without locks: what belongs to the second under way and what belongs to the whole
 * run. At each second's end it hands the second to the board, which is all that threads share;
 * whoever watches takes seconds that are complete. The totals are read when the threads have ended.
 */
#ifndef RINGPOST_BENCH_TALLY_H
#define RINGPOST_BENCH_TALLY_H

#include "bench/histogram.h"
#include "bench/script.h"

#include <pthread.h>

/* One second of the run, or of one thread in it. */
struct tally_second {
    struct tally_second *next; /* on the board */
    uint32_t second;           /* from 0 */
    uint32_t threads;          /* that have handed it in */
    uint64_t started, done, failed;
    uint64_t open; /* connections at its end */
    uint64_t messages, received_bytes, sent_bytes;
    struct histogram latency; /* of sessions that ended well */
};

struct tally_total {
    uint64_t started, done, failed;
    uint64_t messages, octets, received_bytes, sent_bytes, handshakes, resumed;
    double done_in_time, messages_in_time, octets_in_time; /* load_share_in_time of them all */
    uint64_t faults[FAULT_KINDS];
    char examples[FAULT_KINDS][SCRIPT_EXAMPLE_BYTES]; /* the first one of each */
    uint64_t kinds_done[KINDS_MAX];
    struct histogram latency;
    struct histogram kinds[KINDS_MAX];
    struct histogram steps[STEPS];
};

struct board {
    pthread_mutex_t mutex;
    uint32_t threads;
    struct tally_second *first; /* in order of their seconds */
};

struct tally {
    struct board *board;
    struct tally_second second;
    struct tally_total total;
};

void board_init(struct board *board, uint32_t threads);
void board_fini(struct board *board);

/* The next second that all threads have handed in, or with `have_ended` that any has; NULL where
 * there is none. The caller frees it with free(). */
struct tally_second *board_take(struct board *board, bool have_ended);

/* A thread's tally, counting for second 0. */
void tally_init(struct tally *tally, struct board *board);

/* Ends seconds up to before `second`, each with `open` connections. */
void tally_turn(struct tally *tally, uint32_t second, uint64_t open);

/* Counts a fault, and keeps the example if it is the first of its kind. */
void tally_fault(struct tally_total *total, enum fault fault, const char *example);

/* Adds one thread's totals to another's. */
void tally_merge(struct tally_total *total, const struct tally_total *other);

/* Begins with nothing counted. */
void tally_total_init(struct tally_total *total);

#endif
