/* seen: what a client keeps of one user's maildrop, during a session and between two. */
#include "bench/seen.h"

#include <stdlib.h>
#include <string.h>

/* With so many strangers in a row, the rest is taken for new without a look. */
#define MISSES_MAX 1000

static bool walk(const struct seen *seen, const struct listing *listing, uint32_t index,
                 struct seen_cursor *cursor);
static bool reserve(struct listing *listing, uint32_t count);
static uint64_t hash_of(struct span text);

void listing_init(struct listing *listing)
{
    *listing = (struct listing){0};
}

void listing_fini(struct listing *listing)
{
    free(listing->octets);
    free(listing->uidls);
    listing_init(listing);
}

bool listing_add_octets(struct listing *listing, uint64_t octets)
{
    if (octets > UINT64_MAX - listing->list_octets || !reserve(listing, listing->list_count + 1))
        return false;
    listing->octets[listing->list_count++] = octets;
    listing->list_octets += octets;
    return true;
}

bool listing_add_uidl(struct listing *listing, struct span uidl)
{
    if (!reserve(listing, listing->uidl_count + 1))
        return false;
    listing->uidls[listing->uidl_count++] = hash_of(uidl);
    return true;
}

bool listing_uidl_repeats(const struct listing *listing, uint32_t *out_number)
{
    uint32_t slots = 4;
    while (slots < 2 * listing->uidl_count)
        slots *= 2;
    uint64_t on_stack[256] = {0};
    uint64_t *table = slots <= 256 ? on_stack : calloc(slots, sizeof *table);
    bool repeats = false;
    for (uint32_t i = 0; table != NULL && i < listing->uidl_count && !repeats; i++) {
        uint64_t uidl = listing->uidls[i];
        uint32_t slot = (uint32_t)(uidl >> 32) & (slots - 1);
        while (table[slot] != 0 && table[slot] != uidl)
            slot = (slot + 1) & (slots - 1);
        repeats = table[slot] == uidl;
        table[slot] = uidl;
        *out_number = i + 1;
    }
    if (table != on_stack)
        free(table);
    return repeats;
}

bool seen_has(const struct seen *seen, const struct listing *listing, uint32_t index,
              struct seen_cursor *cursor)
{
    return !seen->are_gone && walk(seen, listing, index, cursor);
}

bool seen_has_changed(const struct seen *seen, const struct listing *listing)
{
    if (!seen->is_known || seen->are_gone || listing->uidl_count < seen->count)
        return false;
    struct seen_cursor cursor = {0};
    for (uint32_t i = 0; i < listing->uidl_count; i++)
        (void)walk(seen, listing, i, &cursor);
    return cursor.found < seen->count;
}

bool seen_comes_again(const struct seen *seen, const struct listing *listing)
{
    struct seen_cursor cursor = {0};
    for (uint32_t i = 0; seen->are_gone && i < listing->uidl_count; i++)
        if (walk(seen, listing, i, &cursor))
            return true;
    return false;
}

void seen_shrink(struct seen *seen, uint32_t count)
{
    if (!seen->are_gone && count < seen->count)
        seen_forget(seen);
}

void seen_keep(struct seen *seen, const struct listing *listing, bool drained)
{
    uint32_t count = listing->uidl_count;
    if (count != seen->count) {
        free(seen->uidls);
        seen->uidls = count > 0 ? malloc(count * sizeof *seen->uidls) : NULL;
    }
    seen->is_known = count == 0 || seen->uidls != NULL;
    seen->are_gone = drained && seen->is_known;
    seen->count = seen->is_known ? count : 0;
    if (seen->count > 0)
        memcpy(seen->uidls, listing->uidls, seen->count * sizeof *seen->uidls);
}

void seen_forget(struct seen *seen)
{
    free(seen->uidls);
    *seen = (struct seen){0};
}

/* Messages stand in the same order as last time, so that each is looked for behind the one before.
 */
static bool walk(const struct seen *seen, const struct listing *listing, uint32_t index,
                 struct seen_cursor *cursor)
{
    if (!seen->is_known || cursor->misses >= MISSES_MAX)
        return false;
    uint32_t at = cursor->next;
    while (at < seen->count && seen->uidls[at] != listing->uidls[index])
        at++;
    if (at == seen->count) {
        cursor->misses += cursor->next < seen->count;
        return false;
    }
    cursor->next = at + 1;
    cursor->found++;
    cursor->misses = 0;
    return true;
}

static bool reserve(struct listing *listing, uint32_t count)
{
    if (count <= listing->room)
        return true;
    if (count > LISTING_MESSAGES_MAX)
        return false;
    uint32_t room = listing->room == 0 ? 16 : 2 * listing->room;
    /* STAT has said how many to expect, but is not believed beyond reason. */
    if (room < listing->stat_count && listing->stat_count < 16 * room)
        room = listing->stat_count;
    uint64_t *octets = realloc(listing->octets, room * sizeof *octets);
    if (octets != NULL)
        listing->octets = octets;
    uint64_t *uidls = realloc(listing->uidls, room * sizeof *uidls);
    if (uidls != NULL)
        listing->uidls = uidls;
    if (octets == NULL || uidls == NULL)
        return false;
    listing->room = room;
    return true;
}

/* Never 0, which the table takes for empty. */
static uint64_t hash_of(struct span text)
{
    uint64_t hash = text.length;
    for (size_t at = 0; at < text.length; at += 8) {
        uint64_t word = 0;
        size_t left = text.length - at;
        memcpy(&word, text.bytes + at, left < 8 ? left : 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
        hash ^= hash >> 29;
    }
    hash *= 0xBF58476D1CE4E5B9U;
    hash ^= hash >> 32;
    return hash == 0 ? 1 : hash;
}
