/* buffers: the receive buffers that a shard provides to the kernel.
 *
 * The kernel picks one for each arrival, so an idle session holds none. A buffer is given back as
 * soon as its bytes have been read or moved, within the same completion; no session can hold one.
 * Commands are short, so the buffers are small and few, and stay in the processor's cache.
 */
#ifndef RINGPOST_CORE_BUFFERS_H
#define RINGPOST_CORE_BUFFERS_H

#include "core/ring.h"

#define BUFFERS_GROUP      1
#define BUFFERS_COUNT      1024 /* a power of two */
#define BUFFERS_EACH_BYTES 1024

/* What one receive can have been handed before a turn gets to cancel it: every buffer. */
#define BUFFERS_BURST_BYTES (BUFFERS_COUNT * BUFFERS_EACH_BYTES)

struct buffers {
    struct io_uring_buf_ring *ring;
    char *memory;
};

/* Registers the group with the ring. False with errno where the kernel refuses. */
bool buffers_init(struct buffers *buffers, struct ring *ring);
void buffers_fini(struct buffers *buffers, struct ring *ring);

/* The bytes that a completion with these flags carries; the completion's result is their count.
 * Writable; valid until buffers_give. */
char *buffers_bytes(struct buffers *buffers, uint32_t flags);

/* Gives the completion's buffer back to the kernel. */
void buffers_give(struct buffers *buffers, uint32_t flags);

#endif
