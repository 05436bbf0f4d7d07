/* inbox: the buffers that a thread of the generator lends to the kernel for what servers send. */
#include "bench/inbox.h"

#include <errno.h>
#include <sys/mman.h>

#define RING_BYTES   (INBOX_COUNT * sizeof(struct io_uring_buf))
#define MEMORY_BYTES ((size_t)INBOX_COUNT * INBOX_EACH_BYTES)

static void *map(size_t bytes);
static void add(struct inbox *inbox, uint16_t identifier, int offset);

bool inbox_init(struct inbox *inbox, struct ring *ring)
{
    inbox->ring = map(RING_BYTES);
    inbox->memory = map(MEMORY_BYTES);
    if (inbox->ring == NULL || inbox->memory == NULL)
        return false;
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)inbox->ring,
        .ring_entries = INBOX_COUNT,
        .bgid = INBOX_GROUP,
    };
    int error = io_uring_register_buf_ring(&ring->uring, &registration, 0);
    if (error != 0) {
        errno = -error;
        return false;
    }
    io_uring_buf_ring_init(inbox->ring);
    for (uint16_t i = 0; i < INBOX_COUNT; i++)
        add(inbox, i, i);
    io_uring_buf_ring_advance(inbox->ring, INBOX_COUNT);
    return true;
}

void inbox_fini(struct inbox *inbox, struct ring *ring)
{
    (void)io_uring_unregister_buf_ring(&ring->uring, INBOX_GROUP);
    munmap(inbox->ring, RING_BYTES);
    munmap(inbox->memory, MEMORY_BYTES);
}

char *inbox_bytes(struct inbox *inbox, uint32_t flags)
{
    return inbox->memory + (size_t)(flags >> IORING_CQE_BUFFER_SHIFT) * INBOX_EACH_BYTES;
}

void inbox_give(struct inbox *inbox, uint32_t flags)
{
    add(inbox, (uint16_t)(flags >> IORING_CQE_BUFFER_SHIFT), 0);
    io_uring_buf_ring_advance(inbox->ring, 1);
}

static void add(struct inbox *inbox, uint16_t identifier, int offset)
{
    io_uring_buf_ring_add(inbox->ring, inbox->memory + (size_t)identifier * INBOX_EACH_BYTES,
                          INBOX_EACH_BYTES, identifier, io_uring_buf_ring_mask(INBOX_COUNT),
                          offset);
}

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}
