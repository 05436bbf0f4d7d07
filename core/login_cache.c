/* login_cache: passwords that were right a moment ago.
 *
 * Owns a key and a table of sets of four entries: the key's hash of a log-in names the set, and
 * half of it is kept as the entry. The key's own block is hashed once, at the start, for both
 * layers of HMAC (RFC 2104 section 4), so a look-up copies two states and hashes little more than
 * what it was asked. Allocates nothing but at the start, keeps no password, has no lock: a shard's
 * own.
 */
#include "core/login_cache.h"

#include "core/password.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/sha256.h>

#define WAYS      4
#define KEY_BYTES 32
#define MAC_BYTES 16 /* of the 32 that HMAC-SHA256 gives; the next 8 choose the set */

struct entry {
    unsigned char mac[MAC_BYTES];
    uint64_t until_s; /* it counts before that second; 0: empty */
};

struct set {
    struct entry ways[WAYS];
};

struct login_cache {
    wc_Sha256 inner, outer; /* after the key's block */
    uint64_t set_mask;
    uint32_t keep_s;
    bool knows_nothing;
    struct set sets[];
};

static bool init_key(struct login_cache *cache);
static struct set *find_set(struct login_cache *cache, struct span user, struct span hash,
                            struct span password, unsigned char out_mac[MAC_BYTES]);
static struct entry *find_entry(struct set *set, const unsigned char mac[MAC_BYTES]);

struct login_cache *login_cache_make(uint32_t entries, uint32_t keep_s)
{
    size_t sets = 1;
    while (sets * WAYS < entries)
        sets *= 2;
    struct login_cache *cache = calloc(1, sizeof *cache + sets * sizeof cache->sets[0]);
    if (cache == NULL)
        return NULL;
    cache->set_mask = sets - 1;
    cache->keep_s = keep_s;
    cache->knows_nothing = entries == 0 || keep_s == 0;
    if (!init_key(cache)) {
        free(cache);
        return NULL;
    }
    return cache;
}

void login_cache_free(struct login_cache **cache)
{
    if (*cache == NULL)
        return;
    wc_Sha256Free(&(*cache)->inner);
    wc_Sha256Free(&(*cache)->outer);
    password_wipe(*cache, sizeof **cache);
    free(*cache);
    *cache = NULL;
}

bool login_cache_knows(struct login_cache *cache, struct span user, struct span hash,
                       struct span password, uint64_t now_s)
{
    unsigned char mac[MAC_BYTES];
    struct set *set = find_set(cache, user, hash, password, mac);
    if (set == NULL)
        return false;
    const struct entry *entry = find_entry(set, mac);
    return entry != NULL && now_s < entry->until_s;
}

void login_cache_remember(struct login_cache *cache, struct span user, struct span hash,
                          struct span password, uint64_t now_s)
{
    unsigned char mac[MAC_BYTES];
    struct set *set = find_set(cache, user, hash, password, mac);
    if (set == NULL)
        return;
    struct entry *entry = find_entry(set, mac);
    if (entry == NULL) {
        entry = &set->ways[0];
        for (size_t i = 1; i < WAYS; i++)
            if (set->ways[i].until_s < entry->until_s)
                entry = &set->ways[i];
    }
    memcpy(entry->mac, mac, sizeof entry->mac);
    entry->until_s = now_s + cache->keep_s;
}

/* Looks at every byte of every way, so that the time says nothing about how near a guess was. */
static struct entry *find_entry(struct set *set, const unsigned char mac[MAC_BYTES])
{
    uint64_t wanted[2];
    memcpy(wanted, mac, sizeof wanted);
    struct entry *found = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t kept[2];
        memcpy(kept, set->ways[i].mac, sizeof kept);
        uint64_t difference = (kept[0] ^ wanted[0]) | (kept[1] ^ wanted[1]);
        if (difference == 0 && set->ways[i].until_s != 0)
            found = &set->ways[i];
    }
    return found;
}

/* The key's block for one layer: its first bytes are the key, then every byte is exchanged by
 * `pad`. */
static bool init_layer(wc_Sha256 *layer, const unsigned char key[KEY_BYTES], unsigned char pad)
{
    unsigned char block[WC_SHA256_BLOCK_SIZE];
    memset(block, pad, sizeof block);
    for (size_t i = 0; i < KEY_BYTES; i++)
        block[i] ^= key[i];
    bool good = wc_InitSha256(layer) == 0 && wc_Sha256Update(layer, block, sizeof block) == 0;
    password_wipe(block, sizeof block);
    return good;
}

static bool init_key(struct login_cache *cache)
{
    unsigned char key[KEY_BYTES];
    ssize_t drawn;
    do
        drawn = getrandom(key, sizeof key, 0);
    while (drawn < 0 && errno == EINTR);
    bool good = drawn == sizeof key && init_layer(&cache->inner, key, 0x36) &&
                init_layer(&cache->outer, key, 0x5C);
    password_wipe(key, sizeof key);
    return good;
}

static bool add(wc_Sha256 *sum, const void *bytes, size_t count)
{
    return count == 0 || wc_Sha256Update(sum, bytes, (word32)count) == 0;
}

/* HMAC-SHA256 of the three, their lengths in front so that no two log-ins are the same bytes. */
static bool make_mac(struct login_cache *cache, struct span user, struct span hash,
                     struct span password, unsigned char out_mac[WC_SHA256_DIGEST_SIZE])
{
    const uint16_t lengths[3] = {(uint16_t)user.length, (uint16_t)hash.length,
                                 (uint16_t)password.length};
    wc_Sha256 sum;
    if (wc_Sha256Copy(&cache->inner, &sum) != 0)
        return false;
    bool good = add(&sum, lengths, sizeof lengths) && add(&sum, user.bytes, user.length) &&
                add(&sum, hash.bytes, hash.length) && add(&sum, password.bytes, password.length) &&
                wc_Sha256Final(&sum, out_mac) == 0;
    wc_Sha256Free(&sum);
    password_wipe(&sum, sizeof sum); /* its buffer held the password */
    if (!good || wc_Sha256Copy(&cache->outer, &sum) != 0)
        return false;
    good = add(&sum, out_mac, WC_SHA256_DIGEST_SIZE) && wc_Sha256Final(&sum, out_mac) == 0;
    wc_Sha256Free(&sum);
    return good;
}

/* The set where a log-in would be, and its mac; NULL where it is never kept. */
static struct set *find_set(struct login_cache *cache, struct span user, struct span hash,
                            struct span password, unsigned char out_mac[MAC_BYTES])
{
    if (cache->knows_nothing || user.length > UINT16_MAX || hash.length > UINT16_MAX ||
        password.length > UINT16_MAX)
        return NULL;
    unsigned char mac[WC_SHA256_DIGEST_SIZE];
    if (!make_mac(cache, user, hash, password, mac))
        return NULL;
    memcpy(out_mac, mac, MAC_BYTES);
    uint64_t place;
    memcpy(&place, mac + MAC_BYTES, sizeof place);
    return &cache->sets[place & cache->set_mask];
}
