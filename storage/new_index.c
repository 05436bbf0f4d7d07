/* new_index: an index written beside the old one, and put in its place by one rename.
 *
 * Each record is a group of its own: nothing in the file counts before the rename, and a lone
 * record at the end is the quickest for the next session to read.
 */
#include "storage/new_index.h"

#include "storage/maildrop.h"

static enum mail_result put_any(struct new_index *index, struct record *record);
static enum mail_result write_waiting(struct new_index *index);
static int mark_moved(const struct new_index *index, int old, const struct native_tail *old_end);

enum mail_result new_index_put(struct new_index *index, struct record *record)
{
    index->live_count++;
    index->live_octets += record->octets;
    return put_any(index, record);
}

enum mail_result new_index_begin(struct new_index *index, const struct disk_access *access,
                                 const char *path, uint32_t generation, uint32_t record_count,
                                 char *buffer)
{
    char new_path[USERS_FILE_BYTES];
    users_file(path, NEW_INDEX_NAME, new_path);
    *index = (struct new_index){.access = access, .path = path, .buffer = buffer};
    index->file = disk_open(access->disk, new_path, DISK_CREATE_NEW, access->patience);
    if (index->file < 0)
        return native_result(index->file);
    struct record header = maildrop_header(generation, record_count);
    return put_any(index, &header);
}

enum mail_result new_index_finish(struct new_index *index)
{
    struct disk *disk = index->access->disk;
    enum mail_result result = write_waiting(index);
    if (result == MAIL_DONE)
        result = maildrop_result(disk_sync(disk, index->file));
    if (result == MAIL_DONE)
        result = maildrop_result(disk_sync_folder(disk, index->path));
    disk_close(disk, index->file);
    index->file = -1;
    return result;
}

enum mail_result new_index_exchange(struct new_index *index, int old,
                                    const struct native_tail *old_end, bool *out_durable)
{
    struct disk *disk = index->access->disk;
    char new_path[USERS_FILE_BYTES], index_path[USERS_FILE_BYTES];
    users_file(index->path, NEW_INDEX_NAME, new_path);
    users_file(index->path, "index", index_path);

    int result = mark_moved(index, old, old_end);
    if (result == 0)
        result = disk_rename(disk, new_path, index_path);
    if (result < 0) {
        uint64_t end = (uint64_t)old_end->record_count * RECORD_BYTES;
        (void)disk_truncate(disk, old, end); /* if that fails, openers pass the mark over */
        return native_result(result);
    }
    *out_durable = disk_sync_folder(disk, index->path) == 0;
    return MAIL_DONE;
}

void new_index_cancel(struct new_index *index)
{
    char new_path[USERS_FILE_BYTES];
    users_file(index->path, NEW_INDEX_NAME, new_path);
    if (index->file >= 0)
        disk_close(index->access->disk, index->file);
    index->file = -1;
    (void)disk_remove(index->access->disk, new_path); /* else the next compaction empties it */
}

static enum mail_result put_any(struct new_index *index, struct record *record)
{
    record->commit = true;
    record->group_index = 0;
    record->last_expunge = 0;
    record->live_count = index->live_count;
    record->live_octets = index->live_octets;
    record->previous_crc = index->previous_crc;
    record_encode(record, index->buffer + (size_t)index->waiting * RECORD_BYTES);
    index->previous_crc = record->crc;
    index->record_count++;
    index->waiting++;
    return index->waiting == NEW_INDEX_RECORDS ? write_waiting(index) : MAIL_DONE;
}

static enum mail_result write_waiting(struct new_index *index)
{
    if (index->waiting == 0)
        return MAIL_DONE;
    uint64_t first = index->record_count - index->waiting;
    int written = disk_write(index->access->disk, index->file, index->buffer,
                             (size_t)index->waiting * RECORD_BYTES, first * RECORD_BYTES);
    index->waiting = 0;
    return maildrop_result(written);
}

/* The mark is for processes that have the file open and wait for its lock, so it needs no sync: no
 * process outlives a power failure. */
static int mark_moved(const struct new_index *index, int old, const struct native_tail *old_end)
{
    char bytes[RECORD_BYTES];
    uint64_t end = (uint64_t)old_end->record_count * RECORD_BYTES;
    struct record moved = {
        .kind = RECORD_MOVED,
        .commit = true,
        .offset = maildrop_wire_end(&old_end->record),
        .live_count = old_end->record.live_count,
        .live_octets = old_end->record.live_octets,
        .last_expunge = old_end->record.last_expunge,
        .previous_crc = old_end->record.crc,
    };
    record_encode(&moved, bytes);
    int result = disk_truncate(index->access->disk, old, end);
    return result < 0 ? result : disk_write(index->access->disk, old, bytes, RECORD_BYTES, end);
}
