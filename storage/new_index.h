/* new_index: an index written beside the old one, and put in its place by one rename.
 *
 * Compaction and repair write through it. It owns `index.new` while it is used, chains the records
 * and counts the totals. The old index gets a last record RECORD_MOVED before the rename, never
 * after it: a process that was killed between the two must not leave others waiting for the lock of
 * a file that has lost its name. So an index that is still at its name may end in RECORD_MOVED;
 * whoever opens the name again and meets the same last record passes that record over.
 */
#ifndef RINGPOST_STORAGE_NEW_INDEX_H
#define RINGPOST_STORAGE_NEW_INDEX_H

#include "storage/native_index.h"

#define NEW_INDEX_NAME "index.new"

/* Encoded records that wait to be written; the memory is the owner's. */
#define NEW_INDEX_RECORDS      256
#define NEW_INDEX_BUFFER_BYTES (NEW_INDEX_RECORDS * RECORD_BYTES)

/* Private to new_index.c, but for the totals. */
struct new_index {
    const struct disk_access *access;
    const char *path;
    char *buffer;
    int file;
    uint32_t record_count; /* with the header */
    uint32_t waiting;
    uint32_t previous_crc;
    uint32_t live_count;
    uint64_t live_octets;
};

/* Makes `index.new` with the header maildrop_header(generation, record_count). `buffer` has
 * NEW_INDEX_BUFFER_BYTES. On failure nothing stays open. */
enum mail_result new_index_begin(struct new_index *index, const struct disk_access *access,
                                 const char *path, uint32_t generation, uint32_t record_count,
                                 char *buffer);

/* Appends a delivery; sets the chain and the totals of `record`. */
enum mail_result new_index_put(struct new_index *index, struct record *record);

/* Writes what waits, syncs file and folder, and closes the file. */
enum mail_result new_index_finish(struct new_index *index);

/* Puts the finished file in the place of the open file `old`, which the caller has both locks of,
 * and which has `old_end` as its last record; what is behind it is cut off. On failure the old
 * index is at its name as before. On MAIL_DONE *out_durable says whether the new name will survive
 * a power failure already; if not, either of the two may come back, until a folder sync. */
enum mail_result new_index_exchange(struct new_index *index, int old,
                                    const struct native_tail *old_end, bool *out_durable);

/* Gives up: closes and removes `index.new` as far as that works. */
void new_index_cancel(struct new_index *index);

#endif
