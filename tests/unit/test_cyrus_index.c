/* test_cyrus_index: headers and records of each version, and each byte of them damaged.
 *
 * The bytes are made here from the tables in the head of storage/cyrus_index.c's teachers: all
 * numbers have their first byte first.
 */
#include "storage/cyrus_index.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <string.h>

static struct guarded guarded;

static void setup(void)
{
    guarded_init(&guarded, 4096);
}

static void teardown(void)
{
    guarded_fini(&guarded);
}

TestSuite(cyrus_index, .init = setup, .fini = teardown);

static const struct {
    uint32_t version, header_bytes, record_bytes;
} versions[] = {{6, 76, 60},    {7, 76, 72},    {8, 92, 80},    {9, 96, 80},    {10, 96, 88},
                {12, 128, 96},  {13, 128, 104}, {14, 160, 104}, {15, 160, 104}, {16, 160, 112},
                {17, 160, 112}, {18, 160, 112}, {19, 160, 112}, {20, 192, 144}};
#define VERSIONS (sizeof versions / sizeof *versions)

static void put(char *at, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (char)(number >> 8 * (bytes - 1 - i));
}

/* CRC-32 bit by bit, in the other direction than the room does it. */
static void seal(char *bytes, uint32_t count)
{
    uint32_t sum = 0xFFFFFFFF;
    for (uint32_t i = 0; i < count - 4; i++) {
        for (int bit = 0; bit < 8; bit++) {
            const uint32_t in = ((uint8_t)bytes[i] >> bit & 1) ^ (sum & 1);
            sum = sum >> 1 ^ (in ? 0xEDB88320 : 0);
        }
    }
    put(bytes + count - 4, sum ^ 0xFFFFFFFF, 4);
}

static char *make_header(size_t v, uint32_t options)
{
    char *at = guarded_last(&guarded, versions[v].header_bytes);
    const bool wide = versions[v].version >= 20;
    memset(at, 0, versions[v].header_bytes);
    put(at + 8, versions[v].version, 4);
    put(at + 12, versions[v].header_bytes, 4);
    put(at + 16, versions[v].record_bytes, 4);
    put(at + 20, 77, 4);
    put(at + (wide ? 92 : 44), 4000000000, 4);
    put(at + (versions[v].version >= 19 ? 64 : 60), options, 4);
    if (versions[v].version >= 12)
        seal(at, versions[v].header_bytes);
    return at;
}

Test(cyrus_index, headers_of_each_version)
{
    for (size_t v = 0; v < VERSIONS; v++) {
        struct cyrus_index index;
        for (uint32_t options = 0; options < 2; options++) {
            const struct span bytes = {make_header(v, options), versions[v].header_bytes};
            cr_assert(cyrus_index_read(bytes, &index), "version %u", versions[v].version);
            cr_assert_eq(index.version, versions[v].version);
            cr_assert_eq(index.record_count, 77);
            cr_assert_eq(index.uid_validity, 4000000000);
            cr_assert_eq(index.uidl_is_new, options == 1);
            cr_assert_eq(index.show_after, 0);
        }
    }
}

Test(cyrus_index, headers_that_are_cut_or_damaged)
{
    for (size_t v = 0; v < VERSIONS; v++) {
        const uint32_t count = versions[v].header_bytes;
        struct cyrus_index index;
        for (uint32_t bytes = 0; bytes < count; bytes++) {
            char copy[CYRUS_HEADER_BYTES_MAX];
            memcpy(copy, make_header(v, 1), count);
            const struct span cut = {guarded_copy(&guarded, copy, bytes), bytes};
            cr_assert_not(cyrus_index_read(cut, &index));
        }
        for (uint32_t at = 0; at < count && versions[v].version >= 12; at++) {
            char *bytes = make_header(v, 1);
            bytes[at] = (char)(bytes[at] ^ 0x40);
            cr_assert_not(cyrus_index_read((struct span){bytes, count}, &index), "version %u at %u",
                          versions[v].version, at);
        }
    }
    char *bytes = make_header(0, 0);
    put(bytes + 8, 11, 4);
    struct cyrus_index index;
    cr_assert_not(cyrus_index_read((struct span){bytes, 76}, &index), "version 11 was never seen");
    put(bytes + 8, 21, 4);
    cr_assert_not(cyrus_index_read((struct span){bytes, 76}, &index), "version 21 is not known");
}

static struct span make_record(size_t v, uint32_t uid, uint32_t flags)
{
    char *at = guarded_last(&guarded, versions[v].record_bytes);
    const bool wide = versions[v].version >= 20;
    memset(at, 0, versions[v].record_bytes);
    put(at, uid, 4);
    put(at + (wide ? 8 : 4), wide ? 1700000000999999999U : 1700000000, wide ? 8 : 4);
    put(at + (wide ? 24 : 12), 4321, wide ? 8 : 4);
    put(at + (wide ? 36 : 32), flags, 4);
    if (versions[v].version >= 12)
        seal(at, versions[v].record_bytes);
    return (struct span){at, versions[v].record_bytes};
}

Test(cyrus_index, records_of_each_version)
{
    for (size_t v = 0; v < VERSIONS; v++) {
        struct cyrus_index index;
        struct cyrus_record record;
        cr_assert(
            cyrus_index_read((struct span){make_header(v, 1), versions[v].header_bytes}, &index));
        cr_assert(cyrus_record_read(&index, make_record(v, 4294967295, 16), &record));
        cr_assert_eq(record.uid, 4294967295);
        cr_assert_eq(record.time, 1700000000);
        cr_assert_eq(record.bytes, 4321);
        cr_assert_not(record.is_gone);
        cr_assert(cyrus_record_read(&index, make_record(v, 1, 1U << 31), &record));
        cr_assert(record.is_gone);
        cr_assert(cyrus_record_read(&index, make_record(v, 1, 1U << 30), &record));
        cr_assert(record.is_gone);
        cr_assert_not(cyrus_record_read(&index, make_record(v, 0, 0), &record));
        struct span bytes = make_record(v, 1, 0);
        bytes.length--;
        cr_assert_not(cyrus_record_read(&index, bytes, &record));
    }
}
