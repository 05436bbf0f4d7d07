/* descriptors: as many open files as this process may have.
 *
 * Each connection is one. Whoever may go beyond the hard limit (root) does, up to what the kernel
 * allows at all. Changes nothing else.
 */
#ifndef RINGPOST_BENCH_DESCRIPTORS_H
#define RINGPOST_BENCH_DESCRIPTORS_H

#include <stdint.h>

/* What a program needs beside its connections: rings, files, the standard streams. */
#define DESCRIPTORS_OTHERS 1000

/* Raises the limit, and says what it is now. */
uint64_t descriptors_raise(void);

#endif
