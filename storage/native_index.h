/* native_index: opening, reading and extending the log of a native maildrop.
 *
 * What sessions, deliveries, UPDATE, compaction and repair have in common: find the folder's index,
 * lock it, find the last record that counts, read records, append a group so that it is durable as
 * a whole or not there at all. Torn tails are recognised here and nowhere else.
 */
#ifndef RINGPOST_STORAGE_NATIVE_INDEX_H
#define RINGPOST_STORAGE_NATIVE_INDEX_H

#include "storage/disk.h"
#include "storage/native_format.h"

/* The file in the store's root that tells an empty store from one that is not mounted. */
#define STORE_SENTINEL "ringpost-store"

/* Records of one index: 256 GiB of them, and ordinals that add up without care. */
#define NATIVE_RECORDS_MAX 0x7FFFFFFF

/* The last record that counts, and how many records there are up to and with it. */
struct native_tail {
    struct record record;
    uint32_t record_count;
};

/* What lies in the place of a record. A write that a crash has cut short leaves whole records and
 * blank ones, since records never straddle a sector; other bytes are damage. */
enum native_slot {
    NATIVE_SLOT_GOOD,
    NATIVE_SLOT_BLANK, /* all zero: never written */
    NATIVE_SLOT_DAMAGED,
};

/* Opens `path`/index for reading and writing and takes `lock` on it. Where the file has been
 * replaced by a compaction meanwhile (its last record says so), opens the new one. out_file is the
 * handle; the tail is that of the moment. MAIL_DONE with *out_file = -1: the folder or its index is
 * missing, or the index is one whose making was cut short (no more than a bad header record), no
 * wire file holds anything, and the store's sentinel is there: so the maildrop is empty.
 * MAIL_TEMPORARY where the sentinel is missing, or on an I/O error; MAIL_IN_USE where
 * DISK_LOCK_SESSION is taken, MAIL_LATER where DISK_LOCK_DELIVERY_NOW is; MAIL_PERMANENT where the
 * index is lost but a wire file holds something, and as native_tail_read says. On failure nothing
 * stays open. */
enum mail_result native_index_open(const struct disk_access *access, const char *path,
                                   enum disk_lock lock, int *out_file,
                                   struct native_tail *out_tail);

/* The last record that counts. Behind it there may be what a crash left of a group: records that
 * are blank, cut off, or part of a group without its end. A group counts when its last record is
 * there and none of the others is missing; damaged ones among them do not undo it (only these
 * messages are lost to a session). Where the end of the log itself is damaged, not torn, the log
 * ends at the last delivery or commit before the damage, and native_append will not extend it; but
 * where that would make the maildrop look empty, MAIL_PERMANENT. MAIL_PERMANENT, too, without
 * any record that counts. Reads one record where that is a commit of its own; else uses scratch. */
enum mail_result native_tail_read(const struct disk_access *access, int index,
                                  struct native_tail *out_tail);

/* For whoever holds a lock of an index that has its name: RECORD_MOVED at its end was left by a
 * compaction that was killed, so `tail` becomes the last record that counts before it.
 * native_index_open does this by itself. Uses scratch. */
enum mail_result native_tail_before_moved(const struct disk_access *access, int index,
                                          struct native_tail *tail);

/* Says what the RECORD_BYTES bytes in the place of `ordinal` are, and decodes a good record. */
enum native_slot native_slot_read(const char bytes[RECORD_BYTES], uint32_t ordinal,
                                  struct record *out_record);

/* Records first..first+count-1 as bytes into access->scratch; count at most
 * DISK_SCRATCH_BYTES / RECORD_BYTES, and all of them below the tail. MAIL_TEMPORARY where the file
 * has become shorter. */
enum mail_result native_records_read(const struct disk_access *access, int index, uint32_t first,
                                     uint32_t count);

/* Appends `count` records (1..RECORD_GROUP_MAX) as one group behind `tail` and syncs. Needs
 * DISK_LOCK_DELIVERY and DISK_WAIT; does not use scratch. Sets commit, group_index and
 * previous_crc; the totals are the caller's. On MAIL_DONE the group is durable and `tail` is the
 * new one; else the log is as it was before and `tail` unchanged. What a torn tail left is cut off
 * first; MAIL_PERMANENT where damage lies behind the tail, which only a repair may touch. */
enum mail_result native_append(const struct disk_access *access, int index,
                               struct native_tail *tail, struct record *records, uint32_t count);

/* The result that a client is told for a failed operation of the port. -EAGAIN is MAIL_LATER,
 * -EBUSY MAIL_IN_USE, -ENOSPC and -EDQUOT MAIL_NO_SPACE, everything else MAIL_TEMPORARY. */
enum mail_result native_result(int64_t error);

/* Whether the store's sentinel is there: MAIL_DONE, MAIL_LATER or MAIL_TEMPORARY. */
enum mail_result native_store_is_there(const struct disk_access *access);

/* Writes the path of the file `wire.N` of a maildrop (users_file). */
void native_wire_path(const char *path, uint32_t generation, char *out_path);

#endif
