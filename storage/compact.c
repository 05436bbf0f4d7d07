/* compact: gives the space of a maildrop's dead records and dead mail back.
 *
 * Order of a full compaction: new wire file, sync; new index, sync; sync of the folder, so that
 * both names are there whatever happens; RECORD_MOVED into the old index; rename; sync of the
 * folder; only then the old wire file goes. At each point one of the two indexes is at the name,
 * and the files that it needs are durable.
 */
#include "storage/compact.h"

#include "proto/must.h"
#include "storage/live.h"
#include "storage/maildrop.h"
#include "storage/new_index.h"
#include "storage/wire.h"

#include <errno.h>
#include <string.h>

/* Behind the walk's memory: records of the new index, and a buffer to copy mail. */
#define COPY_PLACE (LIVE_SCRATCH_BYTES + NEW_INDEX_BUFFER_BYTES)
#define COPY_BYTES (DISK_SCRATCH_BYTES - COPY_PLACE)

/* Fewer dead records or bytes than this are not worth the syncs. */
#define WORTH_RECORDS_MIN (4096 / RECORD_BYTES)
#define WORTH_WIRE_MIN    (64 * 1024)

/* A compaction on its way. Handles are -1 while they are not open. */
struct compaction {
    const struct disk_access *access;
    const char *path;
    int index; /* the old one; its locks are held */
    int wire;
    struct new_index new_index;
    int new_wire;
    bool copies_wire;
    struct native_tail tail;
    uint32_t generation; /* of `wire` */
    uint32_t new_generation;
    uint64_t new_wire_bytes;
    uint32_t damaged_count;
};

static enum mail_result open_locked(struct compaction *compaction, bool *out_missing);
static enum mail_result measure(const struct compaction *compaction, uint64_t *out_index_bytes,
                                uint64_t *out_wire_bytes);
static enum mail_result remove_leftovers(const struct compaction *compaction);
static enum mail_result rewrite(struct compaction *compaction);
static enum mail_result write_new_files(struct compaction *compaction);
static enum mail_result copy_records(struct compaction *compaction);
static enum mail_result copy_message(struct compaction *compaction, struct record *record);
static enum mail_result remove_wire(const struct compaction *compaction, uint32_t generation);
static enum mail_result remove_file(const struct compaction *compaction, const char *name);
static enum mail_result open_new_wire(struct compaction *compaction);
static void close_file(const struct compaction *compaction, int *file);
static uint32_t other_generation(uint32_t generation);

enum mail_result compact_maildrop(const struct disk_access *access, const char *path, bool forced,
                                  struct compact_summary *out_summary)
{
    must(access->patience == DISK_WAIT);
    *out_summary = (struct compact_summary){0};
    struct compaction compaction = {.access = access, .path = path, .index = -1, .wire = -1};
    bool missing = false;
    uint64_t index_bytes = 0, wire_bytes = 0;
    enum mail_result result = open_locked(&compaction, &missing);
    if (result == MAIL_DONE && !missing)
        result = remove_leftovers(&compaction);
    if (result == MAIL_DONE && !missing)
        result = measure(&compaction, &index_bytes, &wire_bytes);
    if (result != MAIL_DONE || missing)
        goto end;

    /* What RETR sends is a few bytes longer than what LIST says, so this is a little generous. */
    bool wire_is_worth_it =
        wire_bytes >= WORTH_WIRE_MIN && wire_bytes / 2 > compaction.tail.record.live_octets;
    uint64_t before = index_bytes + wire_bytes;
    *out_summary = (struct compact_summary){
        .bytes_before = before,
        .bytes_after = before,
        .message_count = compaction.tail.record.live_count,
    };
    if (!forced && !wire_is_worth_it && !compact_is_worth_it(&compaction.tail))
        goto end;

    compaction.copies_wire = forced || wire_is_worth_it;
    result = rewrite(&compaction);
    if (result != MAIL_DONE)
        goto end;
    out_summary->compacted = true;
    out_summary->damaged_count = compaction.damaged_count;
    out_summary->bytes_after = (uint64_t)compaction.new_index.record_count * RECORD_BYTES +
                               (compaction.copies_wire ? compaction.new_wire_bytes : wire_bytes);
end:
    close_file(&compaction, &compaction.wire);
    close_file(&compaction, &compaction.index);
    return result;
}

enum mail_result compact_index(const struct disk_access *access, const char *path, int index,
                               const struct native_tail *tail)
{
    must(access->patience == DISK_WAIT);
    struct compaction compaction = {
        .access = access,
        .path = path,
        .index = index,
        .wire = -1,
        .tail = *tail,
    };
    enum mail_result result = maildrop_open_wire(access, path, index, DISK_READ, &compaction.wire,
                                                 &compaction.generation);
    if (result == MAIL_DONE)
        result = rewrite(&compaction);
    close_file(&compaction, &compaction.wire);
    return result;
}

enum mail_result compact_settle(const struct disk_access *access, const char *path, int index,
                                const struct native_tail *tail)
{
    struct record header;
    char bytes[RECORD_BYTES];
    int64_t got = disk_read(access->disk, index, bytes, RECORD_BYTES, 0, access->patience);
    if (got < 0)
        return native_result(got);
    if (got < RECORD_BYTES || !record_decode(bytes, &header) || header.kind != RECORD_HEADER)
        return MAIL_PERMANENT;
    if (header.octets != tail->record_count && header.octets != MAILDROP_RECORDS_UNKNOWN)
        return MAIL_DONE;
    return maildrop_result(disk_sync_folder(access->disk, path));
}

bool compact_is_worth_it(const struct native_tail *tail)
{
    uint32_t dead = tail->record_count - 1 - tail->record.live_count;
    return dead >= WORTH_RECORDS_MIN && dead > tail->record.live_count;
}

/* Takes both locks. The session lock keeps other compactions away, so the tail is read again only
 * for deliveries that came between the two. */
static enum mail_result open_locked(struct compaction *compaction, bool *out_missing)
{
    const struct disk_access *access = compaction->access;
    enum mail_result result = native_index_open(access, compaction->path, DISK_LOCK_SESSION,
                                                &compaction->index, &compaction->tail);
    *out_missing = result == MAIL_DONE && compaction->index < 0;
    if (result != MAIL_DONE || *out_missing)
        return result;
    int locked = disk_lock(access->disk, compaction->index, DISK_LOCK_DELIVERY, DISK_WAIT);
    if (locked < 0)
        return native_result(locked);
    result = native_tail_read(access, compaction->index, &compaction->tail);
    if (result == MAIL_DONE && compaction->tail.record.kind == RECORD_MOVED)
        result = native_tail_before_moved(access, compaction->index, &compaction->tail);
    if (result != MAIL_DONE)
        return result;
    return maildrop_open_wire(access, compaction->path, compaction->index, DISK_READ,
                              &compaction->wire, &compaction->generation);
}

static enum mail_result measure(const struct compaction *compaction, uint64_t *out_index_bytes,
                                uint64_t *out_wire_bytes)
{
    int64_t index_bytes = disk_size(compaction->access->disk, compaction->index);
    int64_t wire_bytes = disk_size(compaction->access->disk, compaction->wire);
    if (index_bytes < 0 || wire_bytes < 0)
        return native_result(index_bytes < 0 ? index_bytes : wire_bytes);
    *out_index_bytes = (uint64_t)index_bytes;
    *out_wire_bytes = (uint64_t)wire_bytes;
    return MAIL_DONE;
}

/* The folder is synced first: the rename of a compaction that was killed may not be durable, and
 * then the wire file that nobody names now would be named again after a power failure. */
static enum mail_result remove_leftovers(const struct compaction *compaction)
{
    int synced = disk_sync_folder(compaction->access->disk, compaction->path);
    if (synced < 0)
        return native_result(synced);
    enum mail_result result = remove_file(compaction, NEW_INDEX_NAME);
    return result == MAIL_DONE ? remove_wire(compaction, other_generation(compaction->generation))
                               : result;
}

/* Writes and exchanges; on failure takes the new files away again. */
static enum mail_result rewrite(struct compaction *compaction)
{
    compaction->new_index.file = -1;
    compaction->new_wire = -1;
    compaction->new_generation =
        compaction->copies_wire ? other_generation(compaction->generation) : compaction->generation;
    bool durable = false;
    enum mail_result result = write_new_files(compaction);
    close_file(compaction, &compaction->new_wire);
    if (result == MAIL_DONE)
        result = new_index_exchange(&compaction->new_index, compaction->index, &compaction->tail,
                                    &durable);
    if (result != MAIL_DONE && compaction->new_index.path)
        new_index_cancel(&compaction->new_index);

    /* Where it stays, it is a leftover for the next compaction. The old wire file must not go
     * before the old index can not come back. */
    if (compaction->copies_wire && result != MAIL_DONE)
        (void)remove_wire(compaction, compaction->new_generation);
    if (compaction->copies_wire && result == MAIL_DONE && durable)
        (void)remove_wire(compaction, compaction->generation);
    return result;
}

static enum mail_result write_new_files(struct compaction *compaction)
{
    const struct disk_access *access = compaction->access;
    enum mail_result result = MAIL_DONE;
    if (compaction->copies_wire)
        result = open_new_wire(compaction);
    if (result == MAIL_DONE)
        result = new_index_begin(&compaction->new_index, access, compaction->path,
                                 compaction->new_generation, compaction->tail.record.live_count + 1,
                                 access->scratch + LIVE_SCRATCH_BYTES);
    if (result == MAIL_DONE)
        result = copy_records(compaction);
    if (result == MAIL_DONE && compaction->copies_wire)
        result = maildrop_result(disk_sync(access->disk, compaction->new_wire));
    if (result == MAIL_DONE)
        result = new_index_finish(&compaction->new_index);
    return result;
}

static enum mail_result copy_records(struct compaction *compaction)
{
    struct live live;
    live_init(&live, compaction->access, compaction->index, &compaction->tail);
    for (;;) {
        struct record record;
        uint32_t ordinal;
        bool end;
        enum mail_result result = live_next(&live, &record, &ordinal, &end);
        if (result == MAIL_DONE && end)
            break;
        if (result == MAIL_DONE && compaction->copies_wire)
            result = copy_message(compaction, &record);
        if (result == MAIL_DONE)
            result = new_index_put(&compaction->new_index, &record);
        if (result != MAIL_DONE)
            return result;
    }
    /* Whatever the old totals count wrongly, it is not for a compaction to hide it. */
    const struct record *old = &compaction->tail.record;
    bool totals_fit = compaction->new_index.live_count == old->live_count &&
                      compaction->new_index.live_octets == old->live_octets;
    return totals_fit ? MAIL_DONE : MAIL_PERMANENT;
}

static enum mail_result copy_message(struct compaction *compaction, struct record *record)
{
    char *buffer = compaction->access->scratch + COPY_PLACE;
    uint32_t crc;
    enum mail_result result =
        wire_copy(compaction->access, compaction->wire, record->offset, record->wire_bytes,
                  compaction->new_wire, compaction->new_wire_bytes, buffer, COPY_BYTES, &crc);
    if (result != MAIL_DONE)
        return result;
    compaction->damaged_count += crc != record->wire_crc;
    record->offset = compaction->new_wire_bytes;
    compaction->new_wire_bytes += record->wire_bytes;
    return MAIL_DONE;
}

static enum mail_result remove_wire(const struct compaction *compaction, uint32_t generation)
{
    char name[MAILDROP_WIRE_NAME_BYTES];
    maildrop_wire_name(generation, name);
    return remove_file(compaction, name);
}

static enum mail_result remove_file(const struct compaction *compaction, const char *name)
{
    char file_path[USERS_FILE_BYTES];
    users_file(compaction->path, name, file_path);
    int result = disk_remove(compaction->access->disk, file_path);
    return result < 0 && result != -ENOENT ? native_result(result) : MAIL_DONE;
}

static enum mail_result open_new_wire(struct compaction *compaction)
{
    char wire_path[USERS_FILE_BYTES];
    native_wire_path(compaction->path, compaction->new_generation, wire_path);
    int file = disk_open(compaction->access->disk, wire_path, DISK_CREATE_NEW, DISK_WAIT);
    if (file < 0)
        return native_result(file);
    compaction->new_wire = file;
    return MAIL_DONE;
}

static void close_file(const struct compaction *compaction, int *file)
{
    if (*file >= 0)
        disk_close(compaction->access->disk, *file);
    *file = -1;
}

static uint32_t other_generation(uint32_t generation)
{
    return generation == MAILDROP_GENERATION_FIRST ? MAILDROP_GENERATION_OTHER
                                                   : MAILDROP_GENERATION_FIRST;
}
