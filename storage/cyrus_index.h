/* cyrus_index: reads the file cyrus.index of a mailbox of Cyrus IMAP, versions 6 to 20 but 11.
 *
 * A header, then records of one size, all numbers with their first byte first. What a POP3 server
 * needs of them is here: UIDVALIDITY, the option that chose the form of UIDLs, and of each message
 * its UID, its time and whether it is gone. From version 12 on each part has a checksum, which is
 * checked. Knows no file: the bytes are the caller's.
 */
#ifndef RINGPOST_STORAGE_CYRUS_INDEX_H
#define RINGPOST_STORAGE_CYRUS_INDEX_H

#include "proto/span.h"

/* The longest header and record that a known version has. */
#define CYRUS_HEADER_BYTES_MAX 192
#define CYRUS_RECORD_BYTES_MAX 144

struct cyrus_index {
    uint32_t version;
    uint32_t header_bytes; /* the records follow */
    uint32_t record_bytes;
    uint32_t record_count;
    uint32_t uid_validity;
    bool uidl_is_new;   /* UIDLs have the form that imapd.conf names; else they are the UID alone */
    int64_t show_after; /* POP3 shows only what came later than this, seconds since 1970; 0: all */
};

struct cyrus_record {
    uint32_t uid;   /* the message is in the file "UID." */
    int64_t time;   /* when it came, seconds since 1970 */
    uint64_t bytes; /* with CRLF line ends */
    bool is_gone;   /* expunged, even where its file may still be there */
};

/* Reads the header from the front of the file. False where it is cut off, of a version that is not
 * known, inconsistent, or fails its checksum. */
bool cyrus_index_read(struct span file, struct cyrus_index *out_index);

/* Reads one record, `bytes` being at least record_bytes long. False where it fails its checksum, or
 * has no UID. */
bool cyrus_record_read(const struct cyrus_index *index, struct span bytes,
                       struct cyrus_record *out_record);

#endif
