/* arrival: when the next session is due. */
#include "bench/arrival.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX 1e7

static bool one_rate(const char *text, size_t length, double *out_rate);
static double time_of_next(struct arrival *arrival);

bool rate_parse(const char *text, struct rate *out_rate, char *out_error, size_t error_bytes)
{
    const char *dots = strstr(text, "..");
    bool good;
    *out_rate = (struct rate){.count = dots == NULL ? 1 : 2};
    if (dots == NULL)
        good = one_rate(text, strlen(text), &out_rate->points[0]);
    else
        good = one_rate(text, (size_t)(dots - text), &out_rate->points[0]) &&
               one_rate(dots + 2, strlen(dots + 2), &out_rate->points[1]);
    if (!good)
        snprintf(out_error, error_bytes,
                 "--rate: \"%s\" is no rate; write 2000, 2k, or 100..2000 for a ramp", text);
    return good;
}

double rate_highest(const struct rate *rate)
{
    double highest = 0;
    for (uint32_t i = 0; i < rate->count; i++)
        highest = rate->points[i] > highest ? rate->points[i] : highest;
    return highest;
}

void arrival_init(struct arrival *arrival, const struct rate *rate, bool is_poisson,
                  uint64_t length_ns, uint32_t stream, uint32_t streams, uint64_t seed)
{
    *arrival = (struct arrival){
        .rate = *rate,
        .streams = streams,
        .is_poisson = is_poisson,
        .length_ns = length_ns,
        .end_ns = length_ns,
        .random = random_stream(seed, stream),
    };
    /* Fixed streams take turns. */
    arrival->area = is_poisson ? random_exponential(&arrival->random) * streams : stream;
    arrival->next_ns = time_of_next(arrival);
}

void arrival_end(struct arrival *arrival, uint64_t end_ns)
{
    arrival->end_ns = end_ns;
}

uint64_t arrival_due_ns(const struct arrival *arrival)
{
    return arrival->next_ns < (double)arrival->end_ns ? (uint64_t)arrival->next_ns : UINT64_MAX;
}

void arrival_advance(struct arrival *arrival)
{
    double distance = arrival->is_poisson ? random_exponential(&arrival->random) : 1;
    arrival->area += distance * arrival->streams;
    arrival->next_ns = time_of_next(arrival);
}

/* Where the rate's integral reaches `area`: a session is due for each unit of it, so that a rate
 * which changes counts from the moment in which it does. */
static double time_of_next(struct arrival *arrival)
{
    const struct rate *rate = &arrival->rate;
    uint32_t lines = rate->count > 1 ? rate->count - 1 : 1;
    double line_s = (double)arrival->length_ns / 1e9 / lines;
    for (; arrival->line < lines; arrival->line++) {
        double from = rate->points[arrival->line];
        double rise = rate->count > 1 ? rate->points[arrival->line + 1] - from : 0;
        double left = arrival->area - arrival->line_area;
        double whole = (from + rise / 2) * line_s;
        /* from t + rise t^2 / (2 line_s) = left, in the form that does not cancel. */
        if (left < whole)
            return 1e9 * (arrival->line * line_s +
                          2 * left / (from + sqrt(from * from + 2 * rise * left / line_s)));
        arrival->line_area += whole;
    }
    return (double)arrival->length_ns;
}

static bool one_rate(const char *text, size_t length, double *out_rate)
{
    char copy[32], *end;
    if (length == 0 || length >= sizeof copy || text[0] < '0' || text[0] > '9')
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *out_rate = strtod(copy, &end);
    if (*end == 'k') {
        *out_rate *= 1000;
        end++;
    }
    return *end == '\0' && *out_rate > 0 && *out_rate <= RATE_MAX;
}
