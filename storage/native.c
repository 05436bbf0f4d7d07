/* native: the driver of native maildrops, see native.h and docs/FORMAT.md.
 *
 * A session's view of the two files: the index says where a message lies, the wire file holds the
 * whole answer to RETR. Each message is checked before its first byte leaves, once a session.
 * Nothing is written here; the UPDATE is native_update.c.
 */
#include "storage/native.h"

#include "proto/must.h"
#include "storage/crc32c.h"
#include "storage/mailbox.h"
#include "storage/native_index.h"
#include "storage/native_map.h"
#include "storage/native_update.h"
#include "storage/native_wire.h"

#include <string.h>

#define WINDOW_MAX (DISK_SCRATCH_BYTES / RECORD_BYTES)

static enum mail_result native_open(struct mailbox *mailbox, const struct disk_access *access,
                                    const char *path, struct mail_view *out_view);
static enum mail_result native_facts(struct mailbox *mailbox, const struct disk_access *access,
                                     uint32_t first, uint32_t wanted, struct mail_fact *out_facts,
                                     uint32_t *out_count);
static enum mail_result native_body(struct mailbox *mailbox, const struct disk_access *access,
                                    uint32_t number, struct mail_range *out_range);
static enum mail_result native_top(struct mailbox *mailbox, const struct disk_access *access,
                                   uint32_t number, uint64_t lines, struct mail_range *out_range);
static enum mail_result native_commit(struct mailbox *mailbox, const struct disk_access *access,
                                      const uint64_t *marks);
static void native_close(struct mailbox *mailbox, struct disk *disk);
static enum mail_result message_find(struct native *native, const struct disk_access *access,
                                     uint32_t number, struct native_place *out_place);
static void keep_place(struct native *native, uint32_t number, const struct record *record);
static void fact_of(const char *bytes, uint32_t ordinal, const struct record *record,
                    struct mail_fact *out_fact);
static bool is_delivery(const char *bytes, uint32_t ordinal, struct record *out_record);

const struct mailbox_driver mailbox_native = {
    .name = "native",
    .open = native_open,
    .facts = native_facts,
    .body = native_body,
    .top = native_top,
    .commit = native_commit,
    .close = native_close,
};

static enum mail_result native_open(struct mailbox *mailbox, const struct disk_access *access,
                                    const char *path, struct mail_view *out_view)
{
    struct native *native = &mailbox->native;
    int file;
    struct native_tail tail;
    enum mail_result result = native_index_open(access, path, DISK_LOCK_SESSION, &file, &tail);
    if (result != MAIL_DONE)
        return result;
    if (file >= 0 && tail.record.live_count > tail.record_count - 1) {
        disk_close(access->disk, file);
        return MAIL_PERMANENT;
    }
    *native = (struct native){
        .index = file,
        .wire = -1,
        .record_count = tail.record_count,
        .tail_crc = tail.record.crc,
        .last_expunge = tail.record.last_expunge,
        .view = {tail.record.live_count, tail.record.live_octets},
        .path = path,
    };
    *out_view = native->view;
    return MAIL_DONE;
}

static enum mail_result native_facts(struct mailbox *mailbox, const struct disk_access *access,
                                     uint32_t first, uint32_t wanted, struct mail_fact *out_facts,
                                     uint32_t *out_count)
{
    struct native *native = &mailbox->native;
    must(first >= 1 && first <= native->view.count && wanted >= 1);
    uint32_t left = native->view.count - first + 1;
    uint32_t count = wanted < left ? wanted : left;
    uint32_t done = 0;
    while (done < count) {
        uint32_t ordinal, run;
        enum mail_result result = native_map_locate(native, access, first + done, &ordinal, &run);
        run = result == MAIL_DONE && run < count - done ? run : count - done;
        run = run < WINDOW_MAX ? run : WINDOW_MAX;
        if (result == MAIL_DONE)
            result = native_records_read(access, native->index, ordinal, run);
        if (result != MAIL_DONE && done == 0)
            return result;
        if (result != MAIL_DONE)
            break; /* fewer; who asks for the rest is told */
        struct record record;
        if (wanted == 1 && !is_delivery(access->scratch, ordinal, &record))
            return MAIL_PERMANENT;
        for (uint32_t i = 0; i < run; i++) {
            const char *bytes = access->scratch + (size_t)i * RECORD_BYTES;
            const bool is_good = is_delivery(bytes, ordinal + i, &record);
            fact_of(bytes, ordinal + i, is_good ? &record : NULL, &out_facts[done + i]);
            if (run - i <= NATIVE_PLACES)
                keep_place(native, first + done + i, is_good ? &record : NULL);
        }
        done += run;
    }
    *out_count = done;
    return MAIL_DONE;
}

static enum mail_result native_body(struct mailbox *mailbox, const struct disk_access *access,
                                    uint32_t number, struct mail_range *out_range)
{
    struct native *native = &mailbox->native;
    struct native_place place;
    uint64_t resident_bytes = 0;
    enum mail_result result = message_find(native, access, number, &place);
    if (result == MAIL_DONE)
        result = native_wire_check(native, access, number, &place, &resident_bytes);
    if (result != MAIL_DONE)
        return result;
    *out_range = (struct mail_range){.file = native->wire,
                                     .offset = place.offset,
                                     .bytes = place.wire_bytes,
                                     .resident_bytes = resident_bytes};
    return MAIL_DONE;
}

static enum mail_result native_top(struct mailbox *mailbox, const struct disk_access *access,
                                   uint32_t number, uint64_t lines, struct mail_range *out_range)
{
    struct native *native = &mailbox->native;
    struct native_place place;
    uint64_t resident_bytes = 0;
    uint64_t bytes;
    enum mail_result result = message_find(native, access, number, &place);
    if (result == MAIL_DONE)
        result = native_wire_check(native, access, number, &place, &resident_bytes);
    if (result == MAIL_DONE)
        result = native_wire_top(native, access, &place, lines, &bytes);
    if (result != MAIL_DONE)
        return result;
    char line[RECORD_FIRST_LINE_MAX];
    uint32_t first = record_first_line(place.octets, line);
    *out_range =
        (struct mail_range){.file = native->wire,
                            .offset = place.offset + first,
                            .bytes = bytes,
                            .resident_bytes = resident_bytes > first ? resident_bytes - first : 0};
    return MAIL_DONE;
}

static enum mail_result native_commit(struct mailbox *mailbox, const struct disk_access *access,
                                      const uint64_t *marks)
{
    if (access->patience == DISK_NOW)
        return MAIL_LATER;
    return native_update(&mailbox->native, access, marks);
}

static void native_close(struct mailbox *mailbox, struct disk *disk)
{
    struct native *native = &mailbox->native;
    if (native->wire >= 0)
        disk_close(disk, native->wire);
    if (native->index >= 0)
        disk_close(disk, native->index);
    native->wire = -1;
    native->index = -1;
}

/* Where a message lies, its lengths checked against each other; its neighbours are looked up with
 * it. A damaged record ends the look ahead, and is met when its own turn comes. */
static enum mail_result message_find(struct native *native, const struct disk_access *access,
                                     uint32_t number, struct native_place *out_place)
{
    uint32_t index = number - native->place_number;
    if (number < native->place_number || index >= native->place_count) {
        uint32_t ordinal, run;
        enum mail_result result = native_map_locate(native, access, number, &ordinal, &run);
        run = run < NATIVE_PLACES ? run : NATIVE_PLACES;
        if (result == MAIL_DONE)
            result = native_records_read(access, native->index, ordinal, run);
        if (result != MAIL_DONE)
            return result;
        native->place_count = 0;
        struct record record;
        for (uint32_t i = 0; i < run && native->place_count == i; i++) {
            const char *bytes = access->scratch + (size_t)i * RECORD_BYTES;
            keep_place(native, number + i,
                       is_delivery(bytes, ordinal + i, &record) ? &record : NULL);
        }
        index = 0;
    }
    if (index >= native->place_count)
        return MAIL_PERMANENT;
    *out_place = native->places[index];
    return MAIL_DONE;
}

/* Behind those that are kept, where it follows them; else instead of them. Nothing is kept of a
 * record that is damaged, or NULL. */
static void keep_place(struct native *native, uint32_t number, const struct record *record)
{
    if (number != native->place_number + native->place_count ||
        native->place_count == NATIVE_PLACES) {
        native->place_number = number;
        native->place_count = 0;
    }
    if (record == NULL)
        return;
    const struct native_place place = native_wire_place(record);
    if (native_wire_lengths_fit(&place))
        native->places[native->place_count++] = place;
}

static bool is_delivery(const char *bytes, uint32_t ordinal, struct record *out_record)
{
    return native_slot_read(bytes, ordinal, out_record) == NATIVE_SLOT_GOOD &&
           out_record->kind == RECORD_DELIVERY;
}

/* A message whose record is damaged keeps its place in a listing, so that the others can be had.
 * Its UIDL is none that a delivery makes: it tells no client that it knows this message, and cannot
 * come to mean another one, since it holds the checksum of the damaged bytes. */
static void fact_of(const char *bytes, uint32_t ordinal, const struct record *record,
                    struct mail_fact *out_fact)
{
    if (record != NULL) {
        out_fact->octets = record->octets;
        out_fact->uidl_length = record->uidl.length;
        memcpy(out_fact->uidl, record->uidl.bytes, record->uidl.length);
        return;
    }
    static const char digits[] = "0123456789abcdef";
    static const char prefix[] = "damaged-";
    uint64_t stamp = (uint64_t)ordinal << 32 | crc32c(0, bytes, RECORD_BYTES);
    uint8_t length = sizeof prefix - 1;
    memcpy(out_fact->uidl, prefix, length);
    for (int shift = 60; shift >= 0; shift -= 4)
        out_fact->uidl[length++] = digits[stamp >> shift & 15];
    out_fact->octets = 0;
    out_fact->uidl_length = length;
}
