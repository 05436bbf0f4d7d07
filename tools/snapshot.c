/* snapshot: walks over the messages of a maildrop; see snapshot.h.
 *
 * Which records an UPDATE has removed is the business of storage/live; the records themselves are
 * read here, so that a damaged one takes its number and hides no other. It owns its two handles.
 */
#include "tools/snapshot.h"

#include "storage/crc32c.h"
#include "storage/users.h"

#include <errno.h>
#include <string.h>

static enum mail_result open_unlocked(struct snapshot *snapshot);
static enum mail_result read_record(struct snapshot *snapshot, uint32_t ordinal,
                                    struct record *out_record, bool *out_damaged);
static enum mail_result open_wire(struct snapshot *snapshot);
static enum mail_result read_wire(struct snapshot *snapshot, const struct record *record,
                                  uint64_t from, struct span *out_wire);

enum mail_result snapshot_open(struct snapshot *snapshot, const struct disk_access *access,
                               const char *path, bool lock)
{
    *snapshot =
        (struct snapshot){.access = access, .path = path, .index = -1, .wire = -1, .ordinal = 1};
    enum mail_result result = lock ? MAIL_PERMANENT : open_unlocked(snapshot);
    /* Without an index that can be read it must be found out whether there is no mail yet or a
     * damage: native_index_open knows, and nobody is disturbed where there is nothing to lock. */
    if (result == MAIL_PERMANENT)
        result =
            native_index_open(access, path, DISK_LOCK_SESSION, &snapshot->index, &snapshot->tail);
    if (result != MAIL_DONE)
        snapshot_close(snapshot);
    else if (snapshot->index >= 0)
        live_init(&snapshot->live, access, snapshot->index, &snapshot->tail);
    return result;
}

/* The moment's end of the log. What a compaction that runs adds to it is passed over. */
static enum mail_result open_unlocked(struct snapshot *snapshot)
{
    const struct disk_access *access = snapshot->access;
    char index_path[USERS_FILE_BYTES];
    users_file(snapshot->path, "index", index_path);
    const int index = disk_open(access->disk, index_path, DISK_READ, DISK_WAIT);
    if (index < 0)
        return index == -ENOENT ? MAIL_PERMANENT : native_result(index);
    enum mail_result result = native_tail_read(access, index, &snapshot->tail);
    if (result == MAIL_DONE && snapshot->tail.record.kind == RECORD_MOVED)
        result = native_tail_before_moved(access, index, &snapshot->tail);
    if (result == MAIL_DONE)
        snapshot->index = index;
    else
        disk_close(access->disk, index);
    return result;
}

void snapshot_close(struct snapshot *snapshot)
{
    if (snapshot->index >= 0)
        disk_close(snapshot->access->disk, snapshot->index);
    if (snapshot->wire >= 0)
        disk_close(snapshot->access->disk, snapshot->wire);
    snapshot->index = -1;
    snapshot->wire = -1;
}

enum mail_result snapshot_next(struct snapshot *snapshot, struct snapshot_message *out_message,
                               bool *out_end)
{
    *out_end = false;
    while (snapshot->index >= 0 && snapshot->ordinal < snapshot->tail.record_count) {
        const uint32_t ordinal = snapshot->ordinal++;
        bool expunged = false;
        enum mail_result result = live_is_expunged(&snapshot->live, ordinal, &expunged);
        if (result != MAIL_DONE)
            return result;
        *out_message = (struct snapshot_message){0};
        result = read_record(snapshot, ordinal, &out_message->record, &out_message->damaged);
        if (result != MAIL_DONE)
            return result;
        if (expunged || (!out_message->damaged && out_message->record.kind != RECORD_DELIVERY))
            continue;
        out_message->number = ++snapshot->number;
        return MAIL_DONE;
    }
    *out_end = true;
    return MAIL_DONE;
}

static enum mail_result read_record(struct snapshot *snapshot, uint32_t ordinal,
                                    struct record *out_record, bool *out_damaged)
{
    if (ordinal < snapshot->window_first || ordinal >= snapshot->window_end) {
        const uint32_t there = snapshot->tail.record_count - ordinal;
        const uint32_t count = there < SNAPSHOT_WINDOW_RECORDS ? there : SNAPSHOT_WINDOW_RECORDS;
        const int64_t bytes = (int64_t)count * RECORD_BYTES;
        snapshot->window_end = 0;
        const int64_t got = disk_read(snapshot->access->disk, snapshot->index, snapshot->window,
                                      (size_t)bytes, (uint64_t)ordinal * RECORD_BYTES, DISK_WAIT);
        /* Shorter than a moment ago: an UPDATE has emptied the maildrop. */
        if (got != bytes)
            return got < 0 ? native_result(got) : MAIL_TEMPORARY;
        snapshot->window_first = ordinal;
        snapshot->window_end = ordinal + count;
    }
    const size_t offset = (size_t)(ordinal - snapshot->window_first) * RECORD_BYTES;
    *out_damaged = !record_decode(snapshot->window + offset, out_record);
    return MAIL_DONE;
}

static enum mail_result open_wire(struct snapshot *snapshot)
{
    char path[USERS_FILE_BYTES], bytes[RECORD_BYTES];
    struct record header;
    if (snapshot->wire >= 0)
        return MAIL_DONE;
    const int64_t got =
        disk_read(snapshot->access->disk, snapshot->index, bytes, RECORD_BYTES, 0, DISK_WAIT);
    if (got < 0)
        return native_result(got);
    if (got != RECORD_BYTES || !record_decode(bytes, &header) || header.kind != RECORD_HEADER)
        return MAIL_PERMANENT;
    native_wire_path(snapshot->path, header.header.wire_generation, path);
    const int wire = disk_open(snapshot->access->disk, path, DISK_READ, DISK_WAIT);
    if (wire < 0)
        return wire == -ENOENT ? MAIL_PERMANENT : native_result(wire);
    snapshot->wire = wire;
    return MAIL_DONE;
}

enum mail_result snapshot_check(struct snapshot *snapshot, const struct snapshot_message *message,
                                bool *out_cr_ends_line)
{
    static const char end_mark[] = "\r\n.\r\n";
    const struct record *record = &message->record;
    char first_line[RECORD_FIRST_LINE_MAX];
    char last[5] = "";
    uint32_t crc = 0;
    struct span wire;
    *out_cr_ends_line = false;
    if (message->damaged)
        return MAIL_PERMANENT;
    const uint32_t first_bytes = record_first_line(record->octets, first_line);
    if (record->wire_bytes < first_bytes + 3)
        return MAIL_PERMANENT;
    for (uint64_t at = 0; at < record->wire_bytes; at += wire.length) {
        enum mail_result result = read_wire(snapshot, record, at, &wire);
        if (result != MAIL_DONE)
            return result;
        if (at == 0 && (wire.length < first_bytes || memcmp(wire.bytes, first_line, first_bytes)))
            return MAIL_PERMANENT;
        crc = crc32c(crc, wire.bytes, wire.length);
        /* The last bytes of the piece before are kept, for what lies across two pieces. */
        char seam[sizeof last + 2];
        const size_t more = wire.length < 2 ? wire.length : 2;
        memcpy(seam, last, sizeof last);
        memcpy(seam + sizeof last, wire.bytes, more);
        if (memmem(seam, sizeof last + more, "\r\r\n", 3) != NULL ||
            memmem(wire.bytes, wire.length, "\r\r\n", 3) != NULL)
            *out_cr_ends_line = true;
        const size_t kept = wire.length < sizeof last ? wire.length : sizeof last;
        memmove(last, last + kept, sizeof last - kept);
        memcpy(last + sizeof last - kept, wire.bytes + wire.length - kept, kept);
    }
    return crc == record->wire_crc && memcmp(last, end_mark, sizeof last) == 0 ? MAIL_DONE
                                                                               : MAIL_PERMANENT;
}

enum mail_result snapshot_read(struct snapshot *snapshot, const struct snapshot_message *message,
                               uint64_t *at, struct span *out_wire)
{
    char first_line[RECORD_FIRST_LINE_MAX];
    const uint32_t first_bytes = record_first_line(message->record.octets, first_line);
    enum mail_result result = read_wire(snapshot, &message->record, first_bytes + *at, out_wire);
    if (result == MAIL_DONE)
        *at += out_wire->length;
    return result;
}

/* Into that part of the scratch that the walk does not use. Nothing at the message's end. */
static enum mail_result read_wire(struct snapshot *snapshot, const struct record *record,
                                  uint64_t from, struct span *out_wire)
{
    char *buffer = snapshot->access->scratch + LIVE_SCRATCH_BYTES;
    const uint64_t left = from < record->wire_bytes ? record->wire_bytes - from : 0;
    const uint64_t room = DISK_SCRATCH_BYTES - LIVE_SCRATCH_BYTES;
    const size_t wanted = (size_t)(left < room ? left : room);
    *out_wire = (struct span){buffer, wanted};
    enum mail_result result = open_wire(snapshot);
    if (wanted == 0 || result != MAIL_DONE)
        return result;
    const int64_t got = disk_read(snapshot->access->disk, snapshot->wire, buffer, wanted,
                                  record->offset + from, DISK_WAIT);
    if (got < 0)
        return native_result(got);
    return (size_t)got == wanted ? MAIL_DONE : MAIL_PERMANENT;
}
