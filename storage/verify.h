/* verify: checks everything that a native maildrop's files say, and repairs what can be repaired.
 *
 * It never invents, never hides, never loses: a message whose bytes are damaged stays and is
 * reported; a record that is damaged is made again from the mail itself where that is whole, with a
 * new UIDL, because the old one is gone; what cannot be read any more is kept beside the
 * maildrop in `wire.damaged-N`, and the index as it was in `index.damaged-N`. Runs under the
 * session lock where waiting is allowed, in the memory of the scratch at any size.
 */
#ifndef RINGPOST_STORAGE_VERIFY_H
#define RINGPOST_STORAGE_VERIFY_H

#include "storage/native_index.h"

enum verify_kind {
    VERIFY_TORN_TAIL,        /* normal after a crash: bytes behind the last record that counts */
    VERIFY_MOVED_MARK,       /* normal after a crash: the mark of a compaction that was killed */
    VERIFY_INDEX_LOST,       /* missing, or no record that counts, but there is a wire file */
    VERIFY_HEADER_DAMAGED,   /* so that only the files' names tell the wire file */
    VERIFY_WIRES_AMBIGUOUS,  /* several wire files, and nothing says which one counts */
    VERIFY_WIRE_MISSING,     /* the wire file that the index names */
    VERIFY_RECORD_DAMAGED,   /* checksum, kind or version of a record */
    VERIFY_CHAIN_BROKEN,     /* a good record that does not follow from the one before */
    VERIFY_GROUP_BROKEN,     /* a group without its begin or end inside the log */
    VERIFY_TOTALS_WRONG,     /* a record's running totals, or their sum over the live messages */
    VERIFY_EXPUNGE_WRONG,    /* an expunge that names what cannot be */
    VERIFY_MESSAGE_OUTSIDE,  /* a message reaches beyond the end of the wire file */
    VERIFY_MESSAGE_OVERLAPS, /* a message begins before the end of the one before */
    VERIFY_MESSAGE_DAMAGED,  /* first line, end, length, header or checksum of the bytes */
    VERIFY_UIDL_TWICE,       /* two live messages with the same UIDL; `ordinal` is the later one */
    VERIFY_MESSAGE_REBUILT,  /* done: a record made again from the mail, with a new UIDL */
    VERIFY_MESSAGES_BACK,    /* an expunge is lost: what it removed is there again */
    VERIFY_BYTES_SET_ASIDE,  /* done: bytes that are no whole message, kept in `wire.damaged-N` */
};

struct verify_finding {
    enum verify_kind kind;
    uint32_t ordinal; /* of the record; 0 where the finding is about no record */
    uint64_t offset;  /* in the wire file, where it is about bytes; else 0 */
};

struct verify_options {
    bool repair;
    uint32_t now_s;  /* time for UIDLs and records that are made again */
    uint64_t random; /* and their randomness: different at each call */
};

struct verify_summary {
    uint32_t
        message_count; /* live, as far as the records can be read; after a repair the new count */
    uint64_t octets;
    uint32_t structure_count; /* findings about the index, normal ones not counted */
    uint32_t content_count; /* findings about messages: damaged, outside, overlapping, UIDL twice */
    bool repaired;          /* the maildrop has been changed, and its structure is whole now */
};

/* Who is told each finding, in the order in which they are met. */
struct verify_reader {
    void (*found)(void *context, const struct verify_finding *finding);
    void *context;
};

/* Verifies the maildrop in `path`. MAIL_DONE: it has been looked at, and the summary and the
 * findings say how it is; a user without a maildrop has a good one. With `repair`, what is wrong
 * with the index is repaired; without, nothing is written. MAIL_IN_USE while a session is open;
 * MAIL_TEMPORARY where the disk failed: a repair is then done as a whole or not at all. Needs
 * DISK_WAIT. */
enum mail_result verify_maildrop(const struct disk_access *access, const char *path,
                                 const struct verify_options *options,
                                 const struct verify_reader *reader,
                                 struct verify_summary *out_summary);

/* What a finding is about, and so whether anybody has to look. */
enum verify_class {
    VERIFY_NORMAL,    /* an everyday trace of a crash */
    VERIFY_STRUCTURE, /* the index is damaged: --repair */
    VERIFY_CONTENT,   /* a message is damaged; it stays */
    VERIFY_DONE,      /* what a repair did */
};
enum verify_class verify_class_of(enum verify_kind kind);

/* The sentence for a finding, NUL-terminated and without a line end. */
#define VERIFY_TEXT_BYTES 200
void verify_text(const struct verify_finding *finding, char out_text[VERIFY_TEXT_BYTES]);

#endif
