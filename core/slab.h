/* slab: a pool of blocks of one size, for what comes and goes with sessions.
 *
 * Memory is mapped in chunks when it is needed first and kept until the end, so that nothing is
 * allocated while mail is served. A block that is given back is the next one taken: it is still
 * warm. Belongs to one thread.
 */
#ifndef RINGPOST_CORE_SLAB_H
#define RINGPOST_CORE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab_chunk;

struct slab {
    size_t block_bytes;
    uint32_t chunk_blocks;
    uint32_t taken;
    uint32_t blocks_max;
    uint32_t blocks;
    void *free;
    struct slab_chunk *chunks;
};

/* A pool that grows up to `blocks_max` blocks, by about a megabyte at a time. */
void slab_init(struct slab *slab, size_t block_bytes, uint32_t blocks_max);

/* Unmaps all; every block must have been given back. */
void slab_fini(struct slab *slab);

/* A block with undefined content, aligned to 64 bytes; NULL where the limit is reached or the
 * system has no memory. The caller gives it back. */
void *slab_take(struct slab *slab);
void slab_give(struct slab *slab, void *block);

/* The same for a large block of which much was written: its memory goes back to the system. */
void slab_give_memory(struct slab *slab, void *block);

#endif
