/* output: files that a person has asked for; "-" is standard output.
 *
 * Whether one can be written is asked before the work and said again behind it. Complains by
 * itself, with option_complain.
 */
#ifndef RINGPOST_BENCH_OUTPUT_H
#define RINGPOST_BENCH_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/* Whether a file could be written, which changes none. */
bool output_try(const char *path);

bool output_is_stdout(const char *path);

/* Opens it, empty; NULL after a sentence. */
FILE *output_open(const char *path);

/* Closes it, but standard output. False after a sentence where not all has been written. */
bool output_close(FILE *file, const char *path);

#endif
