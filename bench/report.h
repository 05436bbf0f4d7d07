/* report: a page with plots, for whoever would rather look than read.
 *
 * The page is bench/report.html, built into the program; the measurements are put into it as JSON
 * and drawn by its script. One file, without any reference to the network.
 */
#ifndef RINGPOST_BENCH_REPORT_H
#define RINGPOST_BENCH_REPORT_H

#include "bench/result.h"

/* Writes the page for the measurements of one run. False with a sentence. */
bool report_write(const char *path, const struct run_settings *settings,
                  const struct result *results, uint32_t count);

/* The command: ringbench report A.json B.json ... --output page.html, side by side. */
int report_command(char *const *words);

#endif
