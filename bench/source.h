/* source: the addresses that connections come from.
 *
 * One address has some 28,000 ports for connections to one server; a range of them has as many
 * more. An address is drawn for each connection. IPv4 and IPv6; the last 64 bits count.
 */
#ifndef RINGPOST_BENCH_SOURCE_H
#define RINGPOST_BENCH_SOURCE_H

#include "bench/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source_range {
    int family;        /* AF_INET, AF_INET6, or 0: the kernel chooses */
    uint8_t first[16]; /* in network order; IPv4 in the first four */
    uint64_t count;
};

/* Reads A-B, or one address. False with a sentence; `family` is that of the target. */
bool source_range_parse(const char *text, int family, struct source_range *out_range,
                        char *out_error, size_t error_bytes);

/* Binds a socket to one of them, without a port. False with errno. Does nothing without a range. */
bool source_range_bind(const struct source_range *range, struct random *random, int file);

#endif
