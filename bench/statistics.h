/* statistics: whether two sets of repeated measurements differ, and by how much.
 *
 * Welch's interval for the difference of two means: it does not ask that both vary alike. Pure.
 */
#ifndef RINGPOST_BENCH_STATISTICS_H
#define RINGPOST_BENCH_STATISTICS_H

#include <stdint.h>

struct difference {
    double mean_a, mean_b;
    double low, high; /* 95 % interval of mean_b - mean_a; both are that where there is no interval
                       */
    int has_interval; /* two measurements each, or more */
};

/* Compares `count_a` and `count_b` measurements, each 1 or more. */
struct difference statistics_compare(const double *a, uint32_t count_a, const double *b,
                                     uint32_t count_b);

/* The 97.5 % point of Student's distribution, for 1 degree of freedom or more. */
double statistics_student(double degrees);

#endif
