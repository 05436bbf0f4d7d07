/* micro: rounds, clock and output of the micro-benchmarks.
 *
 * A benchmark says how many bytes one repeat moves and runs `repeats` of them a round, until
 * micro_goes_on says no. The quickest round counts. Header only: each benchmark is one file.
 */
#ifndef RINGPOST_BENCH_MICRO_H
#define RINGPOST_BENCH_MICRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* 7 rounds of about 8 MB: some milliseconds for each line that is printed. */
#define MICRO_ROUNDS      7
#define MICRO_ROUND_BYTES (8 << 20)

struct micro {
    size_t repeat_bytes;
    size_t repeats; /* in a round */
    unsigned rounds_done;
    uint64_t began_ns, best_ns;
    uint64_t began_ticks, best_ticks; /* of the time stamp counter; 0 where there is none */
};

static inline uint64_t micro_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static inline uint64_t micro_now_ticks(void)
{
#if defined(__x86_64__)
    return __rdtsc();
#else
    return 0;
#endif
}

static inline void micro_init(struct micro *micro, size_t repeat_bytes)
{
    *micro = (struct micro){
        .repeat_bytes = repeat_bytes,
        .repeats = repeat_bytes < MICRO_ROUND_BYTES ? MICRO_ROUND_BYTES / repeat_bytes : 1,
        .best_ns = UINT64_MAX,
        .best_ticks = UINT64_MAX,
    };
}

/* Begins a round, or answers that there were enough. */
static inline bool micro_goes_on(struct micro *micro)
{
    if (micro->rounds_done == MICRO_ROUNDS)
        return false;
    micro->began_ns = micro_now_ns();
    micro->began_ticks = micro_now_ticks();
    return true;
}

static inline void micro_round_ends(struct micro *micro)
{
    uint64_t ticks = micro_now_ticks() - micro->began_ticks;
    uint64_t ns = micro_now_ns() - micro->began_ns;
    if (ns < micro->best_ns)
        micro->best_ns = ns;
    if (ticks < micro->best_ticks)
        micro->best_ticks = ticks;
    micro->rounds_done++;
}

/* Makes a result look used, so that the compiler cannot leave out the work. */
static inline void micro_keep(uint64_t value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

static inline void micro_print(const struct micro *micro, const char *what)
{
    double bytes = (double)micro->repeat_bytes * (double)micro->repeats;
    printf("%-44s %7.2f GB/s", what, bytes / (double)micro->best_ns);
    if (micro->best_ticks > 0)
        printf(" %6.2f bytes/tick", bytes / (double)micro->best_ticks);
    printf("\n");
}

/* For what is counted, not measured in bytes: nanoseconds for each of `count` things that one
 * repeat does. */
static inline void micro_print_each(const struct micro *micro, const char *what, size_t count)
{
    double things = (double)count * (double)micro->repeats;
    printf("%-44s %7.1f ns", what, (double)micro->best_ns / things);
    if (micro->best_ticks > 0)
        printf(" %6.0f ticks", (double)micro->best_ticks / things);
    printf("\n");
}

#endif
