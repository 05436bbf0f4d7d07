/* verify_records: the passes of a verification over the records and the messages that they name.
 *
 * Liveness is taken from every good expunge record of the log, found by reading all of it, and not
 * from their chain: where the chain is broken, what an UPDATE removed stays removed.
 */
#include "storage/maildrop.h"
#include "storage/verify_pass.h"
#include "storage/wire_scan.h"

#include <string.h>

#define BITMAP_ORDINALS (LIVE_BITMAP_BYTES * 8)

static void check_record(struct verify *verify, uint32_t ordinal, const struct record *before,
                         const struct record *record);
static bool totals_follow(const struct record *before, const struct record *record,
                          uint32_t ordinal);
static bool expunge_is_possible(const struct record *record, uint32_t ordinal);
static enum mail_result check_message(struct verify *verify, struct wire_scan *scan,
                                      uint32_t ordinal, const struct record *record);
static enum mail_result load_bitmap(struct verify *verify, uint32_t first);
static void mark_expunged(struct verify *verify, const struct record *record, uint32_t ordinal);
static void found_structure(struct verify *verify, enum verify_kind kind, uint32_t ordinal);

enum mail_result verify_records(struct verify *verify)
{
    struct record before = {0};
    bool has_before = false;
    for (uint32_t ordinal = 0; ordinal < verify->end; ordinal++) {
        enum native_slot slot;
        struct record record;
        enum mail_result result = verify_slot(verify, ordinal, &slot, &record);
        if (result != MAIL_DONE)
            return result;
        if (slot != NATIVE_SLOT_GOOD)
            found_structure(verify, ordinal == 0 ? VERIFY_HEADER_DAMAGED : VERIFY_RECORD_DAMAGED,
                            ordinal);
        else
            check_record(verify, ordinal, has_before ? &before : NULL, &record);
        has_before = slot == NATIVE_SLOT_GOOD;
        before = record;
    }
    return MAIL_DONE;
}

enum mail_result verify_messages(struct verify *verify)
{
    struct wire_scan scan;
    uint64_t wire_end = 0;
    wire_scan_init(&scan, verify->access, verify->wire,
                   verify->access->scratch + VERIFY_BUFFER_PLACE, VERIFY_BUFFER_BYTES);
    struct record record;
    for (uint32_t ordinal = 1; ordinal < verify->end; ordinal++) {
        enum mail_result result = verify_next_live(verify, &ordinal, &record);
        if (result != MAIL_DONE)
            return result;
        if (ordinal == verify->end)
            break;
        verify->summary->message_count++;
        verify->summary->octets += record.octets;
        if (verify->wire < 0)
            continue;
        if (record.offset < wire_end)
            verify_found(verify, VERIFY_MESSAGE_OVERLAPS, ordinal, record.offset);
        result = check_message(verify, &scan, ordinal, &record);
        if (result != MAIL_DONE)
            return result;
        if (maildrop_wire_end(&record) > wire_end)
            wire_end = maildrop_wire_end(&record);
    }
    bool totals_fit = verify->summary->message_count == verify->tail.record.live_count &&
                      verify->summary->octets == verify->tail.record.live_octets;
    if (!totals_fit && !verify->needs_rewrite)
        found_structure(verify, VERIFY_TOTALS_WRONG, verify->tail.record_count - 1);
    return MAIL_DONE;
}

void verify_found(struct verify *verify, enum verify_kind kind, uint32_t ordinal, uint64_t offset)
{
    const struct verify_finding finding = {.kind = kind, .ordinal = ordinal, .offset = offset};
    verify->summary->structure_count += verify_class_of(kind) == VERIFY_STRUCTURE;
    verify->summary->content_count += verify_class_of(kind) == VERIFY_CONTENT;
    verify->reader->found(verify->reader->context, &finding);
}

enum mail_result verify_slot(struct verify *verify, uint32_t ordinal, enum native_slot *out_slot,
                             struct record *out_record)
{
    *out_record = (struct record){0};
    if (ordinal < verify->window_first || ordinal >= verify->window_end) {
        uint32_t left = verify->slot_count - ordinal;
        uint32_t count = left < LIVE_WINDOW_RECORDS ? left : LIVE_WINDOW_RECORDS;
        enum mail_result result =
            native_records_read(verify->access, verify->index, ordinal, count);
        if (result != MAIL_DONE)
            return result;
        verify->window_first = ordinal;
        verify->window_end = ordinal + count;
    }
    size_t place = (size_t)(ordinal - verify->window_first) * RECORD_BYTES;
    *out_slot = native_slot_read(verify->access->scratch + place, ordinal, out_record);
    return MAIL_DONE;
}

enum mail_result verify_is_expunged(struct verify *verify, uint32_t ordinal, bool *out_expunged)
{
    if (ordinal < verify->bitmap_first || ordinal >= verify->bitmap_end) {
        enum mail_result result = load_bitmap(verify, ordinal);
        if (result != MAIL_DONE)
            return result;
    }
    const char *bitmap = verify->access->scratch + LIVE_WINDOW_BYTES;
    uint32_t bit = ordinal - verify->bitmap_first;
    *out_expunged = ((unsigned char)bitmap[bit / 8] >> (bit % 8) & 1) != 0;
    return MAIL_DONE;
}

enum mail_result verify_look(struct verify *verify, uint32_t ordinal, enum native_slot *out_slot,
                             struct record *out_record, bool *out_expunged)
{
    /* In this order: the bitmap spoils the window. */
    enum mail_result result = verify_is_expunged(verify, ordinal, out_expunged);
    return result == MAIL_DONE ? verify_slot(verify, ordinal, out_slot, out_record) : result;
}

enum mail_result verify_next_live(struct verify *verify, uint32_t *ordinal,
                                  struct record *out_record)
{
    for (; *ordinal < verify->end; ++*ordinal) {
        enum native_slot slot;
        bool expunged;
        enum mail_result result = verify_look(verify, *ordinal, &slot, out_record, &expunged);
        if (result != MAIL_DONE)
            return result;
        if (slot == NATIVE_SLOT_GOOD && out_record->kind == RECORD_DELIVERY && !expunged)
            break;
    }
    return MAIL_DONE;
}

/* What a good record says of itself, and of the one before it where that is good, too. */
static void check_record(struct verify *verify, uint32_t ordinal, const struct record *before,
                         const struct record *record)
{
    if (record->kind == RECORD_MOVED) {
        verify_found(verify, VERIFY_MOVED_MARK, ordinal, 0);
        verify->needs_rewrite = true;
    }
    if (record->kind == RECORD_EXPUNGE && !expunge_is_possible(record, ordinal))
        found_structure(verify, VERIFY_EXPUNGE_WRONG, ordinal);
    if (ordinal == 0 && (record->live_count != 0 || record->live_octets != 0))
        found_structure(verify, VERIFY_TOTALS_WRONG, ordinal);
    if (!before)
        return;
    if (record->previous_crc != before->crc) {
        found_structure(verify, VERIFY_CHAIN_BROKEN, ordinal);
        return;
    }
    uint32_t group_index = before->commit ? 0 : before->group_index + 1u;
    if (record->group_index != group_index)
        found_structure(verify, VERIFY_GROUP_BROKEN, ordinal);
    if (!totals_follow(before, record, ordinal))
        found_structure(verify, VERIFY_TOTALS_WRONG, ordinal);
}

static bool totals_follow(const struct record *before, const struct record *record,
                          uint32_t ordinal)
{
    switch (record->kind) {
    case RECORD_DELIVERY:
        return record->live_count == before->live_count + 1 &&
               record->live_octets == before->live_octets + record->octets &&
               record->last_expunge == before->last_expunge;
    case RECORD_EXPUNGE:
        return record->live_count <= before->live_count &&
               record->live_octets <= before->live_octets && record->last_expunge == ordinal;
    case RECORD_HEADER:
    case RECORD_MOVED:
        return true;
    }
    return false;
}

static bool expunge_is_possible(const struct record *record, uint32_t ordinal)
{
    for (uint32_t i = 0; i < record->ranges.count; i++) {
        struct record_range range = record->ranges.items[i];
        if (range.first == 0 || range.count == 0 || range.first >= ordinal ||
            range.count > ordinal - range.first)
            return false;
    }
    return true;
}

static enum mail_result check_message(struct verify *verify, struct wire_scan *scan,
                                      uint32_t ordinal, const struct record *record)
{
    if (record->offset > verify->wire_bytes ||
        record->wire_bytes > verify->wire_bytes - record->offset) {
        verify_found(verify, VERIFY_MESSAGE_OUTSIDE, ordinal, record->offset);
        return MAIL_DONE;
    }
    struct wire_message message;
    bool found;
    enum mail_result result =
        wire_scan_at(scan, record->offset, maildrop_wire_end(record), &message, &found);
    if (result != MAIL_DONE)
        return result;
    bool fits = found && message.wire_bytes == record->wire_bytes &&
                message.octets == record->octets && message.header_bytes == record->header_bytes &&
                message.wire_crc == record->wire_crc;
    if (!fits)
        verify_found(verify, VERIFY_MESSAGE_DAMAGED, ordinal, record->offset);
    return MAIL_DONE;
}

/* Reads the whole log for the expunges that concern a stretch of ordinals from `first` on. Where
 * there is no tail, the end of a group may be what is damaged: only an expunge that commits by
 * itself is sure then. */
static enum mail_result load_bitmap(struct verify *verify, uint32_t first)
{
    memset(verify->access->scratch + LIVE_WINDOW_BYTES, 0, LIVE_BITMAP_BYTES);
    verify->bitmap_first = first;
    verify->bitmap_end = first;
    bool has_tail = verify->tail.record_count > 0;
    uint32_t end = has_tail ? verify->tail.record_count : verify->end;
    for (uint32_t ordinal = 0; ordinal < end; ordinal++) {
        enum native_slot slot;
        struct record record;
        enum mail_result result = verify_slot(verify, ordinal, &slot, &record);
        if (result != MAIL_DONE)
            return result;
        if (slot == NATIVE_SLOT_GOOD && record.kind == RECORD_EXPUNGE &&
            (has_tail || record.commit))
            mark_expunged(verify, &record, ordinal);
    }
    uint32_t left = verify->end - first;
    verify->bitmap_end = first + (left < BITMAP_ORDINALS ? left : BITMAP_ORDINALS);
    return MAIL_DONE;
}

/* An expunge that names what cannot be is not believed at all. */
static void mark_expunged(struct verify *verify, const struct record *record, uint32_t ordinal)
{
    if (!expunge_is_possible(record, ordinal))
        return;
    char *bitmap = verify->access->scratch + LIVE_WINDOW_BYTES;
    uint64_t bitmap_end = (uint64_t)verify->bitmap_first + BITMAP_ORDINALS;
    for (uint32_t i = 0; i < record->ranges.count; i++) {
        struct record_range range = record->ranges.items[i];
        uint64_t end = (uint64_t)range.first + range.count;
        uint64_t at = range.first > verify->bitmap_first ? range.first : verify->bitmap_first;
        for (; at < end && at < bitmap_end; at++) {
            uint64_t bit = at - verify->bitmap_first;
            bitmap[bit / 8] = (char)(bitmap[bit / 8] | 1 << (bit % 8));
        }
    }
}

static void found_structure(struct verify *verify, enum verify_kind kind, uint32_t ordinal)
{
    verify->needs_rewrite = true;
    verify_found(verify, kind, ordinal, 0);
}
