/* native_format: the bytes of a maildrop's index, record by record.
 *
 * An index is a header record and an append-only log of records of 128 bytes: deliveries, and the
 * expunges that commit an UPDATE. Records never straddle a 512-byte sector. Each carries the
 * running totals, so the last one alone answers STAT; each carries the checksum of the one before
 * it, so a record that fits vouches for all before it. Several records that must count together are
 * a group: only the last has the COMMIT flag. docs/FORMAT.md describes the bytes and how to change
 * them.
 */
#ifndef RINGPOST_STORAGE_NATIVE_FORMAT_H
#define RINGPOST_STORAGE_NATIVE_FORMAT_H

#include "proto/mail.h"

#include <stdbool.h>

#define RECORD_BYTES   128
#define RECORD_VERSION 1

/* A group has at most this many records: group_index has 16 bits. */
#define RECORD_GROUP_MAX 65536

/* Ranges of ordinals in one expunge record: 70 bytes at 8 a range. */
#define RECORD_RANGES_MAX 8

enum record_kind {
    RECORD_HEADER = 1,   /* ordinal 0: which file holds the wire form */
    RECORD_DELIVERY = 2, /* one message */
    RECORD_EXPUNGE = 3,  /* ranges of ordinals that are gone */
    RECORD_MOVED = 4,    /* this file has been replaced by a compaction: open the name anew */
};

/* `first` is the ordinal of a delivery record, `count` how many records from there on are covered;
 * expunge records inside the range do not matter. */
struct record_range {
    uint32_t first;
    uint32_t count;
};

/* A record in memory. An ordinal is the record's place in its file: byte offset / RECORD_BYTES. */
struct record {
    enum record_kind kind;
    bool commit;          /* the last of its group */
    uint16_t group_index; /* from 0 */
    uint64_t offset;     /* delivery: where its wire form begins; else: where the wire form ended */
    uint32_t wire_bytes; /* whole answer to RETR; 0 where it is no delivery */
    uint32_t octets;     /* as LIST says */
    uint32_t header_bytes; /* wire bytes of header and blank line, behind the first line */
    uint32_t wire_crc;     /* CRC32C of the wire_bytes */
    uint32_t time_s;       /* of the delivery, seconds since 1970, until 2106 */
    uint32_t live_count;   /* totals after this record */
    uint64_t live_octets;
    uint32_t last_expunge; /* ordinal of the last expunge record up to and with this; 0: none */
    uint32_t previous_crc; /* the crc of the record before; 0 in the header */
    uint32_t crc;          /* CRC32C of the 124 bytes before it */
    union {
        struct {
            uint8_t length;
            char bytes[MAIL_UIDL_MAX];
        } uidl; /* RECORD_DELIVERY */
        struct {
            uint8_t count;
            struct record_range items[RECORD_RANGES_MAX];
        } ranges; /* RECORD_EXPUNGE */
        struct {
            uint32_t wire_generation; /* the wire form is in the file `wire.N` */
        } header;                     /* RECORD_HEADER */
    };
};

/* Writes the record's bytes, little-endian, and sets record->crc. */
void record_encode(struct record *record, char out_bytes[RECORD_BYTES]);

/* Reads a record; false where checksum, kind, version or a length is wrong. Never reads beyond the
 * 128 bytes, never trusts a count. */
bool record_decode(const char bytes[RECORD_BYTES], struct record *out_record);

/* Bytes of the first line of the answer to RETR for a message of so many octets, and the line. */
#define RECORD_FIRST_LINE_MAX 24 /* "+OK 4294967295 octets" CRLF, and a NUL */
uint32_t record_first_line(uint32_t octets, char out_line[RECORD_FIRST_LINE_MAX]);

#endif
