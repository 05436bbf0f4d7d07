/* large: memory on huge pages, for what is filled at once and looked at anywhere.
 *
 * With small pages hundreds of thousands of them would have to be found and cleared one by one, and
 * each look at a user among millions would miss the TLB, too. Where the kernel has no huge pages
 * for us (transparent_hugepage "never"), small ones come, and nothing else changes.
 */
#ifndef RINGPOST_CORE_LARGE_H
#define RINGPOST_CORE_LARGE_H

#include <stdlib.h>
#include <sys/mman.h>

#define LARGE_PAGE_BYTES ((size_t)2 << 20)

/* As malloc(3): the caller's to free(3); realloc(3) may move it to small pages. */
static inline void *large_alloc(size_t bytes)
{
    if (bytes < LARGE_PAGE_BYTES)
        return malloc(bytes);
    void *memory = NULL;
    if (posix_memalign(&memory, LARGE_PAGE_BYTES, bytes) != 0)
        return NULL;
    /* Not the rest behind the last whole page: it would take a page for little. */
    (void)madvise(memory, bytes & ~(LARGE_PAGE_BYTES - 1), MADV_HUGEPAGE);
    return memory;
}

#endif
