/* native_group: appends records to an index so that all of them count, or none.
 *
 * A group may be larger than memory: records are written behind the log's end as they come, and
 * only the last one, which commits, makes them count. native_append is the short form for a few.
 * Knows nothing of what the records mean.
 */
#ifndef RINGPOST_STORAGE_NATIVE_GROUP_H
#define RINGPOST_STORAGE_NATIVE_GROUP_H

#include "storage/native_index.h"

/* Records that are written at once. */
#define NATIVE_GROUP_BUFFERED 64

/* A group under way; usually on the stack. Private to native_group.c. */
struct native_group {
    const struct disk_access *access;
    int index;
    struct native_tail tail; /* before the group */
    uint32_t count;          /* records so far, the last of them only in `last` */
    uint32_t written;        /* records handed to the disk */
    struct record last;
    uint32_t previous_crc;
    char buffer[NATIVE_GROUP_BUFFERED * RECORD_BYTES];
};

/* Begins a group behind `tail`; the rules of native_append. After a failure of this or of
 * native_group_add the log is as it was, and the group must not be used any more. */
enum mail_result native_group_begin(struct native_group *group, const struct disk_access *access,
                                    int index, const struct native_tail *tail);

/* Adds a record; sets its group_index and leaves the rest of the chain to the group's end.
 * MAIL_TOO_BIG beyond RECORD_GROUP_MAX or NATIVE_RECORDS_MAX. */
enum mail_result native_group_add(struct native_group *group, struct record *record);

/* Commits the group, which must have a record, and syncs; a group of more than one is synced twice,
 * so that the record that commits is never there without the others. Sets `out_tail` on MAIL_DONE
 * only. */
enum mail_result native_group_end(struct native_group *group, struct native_tail *out_tail);

/* Takes back what was written. */
void native_group_cancel(struct native_group *group);

#endif
