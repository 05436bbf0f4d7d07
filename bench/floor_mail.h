/* floor_mail: the one mailbox of the floor server, as the bytes that it sends.
 *
 * Made at the start from letters (bench/specimen.h): each answer lies ready whole. Read by all
 * threads, changed by none; kept to the end of the process.
 */
#ifndef RINGPOST_BENCH_FLOOR_MAIL_H
#define RINGPOST_BENCH_FLOOR_MAIL_H

#include "proto/span.h"

struct floor_mail {
    uint64_t count;
    struct span *messages; /* "+OK n octets", the message in wire form, its end */
    struct span stat, list, uidl;
};

/* Makes `count` messages of about `bytes` octets; up to 256 of them differ. False where there is
 * no memory. */
bool floor_mail_init(struct floor_mail *mail, uint64_t count, uint64_t bytes, uint64_t seed);

#endif
