/* timeline: what a run looked like, second by second. */
#include "bench/timeline.h"

#include "proto/must.h"

#include <math.h>
#include <stdlib.h>

#define ROWS_OF_OCTAVE 4

static void keep_buckets(struct timeline_second *to, const struct histogram *latency);

void timeline_init(struct timeline *timeline, int pid)
{
    *timeline = (struct timeline){.pid = pid, .own_cpu_s = process_own_cpu_s()};
    if (pid > 0)
        timeline->server_cpu_s = process_use_of(pid).cpu_s;
}

void timeline_fini(struct timeline *timeline)
{
    for (uint32_t i = 0; i < timeline->count; i++)
        free(timeline->seconds[i].buckets);
    free(timeline->seconds);
    *timeline = (struct timeline){0};
}

void timeline_add(struct timeline *timeline, const struct tally_second *second, double now_s)
{
    if (timeline->count == timeline->room) {
        timeline->room = timeline->room == 0 ? 64 : 2 * timeline->room;
        timeline->seconds = realloc(timeline->seconds, timeline->room * sizeof *timeline->seconds);
        must(timeline->seconds != NULL);
    }
    struct timeline_second *to = &timeline->seconds[timeline->count++];
    *to = (struct timeline_second){
        .second = second->second,
        .started = second->started,
        .done = second->done,
        .failed = second->failed,
        .open = second->open,
        .messages = second->messages,
        .received_bytes = second->received_bytes,
        .sent_bytes = second->sent_bytes,
        .p50_ns = histogram_quantile(&second->latency, 0.5),
        .p90_ns = histogram_quantile(&second->latency, 0.9),
        .p99_ns = histogram_quantile(&second->latency, 0.99),
        .p999_ns = histogram_quantile(&second->latency, 0.999),
        .max_ns = second->latency.max,
    };
    keep_buckets(to, &second->latency);
    double passed_s = now_s - timeline->sampled_s;
    double own_s = process_own_cpu_s();
    if (passed_s > 0.01) {
        to->own_cpu = (own_s - timeline->own_cpu_s) / passed_s;
        timeline->own_cpu_s = own_s;
        if (timeline->pid > 0) {
            struct process_use use = process_use_of(timeline->pid);
            to->server_cpu = (use.cpu_s - timeline->server_cpu_s) / passed_s;
            to->server_memory_bytes = use.memory_bytes;
            timeline->server_cpu_s = use.cpu_s;
        }
        timeline->sampled_s = now_s;
    }
}

static void keep_buckets(struct timeline_second *to, const struct histogram *latency)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        used += latency->buckets[i] > 0;
    to->buckets = used > 0 ? malloc(used * sizeof *to->buckets) : NULL;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && to->buckets != NULL; i++) {
        uint32_t count = (uint32_t)latency->buckets[i];
        if (count == 0)
            continue;
        to->heat[timeline_row(histogram_bucket_lowest(i))] += count;
        to->buckets[to->bucket_count++] = (struct timeline_bucket){i, count};
    }
}

uint32_t timeline_row(uint64_t latency_ns)
{
    if (latency_ns <= TIMELINE_ROW_BASE)
        return 0;
    double octaves = log2((double)latency_ns / TIMELINE_ROW_BASE);
    uint32_t row = (uint32_t)(octaves * ROWS_OF_OCTAVE);
    return row < TIMELINE_ROWS ? row : TIMELINE_ROWS - 1;
}

double timeline_row_lowest_ns(uint32_t row)
{
    return TIMELINE_ROW_BASE * exp2((double)row / ROWS_OF_OCTAVE);
}
