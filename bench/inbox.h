/* inbox: the buffers that a thread of the generator lends to the kernel for what servers send.
 *
 * Like core/buffers.h, but large: a client mostly receives. A buffer is given back within the
 * completion that carried it. Belongs to one thread and its ring.
 */
#ifndef RINGPOST_BENCH_INBOX_H
#define RINGPOST_BENCH_INBOX_H

#include "core/ring.h"

#define INBOX_GROUP      1
#define INBOX_COUNT      64 /* a power of two; few enough to stay in the cache */
#define INBOX_EACH_BYTES 16384

struct inbox {
    struct io_uring_buf_ring *ring;
    char *memory;
};

/* Registers the group with the ring. False with errno where the kernel refuses. */
bool inbox_init(struct inbox *inbox, struct ring *ring);
void inbox_fini(struct inbox *inbox, struct ring *ring);

/* The bytes that a completion with these flags carries; valid until inbox_give. */
char *inbox_bytes(struct inbox *inbox, uint32_t flags);

/* Gives the completion's buffer back to the kernel. */
void inbox_give(struct inbox *inbox, uint32_t flags);

#endif
