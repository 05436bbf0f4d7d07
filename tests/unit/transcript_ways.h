/* transcript_ways: hands a conversation in, in every way a network may cut it.
 *
 * The same bytes must lead to the same answer whether they come line by line, all at once, in two
 * parts split anywhere, or byte by byte. Knows nothing of a protocol: whose conversation it is, is
 * said by its functions.
 */
#ifndef RINGPOST_TESTS_UNIT_TRANSCRIPT_WAYS_H
#define RINGPOST_TESTS_UNIT_TRANSCRIPT_WAYS_H

#include "tests/support/transcript_text.h"

struct transcript_ways {
    const char *name;
    struct span input;
    struct span expected;
    const struct transcript_step *steps;
    uint32_t step_count;

    void *transcript; /* handed to each of these */
    void (*begin)(void *transcript);
    void (*feed)(void *transcript, struct span input);
    struct span (*output)(const void *transcript);
    void (*expect_end)(const void *transcript, const char *way, size_t at);
};

/* Each fails the test where what is said differs. */
void transcript_ways_by_steps(const struct transcript_ways *ways);
void transcript_ways_whole(const struct transcript_ways *ways);
void transcript_ways_split_anywhere(const struct transcript_ways *ways);
void transcript_ways_by_bytes(const struct transcript_ways *ways);

#endif
