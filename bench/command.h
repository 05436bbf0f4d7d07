/* command: the commands of ringbench that are not measurements.
 *
 * Each takes the words behind its name and returns the exit status: 0, 1 where it failed, 2 for
 * words that it does not understand, after a sentence.
 */
#ifndef RINGPOST_BENCH_COMMAND_H
#define RINGPOST_BENCH_COMMAND_H

/* The answer-from-memory server (bench/floor.c). */
int floor_command(char *const *words);

/* Makes mailboxes (bench/fill.c). */
int fill_command(char *const *words);

/* Compares two files of measurements (bench/compare.c). */
int compare_command(char *const *words);

#endif
