/* wire: stretches of a maildrop's wire file, read in pieces through a borrowed buffer.
 *
 * The checksum of a stored message of any size in constant memory, and its copy into another file.
 */
#include "storage/wire.h"

#include "storage/crc32c.h"
#include "storage/native_index.h"

#define NO_FILE (-1)

enum mail_result wire_copy(const struct disk_access *access, int wire, uint64_t offset,
                           uint64_t bytes, int to, uint64_t to_offset, char *buffer,
                           size_t buffer_bytes, uint32_t *out_crc)
{
    uint32_t crc = 0;
    for (uint64_t done = 0; done < bytes;) {
        size_t wanted = bytes - done < buffer_bytes ? (size_t)(bytes - done) : buffer_bytes;
        int64_t got =
            disk_read(access->disk, wire, buffer, wanted, offset + done, access->patience);
        if (got < 0)
            return native_result(got);
        if ((size_t)got < wanted)
            return MAIL_PERMANENT;
        crc = crc32c(crc, buffer, wanted);
        if (to != NO_FILE) {
            int written = disk_write(access->disk, to, buffer, wanted, to_offset + done);
            if (written < 0)
                return native_result(written);
        }
        done += wanted;
    }
    *out_crc = crc;
    return MAIL_DONE;
}

enum mail_result wire_crc(const struct disk_access *access, int wire, uint64_t offset,
                          uint64_t bytes, char *buffer, size_t buffer_bytes, uint32_t *out_crc)
{
    return wire_copy(access, wire, offset, bytes, NO_FILE, 0, buffer, buffer_bytes, out_crc);
}
