/* buffers: the receive buffers that a shard provides to the kernel. */
#include "core/buffers.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define RING_BYTES   (BUFFERS_COUNT * sizeof(struct io_uring_buf))
#define MEMORY_BYTES ((size_t)BUFFERS_COUNT * BUFFERS_EACH_BYTES)

static void *map(size_t bytes);
static uint16_t identifier(uint32_t flags);

bool buffers_init(struct buffers *buffers, struct ring *ring)
{
    buffers->ring = map(RING_BYTES);
    buffers->memory = map(MEMORY_BYTES);
    if (buffers->ring == NULL || buffers->memory == NULL)
        return false;
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)buffers->ring,
        .ring_entries = BUFFERS_COUNT,
        .bgid = BUFFERS_GROUP,
    };
    int error = io_uring_register_buf_ring(&ring->uring, &registration, 0);
    if (error != 0) {
        errno = -error;
        return false;
    }
    io_uring_buf_ring_init(buffers->ring);
    for (uint16_t i = 0; i < BUFFERS_COUNT; i++)
        io_uring_buf_ring_add(buffers->ring, buffers->memory + (size_t)i * BUFFERS_EACH_BYTES,
                              BUFFERS_EACH_BYTES, i, io_uring_buf_ring_mask(BUFFERS_COUNT), i);
    io_uring_buf_ring_advance(buffers->ring, BUFFERS_COUNT);
    return true;
}

void buffers_fini(struct buffers *buffers, struct ring *ring)
{
    (void)io_uring_unregister_buf_ring(&ring->uring, BUFFERS_GROUP);
    munmap(buffers->ring, RING_BYTES);
    munmap(buffers->memory, MEMORY_BYTES);
}

char *buffers_bytes(struct buffers *buffers, uint32_t flags)
{
    return buffers->memory + (size_t)identifier(flags) * BUFFERS_EACH_BYTES;
}

void buffers_give(struct buffers *buffers, uint32_t flags)
{
    io_uring_buf_ring_add(buffers->ring, buffers_bytes(buffers, flags), BUFFERS_EACH_BYTES,
                          identifier(flags), io_uring_buf_ring_mask(BUFFERS_COUNT), 0);
    io_uring_buf_ring_advance(buffers->ring, 1);
}

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static uint16_t identifier(uint32_t flags)
{
    return (uint16_t)(flags >> IORING_CQE_BUFFER_SHIFT);
}
