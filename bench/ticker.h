/* ticker: what a person sees while a measurement goes on.
 *
 * On a terminal one line that is written over, with a bar; elsewhere a plain line a second. Goes to
 * stderr, so that the result alone is on stdout.
 */
#ifndef RINGPOST_BENCH_TICKER_H
#define RINGPOST_BENCH_TICKER_H

#include "bench/timeline.h"

struct ticker {
    bool is_quiet, is_terminal;
    double length_s;
    uint64_t failed;
};

void ticker_init(struct ticker *ticker, bool is_quiet, double length_s);

/* Another second has passed: the last of the timeline. */
void ticker_show(struct ticker *ticker, const struct timeline *timeline);

/* Takes the line away. */
void ticker_end(struct ticker *ticker);

/* "3.21 ms", with three digits, in a unit that fits. Returns `out_text`. */
const char *ticker_duration(uint64_t ns, char *out_text, size_t text_bytes);

#endif
