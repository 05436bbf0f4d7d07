/* profile: a day at a provider's, or a published benchmark, as one word. */
#include "bench/profile.h"

#include "bench/option.h"
#include "bench/specimen.h"
#include "proto/must.h"

#include <stdio.h>
#include <string.h>

#define HOURS 24
#define KB    1024

/* Percent of what has this value; the list ends with 0 percent, and the last value gets what
 * rounding has left over. */
struct profile_step {
    double percent;
    uint64_t value;
};

/* Our own estimate of how mail programs ask over a working day: few at night, most before noon, and
 * an evening that does not fall off. */
static const double day[HOURS] = {0.55, 0.40, 0.32, 0.28, 0.28, 0.35, 0.60, 0.95,
                                  1.35, 1.60, 1.60, 1.50, 1.40, 1.40, 1.45, 1.40,
                                  1.35, 1.30, 1.25, 1.25, 1.25, 1.15, 0.95, 0.72};

/* SPECmail2001 Mail Server Benchmark, Architecture White Paper 1.00 (January 16, 2001), sections
 * 4.2.1.1 and 4.3.1. */
static const struct profile_step spec_sizes[] = {
    {10.20, 1 * KB},   {30.71, 2 * KB},   {20.59, 3 * KB}, {10.78, 4 * KB},
    {5.88, 5 * KB},    {3.74, 6 * KB},    {7.44, 10 * KB}, {9.79, 100 * KB},
    {0.69, 1000 * KB}, {0.18, 2675 * KB}, {0, 0}};
static const struct profile_step spec_counts[] = {
    {26.50, 0}, {16.11, 1}, {12.25, 2}, {9.61, 3},  {7.56, 4},  {5.95, 5},  {4.68, 6},  {3.69, 7},
    {2.90, 8},  {2.29, 9},  {1.80, 10}, {1.42, 11}, {1.12, 12}, {0.88, 13}, {0.69, 14}, {0.54, 15},
    {0.43, 16}, {0.34, 17}, {0.27, 18}, {0.21, 19}, {0.16, 20}, {0.13, 21}, {0.10, 22}, {0.08, 23},
    {0.06, 24}, {0.05, 25}, {0.04, 26}, {0.03, 27}, {0.02, 28}, {0.02, 29}, {0, 0}};

static const struct profile profiles[] = {
    /* Mailboxes as published for a provider (specimen_mailbox_size_draw); sessions by our own
     * estimate: a mail program that runs for part of the day asks 24 times. */
    {.name = "isp-day",
     .summary = "a provider's day pressed into the run: 24 sessions a user, most of them polls",
     .mix = "poll=60,thunderbird=20,outlook=10,fetch=8,drain=2",
     .sessions_a_day = 24,
     .hours = day},
    /* The same paper, section 4.2.1: four checks a day, three of them in vain, 15 % of all in the
     * busiest hour, 90 % by modems of 56 kbit/s; what is found is fetched and deleted. */
    {.name = "specmail2001",
     .summary = "the POP3 part of SPECmail2001's busiest hour: 75 % find nothing, 90 % by modem",
     .mix = "poll=75,drain=25",
     .sessions_a_day = 4,
     .busiest_hour = 0.15,
     .slow_percent = 90,
     .read_rate = 7000,
     .counts = spec_counts,
     .sizes = spec_sizes},
};

#define PROFILES (sizeof profiles / sizeof profiles[0])
_Static_assert(HOURS < RATE_POINTS_MAX, "midnight comes twice");

static uint64_t draw(const struct profile_step *steps, struct random *random);

uint32_t profile_count(void)
{
    return PROFILES;
}

const struct profile *profile_at(uint32_t index)
{
    must(index < PROFILES);
    return &profiles[index];
}

const struct profile *profile_find(const char *name, char *out_error, size_t error_bytes)
{
    const char *names[PROFILES + 1];
    char list[128] = "";
    for (uint32_t i = 0; i < PROFILES; i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
        names[i] = profiles[i].name;
        size_t length = strlen(list);
        snprintf(list + length, sizeof list - length, "%s%s", i > 0 ? " and " : "", names[i]);
    }
    names[PROFILES] = NULL;
    const char *nearest = option_nearest(name, names);
    snprintf(out_error, error_bytes, "--profile: there is no \"%s\"%s%s%s There are %s", name,
             nearest != NULL ? "; did you mean " : ".", nearest != NULL ? nearest : "",
             nearest != NULL ? "?" : "", list);
    return NULL;
}

double profile_mean_rate(const struct profile *profile, uint64_t users)
{
    double sessions = (double)users * profile->sessions_a_day;
    return profile->hours == NULL ? sessions * profile->busiest_hour / 3600 : sessions / 86400;
}

void profile_rate(const struct profile *profile, double mean, struct rate *out_rate)
{
    *out_rate = (struct rate){.points = {mean}, .count = 1};
    if (profile->hours == NULL)
        return;
    double sum = 0;
    for (uint32_t i = 0; i < HOURS; i++)
        sum += profile->hours[i];
    for (uint32_t i = 0; i <= HOURS; i++)
        out_rate->points[i] = mean * profile->hours[i % HOURS] * HOURS / sum;
    out_rate->count = HOURS + 1;
}

struct profile_mailbox profile_mailbox_draw(const struct profile *profile, struct random *random)
{
    if (profile->counts == NULL)
        return (struct profile_mailbox){UINT64_MAX, specimen_mailbox_size_draw(random)};
    return (struct profile_mailbox){draw(profile->counts, random), UINT64_MAX};
}

uint64_t profile_size_draw(const struct profile *profile, struct random *random)
{
    return profile->sizes == NULL ? specimen_size_draw(random) : draw(profile->sizes, random);
}

static uint64_t draw(const struct profile_step *steps, struct random *random)
{
    double left = 100 * random_unit(random);
    while (left > steps->percent && steps[1].percent > 0)
        left -= steps++->percent;
    return steps->value;
}
