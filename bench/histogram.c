/* histogram: how often which duration was seen, with a bounded error at every size. */
#include "bench/histogram.h"

#include <string.h>

void histogram_init(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
    histogram->min = UINT64_MAX;
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    if (value > HISTOGRAM_VALUE_MAX)
        value = HISTOGRAM_VALUE_MAX;
    histogram->buckets[histogram_bucket(value)]++;
    histogram->count++;
    histogram->sum += value;
    if (value < histogram->min)
        histogram->min = value;
    if (value > histogram->max)
        histogram->max = value;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    if (other->count == 0)
        return;
    histogram->count += other->count;
    histogram->sum += other->sum;
    if (other->min < histogram->min)
        histogram->min = other->min;
    if (other->max > histogram->max)
        histogram->max = other->max;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->buckets[i] += other->buckets[i];
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    if (histogram->count == 0)
        return 0;
    double exact = share * (double)histogram->count;
    uint64_t wanted = (uint64_t)exact;
    if ((double)wanted < exact || wanted == 0)
        wanted++;
    uint64_t passed = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        passed += histogram->buckets[i];
        if (passed < wanted)
            continue;
        uint64_t highest = histogram_bucket_highest(i);
        return highest < histogram->max ? highest : histogram->max;
    }
    return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : (double)histogram->sum / (double)histogram->count;
}

uint32_t histogram_bucket(uint64_t value)
{
    if (value < HISTOGRAM_PARTS)
        return (uint32_t)value;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value) - HISTOGRAM_PART_BITS;
    return shift * HISTOGRAM_PARTS + (uint32_t)(value >> shift);
}

uint64_t histogram_bucket_lowest(uint32_t bucket)
{
    if (bucket < HISTOGRAM_PARTS)
        return bucket;
    uint32_t shift = bucket / HISTOGRAM_PARTS - 1;
    return (uint64_t)(bucket % HISTOGRAM_PARTS + HISTOGRAM_PARTS) << shift;
}

uint64_t histogram_bucket_highest(uint32_t bucket)
{
    if (bucket < HISTOGRAM_PARTS)
        return bucket;
    uint32_t shift = bucket / HISTOGRAM_PARTS - 1;
    return histogram_bucket_lowest(bucket) + (UINT64_C(1) << shift) - 1;
}
