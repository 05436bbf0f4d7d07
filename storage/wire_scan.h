/* wire_scan: recognises stored messages by nothing but their bytes.
 *
 * For verification, and for a repair that has lost the records: a stretch of the wire file is a
 * message when it has a first line "+OK n octets", lines in wire form, an end, and exactly n octets
 * between them. Reads through a borrowed buffer of any size from 64 bytes on; changes nothing.
 */
#ifndef RINGPOST_STORAGE_WIRE_SCAN_H
#define RINGPOST_STORAGE_WIRE_SCAN_H

#include "proto/mail.h"
#include "storage/disk.h"

#include <stdbool.h>

struct wire_scan {
    const struct disk_access *access;
    int wire;
    char *buffer;
    uint32_t buffer_bytes;
    uint64_t buffer_offset; /* in the file, of what is in the buffer */
    uint32_t buffered;
};

/* What a record says about a message, read from the message. */
struct wire_message {
    uint64_t offset;
    uint32_t wire_bytes;
    uint32_t octets;
    uint32_t header_bytes;
    uint32_t wire_crc;
};

void wire_scan_init(struct wire_scan *scan, const struct disk_access *access, int wire,
                    char *buffer, uint32_t buffer_bytes);

/* Whether a message begins at `offset` and ends at `end` or before. MAIL_DONE whichever it is;
 * another result only where reading failed. */
enum mail_result wire_scan_at(struct wire_scan *scan, uint64_t offset, uint64_t end,
                              struct wire_message *out_message, bool *out_found);

/* The first message that begins at `offset` or later and ends at `end` or before. */
enum mail_result wire_scan_next(struct wire_scan *scan, uint64_t offset, uint64_t end,
                                struct wire_message *out_message, bool *out_found);

#endif
