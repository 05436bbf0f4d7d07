/* wire: stretches of a maildrop's wire file, read in pieces through a borrowed buffer.
 *
 * The checksum of a stored message of any size in constant memory, and its copy into another file.
 * It knows no records and holds no files open.
 */
#ifndef RINGPOST_STORAGE_WIRE_H
#define RINGPOST_STORAGE_WIRE_H

#include "proto/mail.h"
#include "storage/disk.h"

/* The CRC32C of the bytes, read through `buffer`. MAIL_PERMANENT where the file ends before them.
 */
enum mail_result wire_crc(const struct disk_access *access, int wire, uint64_t offset,
                          uint64_t bytes, char *buffer, size_t buffer_bytes, uint32_t *out_crc);

/* The same, and writes the bytes to `to_offset` of the file `to` on the way. */
enum mail_result wire_copy(const struct disk_access *access, int wire, uint64_t offset,
                           uint64_t bytes, int to, uint64_t to_offset, char *buffer,
                           size_t buffer_bytes, uint32_t *out_crc);

#endif
