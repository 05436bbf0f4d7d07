/* check_cache: stored messages whose checksum was right a moment ago, so that none is read twice.
 *
 * One table for all shards and workers, of fixed size, without a lock: each entry is one number
 * that is written and read as a whole. It holds fingerprints (of a file's state, the place of a
 * message and its checksum) and when they were set, nothing that belongs to anybody. What has no
 * room replaces what was there; forgetting costs one more read.
 */
#ifndef RINGPOST_CORE_CHECK_CACHE_H
#define RINGPOST_CORE_CHECK_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct check_cache;

/* `entries` of 8 bytes each, rounded up to a power of two, count for `keep_s` seconds. Memory is
 * touched as it is used. NULL where there is none, or where one of the two is 0. */
struct check_cache *check_cache_make(uint32_t entries, uint32_t keep_s);
void check_cache_free(struct check_cache **cache);

/* Whether the fingerprint has been set within the time. Both from any thread; `now_s` is any steady
 * clock's seconds, the same for all. */
bool check_cache_knows(const struct check_cache *cache, uint64_t fingerprint, uint64_t now_s);
void check_cache_remember(struct check_cache *cache, uint64_t fingerprint, uint64_t now_s);

#endif
