/* native_format: the bytes of index records, see native_format.h and docs/FORMAT.md.
 *
 * Bytes are stored and loaded one by one, so that neither the alignment of a buffer nor the byte
 * order of a processor shows in a file. Decoding trusts nothing that the checksum does not cover,
 * and no count that it does.
 */
#include "storage/native_format.h"

#include "proto/must.h"
#include "storage/crc32c.h"
#include "storage/decimal.h"

#include <string.h>

#define FLAG_COMMIT 1

/* Where the fields lie. */
enum record_field {
    FIELD_KIND = 0,
    FIELD_VERSION = 1,
    FIELD_FLAGS = 2,
    FIELD_COUNT = 3,
    FIELD_GROUP_INDEX = 4,
    FIELD_OFFSET = 6,
    FIELD_WIRE_BYTES = 14,
    FIELD_OCTETS = 18,
    FIELD_HEADER_BYTES = 22,
    FIELD_WIRE_CRC = 26,
    FIELD_TIME = 30,
    FIELD_LIVE_COUNT = 34,
    FIELD_LAST_EXPUNGE = 38,
    FIELD_LIVE_OCTETS = 42,
    FIELD_PREVIOUS_CRC = 50,
    FIELD_TAIL = 54, /* the UIDL, the ranges, or the header's magic and generation */
    FIELD_CRC = 124,
};

#define TAIL_BYTES  (FIELD_CRC - FIELD_TAIL)
#define RANGE_BYTES 8

_Static_assert(TAIL_BYTES == MAIL_UIDL_MAX, "a UIDL fills the record's tail");
_Static_assert(RECORD_RANGES_MAX *RANGE_BYTES <= TAIL_BYTES, "ranges fit the record's tail");

static const char header_magic[16] = "Ringpost index\r\n";

static void encode_tail(const struct record *record, char *bytes);
static bool decode_tail(const char *bytes, uint8_t count, struct record *record);
static bool decode_kind(uint8_t byte, enum record_kind *out_kind);
static void put16(char *bytes, uint16_t value);
static void put32(char *bytes, uint32_t value);
static void put64(char *bytes, uint64_t value);
static uint16_t take16(const char *bytes);
static uint32_t take32(const char *bytes);
static uint64_t take64(const char *bytes);

void record_encode(struct record *record, char out_bytes[RECORD_BYTES])
{
    memset(out_bytes, 0, RECORD_BYTES);
    out_bytes[FIELD_KIND] = (char)record->kind;
    out_bytes[FIELD_VERSION] = RECORD_VERSION;
    out_bytes[FIELD_FLAGS] = record->commit ? FLAG_COMMIT : 0;
    put16(out_bytes + FIELD_GROUP_INDEX, record->group_index);
    put64(out_bytes + FIELD_OFFSET, record->offset);
    put32(out_bytes + FIELD_WIRE_BYTES, record->wire_bytes);
    put32(out_bytes + FIELD_OCTETS, record->octets);
    put32(out_bytes + FIELD_HEADER_BYTES, record->header_bytes);
    put32(out_bytes + FIELD_WIRE_CRC, record->wire_crc);
    put32(out_bytes + FIELD_TIME, record->time_s);
    put32(out_bytes + FIELD_LIVE_COUNT, record->live_count);
    put32(out_bytes + FIELD_LAST_EXPUNGE, record->last_expunge);
    put64(out_bytes + FIELD_LIVE_OCTETS, record->live_octets);
    put32(out_bytes + FIELD_PREVIOUS_CRC, record->previous_crc);
    encode_tail(record, out_bytes);
    record->crc = crc32c(0, out_bytes, FIELD_CRC);
    put32(out_bytes + FIELD_CRC, record->crc);
}

bool record_decode(const char bytes[RECORD_BYTES], struct record *out_record)
{
    struct record record = {.crc = take32(bytes + FIELD_CRC)};
    if (record.crc != crc32c(0, bytes, FIELD_CRC) || bytes[FIELD_VERSION] != RECORD_VERSION ||
        (bytes[FIELD_FLAGS] & ~FLAG_COMMIT) != 0 ||
        !decode_kind((uint8_t)bytes[FIELD_KIND], &record.kind))
        return false;
    record.commit = (bytes[FIELD_FLAGS] & FLAG_COMMIT) != 0;
    record.group_index = take16(bytes + FIELD_GROUP_INDEX);
    record.offset = take64(bytes + FIELD_OFFSET);
    record.wire_bytes = take32(bytes + FIELD_WIRE_BYTES);
    record.octets = take32(bytes + FIELD_OCTETS);
    record.header_bytes = take32(bytes + FIELD_HEADER_BYTES);
    record.wire_crc = take32(bytes + FIELD_WIRE_CRC);
    record.time_s = take32(bytes + FIELD_TIME);
    record.live_count = take32(bytes + FIELD_LIVE_COUNT);
    record.last_expunge = take32(bytes + FIELD_LAST_EXPUNGE);
    record.live_octets = take64(bytes + FIELD_LIVE_OCTETS);
    record.previous_crc = take32(bytes + FIELD_PREVIOUS_CRC);
    if (!decode_tail(bytes, (uint8_t)bytes[FIELD_COUNT], &record))
        return false;
    *out_record = record;
    return true;
}

uint32_t record_first_line(uint32_t octets, char out_line[RECORD_FIRST_LINE_MAX])
{
    memcpy(out_line, "+OK ", 4);
    uint32_t bytes = 4 + decimal_write(octets, out_line + 4);
    memcpy(out_line + bytes, " octets\r\n", 10);
    return bytes + 9;
}

static void encode_tail(const struct record *record, char *bytes)
{
    char *tail = bytes + FIELD_TAIL;
    switch (record->kind) {
    case RECORD_DELIVERY:
        must(record->uidl.length >= 1 && record->uidl.length <= MAIL_UIDL_MAX);
        bytes[FIELD_COUNT] = (char)record->uidl.length;
        memcpy(tail, record->uidl.bytes, record->uidl.length);
        break;
    case RECORD_EXPUNGE:
        must(record->ranges.count >= 1 && record->ranges.count <= RECORD_RANGES_MAX);
        bytes[FIELD_COUNT] = (char)record->ranges.count;
        for (uint32_t i = 0; i < record->ranges.count; i++) {
            put32(tail + i * RANGE_BYTES, record->ranges.items[i].first);
            put32(tail + i * RANGE_BYTES + 4, record->ranges.items[i].count);
        }
        break;
    case RECORD_HEADER:
        memcpy(tail, header_magic, sizeof header_magic);
        put32(tail + sizeof header_magic, record->header.wire_generation);
        break;
    case RECORD_MOVED:
        break;
    }
}

/* UIDLs go to clients as they are, so one that would break an answer's framing counts as damage. */
static bool decode_uidl(const char *tail, uint8_t count, struct record *record)
{
    if (count < 1 || count > MAIL_UIDL_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (tail[i] < 0x21 || tail[i] > 0x7E)
            return false;
    record->uidl.length = count;
    memcpy(record->uidl.bytes, tail, count);
    return true;
}

static bool decode_tail(const char *bytes, uint8_t count, struct record *record)
{
    const char *tail = bytes + FIELD_TAIL;
    switch (record->kind) {
    case RECORD_DELIVERY:
        return decode_uidl(tail, count, record);
    case RECORD_EXPUNGE:
        if (count < 1 || count > RECORD_RANGES_MAX)
            return false;
        record->ranges.count = count;
        for (uint32_t i = 0; i < count; i++)
            record->ranges.items[i] = (struct record_range){take32(tail + i * RANGE_BYTES),
                                                            take32(tail + i * RANGE_BYTES + 4)};
        return true;
    case RECORD_HEADER:
        record->header.wire_generation = take32(tail + sizeof header_magic);
        return count == 0 && memcmp(tail, header_magic, sizeof header_magic) == 0;
    case RECORD_MOVED:
        return count == 0;
    }
    return false;
}

static bool decode_kind(uint8_t byte, enum record_kind *out_kind)
{
    if (byte < RECORD_HEADER || byte > RECORD_MOVED)
        return false;
    *out_kind = (enum record_kind)byte;
    return true;
}

static void put16(char *bytes, uint16_t value)
{
    bytes[0] = (char)(value & 0xFF);
    bytes[1] = (char)(value >> 8);
}

static void put32(char *bytes, uint32_t value)
{
    put16(bytes, (uint16_t)(value & 0xFFFF));
    put16(bytes + 2, (uint16_t)(value >> 16));
}

static void put64(char *bytes, uint64_t value)
{
    put32(bytes, (uint32_t)(value & 0xFFFFFFFF));
    put32(bytes + 4, (uint32_t)(value >> 32));
}

static uint16_t take16(const char *bytes)
{
    return (uint16_t)((uint8_t)bytes[0] | (uint8_t)bytes[1] << 8);
}

static uint32_t take32(const char *bytes)
{
    return take16(bytes) | (uint32_t)take16(bytes + 2) << 16;
}

static uint64_t take64(const char *bytes)
{
    return take32(bytes) | (uint64_t)take32(bytes + 4) << 32;
}
