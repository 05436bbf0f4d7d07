/* verify_pass: what the passes of a verification share. Private to verify*.c.
 *
 * One struct goes through opening, the passes over records, messages and UIDLs, and the repair. The
 * scratch is cut into a window of records, a bitmap of expunged ordinals, room for the records of a
 * new index, and a buffer for mail or UIDL sums.
 */
#ifndef RINGPOST_STORAGE_VERIFY_PASS_H
#define RINGPOST_STORAGE_VERIFY_PASS_H

#include "storage/live.h"
#include "storage/new_index.h"
#include "storage/verify.h"

#define VERIFY_BUFFER_PLACE (LIVE_SCRATCH_BYTES + NEW_INDEX_BUFFER_BYTES)
#define VERIFY_BUFFER_BYTES (DISK_SCRATCH_BYTES - VERIFY_BUFFER_PLACE)

struct verify {
    const struct disk_access *access;
    const char *path;
    const struct verify_options *options;
    const struct verify_reader *reader;
    struct verify_summary *summary;
    int index;           /* -1: missing */
    int wire;            /* -1: none that counts */
    uint32_t generation; /* of `wire` */
    uint64_t wire_bytes;
    struct native_tail tail; /* record_count 0: none */
    uint32_t slot_count;     /* whole records in the file, those behind the tail included */
    uint32_t end;            /* records to look at: the tail, or further where damage lies behind */
    bool has_moved_mark;
    bool needs_rewrite;
    uint32_t window_first, window_end;
    uint32_t bitmap_first, bitmap_end;
};

/* Tells a finding and counts it. */
void verify_found(struct verify *verify, enum verify_kind kind, uint32_t ordinal, uint64_t offset);

/* The slot `ordinal`, below slot_count. */
enum mail_result verify_slot(struct verify *verify, uint32_t ordinal, enum native_slot *out_slot,
                             struct record *out_record);

/* Whether a good expunge record of the log names the ordinal, chained or not. Spoils the window. */
enum mail_result verify_is_expunged(struct verify *verify, uint32_t ordinal, bool *out_expunged);

/* Both of one slot. An expunge may name a record that is damaged, and is told of that, too. */
enum mail_result verify_look(struct verify *verify, uint32_t ordinal, enum native_slot *out_slot,
                             struct record *out_record, bool *out_expunged);

/* Goes from `*ordinal` on to the next good record of a message that nothing has expunged; to
 * verify->end where there is none. */
enum mail_result verify_next_live(struct verify *verify, uint32_t *ordinal,
                                  struct record *out_record);

/* The passes; each tells what it finds. verify_uidls is verify_uidl.c, verify_rewrite is
 * verify_repair.c and writes the new index. */
enum mail_result verify_records(struct verify *verify);
enum mail_result verify_messages(struct verify *verify);
enum mail_result verify_uidls(struct verify *verify);
enum mail_result verify_rewrite(struct verify *verify);

#endif
