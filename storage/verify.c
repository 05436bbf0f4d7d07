/* verify: checks everything that a native maildrop's files say, and repairs what can be repaired.
 *
 * This file opens the maildrop, whatever state it is in, decides what has to be looked at and runs
 * the passes. It takes both locks; without a repair the delivery lock is given back as soon as the
 * end of the log is known.
 */
#include "storage/verify.h"

#include "proto/must.h"
#include "storage/maildrop.h"
#include "storage/verify_pass.h"

#include <errno.h>

/* Wire files that are looked for when the header cannot be read; native_index_open looks for the
 * same. */
#define GENERATIONS_MAX 4

/* How often an index that has moved is followed. */
#define MOVES_MAX 8

static enum mail_result run(struct verify *verify);
static enum mail_result open_index(struct verify *verify);
static enum mail_result open_index_once(struct verify *verify, bool *out_moved);
static enum mail_result find_end(struct verify *verify);
static enum mail_result open_wire(struct verify *verify);
static enum mail_result find_only_wire(struct verify *verify, bool *out_found);
static enum mail_result open_generation(struct verify *verify, uint32_t generation);
static enum mail_result settle(struct verify *verify);

enum mail_result verify_maildrop(const struct disk_access *access, const char *path,
                                 const struct verify_options *options,
                                 const struct verify_reader *reader,
                                 struct verify_summary *out_summary)
{
    must(access->patience == DISK_WAIT);
    *out_summary = (struct verify_summary){0};
    struct verify verify = {
        .access = access,
        .path = path,
        .options = options,
        .reader = reader,
        .summary = out_summary,
        .index = -1,
        .wire = -1,
    };
    enum mail_result result = run(&verify);
    if (verify.wire >= 0)
        disk_close(access->disk, verify.wire);
    if (verify.index >= 0)
        disk_close(access->disk, verify.index);
    return result;
}

static enum mail_result run(struct verify *verify)
{
    enum mail_result result = open_index(verify);
    if (result == MAIL_DONE)
        result = open_wire(verify);
    bool has_nothing =
        verify->tail.record_count == 0 && verify->end == 0 && verify->wire_bytes == 0;
    if (result != MAIL_DONE || has_nothing)
        return result;

    if (verify->tail.record_count == 0) {
        verify_found(verify, VERIFY_INDEX_LOST, 0, 0);
        verify->needs_rewrite = true;
    }
    result = verify_records(verify);
    if (result == MAIL_DONE)
        result = verify_messages(verify);
    if (result == MAIL_DONE)
        result = verify_uidls(verify);
    if (result != MAIL_DONE || !verify->options->repair || verify->wire < 0)
        return result;
    return verify->needs_rewrite ? verify_rewrite(verify) : settle(verify);
}

/* Opens and locks whatever is at the index's name. MAIL_DONE with index -1 where nothing is. */
static enum mail_result open_index(struct verify *verify)
{
    enum mail_result result = native_store_is_there(verify->access);
    struct native_tail before = {0};
    for (int moves = 0; moves < MOVES_MAX && result == MAIL_DONE; moves++) {
        bool moved = false;
        result = open_index_once(verify, &moved);
        if (result != MAIL_DONE || !moved)
            return result;
        verify->has_moved_mark = moves > 0 && before.record_count == verify->tail.record_count &&
                                 before.record.crc == verify->tail.record.crc;
        if (verify->has_moved_mark) {
            verify_found(verify, VERIFY_MOVED_MARK, verify->tail.record_count - 1, 0);
            result = native_tail_before_moved(verify->access, verify->index, &verify->tail);
            if (result == MAIL_PERMANENT)
                verify->tail = (struct native_tail){0};
            verify->end = verify->tail.record_count;
            return result == MAIL_PERMANENT ? MAIL_DONE : result;
        }
        before = verify->tail;
        disk_close(verify->access->disk, verify->index);
        verify->index = -1;
    }
    return result == MAIL_DONE ? MAIL_TEMPORARY : result;
}

static enum mail_result open_index_once(struct verify *verify, bool *out_moved)
{
    const struct disk_access *access = verify->access;
    char index_path[USERS_FILE_BYTES];
    users_file(verify->path, "index", index_path);
    /* A repair makes a missing index, so that there is something to lock. */
    enum disk_mode mode = verify->options->repair ? DISK_CREATE : DISK_READ_WRITE;
    verify->index = disk_open(access->disk, index_path, mode, DISK_WAIT);
    if (verify->index == -ENOENT)
        return MAIL_DONE;
    if (verify->index < 0)
        return native_result(verify->index);
    int locked = disk_lock(access->disk, verify->index, DISK_LOCK_SESSION, DISK_WAIT);
    if (locked == 0)
        locked = disk_lock(access->disk, verify->index, DISK_LOCK_DELIVERY, DISK_WAIT);
    if (locked < 0)
        return native_result(locked);

    enum mail_result result = find_end(verify);
    if (!verify->options->repair)
        disk_unlock(access->disk, verify->index, DISK_LOCK_DELIVERY);
    *out_moved = verify->tail.record_count > 0 && verify->tail.record.kind == RECORD_MOVED;
    return result;
}

/* Finds the tail, and damage behind it. */
static enum mail_result find_end(struct verify *verify)
{
    int64_t size = disk_size(verify->access->disk, verify->index);
    if (size < 0)
        return native_result(size);
    if (size / RECORD_BYTES > NATIVE_RECORDS_MAX)
        return MAIL_PERMANENT;
    verify->slot_count = (uint32_t)(size / RECORD_BYTES);
    enum mail_result result = native_tail_read(verify->access, verify->index, &verify->tail);
    if (result == MAIL_PERMANENT)
        verify->tail = (struct native_tail){0};
    else if (result != MAIL_DONE)
        return result;

    verify->end = verify->tail.record_count;
    for (uint32_t ordinal = verify->end; ordinal < verify->slot_count; ordinal++) {
        enum native_slot slot;
        struct record record;
        result = verify_slot(verify, ordinal, &slot, &record);
        if (result != MAIL_DONE)
            return result;
        if (slot == NATIVE_SLOT_DAMAGED)
            verify->end = ordinal + 1;
    }
    if ((uint64_t)size > (uint64_t)verify->end * RECORD_BYTES && verify->end > 0)
        verify_found(verify, VERIFY_TORN_TAIL, verify->end, 0);
    return MAIL_DONE;
}

/* Opens the wire file that the header names, or the only one where there is no header. */
static enum mail_result open_wire(struct verify *verify)
{
    struct record header;
    enum native_slot slot = NATIVE_SLOT_DAMAGED;
    enum mail_result result = MAIL_DONE;
    if (verify->end > 0)
        result = verify_slot(verify, 0, &slot, &header);
    if (result != MAIL_DONE)
        return result;

    bool found = true;
    if (slot == NATIVE_SLOT_GOOD)
        verify->generation = header.header.wire_generation;
    else
        result = find_only_wire(verify, &found);
    if (result != MAIL_DONE || !found)
        return result;
    result = open_generation(verify, verify->generation);
    if (result == MAIL_DONE && verify->wire < 0)
        verify_found(verify, VERIFY_WIRE_MISSING, 0, 0);
    return result;
}

/* The generation of the only wire file that holds anything. */
static enum mail_result find_only_wire(struct verify *verify, bool *out_found)
{
    uint32_t found_count = 0;
    for (uint32_t generation = 1; generation <= GENERATIONS_MAX; generation++) {
        char name[MAILDROP_WIRE_NAME_BYTES];
        maildrop_wire_name(generation, name);
        int64_t bytes = maildrop_file_bytes(verify->access, verify->path, name);
        if (bytes < 0)
            return native_result(bytes);
        if (bytes == 0)
            continue;
        found_count++;
        verify->generation = generation;
        verify->wire_bytes = (uint64_t)bytes;
    }
    *out_found = found_count == 1;
    if (found_count > 1)
        verify_found(verify, VERIFY_WIRES_AMBIGUOUS, 0, 0);
    else if (found_count == 0 && verify->end > 0)
        verify_found(verify, VERIFY_WIRE_MISSING, 0, 0);
    return MAIL_DONE;
}

static enum mail_result open_generation(struct verify *verify, uint32_t generation)
{
    struct disk *disk = verify->access->disk;
    char wire_path[USERS_FILE_BYTES];
    native_wire_path(verify->path, generation, wire_path);
    int wire = disk_open(disk, wire_path, DISK_READ, DISK_WAIT);
    if (wire < 0)
        return wire == -ENOENT ? MAIL_DONE : native_result(wire);
    verify->wire = wire;
    int64_t bytes = disk_size(disk, wire);
    if (bytes < 0)
        return native_result(bytes);
    verify->wire_bytes = (uint64_t)bytes;
    return MAIL_DONE;
}

/* What a crash left behind the log is cut off, as the next append would do; and the name of the
 * index is made durable, in case that a repair or a compaction was killed before it did. */
static enum mail_result settle(struct verify *verify)
{
    struct disk *disk = verify->access->disk;
    uint64_t end = (uint64_t)verify->tail.record_count * RECORD_BYTES;
    int64_t size = disk_size(disk, verify->index);
    if (size < 0)
        return native_result(size);
    int result = disk_sync_folder(disk, verify->path);
    if (result < 0 || (uint64_t)size == end)
        return maildrop_result(result);
    result = disk_truncate(disk, verify->index, end);
    if (result == 0)
        result = disk_sync(disk, verify->index);
    verify->summary->repaired = result == 0;
    return maildrop_result(result);
}
