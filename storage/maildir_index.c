/* maildir_index: see maildir_index.h.
 *
 * Little-endian, byte by byte. Header and records have a CRC32C each, so that a file that was torn
 * by a crash, which nobody waits for when it is written, is found out.
 */
#include "storage/maildir_index.h"

#include "storage/crc32c.h"

#include <string.h>

static const char magic[16] = "Ringpost mdir 1\n";

enum header_field {
    HEADER_FORMAT_CRC = 16,
    HEADER_SETTLED = 20,
    HEADER_COUNT = 24,
    HEADER_BODY_BYTES = 28,
    HEADER_OCTETS = 32,
    HEADER_NEW_NS = 40,
    HEADER_CUR_NS = 48,
    HEADER_LIST_NS = 56,
    HEADER_LIST_BYTES = 64,
    HEADER_LIST_INODE = 72,
    HEADER_BODY_CRC = 80,
    HEADER_CRC = MAILDIR_INDEX_HEADER_BYTES - 4,
};

enum record_field {
    RECORD_CRC = 0,
    RECORD_OCTETS = 4,
    RECORD_UID = 8,
    RECORD_FLAGS = 12,
    RECORD_UIDL_BYTES = 13,
    RECORD_NAME_BYTES = 14,
};

static void put(char *bytes, uint64_t value, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = (char)(value >> 8 * i & 255);
}

static uint64_t take(const char *bytes, uint32_t count)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < count; i++)
        value |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
    return value;
}

void maildir_index_encode_header(const struct maildir_index_header *header,
                                 char out_bytes[MAILDIR_INDEX_HEADER_BYTES])
{
    memset(out_bytes, 0, MAILDIR_INDEX_HEADER_BYTES);
    memcpy(out_bytes, magic, sizeof magic);
    put(out_bytes + HEADER_FORMAT_CRC, header->format_crc, 4);
    put(out_bytes + HEADER_SETTLED, header->is_settled, 1);
    put(out_bytes + HEADER_COUNT, header->view.count, 4);
    put(out_bytes + HEADER_BODY_BYTES, header->body_bytes, 4);
    put(out_bytes + HEADER_OCTETS, header->view.octets, 8);
    put(out_bytes + HEADER_NEW_NS, (uint64_t)header->stamp.new_ns, 8);
    put(out_bytes + HEADER_CUR_NS, (uint64_t)header->stamp.cur_ns, 8);
    put(out_bytes + HEADER_LIST_NS, (uint64_t)header->stamp.list_ns, 8);
    put(out_bytes + HEADER_LIST_BYTES, header->stamp.list_bytes, 8);
    put(out_bytes + HEADER_LIST_INODE, header->stamp.list_inode, 8);
    put(out_bytes + HEADER_BODY_CRC, header->body_crc, 4);
    put(out_bytes + HEADER_CRC, crc32c(0, out_bytes, HEADER_CRC), 4);
}

bool maildir_index_decode_header(const char bytes[MAILDIR_INDEX_HEADER_BYTES],
                                 struct maildir_index_header *out_header)
{
    if (memcmp(bytes, magic, sizeof magic) != 0 ||
        take(bytes + HEADER_CRC, 4) != crc32c(0, bytes, HEADER_CRC))
        return false;
    *out_header = (struct maildir_index_header){
        .is_settled = bytes[HEADER_SETTLED] != 0,
        .format_crc = (uint32_t)take(bytes + HEADER_FORMAT_CRC, 4),
        .view = {(uint32_t)take(bytes + HEADER_COUNT, 4), take(bytes + HEADER_OCTETS, 8)},
        .stamp = {(int64_t)take(bytes + HEADER_NEW_NS, 8), (int64_t)take(bytes + HEADER_CUR_NS, 8),
                  (int64_t)take(bytes + HEADER_LIST_NS, 8), take(bytes + HEADER_LIST_BYTES, 8),
                  take(bytes + HEADER_LIST_INODE, 8)},
        .body_bytes = (uint32_t)take(bytes + HEADER_BODY_BYTES, 4),
        .body_crc = (uint32_t)take(bytes + HEADER_BODY_CRC, 4),
    };
    uint64_t table = ((uint64_t)out_header->view.count + 1) * MAILDIR_INDEX_ENTRY_BYTES;
    return table <= out_header->body_bytes;
}

uint32_t maildir_record_encode(const struct maildir_record *record, uint32_t index, char *out_bytes)
{
    memset(out_bytes, 0, MAILDIR_RECORD_FIXED_BYTES);
    put(out_bytes + RECORD_OCTETS, record->octets, 4);
    put(out_bytes + RECORD_UID, record->uid, 4);
    put(out_bytes + RECORD_FLAGS, record->flags, 1);
    put(out_bytes + RECORD_UIDL_BYTES, record->uidl.length, 1);
    put(out_bytes + RECORD_NAME_BYTES, record->name.length, 1);
    char *text = out_bytes + MAILDIR_RECORD_FIXED_BYTES;
    memcpy(text, record->uidl.bytes, record->uidl.length);
    memcpy(text + record->uidl.length, record->name.bytes, record->name.length);
    uint32_t bytes =
        MAILDIR_RECORD_FIXED_BYTES + (uint32_t)record->uidl.length + (uint32_t)record->name.length;
    put(out_bytes + RECORD_CRC, crc32c(index, out_bytes + RECORD_OCTETS, bytes - RECORD_OCTETS), 4);
    return bytes;
}

bool maildir_record_decode(struct span bytes, uint32_t index, struct maildir_record *out_record)
{
    const char *from = bytes.bytes;
    if (bytes.length < MAILDIR_RECORD_FIXED_BYTES || bytes.length > MAILDIR_RECORD_MAX ||
        take(from + RECORD_CRC, 4) !=
            crc32c(index, from + RECORD_OCTETS, bytes.length - RECORD_OCTETS))
        return false;
    size_t uidl_bytes = (unsigned char)from[RECORD_UIDL_BYTES];
    size_t name_bytes = (unsigned char)from[RECORD_NAME_BYTES];
    if (uidl_bytes == 0 || uidl_bytes > MAIL_UIDL_MAX || name_bytes == 0 ||
        MAILDIR_RECORD_FIXED_BYTES + uidl_bytes + name_bytes != bytes.length)
        return false;
    const char *text = from + MAILDIR_RECORD_FIXED_BYTES;
    *out_record = (struct maildir_record){
        .octets = (uint32_t)take(from + RECORD_OCTETS, 4),
        .uid = (uint32_t)take(from + RECORD_UID, 4),
        .flags = (unsigned char)from[RECORD_FLAGS],
        .uidl = {text, uidl_bytes},
        .name = {text + uidl_bytes, name_bytes},
    };
    return memchr(out_record->name.bytes, '/', name_bytes) == NULL &&
           memchr(out_record->name.bytes, 0, name_bytes) == NULL &&
           out_record->name.bytes[0] != '.';
}

void maildir_index_put_entry(char *table, uint32_t index, uint32_t offset)
{
    put(table + (size_t)index * MAILDIR_INDEX_ENTRY_BYTES, offset, 4);
}

uint32_t maildir_index_entry(const char *table, uint32_t index)
{
    return (uint32_t)take(table + (size_t)index * MAILDIR_INDEX_ENTRY_BYTES, 4);
}
