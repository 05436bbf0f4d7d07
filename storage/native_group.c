/* native_group: see native_group.h.
 *
 * The only writer of an index that lives. It never changes a record that counts: it writes behind
 * the end, and takes back what did not become durable, so that no answer of "not done" can turn
 * into "done" later.
 */
#include "storage/native_group.h"

#include "proto/must.h"

#include <string.h>

static enum mail_result cut_torn_tail(struct native_group *group);
static enum mail_result check_leftover(struct native_group *group, uint64_t size);
static void encode_last(struct native_group *group, bool commit);
static enum mail_result write_up_to(struct native_group *group, uint32_t end);
static enum mail_result write_durably(struct native_group *group, uint32_t end);

static uint64_t log_bytes(const struct native_tail *tail)
{
    return (uint64_t)tail->record_count * RECORD_BYTES;
}

enum mail_result native_group_begin(struct native_group *group, const struct disk_access *access,
                                    int index, const struct native_tail *tail)
{
    must(access->patience == DISK_WAIT && tail->record_count > 0);
    group->access = access;
    group->index = index;
    group->tail = *tail;
    group->count = 0;
    group->written = 0;
    group->previous_crc = tail->record.crc;
    return cut_torn_tail(group);
}

enum mail_result native_group_add(struct native_group *group, struct record *record)
{
    if (group->count == RECORD_GROUP_MAX ||
        group->tail.record_count + group->count >= NATIVE_RECORDS_MAX) {
        native_group_cancel(group);
        return MAIL_TOO_BIG;
    }
    if (group->count > 0) {
        encode_last(group, false);
        if (group->count - group->written == NATIVE_GROUP_BUFFERED) {
            enum mail_result result = write_up_to(group, group->count);
            if (result != MAIL_DONE)
                return result;
        }
    }
    record->group_index = (uint16_t)group->count;
    group->last = *record;
    group->count++;
    return MAIL_DONE;
}

enum mail_result native_group_end(struct native_group *group, struct native_tail *out_tail)
{
    must(group->count > 0);
    /* The record that commits is written when those before it are durable: whoever finds it at the
     * end of the log need not look at them. */
    if (group->count > 1) {
        enum mail_result result = write_durably(group, group->count - 1);
        if (result != MAIL_DONE)
            return result;
    }
    encode_last(group, true);
    enum mail_result result = write_durably(group, group->count);
    if (result != MAIL_DONE)
        return result;
    *out_tail = (struct native_tail){group->last, group->tail.record_count + group->count};
    return MAIL_DONE;
}

void native_group_cancel(struct native_group *group)
{
    if (group->written == 0)
        return;
    struct disk *disk = group->access->disk;
    uint64_t bytes = log_bytes(&group->tail);
    /* A group without its first record does not count, should the disk refuse to shorten the file.
     * The sync is for a crash from now on: the caller has answered by then. Where it fails, too,
     * there is nothing left that could be tried. */
    if (disk_truncate(disk, group->index, bytes) < 0) {
        static const char blank[RECORD_BYTES] = {0};
        (void)disk_write(disk, group->index, blank, sizeof blank, bytes);
    }
    (void)disk_sync(disk, group->index);
    group->written = 0;
}

static enum mail_result cut_torn_tail(struct native_group *group)
{
    struct disk *disk = group->access->disk;
    uint64_t bytes = log_bytes(&group->tail);
    int64_t size = disk_size(disk, group->index);
    if (size < 0)
        return native_result(size);
    if ((uint64_t)size == bytes)
        return MAIL_DONE;
    if ((uint64_t)size < bytes)
        return MAIL_TEMPORARY;
    enum mail_result result = check_leftover(group, (uint64_t)size);
    if (result != MAIL_DONE)
        return result;
    int error = disk_truncate(disk, group->index, bytes);
    return error < 0 ? native_result(error) : MAIL_DONE;
}

/* A damaged record behind the tail may be the only trace of a message that was acknowledged. */
static enum mail_result check_leftover(struct native_group *group, uint64_t size)
{
    for (uint64_t place = log_bytes(&group->tail); place + RECORD_BYTES <= size;) {
        int64_t got = disk_read(group->access->disk, group->index, group->buffer,
                                sizeof group->buffer, place, group->access->patience);
        if (got < RECORD_BYTES)
            return got < 0 ? native_result(got) : MAIL_TEMPORARY;
        for (int64_t i = 0; i + RECORD_BYTES <= got; i += RECORD_BYTES, place += RECORD_BYTES) {
            struct record record;
            if (native_slot_read(group->buffer + i, (uint32_t)(place / RECORD_BYTES), &record) ==
                NATIVE_SLOT_DAMAGED)
                return MAIL_PERMANENT;
        }
    }
    return MAIL_DONE;
}

static void encode_last(struct native_group *group, bool commit)
{
    uint32_t place = group->count - 1 - group->written;
    group->last.commit = commit;
    group->last.previous_crc = group->previous_crc;
    record_encode(&group->last, group->buffer + (size_t)place * RECORD_BYTES);
    group->previous_crc = group->last.crc;
}

/* Writes the records before `end`, which have been encoded. */
static enum mail_result write_up_to(struct native_group *group, uint32_t end)
{
    uint32_t count = end - group->written;
    uint64_t place = log_bytes(&group->tail) + (uint64_t)group->written * RECORD_BYTES;
    group->written = end; /* also where it fails: some bytes may be there */
    int error = disk_write(group->access->disk, group->index, group->buffer,
                           (size_t)count * RECORD_BYTES, place);
    if (error < 0) {
        native_group_cancel(group);
        return native_result(error);
    }
    return MAIL_DONE;
}

static enum mail_result write_durably(struct native_group *group, uint32_t end)
{
    enum mail_result result = end > group->written ? write_up_to(group, end) : MAIL_DONE;
    if (result != MAIL_DONE)
        return result;
    int error = disk_sync(group->access->disk, group->index);
    if (error < 0) {
        native_group_cancel(group);
        return native_result(error);
    }
    return MAIL_DONE;
}
