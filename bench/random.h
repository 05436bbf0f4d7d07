/* random: numbers that look random and come again with the same seed.
 *
 * SplitMix64: a counter and a mixer, so that any two seeds give streams of their own. Good enough
 * for arrivals, users and mail; never for secrets. Header only; owns no state but the struct.
 */
#ifndef RINGPOST_BENCH_RANDOM_H
#define RINGPOST_BENCH_RANDOM_H

#include <math.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

/* The next 64 bits. */
static inline uint64_t random_next(struct random *random)
{
    uint64_t mixed = random->state += 0x9E3779B97F4A7C15U;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
}

/* A stream that depends on the seed and on which one it is. */
static inline struct random random_stream(uint64_t seed, uint64_t number)
{
    struct random random = {seed};
    uint64_t base = random_next(&random);
    random.state = base ^ (number * 0xD1342543DE82EF95U);
    (void)random_next(&random);
    return random;
}

/* 0 .. below-1; `below` must not be 0. */
static inline uint64_t random_below(struct random *random, uint64_t below)
{
    return (uint64_t)(((unsigned __int128)random_next(random) * below) >> 64);
}

/* Above 0, up to and with 1. */
static inline double random_unit(struct random *random)
{
    return ((double)(random_next(random) >> 11) + 1) / 9007199254740992.0;
}

/* Exponentially distributed with mean 1. */
static inline double random_exponential(struct random *random)
{
    return -log(random_unit(random));
}

/* Normally distributed with mean 0 and deviation 1 (Box and Muller). */
static inline double random_normal(struct random *random)
{
    double radius = sqrt(2 * random_exponential(random));
    return radius * cos(6.283185307179586 * random_unit(random));
}

#endif
