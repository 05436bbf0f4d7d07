/* test_bench_histogram: every value is found again within the error that is promised. */
#include "bench/histogram.h"

#include "bench/random.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(bench_histogram);

static struct histogram histogram, other;

static int ascending(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

Test(bench_histogram, buckets_are_gapless_and_narrow)
{
    uint64_t next = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t lowest = histogram_bucket_lowest(i), highest = histogram_bucket_highest(i);
        cr_assert_eq(lowest, next);
        cr_assert_eq(histogram_bucket(lowest), i);
        cr_assert_eq(histogram_bucket(highest), i);
        cr_assert_leq((double)(highest - lowest), (double)lowest / HISTOGRAM_PARTS);
        next = highest + 1;
    }
    cr_assert_eq(next, HISTOGRAM_VALUE_MAX + 1);
}

Test(bench_histogram, nothing_seen)
{
    histogram_init(&histogram);
    cr_assert_eq(histogram_quantile(&histogram, 0.5), 0);
    cr_assert_eq(histogram_mean(&histogram), 0);
}

Test(bench_histogram, quantiles_are_those_of_the_sorted_values)
{
    enum { VALUES = 10001 };
    static uint64_t values[VALUES];
    struct random random = {42};
    histogram_init(&histogram);
    for (uint32_t i = 0; i < VALUES; i++) {
        values[i] = (uint64_t)(1e5 * random_exponential(&random));
        histogram_record(&histogram, values[i]);
    }
    qsort(values, VALUES, sizeof *values, ascending);
    static const double shares[] = {0, 0.01, 0.5, 0.9, 0.99, 0.999, 1};
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        double exact = shares[i] * VALUES;
        uint32_t rank = (uint32_t)exact + ((double)(uint32_t)exact < exact || exact < 1);
        double right = (double)values[rank - 1];
        double found = (double)histogram_quantile(&histogram, shares[i]);
        cr_assert(found >= right && found <= right * (1 + 1.0 / HISTOGRAM_PARTS) + 1,
                  "%g: %g, not %g", shares[i], found, right);
    }
    cr_assert_eq(histogram.max, values[VALUES - 1]);
    cr_assert_eq(histogram.min, values[0]);
}

Test(bench_histogram, merging_is_recording_both)
{
    struct histogram both;
    histogram_init(&histogram);
    histogram_init(&other);
    histogram_init(&both);
    for (uint64_t i = 1; i < 2000; i++) {
        histogram_record(i % 3 == 0 ? &histogram : &other, i * i);
        histogram_record(&both, i * i);
    }
    histogram_merge(&histogram, &other);
    cr_assert_arr_eq(&histogram, &both, sizeof both);
    histogram_init(&other);
    histogram_merge(&histogram, &other);
    cr_assert_arr_eq(&histogram, &both, sizeof both);
}

Test(bench_histogram, what_is_too_large_is_the_largest)
{
    histogram_init(&histogram);
    histogram_record(&histogram, UINT64_MAX);
    cr_assert_eq(histogram_quantile(&histogram, 1), HISTOGRAM_VALUE_MAX);
}
