/* result: what becomes of a measurement: text for people, JSON, an HdrHistogram log.
 *
 * Measures nothing.
 */
#ifndef RINGPOST_BENCH_RESULT_H
#define RINGPOST_BENCH_RESULT_H

#include "bench/json.h"
#include "bench/run.h"

/* The summary. */
void result_print(FILE *file, const struct run_settings *settings, const struct result *result);

/* The whole file: what was asked, on which machine, and each of the `count` measurements. Its shape
 * is described in ringbench(1). */
void result_write_json(FILE *file, const struct run_settings *settings,
                       const struct result *results, uint32_t count);

/* Reads such a file back; NULL after a sentence where it is none or has no measurement. The caller
 * frees the value with json_free and the text with free. */
struct json_value *result_read(const char *path, char **out_text, size_t *out_bytes);

/* The latencies of sessions as an HdrHistogram log, an interval a second, with two digits, readable
 * by its tools and plotters. Seconds of warming up have the tag "warmup", those of several
 * measurements "run1", "run2" and so on; its tools leave out what is tagged unless they are asked
 * for it. */
void result_write_hdr(FILE *file, const struct run_settings *settings, const struct result *results,
                      uint32_t count);

#endif
