/* native_index: see native_index.h.
 *
 * Finds the index of a maildrop, and its end after any crash. Only reads: what is behind the end is
 * cut off by the next writer (native_group.c), never by a reader, who might look at a write that is
 * under way.
 */
#include "storage/native_index.h"

#include "proto/must.h"
#include "storage/decimal.h"
#include "storage/native_group.h"
#include "storage/users.h"

#include <errno.h>
#include <string.h>

/* A compaction that moves the index needs the session lock, so that a second move while the first
 * is followed is already rare. */
#define MOVES_FOLLOWED_MAX 8

/* A compaction changes between two generations of the wire file: where the index is missing, mail
 * can only be in these. */
#define LOST_GENERATIONS_MAX 2

/* Records in scratch; the first window is small because most torn tails are. */
#define WINDOW_MAX   (DISK_SCRATCH_BYTES / RECORD_BYTES)
#define WINDOW_FIRST 32

/* A walk from the end of the log to its beginning. */
struct tail_walk {
    const struct disk_access *access;
    int index;
    uint32_t window_first; /* records window_first..window_end-1 are in scratch */
    uint32_t window_end;
    uint32_t window_next; /* how many to read next */
    uint32_t damaged;     /* slots so far */
};

static enum mail_result index_open_once(const struct disk_access *access, const char *path,
                                        enum disk_lock lock, int *out_file,
                                        struct native_tail *out_tail);
static enum mail_result index_missing(const struct disk_access *access, const char *path,
                                      int *out_file, struct native_tail *out_tail);
static enum mail_result is_still_named(const struct disk_access *access, const char *path,
                                       const struct native_tail *tail, bool *out_still_named);
static enum mail_result tail_search(struct tail_walk *walk, uint32_t end,
                                    struct native_tail *out_tail);

enum mail_result native_index_open(const struct disk_access *access, const char *path,
                                   enum disk_lock lock, int *out_file, struct native_tail *out_tail)
{
    for (int moves = 0; moves < MOVES_FOLLOWED_MAX; moves++) {
        enum mail_result result = index_open_once(access, path, lock, out_file, out_tail);
        if (result != MAIL_DONE || *out_file < 0 || out_tail->record.kind != RECORD_MOVED)
            return result;
        bool still_named;
        result = is_still_named(access, path, out_tail, &still_named);
        if (result == MAIL_DONE && still_named)
            result = native_tail_before_moved(access, *out_file, out_tail);
        if (result == MAIL_DONE && still_named)
            return MAIL_DONE;
        disk_close(access->disk, *out_file);
        *out_file = -1;
        if (result != MAIL_DONE)
            return result;
    }
    return MAIL_TEMPORARY;
}

enum mail_result native_tail_read(const struct disk_access *access, int index,
                                  struct native_tail *out_tail)
{
    int64_t size = disk_size(access->disk, index);
    if (size < 0)
        return native_result(size);
    if (size < RECORD_BYTES || size / RECORD_BYTES > NATIVE_RECORDS_MAX)
        return MAIL_PERMANENT;

    uint32_t end = (uint32_t)(size / RECORD_BYTES);
    char bytes[RECORD_BYTES];
    int64_t got = disk_read(access->disk, index, bytes, sizeof bytes,
                            (uint64_t)(end - 1) * RECORD_BYTES, access->patience);
    if (got < 0)
        return native_result(got);
    struct record record;
    if (got == RECORD_BYTES && native_slot_read(bytes, end - 1, &record) == NATIVE_SLOT_GOOD &&
        record.commit) {
        *out_tail = (struct native_tail){record, end};
        return MAIL_DONE;
    }
    struct tail_walk walk = {.access = access, .index = index, .window_next = WINDOW_FIRST};
    return tail_search(&walk, end, out_tail);
}

enum mail_result native_tail_before_moved(const struct disk_access *access, int index,
                                          struct native_tail *tail)
{
    struct tail_walk walk = {.access = access, .index = index, .window_next = WINDOW_FIRST};
    enum mail_result result = MAIL_DONE;
    while (result == MAIL_DONE && tail->record.kind == RECORD_MOVED)
        result = tail_search(&walk, tail->record_count - 1, tail);
    return result;
}

enum native_slot native_slot_read(const char bytes[RECORD_BYTES], uint32_t ordinal,
                                  struct record *out_record)
{
    if (record_decode(bytes, out_record))
        return (out_record->kind == RECORD_HEADER) == (ordinal == 0) ? NATIVE_SLOT_GOOD
                                                                     : NATIVE_SLOT_DAMAGED;
    for (uint32_t i = 0; i < RECORD_BYTES; i++)
        if (bytes[i] != 0)
            return NATIVE_SLOT_DAMAGED;
    return NATIVE_SLOT_BLANK;
}

enum mail_result native_records_read(const struct disk_access *access, int index, uint32_t first,
                                     uint32_t count)
{
    must(count <= WINDOW_MAX);
    size_t bytes = (size_t)count * RECORD_BYTES;
    int64_t got = disk_read(access->disk, index, access->scratch, bytes,
                            (uint64_t)first * RECORD_BYTES, access->patience);
    if (got < 0)
        return native_result(got);
    return (uint64_t)got == bytes ? MAIL_DONE : MAIL_TEMPORARY;
}

enum mail_result native_append(const struct disk_access *access, int index,
                               struct native_tail *tail, struct record *records, uint32_t count)
{
    must(count >= 1 && count <= RECORD_GROUP_MAX);
    struct native_group group;
    enum mail_result result = native_group_begin(&group, access, index, tail);
    for (uint32_t i = 0; i < count && result == MAIL_DONE; i++)
        result = native_group_add(&group, &records[i]);
    return result == MAIL_DONE ? native_group_end(&group, tail) : result;
}

enum mail_result native_result(int64_t error)
{
    switch (error) {
    case -EAGAIN:
        return MAIL_LATER;
    case -EBUSY:
        return MAIL_IN_USE;
    case -ENOSPC:
    case -EDQUOT:
        return MAIL_NO_SPACE;
    default:
        return MAIL_TEMPORARY;
    }
}

enum mail_result native_store_is_there(const struct disk_access *access)
{
    int file = disk_open(access->disk, STORE_SENTINEL, DISK_READ, access->patience);
    if (file < 0)
        return native_result(file);
    disk_close(access->disk, file);
    return MAIL_DONE;
}

void native_wire_path(const char *path, uint32_t generation, char *out_path)
{
    char name[5 + DECIMAL_BYTES_MAX + 1] = "wire.";
    name[5 + decimal_write(generation, name + 5)] = '\0';
    users_file(path, name, out_path);
}

static enum mail_result index_open_once(const struct disk_access *access, const char *path,
                                        enum disk_lock lock, int *out_file,
                                        struct native_tail *out_tail)
{
    char name[USERS_FILE_BYTES];
    users_file(path, "index", name);
    int file = disk_open(access->disk, name, DISK_READ_WRITE, access->patience);
    if (file == -ENOENT)
        return index_missing(access, path, out_file, out_tail);
    if (file < 0)
        return native_result(file);

    int error = disk_lock(access->disk, file, lock, access->patience);
    enum mail_result result =
        error < 0 ? native_result(error) : native_tail_read(access, file, out_tail);
    if (result == MAIL_DONE) {
        *out_file = file;
        return MAIL_DONE;
    }
    /* No record that counts in a file this small: its making was cut short, or is under way. */
    bool unfinished =
        result == MAIL_PERMANENT && disk_size(access->disk, file) <= (int64_t)RECORD_BYTES;
    disk_close(access->disk, file);
    return unfinished ? index_missing(access, path, out_file, out_tail) : result;
}

/* Without an index the maildrop is empty, unless the store is not mounted or mail lies there. */
static enum mail_result index_missing(const struct disk_access *access, const char *path,
                                      int *out_file, struct native_tail *out_tail)
{
    enum mail_result result = native_store_is_there(access);
    if (result != MAIL_DONE)
        return result;
    for (uint32_t generation = 1; generation <= LOST_GENERATIONS_MAX; generation++) {
        char name[USERS_FILE_BYTES];
        native_wire_path(path, generation, name);
        int file = disk_open(access->disk, name, DISK_READ, access->patience);
        if (file == -ENOENT)
            continue;
        if (file < 0)
            return native_result(file);
        int64_t size = disk_size(access->disk, file);
        disk_close(access->disk, file);
        if (size != 0)
            return size < 0 ? native_result(size) : MAIL_PERMANENT;
    }
    *out_file = -1;
    *out_tail = (struct native_tail){0};
    return MAIL_DONE;
}

/* Whether the index that ends with `tail`, and is locked, has its name still: then the compaction
 * that marked it as moved was killed before the rename, and no other can begin while the lock is
 * held. The file that has the name now is told by its last record, which knows all before it. */
static enum mail_result is_still_named(const struct disk_access *access, const char *path,
                                       const struct native_tail *tail, bool *out_still_named)
{
    char name[USERS_FILE_BYTES];
    users_file(path, "index", name);
    *out_still_named = false;
    int file = disk_open(access->disk, name, DISK_READ, access->patience);
    if (file < 0)
        return file == -ENOENT ? MAIL_DONE : native_result(file);
    struct native_tail named = {0};
    enum mail_result result = native_tail_read(access, file, &named);
    disk_close(access->disk, file);
    *out_still_named = result == MAIL_DONE && named.record_count == tail->record_count &&
                       named.record.crc == tail->record.crc &&
                       named.record.previous_crc == tail->record.previous_crc;
    return result == MAIL_PERMANENT ? MAIL_DONE : result;
}

/* What is in the place of `ordinal`; ordinals come one below the other. */
static enum mail_result walk_slot(struct tail_walk *walk, uint32_t ordinal,
                                  enum native_slot *out_slot, struct record *out_record)
{
    if (ordinal < walk->window_first || ordinal >= walk->window_end) {
        uint32_t count = ordinal + 1 < walk->window_next ? ordinal + 1 : walk->window_next;
        walk->window_end = ordinal + 1;
        walk->window_first = walk->window_end - count;
        walk->window_next = WINDOW_MAX;
        enum mail_result result =
            native_records_read(walk->access, walk->index, walk->window_first, count);
        if (result != MAIL_DONE)
            return result;
    }
    const char *bytes =
        walk->access->scratch + (size_t)(ordinal - walk->window_first) * RECORD_BYTES;
    *out_slot = native_slot_read(bytes, ordinal, out_record);
    return MAIL_DONE;
}

/* A record can be the tail if it commits, because then those of its group are durable before it
 * (native_group.c). Only damage behind it justifies to do without, and half an UPDATE is never
 * shown. */
static bool ends_log(const struct tail_walk *walk, const struct record *record)
{
    return record->commit || (walk->damaged > 0 && record->kind == RECORD_DELIVERY);
}

static enum mail_result tail_search(struct tail_walk *walk, uint32_t end,
                                    struct native_tail *out_tail)
{
    for (uint32_t ordinal = end; ordinal-- > 0;) {
        enum native_slot slot;
        struct record record;
        enum mail_result result = walk_slot(walk, ordinal, &slot, &record);
        if (result != MAIL_DONE)
            return result;
        if (slot == NATIVE_SLOT_GOOD && ends_log(walk, &record)) {
            if (walk->damaged > 0 && record.live_count == 0)
                return MAIL_PERMANENT;
            *out_tail = (struct native_tail){record, ordinal + 1};
            return MAIL_DONE;
        }
        if (slot == NATIVE_SLOT_DAMAGED)
            walk->damaged++;
    }
    return MAIL_PERMANENT;
}
