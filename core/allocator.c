/* allocator: what jemalloc tells about itself. */
#include "core/allocator.h"

#include <stddef.h>

/* Absent where a sanitizer's allocator stands in. */
extern int mallctl(const char *name, void *old, size_t *old_bytes, void *fresh, size_t fresh_bytes)
    __attribute__((weak));

/* Read by jemalloc at the start: few arenas, because shards allocate at logins to large maildrops
 * and in handshakes only. Memory that was freed goes back to the system by and by, also while
 * nobody allocates: hence a thread of its own. */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:2,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";

void allocator_thread_bytes(uint64_t *out_bytes)
{
    size_t bytes = sizeof *out_bytes;
    *out_bytes = 0;
    if (mallctl != NULL)
        (void)mallctl("thread.allocated", out_bytes, &bytes, NULL, 0);
}

const char *allocator_name(void)
{
    const char *version = NULL;
    size_t bytes = sizeof version;
    if (mallctl == NULL || mallctl("version", &version, &bytes, NULL, 0) != 0)
        return "the system's allocator";
    return version;
}
