/* known: a hash table with open addressing, at most half full; see known.h.
 *
 * The hash is FNV-1a of 64 bits. A table that somebody fills with texts of one hash becomes slow,
 * never wrong.
 */
#include "tools/known.h"

#include "proto/must.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 1024

static struct known_entry *place_of(const struct known *known, struct span key, uint64_t hash);
static bool grow(struct known *known);
static bool keep_text(struct known *known, struct span key, size_t *out_offset);

static uint64_t hash_of(struct span key)
{
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < key.length; i++)
        hash = (hash ^ (unsigned char)key.bytes[i]) * 1099511628211U;
    return hash;
}

enum known_state known_find(const struct known *known, struct span key)
{
    return known->room > 0 ? place_of(known, key, hash_of(key))->state : KNOWN_NOT;
}

bool known_set(struct known *known, struct span key, enum known_state state)
{
    must(state != KNOWN_NOT && key.length <= UINT32_MAX);
    if (known->count >= known->room / 2 && !grow(known))
        return false;
    const uint64_t hash = hash_of(key);
    struct known_entry *entry = place_of(known, key, hash);
    if (entry->state == KNOWN_NOT) {
        size_t offset = 0;
        if (!keep_text(known, key, &offset))
            return false;
        *entry =
            (struct known_entry){.hash = hash, .offset = offset, .length = (uint32_t)key.length};
        known->count++;
    }
    entry->state = state;
    return true;
}

void known_join(struct known *known, struct span key, struct span partner)
{
    struct known_entry *entry = place_of(known, key, hash_of(key));
    const struct known_entry *other = place_of(known, partner, hash_of(partner));
    must(entry->state != KNOWN_NOT && other->state != KNOWN_NOT);
    entry->partner = other->offset;
    entry->partner_length = other->length;
}

struct span known_partner(const struct known *known, struct span key)
{
    if (known->room == 0)
        return (struct span){"", 0};
    const struct known_entry *entry = place_of(known, key, hash_of(key));
    return (struct span){known->texts + entry->partner, entry->partner_length};
}

void known_free(struct known *known)
{
    free(known->entries);
    free(known->texts);
    *known = (struct known){.entries = NULL};
}

/* Where `key` is, or would be. */
static struct known_entry *place_of(const struct known *known, struct span key, uint64_t hash)
{
    for (size_t at = (size_t)hash & (known->room - 1);; at = (at + 1) & (known->room - 1)) {
        struct known_entry *entry = &known->entries[at];
        if (entry->state == KNOWN_NOT ||
            (entry->hash == hash &&
             span_equal(key, (struct span){known->texts + entry->offset, entry->length})))
            return entry;
    }
}

static bool grow(struct known *known)
{
    const size_t room = known->room > 0 ? known->room * 2 : ROOM_FIRST;
    struct known larger = *known;
    larger.entries = calloc(room, sizeof *larger.entries);
    larger.room = room;
    if (larger.entries == NULL)
        return false;
    for (size_t i = 0; i < known->room; i++) {
        const struct known_entry *entry = &known->entries[i];
        if (entry->state != KNOWN_NOT)
            *place_of(&larger, (struct span){known->texts + entry->offset, entry->length},
                      entry->hash) = *entry;
    }
    free(known->entries);
    *known = larger;
    return true;
}

static bool keep_text(struct known *known, struct span key, size_t *out_offset)
{
    if (known->text_room - known->text_bytes < key.length) {
        const size_t room = known->text_room * 2 + key.length + 64 * (size_t)ROOM_FIRST;
        char *texts = realloc(known->texts, room);
        if (texts == NULL)
            return false;
        known->texts = texts;
        known->text_room = room;
    }
    *out_offset = known->text_bytes;
    if (key.length > 0)
        memcpy(known->texts + known->text_bytes, key.bytes, key.length);
    known->text_bytes += key.length;
    return true;
}
