/* profile: a day at a provider's, or a published benchmark, as one word.
 *
 * A profile is a row of a table: which sessions come and how often, how the rate goes over the day,
 * who reads slowly, and what mailboxes hold. Each figure of it has its source beside it in the
 * table. What a person writes as well counts more than what the profile says. Pure.
 */
#ifndef RINGPOST_BENCH_PROFILE_H
#define RINGPOST_BENCH_PROFILE_H

#include "bench/arrival.h"

struct profile_step;

struct profile {
    const char *name, *summary;
    const char *mix;       /* for mix_parse, POP3 */
    double sessions_a_day; /* of a user */
    double busiest_hour; /* share of the day's sessions; only that hour is played; 0: the day is */
    const double *hours; /* of the day, from midnight on; any unit; NULL with `busiest_hour` */
    uint64_t slow_percent;             /* of connections, which read */
    uint64_t read_rate;                /* so many bytes a second */
    const struct profile_step *counts; /* messages of a mailbox; NULL: octets are drawn instead */
    const struct profile_step *sizes;  /* of messages; NULL: as people send them */
};

/* What a mailbox is filled with: up to so many messages, of up to so many octets in all. */
struct profile_mailbox {
    uint64_t messages, bytes; /* UINT64_MAX where the other one bounds it */
};

/* How many profiles there are, and one of them; the first is what fill takes where none is named.
 */
uint32_t profile_count(void);
const struct profile *profile_at(uint32_t index);

/* The one of this name; NULL with a sentence that names all of them. */
const struct profile *profile_find(const char *name, char *out_error, size_t error_bytes);

/* Sessions a second of so many users: on the average of the day, or in its busiest hour. */
double profile_mean_rate(const struct profile *profile, uint64_t users);

/* The rate over a run in which the whole day passes, `mean` on the average. */
void profile_rate(const struct profile *profile, double mean, struct rate *out_rate);

/* Draws what a mailbox holds, and the octets of one of its messages. */
struct profile_mailbox profile_mailbox_draw(const struct profile *profile, struct random *random);
uint64_t profile_size_draw(const struct profile *profile, struct random *random);

#endif
