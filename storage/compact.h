/* compact: gives the space of a maildrop's dead records and dead mail back.
 *
 * It writes what is live into new files beside the old ones, makes them durable, and exchanges them
 * by one rename. How the exchange is made safe is in new_index.h. It owns the wire file that the
 * header does not name, for as long as it runs. UIDLs, times, octets and order never change; a
 * message that is damaged stays damaged and stays there. A maildrop whose index is damaged is left
 * alone: that is for verify.
 */
#ifndef RINGPOST_STORAGE_COMPACT_H
#define RINGPOST_STORAGE_COMPACT_H

#include "storage/native_index.h"

struct compact_summary {
    uint64_t bytes_before;  /* of index and wire, holes counted as bytes */
    uint64_t bytes_after;   /* the same where nothing was done */
    uint32_t message_count; /* live messages */
    uint32_t damaged_count; /* of these, messages with a wrong checksum, copied as they are */
    bool compacted;
};

/* Opens the maildrop in `path`, takes both locks, removes what a killed compaction left, and
 * rewrites index and wire where more than half of the wire's bytes or of the index's records are
 * dead, or always with `forced`. A user without a maildrop has nothing to compact: MAIL_DONE.
 * MAIL_IN_USE while a session is open. MAIL_PERMANENT where index or wire are damaged in a way that
 * copying could hide. Unless it answers MAIL_DONE, the maildrop is as it was. Needs DISK_WAIT. */
enum mail_result compact_maildrop(const struct disk_access *access, const char *path, bool forced,
                                  struct compact_summary *out_summary);

/* For an UPDATE: rewrites only the index, 128 bytes a live message. The caller holds both locks of
 * `index`, whose end is `tail`, and closes it afterwards without writing anything more to it. The
 * wire is not touched. On failure the old index is still the one. Uses all of the scratch. */
enum mail_result compact_index(const struct disk_access *access, const char *path, int index,
                               const struct native_tail *tail);

/* Whoever is about to append to an index calls this before, with the lock that it appends under.
 * The first append after a compaction must not count before the new name is durable, and the
 * process that compacted may have been killed before it was; the header says how many records it
 * had written. One read of the header; a sync of the folder only where nothing has been appended
 * since. */
enum mail_result compact_settle(const struct disk_access *access, const char *path, int index,
                                const struct native_tail *tail);

/* Whether dead records make a rewrite of the index worth it: more than half of them, and more than
 * a block of 4 KiB could hold. */
bool compact_is_worth_it(const struct native_tail *tail);

#endif
