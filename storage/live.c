/* live: the records of a maildrop that no UPDATE has removed, one after the other.
 *
 * The scratch holds the window of records first, because native_records_read reads there, and the
 * bitmap behind it.
 */
#include "storage/live.h"

#include "proto/must.h"

#include <string.h>

_Static_assert(LIVE_SCRATCH_BYTES <= DISK_SCRATCH_BYTES / 2, "half of the scratch is the caller's");

#define BITMAP_ORDINALS (LIVE_BITMAP_BYTES * 8)

static enum mail_result record_at(struct live *live, uint32_t ordinal, struct record *out_record);
static enum mail_result load_bitmap(struct live *live, uint32_t first);
static enum mail_result take_expunge(struct live *live, uint32_t ordinal, uint32_t *out_before);
static bool mark_range(struct live *live, struct record_range range, uint32_t expunge);

enum mail_result live_next(struct live *live, struct record *out_record, uint32_t *out_ordinal,
                           bool *out_end)
{
    *out_end = false;
    while (live->next < live->record_count) {
        uint32_t ordinal = live->next;
        bool expunged;
        enum mail_result result = live_is_expunged(live, ordinal, &expunged);
        if (result == MAIL_DONE)
            result = record_at(live, ordinal, out_record);
        if (result != MAIL_DONE)
            return result;
        if (out_record->previous_crc != live->previous_crc ||
            (out_record->kind == RECORD_HEADER) != (ordinal == 0))
            return MAIL_PERMANENT;

        live->previous_crc = out_record->crc;
        live->next++;
        *out_ordinal = ordinal;
        if (out_record->kind == RECORD_DELIVERY && !expunged)
            return MAIL_DONE;
    }
    *out_end = true;
    return MAIL_DONE;
}

void live_init(struct live *live, const struct disk_access *access, int index,
               const struct native_tail *tail)
{
    must(access->patience == DISK_WAIT);
    *live = (struct live){
        .access = access,
        .index = index,
        .record_count = tail->record_count,
        .last_expunge = tail->record.last_expunge,
    };
}

enum mail_result live_is_expunged(struct live *live, uint32_t ordinal, bool *out_expunged)
{
    if (ordinal < live->bitmap_first || ordinal >= live->bitmap_end) {
        enum mail_result result = load_bitmap(live, ordinal);
        if (result != MAIL_DONE)
            return result;
    }
    const char *bitmap = live->access->scratch + LIVE_WINDOW_BYTES;
    uint32_t bit = ordinal - live->bitmap_first;
    *out_expunged = ((unsigned char)bitmap[bit / 8] >> (bit % 8) & 1) != 0;
    return MAIL_DONE;
}

static enum mail_result record_at(struct live *live, uint32_t ordinal, struct record *out_record)
{
    if (ordinal < live->window_first || ordinal >= live->window_end) {
        uint32_t left = live->record_count - ordinal;
        uint32_t count = left < LIVE_WINDOW_RECORDS ? left : LIVE_WINDOW_RECORDS;
        enum mail_result result = native_records_read(live->access, live->index, ordinal, count);
        if (result != MAIL_DONE)
            return result;
        live->window_first = ordinal;
        live->window_end = ordinal + count;
    }
    size_t place = (size_t)(ordinal - live->window_first) * RECORD_BYTES;
    return record_decode(live->access->scratch + place, out_record) ? MAIL_DONE : MAIL_PERMANENT;
}

/* Fills the bitmap for the ordinals from `first` on, by one walk back along the expunge records. */
static enum mail_result load_bitmap(struct live *live, uint32_t first)
{
    memset(live->access->scratch + LIVE_WINDOW_BYTES, 0, LIVE_BITMAP_BYTES);
    live->window_first = 0;
    live->window_end = 0;
    live->bitmap_first = first;
    live->bitmap_end = first; /* nothing is in it unless the walk comes to its end */

    uint32_t expunge = live->last_expunge;
    if (expunge >= live->record_count)
        return MAIL_PERMANENT;
    while (expunge > first) { /* an expunge removes only what stands before it */
        enum mail_result result = take_expunge(live, expunge, &expunge);
        if (result != MAIL_DONE)
            return result;
    }
    uint32_t left = live->record_count - first;
    live->bitmap_end = first + (left < BITMAP_ORDINALS ? left : BITMAP_ORDINALS);
    return MAIL_DONE;
}

/* Marks what the expunge record at `ordinal` removed; the record before it names the expunge
 * before. */
static enum mail_result take_expunge(struct live *live, uint32_t ordinal, uint32_t *out_before)
{
    struct record before, expunge;
    enum mail_result result = native_records_read(live->access, live->index, ordinal - 1, 2);
    if (result != MAIL_DONE)
        return result;
    const char *bytes = live->access->scratch;
    if (!record_decode(bytes, &before) || !record_decode(bytes + RECORD_BYTES, &expunge))
        return MAIL_PERMANENT;
    if (expunge.kind != RECORD_EXPUNGE || expunge.last_expunge != ordinal ||
        expunge.previous_crc != before.crc || before.last_expunge >= ordinal)
        return MAIL_PERMANENT;
    for (uint32_t i = 0; i < expunge.ranges.count; i++) {
        if (!mark_range(live, expunge.ranges.items[i], ordinal))
            return MAIL_PERMANENT;
    }
    *out_before = before.last_expunge;
    return MAIL_DONE;
}

/* Sets the bits of a range where they are in the bitmap; false where the range cannot be. */
static bool mark_range(struct live *live, struct record_range range, uint32_t expunge)
{
    if (range.first == 0 || range.count == 0 || range.first >= expunge ||
        range.count > expunge - range.first)
        return false;

    char *bitmap = live->access->scratch + LIVE_WINDOW_BYTES;
    uint64_t window_end = (uint64_t)live->bitmap_first + BITMAP_ORDINALS;
    uint64_t end = (uint64_t)range.first + range.count;
    uint64_t ordinal = range.first > live->bitmap_first ? range.first : live->bitmap_first;
    for (; ordinal < end && ordinal < window_end; ordinal++) {
        uint64_t bit = ordinal - live->bitmap_first;
        bitmap[bit / 8] = (char)(bitmap[bit / 8] | 1 << (bit % 8));
    }
    return true;
}
