/* transcript_ways: hands a conversation in, in every way a network may cut it.
 *
 * The same bytes must lead to the same answer whether they come line by line, all at once, in two
 * parts split anywhere, or byte by byte. Also finds the files. Knows nothing of a protocol: whose
 * conversation it is, is said by its functions.
 */
#ifndef RINGPOST_TESTS_UNIT_TRANSCRIPT_WAYS_H
#define RINGPOST_TESTS_UNIT_TRANSCRIPT_WAYS_H

#include "tests/support/transcript_script.h"

#define TRANSCRIPT_WAYS_FILES_MAX 128

struct transcript_ways_path {
    char name[128];
};

struct transcript_ways {
    const char *name;
    const struct transcript_script *script;

    void *transcript; /* handed to each of these */
    void (*begin)(void *transcript);
    void (*feed)(void *transcript, struct span input);
    struct span (*output)(const void *transcript);
    void (*expect_end)(const void *transcript, const char *way, size_t at);
};

/* The files that a pattern of glob(3) names; no more than there is room for. */
size_t transcript_ways_find(const char *pattern,
                            struct transcript_ways_path out_paths[TRANSCRIPT_WAYS_FILES_MAX]);

/* A pattern that finds nothing, or too much, would pass without a word: fails the test then. */
void transcript_ways_expect_found(const char *pattern, size_t least);

/* Fails the test where what is said differs in any way; in two parts only with `splits`, as it
 * takes longest. */
void transcript_ways_all(const struct transcript_ways *ways, bool splits);

#endif
