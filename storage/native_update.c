/* native_update: see native_update.h.
 *
 * One group of expunge records, one write, one sync; a QUIT is answered by what they did. Space is
 * given back afterwards. Bytes that a slow reader is still being sent never change: mail is cut off
 * as a whole file or punched out in whole blocks, and nothing is written over.
 */
#include "storage/native_update.h"

#include "proto/must.h"
#include "storage/compact.h"
#include "storage/maildrop.h"
#include "storage/native_group.h"
#include "storage/native_map.h"
#include "storage/native_wire.h"

#define WINDOW_MAX (DISK_SCRATCH_BYTES / RECORD_BYTES)

/* A smaller stretch of dead mail is not worth the file system's journal; compaction gets it. */
#define PUNCH_BYTES_MIN (16 * 1024)

/* Records that the index of an emptied maildrop may keep: 64 KiB, which cost a session one read of
 * a few of them, and the mails that made them share the price of the rewrite. */
#define EMPTY_RECORDS_MAX 512

/* Goes over the marked messages in the order of their numbers. */
struct marked {
    struct native *native;
    const struct disk_access *access;
    const uint64_t *marks;
    uint32_t number;        /* the message that marked_next gave last */
    uint32_t window_number; /* records of window_number..window_end-1 are in scratch, */
    uint32_t window_end;
    uint32_t window_ordinal; /* the first of them has this ordinal */
    uint32_t ordinal;        /* of `number` */
    struct record record;
};

static enum mail_result update_locked(struct native *native, const struct disk_access *access,
                                      const uint64_t *marks);
static enum mail_result snapshot_check(struct native *native, const struct disk_access *access,
                                       struct native_tail *out_tail);
static enum mail_result expunge(struct native *native, const struct disk_access *access,
                                const uint64_t *marks, struct native_tail *tail);
static void give_space_back(struct native *native, const struct disk_access *access,
                            const uint64_t *marks, const struct native_tail *tail);
static uint32_t mark_from(const struct marked *marked, uint32_t number);
static enum mail_result marked_next(struct marked *marked, bool *out_end);

enum mail_result native_update(struct native *native, const struct disk_access *access,
                               const uint64_t *marks)
{
    must(access->patience == DISK_WAIT);
    const struct marked all = {.native = native, .marks = marks};
    if (mark_from(&all, 1) > native->view.count)
        return MAIL_DONE;
    int error = disk_lock(access->disk, native->index, DISK_LOCK_DELIVERY, DISK_WAIT);
    if (error < 0)
        return native_result(error);
    enum mail_result result = update_locked(native, access, marks);
    disk_unlock(access->disk, native->index, DISK_LOCK_DELIVERY);
    return result;
}

static enum mail_result update_locked(struct native *native, const struct disk_access *access,
                                      const uint64_t *marks)
{
    struct native_tail tail;
    enum mail_result result = snapshot_check(native, access, &tail);
    if (result == MAIL_DONE)
        result = compact_settle(access, native->path, native->index, &tail);
    if (result == MAIL_DONE)
        result = expunge(native, access, marks, &tail);
    if (result == MAIL_DONE)
        give_space_back(native, access, marks, &tail);
    return result;
}

/* Whether the log still holds what the session saw. A delivery whose sync failed is taken back, and
 * another message may have its ordinal now. */
static enum mail_result snapshot_check(struct native *native, const struct disk_access *access,
                                       struct native_tail *out_tail)
{
    enum mail_result result = native_tail_read(access, native->index, out_tail);
    if (result == MAIL_DONE && out_tail->record.kind == RECORD_MOVED)
        result = native_tail_before_moved(access, native->index, out_tail);
    if (result != MAIL_DONE)
        return result;
    if (out_tail->record_count < native->record_count)
        return MAIL_TEMPORARY;
    uint32_t last = native->record_count - 1;
    result = native_records_read(access, native->index, last, 1);
    if (result != MAIL_DONE)
        return result;
    struct record record;
    bool same = native_slot_read(access->scratch, last, &record) == NATIVE_SLOT_GOOD &&
                record.crc == native->tail_crc;
    return same ? MAIL_DONE : MAIL_TEMPORARY;
}

/* An expunge record behind `tail`, still without ranges. */
static struct record expunge_record(const struct native_tail *tail, uint32_t ordinal)
{
    return (struct record){
        .kind = RECORD_EXPUNGE,
        .offset = maildrop_wire_end(&tail->record),
        .live_count = tail->record.live_count,
        .live_octets = tail->record.live_octets,
        .last_expunge = ordinal,
    };
}

/* Adds the message to the record's ranges: to the last one where it is the neighbour of the message
 * before (no live record lies between), else to a new one. */
static void add_range(struct record *record, uint32_t ordinal, bool is_neighbour)
{
    if (is_neighbour) {
        struct record_range *last = &record->ranges.items[record->ranges.count - 1];
        last->count = ordinal - last->first + 1;
        return;
    }
    record->ranges.items[record->ranges.count++] = (struct record_range){ordinal, 1};
}

/* Removes the message from the totals; false where they do not hold it. */
static bool subtract(struct record *record, uint32_t octets)
{
    if (record->live_count == 0 || record->live_octets < octets)
        return false;
    record->live_count--;
    record->live_octets -= octets;
    return true;
}

/* Writes the expunge records as one group; `tail` is the new one on MAIL_DONE. */
static enum mail_result expunge(struct native *native, const struct disk_access *access,
                                const uint64_t *marks, struct native_tail *tail)
{
    struct native_group group;
    struct marked marked = {.native = native, .access = access, .marks = marks};
    struct record record = expunge_record(tail, tail->record_count);
    enum mail_result result = native_group_begin(&group, access, native->index, tail);
    if (result != MAIL_DONE)
        return result;
    for (uint32_t before = 0;; before = marked.number) {
        bool end;
        result = marked_next(&marked, &end);
        if (result != MAIL_DONE || end)
            break;
        bool is_neighbour = before != 0 && marked.number == before + 1;
        if (!is_neighbour && record.ranges.count == RECORD_RANGES_MAX) {
            result = native_group_add(&group, &record);
            if (result != MAIL_DONE)
                return result;
            record.last_expunge++;
            record.ranges.count = 0;
        }
        add_range(&record, marked.ordinal, is_neighbour);
        if (!subtract(&record, marked.record.octets)) {
            result = MAIL_PERMANENT;
            break;
        }
    }
    if (result != MAIL_DONE) {
        native_group_cancel(&group);
        return result;
    }
    result = native_group_add(&group, &record);
    return result == MAIL_DONE ? native_group_end(&group, tail) : result;
}

/* The first marked number from `number` on, or one above view.count. */
static uint32_t mark_from(const struct marked *marked, uint32_t number)
{
    uint32_t count = marked->native->view.count;
    for (uint32_t bit = number - 1; bit < count; bit = (bit | 63) + 1) {
        uint64_t word = marked->marks[bit / 64] >> bit % 64;
        if (word != 0) {
            uint32_t found = bit + (uint32_t)__builtin_ctzll(word);
            return found < count ? found + 1 : count + 1;
        }
    }
    return count + 1;
}

/* How many messages from `number` on are marked without a gap, at most `limit`. */
static uint32_t marks_in_a_row(const struct marked *marked, uint32_t number, uint32_t limit)
{
    uint32_t count = 0;
    while (count < limit && number + count <= marked->native->view.count &&
           mark_from(marked, number + count) == number + count)
        count++;
    return count;
}

/* The next marked message with its record. MAIL_PERMANENT where that is damaged. */
static enum mail_result marked_next(struct marked *marked, bool *out_end)
{
    struct native *native = marked->native;
    uint32_t number = mark_from(marked, marked->number + 1);
    *out_end = number > native->view.count;
    if (*out_end)
        return MAIL_DONE;
    if (number >= marked->window_end) {
        uint32_t ordinal, run;
        enum mail_result result = native_map_locate(native, marked->access, number, &ordinal, &run);
        if (result != MAIL_DONE)
            return result;
        uint32_t count = marks_in_a_row(marked, number, run < WINDOW_MAX ? run : WINDOW_MAX);
        result = native_records_read(marked->access, native->index, ordinal, count);
        if (result != MAIL_DONE)
            return result;
        marked->window_number = number;
        marked->window_end = number + count;
        marked->window_ordinal = ordinal;
    }
    uint32_t place = number - marked->window_number;
    marked->number = number;
    marked->ordinal = marked->window_ordinal + place;
    const char *bytes = marked->access->scratch + (size_t)place * RECORD_BYTES;
    bool good = native_slot_read(bytes, marked->ordinal, &marked->record) == NATIVE_SLOT_GOOD &&
                marked->record.kind == RECORD_DELIVERY;
    return good ? MAIL_DONE : MAIL_PERMANENT;
}

/* Nothing is live: the whole wire goes. The index is not cut in place: power could go when the
 * zeros behind its new end are on the disk and its new size is not, and a last record that is gone
 * so would bring back what it removed. It keeps its dead records until a rewrite is worth its
 * syncs. */
static void empty_files(struct native *native, const struct disk_access *access,
                        const struct native_tail *tail)
{
    (void)disk_truncate(access->disk, native->wire, 0);
    if (tail->record_count >= EMPTY_RECORDS_MAX)
        (void)compact_index(access, native->path, native->index, tail);
}

static void punch(const struct native *native, const struct disk_access *access, uint64_t offset,
                  uint64_t end)
{
    if (end - offset >= PUNCH_BYTES_MIN)
        (void)disk_punch(access->disk, native->wire, offset, end - offset);
}

/* Punches stretches of marked messages that lie next to each other in the wire. */
static void punch_marked(struct native *native, const struct disk_access *access,
                         const uint64_t *marks)
{
    struct marked marked = {.native = native, .access = access, .marks = marks};
    uint64_t offset = 0, end = 0;
    bool over = false;
    while (marked_next(&marked, &over) == MAIL_DONE && !over) {
        const struct record *record = &marked.record;
        struct native_place place = native_wire_place(record);
        if (!native_wire_lengths_fit(&place))
            continue;
        if (record->offset != end) {
            punch(native, access, offset, end);
            offset = record->offset;
        }
        end = record->offset + record->wire_bytes;
    }
    punch(native, access, offset, end);
}

/* The messages are gone whatever happens here, so that nothing of it is reported. */
static void give_space_back(struct native *native, const struct disk_access *access,
                            const uint64_t *marks, const struct native_tail *tail)
{
    if (native_wire_open(native, access) != MAIL_DONE)
        return;
    if (tail->record.live_count == 0) {
        empty_files(native, access, tail);
        return;
    }
    punch_marked(native, access, marks);
    struct native after = *native;
    after.record_count = tail->record_count;
    after.last_expunge = tail->record.last_expunge;
    after.view = (struct mail_view){tail->record.live_count, tail->record.live_octets};
    uint32_t runs;
    if (compact_is_worth_it(tail) ||
        (native_map_count_runs(&after, access, &runs) == MAIL_DONE && runs > NATIVE_RUNS_MAX))
        (void)compact_index(access, native->path, native->index, tail);
}
