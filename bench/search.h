/* search: looks for the highest rate that a server keeps up with.
 *
 * Doubles until a rate is too high, or halves until one is not, and then closes in on the border by
 * bisection until it is known within five percent. Pure: whoever measures tells how each rate went.
 */
#ifndef RINGPOST_BENCH_SEARCH_H
#define RINGPOST_BENCH_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#define SEARCH_STEPS_MAX 24
#define SEARCH_CLOSENESS 1.05

struct search {
    double rate;     /* to try next */
    double good;     /* the highest that was kept; 0: none yet */
    double too_high; /* the lowest that was not; 0: none yet */
    uint32_t steps;
};

void search_init(struct search *search, double first_rate);

/* How `rate` went. Returns whether there is another one to try. */
bool search_goes_on(struct search *search, bool was_kept);

#endif
