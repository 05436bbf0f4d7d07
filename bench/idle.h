/* idle: which users have no session just now, and one of them by lot.
 *
 * A maildrop takes one session at a time (RFC 1939 section 4). Whoever is idle stands in an array
 * without gaps: the lot takes a place of it, the last one fills the gap, and so each is as likely
 * as any other, in constant time, also when all but one have a session. The array holds by how
 * much the user at a place differs from the place's number: zeros at first, which cost no memory
 * until they are touched, for runs with many more users than sessions.
 */
#ifndef RINGPOST_BENCH_IDLE_H
#define RINGPOST_BENCH_IDLE_H

#include "bench/random.h"

#include <stdbool.h>
#include <stdlib.h>

struct idle {
    uint64_t *differences; /* 8 bytes a user */
    uint64_t count;
};

/* All of the users 0 .. count-1 are idle. False where there is no memory for them. */
static inline bool idle_init(struct idle *idle, uint64_t count)
{
    *idle = (struct idle){calloc(count, sizeof *idle->differences), count};
    return idle->differences != NULL;
}

static inline void idle_fini(struct idle *idle)
{
    free(idle->differences);
}

/* Takes one by lot. False where none is idle. */
static inline bool idle_take(struct idle *idle, struct random *random, uint64_t *out_user)
{
    if (idle->count == 0)
        return false;
    uint64_t place = random_below(random, idle->count);
    uint64_t last = --idle->count;
    *out_user = place + idle->differences[place];
    idle->differences[place] = last + idle->differences[last] - place;
    return true;
}

/* A user who was taken is idle again. */
static inline void idle_give(struct idle *idle, uint64_t user)
{
    uint64_t place = idle->count++;
    idle->differences[place] = user - place;
}

#endif
