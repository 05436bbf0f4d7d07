/* slab: a pool of blocks of one size, for what comes and goes with sessions. */
#include "core/slab.h"

#include "proto/must.h"

#include <sys/mman.h>
#include <unistd.h>

#define SLAB_ALIGNMENT   64
#define SLAB_CHUNK_BYTES (1024 * 1024)

struct slab_chunk {
    struct slab_chunk *next;
    size_t bytes;
};

static bool grow(struct slab *slab);

void slab_init(struct slab *slab, size_t block_bytes, uint32_t blocks_max)
{
    size_t rounded = (block_bytes + SLAB_ALIGNMENT - 1) / SLAB_ALIGNMENT * SLAB_ALIGNMENT;
    size_t fitting = (SLAB_CHUNK_BYTES - SLAB_ALIGNMENT) / rounded;
    *slab = (struct slab){
        .block_bytes = rounded,
        .chunk_blocks = fitting > 0 ? (uint32_t)fitting : 1,
        .blocks_max = blocks_max,
    };
}

void slab_fini(struct slab *slab)
{
    must(slab->taken == 0);
    while (slab->chunks != NULL) {
        struct slab_chunk *chunk = slab->chunks;
        slab->chunks = chunk->next;
        munmap(chunk, chunk->bytes);
    }
}

void *slab_take(struct slab *slab)
{
    if (slab->free == NULL && !grow(slab))
        return NULL;
    void **block = slab->free;
    slab->free = *block;
    slab->taken++;
    return block;
}

void slab_give(struct slab *slab, void *block)
{
    must(block != NULL && slab->taken > 0);
    *(void **)block = slab->free;
    slab->free = block;
    slab->taken--;
}

/* Only whole pages can go; blocks begin anywhere. */
void slab_give_memory(struct slab *slab, void *block)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)block + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)block + slab->block_bytes) / page * page;
    if (begin < end)
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
    slab_give(slab, block);
}

static bool grow(struct slab *slab)
{
    uint32_t more = slab->chunk_blocks;
    if (more > slab->blocks_max - slab->blocks)
        more = slab->blocks_max - slab->blocks;
    if (more == 0)
        return false;
    size_t bytes = SLAB_ALIGNMENT + more * slab->block_bytes;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    struct slab_chunk *chunk = (struct slab_chunk *)memory;
    *chunk = (struct slab_chunk){.next = slab->chunks, .bytes = bytes};
    slab->chunks = chunk;
    slab->blocks += more;
    /* Backwards, so that the first block taken is the first of the chunk and pages beyond those in
     * use are touched only by the list's link. */
    for (uint32_t i = more; i-- > 0;) {
        void **block = (void **)(memory + SLAB_ALIGNMENT + i * slab->block_bytes);
        *block = slab->free;
        slab->free = block;
    }
    return true;
}
