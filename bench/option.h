/* option: the command line of ringbench, read by tables.
 *
 * A command lists its options with their types and where in its settings the values go; reading,
 * units, the help text and the sentence for a wrong word are the same for all. Strings are borrowed
 * from the command line. Says its sentences to stderr, by option_complain.
 */
#ifndef RINGPOST_BENCH_OPTION_H
#define RINGPOST_BENCH_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_COUNT,    /* uint64_t; 10k and 2M are understood */
    OPTION_BYTES,    /* uint64_t; 10k, 2M, 1G are powers of 1024 */
    OPTION_DURATION, /* uint64_t in nanoseconds; 5, 5s, 50ms, 2m, 1h */
};

struct option {
    const char *name;  /* with its dashes; NULL ends the table */
    const char *value; /* what the help calls its value; NULL for a flag */
    enum option_type type;
    size_t offset; /* in the settings */
    const char *help;
    uint64_t least, most; /* of a number; `most` 0: as much as the type holds */
};

/* Reads `words` (ends with NULL). Words without dashes go into `out_words` (up to `words_max`, with
 * NULL behind them, so that it has room for one more). False after a sentence about what is wrong
 * and what would be right. `out_help` is set where --help was found; the rest is then not read. */
bool option_read(const char *command, char *const *words, const struct option *table,
                 void *settings, const char **out_words, size_t words_max, bool *out_help);

/* Prints the table for people. */
void option_print(const struct option *table);

/* Values of the types; false where the text is none. */
bool option_count(const char *text, uint64_t *out_count);
bool option_bytes(const char *text, uint64_t *out_bytes);
bool option_duration(const char *text, uint64_t *out_ns);

/* The one of `choices` (ends with NULL) that is most like `word`, or NULL where none is near. */
const char *option_nearest(const char *word, const char *const *choices);

/* Writes "ringbench: ", the sentence and a line end to stderr; false, so that one can return it. */
bool option_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
