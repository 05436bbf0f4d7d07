/* dot_count: how large a raw message is on the wire, without coding it.
 *
 * What LIST says of a message that another program has stored, and how many dots will be stuffed.
 * Counts exactly what proto/dot.h would write. Owns no memory but its own struct.
 */
#ifndef RINGPOST_PROTO_DOT_COUNT_H
#define RINGPOST_PROTO_DOT_COUNT_H

#include "proto/dot.h"

struct dot_count {
    enum dot_variant variant;
    char last; /* the byte before the next one; LF before the first */
    uint64_t octets;
    uint64_t stuffed_dots;
};

/* Begins a message, with the best variant. */
void dot_count_init(struct dot_count *count);

/* Takes the next bytes of the message, in pieces of any size. */
void dot_count_take(struct dot_count *count, struct span raw);

/* Ends the message: a last line without its end gets one. `octets` and `stuffed_dots` are final. */
void dot_count_finish(struct dot_count *count);

#endif
