/* test_native_format: the bytes of index records. The bytes here are for ever; a test that has to
 * be changed means a new version of the format (docs/FORMAT.md). */
#include "storage/crc32c.h"
#include "storage/native_format.h"

#include <criterion/criterion.h>
#include <string.h>

static struct record delivery_record(void)
{
    struct record record = {
        .kind = RECORD_DELIVERY,
        .commit = true,
        .group_index = 0x0102,
        .offset = 0x0807060504030201,
        .wire_bytes = 0x14131211,
        .octets = 0x24232221,
        .header_bytes = 0x34333231,
        .wire_crc = 0x44434241,
        .time_s = 0x54535251,
        .live_count = 0x64636261,
        .live_octets = 0x8786858483828180,
        .last_expunge = 0x74737271,
        .previous_crc = 0x94939291,
        .uidl = {.length = 3, .bytes = "abc"},
    };
    return record;
}

/* Gives changed bytes a good checksum again. */
static void seal(char bytes[RECORD_BYTES])
{
    uint32_t crc = crc32c(0, bytes, 124);
    for (int i = 0; i < 4; i++)
        bytes[124 + i] = (char)(crc >> 8 * i & 0xFF);
}

Test(native_format, a_delivery_has_these_bytes)
{
    static const unsigned char expected[64] = {
        2,    1,    1,    3,    0x02, 0x01, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
        0x08, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33, 0x34,
        0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0x54, 0x61, 0x62, 0x63, 0x64, 0x71,
        0x72, 0x73, 0x74, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x91, 0x92,
        0x93, 0x94, 'a',  'b',  'c',  0,    0,    0,    0,    0,    0,    0};
    struct record record = delivery_record();
    char bytes[RECORD_BYTES];
    record_encode(&record, bytes);
    cr_assert_eq(memcmp(bytes, expected, sizeof expected), 0);
    for (int i = 64; i < 124; i++)
        cr_assert_eq(bytes[i], 0);
    cr_assert_eq(record.crc, crc32c(0, bytes, 124));
}

Test(native_format, every_kind_comes_back)
{
    struct record records[4] = {delivery_record(), delivery_record(), delivery_record(),
                                delivery_record()};
    records[1].kind = RECORD_EXPUNGE;
    records[1].commit = false;
    memset(&records[1].ranges, 0, sizeof records[1].ranges);
    records[1].ranges.count = 2;
    records[1].ranges.items[0] = (struct record_range){1, 0xFFFFFFFF};
    records[1].ranges.items[1] = (struct record_range){0xFFFFFFFE, 7};
    records[2].kind = RECORD_HEADER;
    records[2].header.wire_generation = 4000000000;
    records[3].kind = RECORD_MOVED;
    for (int i = 0; i < 4; i++) {
        char bytes[RECORD_BYTES], again[RECORD_BYTES];
        struct record record;
        record_encode(&records[i], bytes);
        cr_assert(record_decode(bytes, &record));
        cr_assert_eq(record.kind, records[i].kind);
        cr_assert_eq(record.commit, records[i].commit);
        cr_assert_eq(record.crc, records[i].crc);
        record_encode(&record, again);
        cr_assert_eq(memcmp(bytes, again, RECORD_BYTES), 0);
    }
    char bytes[RECORD_BYTES];
    struct record record;
    record_encode(&records[1], bytes);
    cr_assert(record_decode(bytes, &record));
    cr_assert_eq(record.ranges.items[1].first, 0xFFFFFFFE);
    record_encode(&records[2], bytes);
    cr_assert(record_decode(bytes, &record));
    cr_assert_eq(record.header.wire_generation, 4000000000);
}

Test(native_format, no_flipped_bit_passes)
{
    struct record record = delivery_record();
    char bytes[RECORD_BYTES];
    record_encode(&record, bytes);
    for (int bit = 0; bit < RECORD_BYTES * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        cr_assert_not(record_decode(bytes, &record), "bit %d", bit);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    cr_assert(record_decode(bytes, &record));
}

Test(native_format, blank_bytes_are_no_record)
{
    char bytes[RECORD_BYTES] = {0};
    struct record record;
    cr_assert_not(record_decode(bytes, &record));
    seal(bytes);
    cr_assert_not(record_decode(bytes, &record));
}

Test(native_format, a_good_checksum_does_not_excuse_a_wrong_field)
{
    static const struct {
        int place;
        unsigned char byte;
    } wrong[] = {{0, 0},    {0, 5},     {0, 0xFF},  {1, 0},     {1, 2},
                 {2, 2},    {2, 0xFF},  {3, 0},     {3, 71},    {3, 0xFF},
                 {54, ' '}, {55, '\r'}, {56, 0x7F}, {56, 0x80}, {56, 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct record record = delivery_record();
        char bytes[RECORD_BYTES];
        record_encode(&record, bytes);
        bytes[wrong[i].place] = (char)wrong[i].byte;
        seal(bytes);
        cr_assert_not(record_decode(bytes, &record), "byte %d as %d", wrong[i].place,
                      wrong[i].byte);
    }
}

Test(native_format, counts_of_ranges_and_the_header_are_checked)
{
    struct record record = {.kind = RECORD_EXPUNGE, .ranges.count = RECORD_RANGES_MAX};
    char bytes[RECORD_BYTES];
    record_encode(&record, bytes);
    cr_assert(record_decode(bytes, &record));
    bytes[3] = RECORD_RANGES_MAX + 1;
    seal(bytes);
    cr_assert_not(record_decode(bytes, &record));
    bytes[3] = 0;
    seal(bytes);
    cr_assert_not(record_decode(bytes, &record));

    record = (struct record){.kind = RECORD_HEADER, .header.wire_generation = 1};
    record_encode(&record, bytes);
    cr_assert_eq(memcmp(bytes + 54, "Ringpost index\r\n\1\0\0\0", 20), 0);
    bytes[54] = 'r';
    seal(bytes);
    cr_assert_not(record_decode(bytes, &record));
}

Test(native_format, the_longest_uidl_fills_its_place)
{
    struct record record = delivery_record();
    record.uidl.length = MAIL_UIDL_MAX;
    memset(record.uidl.bytes, '~', MAIL_UIDL_MAX);
    char bytes[RECORD_BYTES];
    record_encode(&record, bytes);
    struct record again;
    cr_assert(record_decode(bytes, &again));
    cr_assert_eq(again.uidl.length, MAIL_UIDL_MAX);
    cr_assert_eq(memcmp(again.uidl.bytes, record.uidl.bytes, MAIL_UIDL_MAX), 0);
}

Test(native_format, first_lines)
{
    static const struct {
        uint32_t octets;
        const char *line;
    } lines[] = {{0, "+OK 0 octets\r\n"},
                 {9, "+OK 9 octets\r\n"},
                 {120, "+OK 120 octets\r\n"},
                 {UINT32_MAX, "+OK 4294967295 octets\r\n"}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char line[RECORD_FIRST_LINE_MAX];
        uint32_t bytes = record_first_line(lines[i].octets, line);
        cr_assert_eq(bytes, strlen(lines[i].line));
        cr_assert_str_eq(line, lines[i].line);
    }
}
