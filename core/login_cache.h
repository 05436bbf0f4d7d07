/* login_cache: passwords that were right a moment ago, so that a poll costs no hash.
 *
 * One table a shard, of fixed size, without a lock. An entry is a keyed hash (HMAC-SHA256, key
 * drawn at the start and kept in memory only) of user, stored hash and password, and the time until
 * which it counts: a changed stored hash never matches an old entry. Nothing in it gives a password
 * away.
 */
#ifndef RINGPOST_CORE_LOGIN_CACHE_H
#define RINGPOST_CORE_LOGIN_CACHE_H

#include "proto/span.h"

struct login_cache;

/* `entries` is rounded up to a power of two; 0 makes a cache that never knows anything. NULL where
 * there is no memory or no randomness. */
struct login_cache *login_cache_make(uint32_t entries, uint32_t keep_s);
void login_cache_free(struct login_cache **cache);

/* Whether this password was right for this user and stored hash within the time. `now_s` is any
 * steady clock's seconds. */
bool login_cache_knows(struct login_cache *cache, struct span user, struct span hash,
                       struct span password, uint64_t now_s);

/* Remembers a password that was right; drops the oldest entry of a full neighbourhood. */
void login_cache_remember(struct login_cache *cache, struct span user, struct span hash,
                          struct span password, uint64_t now_s);

#endif
