/* histogram: how often which duration was seen, with a bounded error at every size.
 *
 * Log-linear: each power of two is cut into 64 equal parts, so a value is known within 1.6 %. The
 * whole range up to 73 minutes in nanoseconds takes 19 KB, recording is a few instructions, and
 * histograms of threads and seconds add up without loss. Pure; the caller owns the struct.
 */
#ifndef RINGPOST_BENCH_HISTOGRAM_H
#define RINGPOST_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PART_BITS 6
#define HISTOGRAM_PARTS     (1U << HISTOGRAM_PART_BITS)
#define HISTOGRAM_VALUE_MAX ((UINT64_C(1) << 42) - 1)
#define HISTOGRAM_BUCKETS   ((42 - HISTOGRAM_PART_BITS + 1) * HISTOGRAM_PARTS)

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t min, max; /* exact; min is UINT64_MAX where nothing was seen */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *histogram);

/* Adds one value; what is above HISTOGRAM_VALUE_MAX counts as that. */
void histogram_record(struct histogram *histogram, uint64_t value);

/* Adds all that `other` has seen. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The least value that `share` (0..1) of all values do not exceed, within the error of a bucket; 0
 * where nothing was seen. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

/* 0 where nothing was seen. */
double histogram_mean(const struct histogram *histogram);

/* The bucket of a value, and the lowest and highest value of a bucket. */
uint32_t histogram_bucket(uint64_t value);
uint64_t histogram_bucket_lowest(uint32_t bucket);
uint64_t histogram_bucket_highest(uint32_t bucket);

#endif
