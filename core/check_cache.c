/* check_cache: stored messages whose checksum was right a moment ago; see check_cache.h.
 *
 * The low bits of a fingerprint choose the entry, its upper 40 bits are kept there with the second
 * in which it was set. Seconds come round after 194 days, when an entry that nothing has replaced
 * since could count once more: for a message that is still as it was then.
 */
#include "core/check_cache.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#define TIME_BITS 24
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

struct check_cache {
    uint64_t mask;
    uint64_t keep_s;
    _Atomic uint64_t entries[]; /* mask + 1; 0: never used */
};

struct check_cache *check_cache_make(uint32_t entries, uint32_t keep_s)
{
    if (entries == 0 || keep_s == 0)
        return NULL;
    uint64_t count = 1;
    while (count < entries)
        count *= 2;
    struct check_cache *cache = calloc(1, sizeof *cache + count * sizeof cache->entries[0]);
    if (cache == NULL)
        return NULL;
    cache->mask = count - 1;
    cache->keep_s = keep_s;
    return cache;
}

void check_cache_free(struct check_cache **cache)
{
    free(*cache);
    *cache = NULL;
}

bool check_cache_knows(const struct check_cache *cache, uint64_t fingerprint, uint64_t now_s)
{
    uint64_t entry =
        atomic_load_explicit(&cache->entries[fingerprint & cache->mask], memory_order_relaxed);
    bool is_same = entry != 0 && ((entry ^ fingerprint) & ~TIME_MASK) == 0;
    return is_same && ((now_s - entry) & TIME_MASK) < cache->keep_s;
}

void check_cache_remember(struct check_cache *cache, uint64_t fingerprint, uint64_t now_s)
{
    atomic_store_explicit(&cache->entries[fingerprint & cache->mask],
                          (fingerprint & ~TIME_MASK) | (now_s & TIME_MASK), memory_order_relaxed);
}
