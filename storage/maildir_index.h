/* maildir_index: the bytes of `ringpost-index`, what we remember of a Maildir between sessions.
 *
 * A header, a table of where the records are, and a record for each message in the order of their
 * numbers. It may be deleted at any time: all of it can be learnt again. Pure: bytes and structs.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_INDEX_H
#define RINGPOST_STORAGE_MAILDIR_INDEX_H

#include "proto/mail.h"
#include "proto/span.h"

#define MAILDIR_INDEX_HEADER_BYTES 128
#define MAILDIR_INDEX_ENTRY_BYTES  4 /* of the table, which has one more entry than records */

#define MAILDIR_NAME_MAX 255 /* NAME_MAX of Linux file systems */

/* By what it is seen that nothing has changed: times of `new` and `cur`, and the other server's
 * list. */
struct maildir_stamp {
    int64_t new_ns, cur_ns;
    int64_t list_ns; /* 0, 0, 0: there is none */
    uint64_t list_bytes;
    uint64_t list_inode;
};

struct maildir_index_header {
    bool is_settled;     /* the times were old enough when the folders were listed */
    uint32_t format_crc; /* of the UIDLs' format */
    struct mail_view view;
    struct maildir_stamp stamp;
    uint32_t body_bytes; /* table and records */
    uint32_t body_crc;
};

enum maildir_record_flag {
    MAILDIR_RECORD_COUNTED = 1, /* the octets were counted, not told by somebody */
    MAILDIR_RECORD_IN_NEW = 2,  /* in `new`, else in `cur` */
};

struct maildir_record {
    uint32_t octets; /* as LIST says */
    uint32_t uid;    /* of the other server's list, 0: none */
    unsigned flags;
    struct span uidl; /* 1..MAIL_UIDL_MAX */
    struct span name; /* of the file, 1..MAILDIR_NAME_MAX */
};

#define MAILDIR_RECORD_FIXED_BYTES 16
#define MAILDIR_RECORD_MAX         (MAILDIR_RECORD_FIXED_BYTES + MAIL_UIDL_MAX + MAILDIR_NAME_MAX)

/* Writes the header with its checksum. */
void maildir_index_encode_header(const struct maildir_index_header *header,
                                 char out_bytes[MAILDIR_INDEX_HEADER_BYTES]);

/* False where it is none, of another version, or damaged. */
bool maildir_index_decode_header(const char bytes[MAILDIR_INDEX_HEADER_BYTES],
                                 struct maildir_index_header *out_header);

/* `index` is the message's number - 1: a record in another's place is damaged. Returns the bytes
 * written, at most MAILDIR_RECORD_MAX. */
uint32_t maildir_record_encode(const struct maildir_record *record, uint32_t index,
                               char *out_bytes);

/* Spans are borrowed from `bytes`. False where it is damaged; then `out_record` means nothing. */
bool maildir_record_decode(struct span bytes, uint32_t index, struct maildir_record *out_record);

/* Entries of the table. */
void maildir_index_put_entry(char *table, uint32_t index, uint32_t offset);
uint32_t maildir_index_entry(const char *table, uint32_t index);

#endif
