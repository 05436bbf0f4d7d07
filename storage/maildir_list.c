/* maildir_list: see maildir_list.h.
 *
 * The hash is of the base's CRC32C: whoever can choose file names in a Maildir can read its mail,
 * too, so nobody needs to be kept from choosing names that collide. Sorting is a merge sort over
 * numbers of items, in memory of its own while it runs; what is in order already costs one look at
 * each.
 */
#include "storage/maildir_list.h"

#include "storage/crc32c.h"
#include "storage/maildir_name.h"

#include <string.h>

#define ITEMS_FIRST 64
#define TEXT_FIRST  8192

/* The name's length is kept in a byte; Linux has none longer (NAME_MAX). */
#define NAME_BYTES_MAX 255

static void *grow(struct disk *disk, void *block, uint32_t *max, uint64_t wanted, size_t each,
                  uint32_t first);
static bool grow_slots(struct maildir_list *list);
static uint32_t *slot_of(const struct maildir_list *list, uint32_t hash, struct span base);
static bool keep_text(struct maildir_list *list, struct span text, uint32_t *out_offset);
static bool comes_before(const struct maildir_list *list, uint32_t a, uint32_t b);

void maildir_list_init(struct maildir_list *list, struct disk *disk)
{
    *list = (struct maildir_list){.disk = disk};
}

void maildir_list_fini(struct maildir_list *list)
{
    disk_memory(list->disk, list->items, 0);
    disk_memory(list->disk, list->text, 0);
    disk_memory(list->disk, list->slots, 0);
    *list = (struct maildir_list){.disk = list->disk};
}

void maildir_list_clear(struct maildir_list *list)
{
    list->count = 0;
    list->text_bytes = 0;
    list->uid_validity = 0;
    if (list->slots != NULL)
        memset(list->slots, 0, ((size_t)list->slot_mask + 1) * sizeof *list->slots);
}

/* The sums of names that count up lie close together; the product spreads them. */
static uint32_t hash_of(struct span base)
{
    uint32_t hash = crc32c(0, base.bytes, base.length) * 0x9E3779B1;
    return hash ^ hash >> 15;
}

bool maildir_list_add(struct maildir_list *list, struct span name, bool in_new)
{
    struct maildir_name parsed;
    if (name.length > NAME_BYTES_MAX || !maildir_name_parse(name, &parsed))
        return true;
    if (parsed.base.length == 0)
        return true;
    struct maildir_item *items = grow(list->disk, list->items, &list->items_max,
                                      (uint64_t)list->count + 1, sizeof *items, ITEMS_FIRST);
    if (items == NULL)
        return false;
    list->items = items;
    if (!grow_slots(list))
        return false;
    uint32_t hash = hash_of(parsed.base);
    uint32_t *slot = slot_of(list, hash, parsed.base);
    uint32_t text;
    if (!keep_text(list, name, &text))
        return false;
    if (*slot == 0) {
        list->items[list->count] = (struct maildir_item){.hash = hash, .order = UINT32_MAX};
        *slot = ++list->count;
    }
    struct maildir_item *item = &list->items[*slot - 1];
    item->name = text;
    item->name_bytes = (uint8_t)name.length;
    item->base_bytes = (uint8_t)parsed.base.length;
    item->in_new = in_new;
    return true;
}

struct maildir_item *maildir_list_find(const struct maildir_list *list, struct span name)
{
    const char *info = name.length > 0 ? memchr(name.bytes, ':', name.length) : NULL;
    if (info != NULL)
        name.length = (size_t)(info - name.bytes);
    if (list->count == 0 || name.length == 0)
        return NULL;
    uint32_t *slot = slot_of(list, hash_of(name), name);
    return *slot == 0 ? NULL : &list->items[*slot - 1];
}

bool maildir_list_set_uidl(struct maildir_list *list, struct maildir_item *item, struct span uidl)
{
    item->uidl_bytes = (uint8_t)uidl.length;
    return keep_text(list, uidl, &item->uidl);
}

bool maildir_list_set_guid(struct maildir_list *list, struct maildir_item *item, struct span guid)
{
    item->guid_bytes = (uint8_t)guid.length;
    return keep_text(list, guid, &item->guid);
}

struct span maildir_list_name(const struct maildir_list *list, const struct maildir_item *item)
{
    return (struct span){list->text + item->name, item->name_bytes};
}

struct span maildir_list_base(const struct maildir_list *list, const struct maildir_item *item)
{
    return (struct span){list->text + item->name, item->base_bytes};
}

struct span maildir_list_uidl(const struct maildir_list *list, const struct maildir_item *item)
{
    return (struct span){list->text + item->uidl, item->uidl_bytes};
}

struct span maildir_list_guid(const struct maildir_list *list, const struct maildir_item *item)
{
    return (struct span){list->text + item->guid, item->guid_bytes};
}

/* Runs of the same order, two by two, into the other half, until there is one. */
static const uint32_t *merge_runs(const struct maildir_list *list, uint32_t *from, uint32_t *to)
{
    uint32_t count = list->count;
    for (;;) {
        uint32_t runs = 0;
        for (uint32_t at = 0; at < count; runs++) {
            uint32_t middle = at + 1;
            while (middle < count && !comes_before(list, from[middle], from[middle - 1]))
                middle++;
            uint32_t end = middle + (middle < count);
            while (end < count && !comes_before(list, from[end], from[end - 1]))
                end++;
            uint32_t left = at, right = middle;
            for (uint32_t out = at; out < end; out++) {
                bool take_left =
                    right >= end || (left < middle && !comes_before(list, from[right], from[left]));
                to[out] = take_left ? from[left++] : from[right++];
            }
            at = end;
        }
        if (runs <= 1)
            return to;
        uint32_t *other = from;
        from = to;
        to = other;
    }
}

bool maildir_list_sort(struct maildir_list *list)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (!list->items[i].is_left_out)
            list->items[kept++] = list->items[i];
    list->count = kept;
    if (kept == 0)
        return true;
    struct maildir_item *sorted = disk_memory(list->disk, NULL, kept * sizeof *sorted);
    uint32_t *numbers = disk_memory(list->disk, NULL, 2 * (size_t)kept * sizeof *numbers);
    bool done = sorted != NULL && numbers != NULL;
    if (done) {
        for (uint32_t i = 0; i < kept; i++)
            numbers[i] = i;
        const uint32_t *order = merge_runs(list, numbers, numbers + kept);
        for (uint32_t i = 0; i < kept; i++)
            sorted[i] = list->items[order[i]];
        memcpy(list->items, sorted, kept * sizeof *sorted);
    }
    disk_memory(list->disk, numbers, 0);
    disk_memory(list->disk, sorted, 0);
    return done;
}

static bool comes_before(const struct maildir_list *list, uint32_t a, uint32_t b)
{
    const struct maildir_item *first = &list->items[a];
    const struct maildir_item *second = &list->items[b];
    if (first->order != second->order)
        return first->order < second->order;
    /* Without a UID comes last. */
    if (first->uid != second->uid)
        return first->uid - 1 < second->uid - 1;
    return maildir_name_compare(maildir_list_base(list, first), maildir_list_base(list, second)) <
           0;
}

/* The block with room for `wanted` things of `each` bytes, twice as many as before where it grows;
 * NULL where there is no memory, and the block is as it was. */
static void *grow(struct disk *disk, void *block, uint32_t *max, uint64_t wanted, size_t each,
                  uint32_t first)
{
    if (wanted <= *max)
        return block;
    uint64_t more = *max == 0 ? first : 2 * (uint64_t)*max;
    while (more < wanted)
        more *= 2;
    void *grown = more > UINT32_MAX / 2 ? NULL : disk_memory(disk, block, (size_t)more * each);
    if (grown != NULL)
        *max = (uint32_t)more;
    return grown;
}

/* At most half of the slots are taken, with the item that is about to come. */
static bool grow_slots(struct maildir_list *list)
{
    uint64_t wanted = list->slots == NULL ? 0 : (uint64_t)list->slot_mask + 1;
    if (2 * ((uint64_t)list->count + 1) <= wanted)
        return true;
    wanted = wanted == 0 ? 2 * ITEMS_FIRST : 2 * wanted;
    uint32_t *slots = disk_memory(list->disk, list->slots, (size_t)wanted * sizeof *slots);
    if (slots == NULL)
        return false;
    memset(slots, 0, (size_t)wanted * sizeof *slots);
    list->slots = slots;
    list->slot_mask = (uint32_t)wanted - 1;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct maildir_item *item = &list->items[i];
        *slot_of(list, item->hash, maildir_list_base(list, item)) = i + 1;
    }
    return true;
}

/* The slot that holds the base, or the empty one where it would be. */
static uint32_t *slot_of(const struct maildir_list *list, uint32_t hash, struct span base)
{
    for (uint32_t at = hash & list->slot_mask;; at = (at + 1) & list->slot_mask) {
        uint32_t *slot = &list->slots[at];
        if (*slot == 0)
            return slot;
        const struct maildir_item *item = &list->items[*slot - 1];
        if (item->hash == hash && span_equal(maildir_list_base(list, item), base))
            return slot;
    }
}

static bool keep_text(struct maildir_list *list, struct span text, uint32_t *out_offset)
{
    char *grown = grow(list->disk, list->text, &list->text_max,
                       (uint64_t)list->text_bytes + text.length, 1, TEXT_FIRST);
    if (grown == NULL)
        return false;
    list->text = grown;
    memcpy(list->text + list->text_bytes, text.bytes, text.length);
    *out_offset = list->text_bytes;
    list->text_bytes += (uint32_t)text.length;
    return true;
}
