/* live: the records of a maildrop that no UPDATE has removed, one after the other.
 *
 * What compaction and verification walk along. It reads the chain of expunge records into a bitmap
 * for a stretch of ordinals at a time, so that its memory is the same at any size and with any
 * pattern of holes, and it checks each record and the chain of checksums on the way. It changes
 * nothing.
 */
#ifndef RINGPOST_STORAGE_LIVE_H
#define RINGPOST_STORAGE_LIVE_H

#include "storage/native_index.h"

/* Memory at the front of the scratch that the walk uses: records of a window, and a bit for each of
 * half a million ordinals. The rest of the scratch is the caller's. */
#define LIVE_WINDOW_RECORDS 512
#define LIVE_WINDOW_BYTES   (LIVE_WINDOW_RECORDS * RECORD_BYTES)
#define LIVE_BITMAP_BYTES   (64 * 1024)
#define LIVE_SCRATCH_BYTES  (LIVE_WINDOW_BYTES + LIVE_BITMAP_BYTES)

struct live {
    const struct disk_access *access;
    int index;
    uint32_t record_count;
    uint32_t last_expunge;
    uint32_t next;         /* ordinal */
    uint32_t bitmap_first; /* ordinals bitmap_first..bitmap_end-1 are in the bitmap */
    uint32_t bitmap_end;
    uint32_t window_first; /* records window_first..window_end-1 are in the window */
    uint32_t window_end;
    uint32_t previous_crc;
};

/* Begins before the header of an index that ends with `tail`. `access` is borrowed while it is
 * used, and must be one that may wait. */
void live_init(struct live *live, const struct disk_access *access, int index,
               const struct native_tail *tail);

/* The next live delivery and its ordinal, or *out_end. MAIL_PERMANENT where a record on the way, or
 * the chain of expunges, is damaged. */
enum mail_result live_next(struct live *live, struct record *out_record, uint32_t *out_ordinal,
                           bool *out_end);

/* Whether an UPDATE has removed the record `ordinal`, for whoever reads the records himself;
 * `ordinal` is below the tail. Spoils the window, not the walk. */
enum mail_result live_is_expunged(struct live *live, uint32_t ordinal, bool *out_expunged);

#endif
