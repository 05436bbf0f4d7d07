/* arrival: when the next session is due.
 *
 * Open loop: sessions are due at times that the server has no say in, by a rate that may change
 * over the run. Distances are all the same, or exponential as those of people who
 * know nothing of each other (Poisson). Times are nanoseconds since the begin of the run. Pure.
 */
#ifndef RINGPOST_BENCH_ARRIVAL_H
#define RINGPOST_BENCH_ARRIVAL_H

#include "bench/random.h"

#include <stdbool.h>
#include <stddef.h>

/* The hours of a day, and its midnight once more. */
#define RATE_POINTS_MAX 25

/* Sessions a second, at equal distances from the begin to the end of a run, on a straight line
 * between two points: one where it stays, two for a ramp. Never 0. */
struct rate {
    double points[RATE_POINTS_MAX];
    uint32_t count;
};

/* Reads "2000", "2k" or "100..2000"; false with a sentence. */
bool rate_parse(const char *text, struct rate *out_rate, char *out_error, size_t error_bytes);

/* The highest of all points. */
double rate_highest(const struct rate *rate);

struct arrival {
    struct rate rate; /* of all streams */
    double streams;
    bool is_poisson;
    uint64_t length_ns; /* of the run: when the last point is reached */
    uint64_t end_ns;    /* none is due from here on */
    double next_ns;     /* when the next one is due */
    double area;        /* of the rate over the time before it, in sessions of all streams */
    double line_area;   /* of that, before the line between two points on which it lies */
    uint32_t line;
    struct random random;
};

/* One stream of `streams` that together have the rate. */
void arrival_init(struct arrival *arrival, const struct rate *rate, bool is_poisson,
                  uint64_t length_ns, uint32_t stream, uint32_t streams, uint64_t seed);

/* None is due at this time or later any more. */
void arrival_end(struct arrival *arrival, uint64_t end_ns);

/* When the next one is due; UINT64_MAX where that is not before the end. */
uint64_t arrival_due_ns(const struct arrival *arrival);

/* Goes on to the one after it. */
void arrival_advance(struct arrival *arrival);

#endif
