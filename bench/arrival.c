/* arrival: when the next session is due. */
#include "bench/arrival.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX 1e7

static bool one_rate(const char *text, size_t length, double *out_rate);

bool rate_parse(const char *text, struct rate *out_rate, char *out_error, size_t error_bytes)
{
    const char *dots = strstr(text, "..");
    bool good;
    if (dots == NULL) {
        good = one_rate(text, strlen(text), &out_rate->first);
        out_rate->last = out_rate->first;
    } else {
        good = one_rate(text, (size_t)(dots - text), &out_rate->first) &&
               one_rate(dots + 2, strlen(dots + 2), &out_rate->last);
    }
    if (!good)
        snprintf(out_error, error_bytes,
                 "--rate: \"%s\" is no rate; write 2000, 2k, or 100..2000 for a ramp", text);
    return good;
}

void arrival_init(struct arrival *arrival, const struct rate *rate, bool is_poisson,
                  uint64_t length_ns, uint32_t stream, uint32_t streams, uint64_t seed)
{
    *arrival = (struct arrival){
        .rate = {rate->first / streams, rate->last / streams},
        .is_poisson = is_poisson,
        .length_ns = length_ns,
        .random = random_stream(seed, stream),
    };
    /* Fixed streams take turns. */
    if (is_poisson)
        arrival_advance(arrival);
    else
        arrival->next_ns = 1e9 * stream / rate->first;
}

uint64_t arrival_due_ns(const struct arrival *arrival)
{
    return arrival->next_ns < (double)arrival->length_ns ? (uint64_t)arrival->next_ns : UINT64_MAX;
}

void arrival_advance(struct arrival *arrival)
{
    double gone = arrival->next_ns / (double)arrival->length_ns;
    double rate = arrival->rate.first + (arrival->rate.last - arrival->rate.first) * gone;
    double distance = arrival->is_poisson ? random_exponential(&arrival->random) : 1;
    arrival->next_ns += distance * 1e9 / rate;
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
