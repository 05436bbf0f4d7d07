/* timeline: what a run looked like, second by second.
 *
 * Made of the board's seconds as they come: quantiles, counts, a row of the heat map, and what the
 * server used meanwhile. Small enough to keep for a day. Owned by the thread that watches the run.
 */
#ifndef RINGPOST_BENCH_TIMELINE_H
#define RINGPOST_BENCH_TIMELINE_H

#include "bench/process.h"
#include "bench/tally.h"

/* Rows of the heat map: four for each power of two, from 8 us up. */
#define TIMELINE_ROWS        96
#define TIMELINE_ROW_BASE    8192U
#define TIMELINE_SECONDS_MAX 86400 /* --time has the same limit, with room behind it */

/* How many latencies of a second fell into one bucket of a histogram. */
struct timeline_bucket {
    uint32_t bucket, count;
};

struct timeline_second {
    uint32_t second; /* from 0 */
    uint64_t started, done, failed, open, messages, received_bytes, sent_bytes;
    uint64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
    double server_cpu; /* cores */
    double own_cpu;
    uint64_t server_memory_bytes;
    uint32_t heat[TIMELINE_ROWS];
    uint32_t bucket_count;
    struct timeline_bucket *buckets; /* those that are not empty */
};

struct timeline {
    uint32_t count, room;
    struct timeline_second *seconds;
    int pid; /* 0: no local server is watched */
    double server_cpu_s, own_cpu_s, sampled_s;
};

/* Begins; `pid` is the server's, or 0. */
void timeline_init(struct timeline *timeline, int pid);
void timeline_fini(struct timeline *timeline);

/* Appends a second, with what server and generator have used since the last call; `now_s` is the
 * time since the begin. */
void timeline_add(struct timeline *timeline, const struct tally_second *second, double now_s);

/* The row that a latency belongs to, and the lowest latency of a row. */
uint32_t timeline_row(uint64_t latency_ns);
double timeline_row_lowest_ns(uint32_t row);

#endif
