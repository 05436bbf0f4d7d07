/* content: whether a message that ringbench made has come back as it was made.
 *
 * Such a message has a header line `X-Ringbench: NAME CRC` with the CRC-32C, in eight hexadecimal
 * digits, of all octets behind the first empty line, with CRLF line ends. The reader takes the wire
 * form of a message as it comes, in pieces of any size. Messages without the line are not judged.
 */
#ifndef RINGPOST_BENCH_CONTENT_H
#define RINGPOST_BENCH_CONTENT_H

#include "proto/dot.h"

#define CONTENT_HEADER "X-Ringbench: "

struct content {
    struct dot_decoder decoder;
    bool in_body;
    bool is_marked;  /* the header line was there */
    uint32_t wanted; /* what it says */
    uint32_t sum;
    uint32_t line_bytes;
    char line[80];
};

void content_init(struct content *content);

/* Takes bytes of a message in wire form, with or without its end. */
void content_take(struct content *content, struct span wire);

/* Whether all is well, or cannot be judged. Asked when the message has ended. */
bool content_is_good(const struct content *content);

#endif
