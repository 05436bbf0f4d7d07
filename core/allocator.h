/* allocator: what jemalloc tells about itself.
 *
 * Kept apart because builds with a sanitizer use the sanitizer's allocator instead. Nothing here
 * allocates.
 */
#ifndef RINGPOST_CORE_ALLOCATOR_H
#define RINGPOST_CORE_ALLOCATOR_H

#include <stdint.h>

/* Bytes that the calling thread has ever asked for; 0 where jemalloc is not linked. */
void allocator_thread_bytes(uint64_t *out_bytes);

/* "jemalloc 5.3.0", or the name of what stands in for it. */
const char *allocator_name(void);

#endif
