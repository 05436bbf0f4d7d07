/* test_crc32c: known sums, and all variants against a bitwise one at every alignment and length.
 *
 * Sums are stored on disk: a variant that differs anywhere would make good messages look damaged.
 */
#include "storage/crc32c.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(crc32c);

struct known {
    unsigned char bytes[48];
    size_t count;
    uint32_t sum;
};

/* RFC 3720 appendix B.4, and the usual check value. */
static const struct known known[] = {
    {{0}, 0, 0},
    {"123456789", 9, 0xe3069283},
    {{0}, 32, 0x8a9136aa},
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
     32, 0x62a8ab43},
    {"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
     "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f",
     32, 0x46dd794e},
    {"\x1f\x1e\x1d\x1c\x1b\x1a\x19\x18\x17\x16\x15\x14\x13\x12\x11\x10"
     "\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08\x07\x06\x05\x04\x03\x02\x01\x00",
     32, 0x113fdb5c},
    {{0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, 0x28, [40] = 0x02},
     48,
     0xd9963a56},
};

static uint32_t sum_simply(uint32_t seed, const unsigned char *bytes, size_t count)
{
    uint32_t state = ~seed;
    for (size_t at = 0; at < count; at++) {
        state ^= bytes[at];
        for (int bit = 0; bit < 8; bit++)
            state = state >> 1 ^ ((state & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~state;
}

static void fill_randomly(unsigned char *bytes, size_t count)
{
    uint32_t random = 11;
    for (size_t at = 0; at < count; at++) {
        random = random * 1664525U + 1013904223U;
        bytes[at] = (unsigned char)(random >> 24);
    }
}

Test(crc32c, gives_the_known_sums)
{
    for (size_t at = 0; at < sizeof(known) / sizeof(known[0]); at++) {
        cr_expect(crc32c(0, known[at].bytes, known[at].count) == known[at].sum, "case %zu", at);
        for (int variant = 0; variant < CRC32C_VARIANTS; variant++) {
            if (!crc32c_has_variant((enum crc32c_variant)variant))
                continue;
            uint32_t sum =
                crc32c_by((enum crc32c_variant)variant, 0, known[at].bytes, known[at].count);
            cr_expect(sum == known[at].sum, "case %zu by variant %d", at, variant);
        }
    }
}

Test(crc32c, nothing_changes_nothing)
{
    cr_expect(crc32c(0, NULL, 0) == 0);
    cr_expect(crc32c(0x12345678, NULL, 0) == 0x12345678);
}

/* Lengths around the ranges of three streams (3 x 256 and 3 x 2048) and all short ones. */
Test(crc32c, variants_agree_at_every_alignment_and_length)
{
    static unsigned char bytes[3 * 3 * 2048];
    struct guarded guarded;
    guarded_init(&guarded, sizeof(bytes));
    fill_randomly(bytes, sizeof(bytes));
    for (size_t length = 0; length <= sizeof(bytes); length += length < 1600 ? 1 : 337) {
        uint32_t seed = (uint32_t)length * 2654435761U;
        uint32_t expected = sum_simply(seed, bytes, length);
        char *copy = guarded_copy(&guarded, bytes, length);
        for (int variant = 0; variant < CRC32C_VARIANTS; variant++) {
            if (crc32c_has_variant((enum crc32c_variant)variant))
                cr_assert(crc32c_by((enum crc32c_variant)variant, seed, copy, length) == expected);
        }
    }
    for (size_t range = 256; range <= 2048; range *= 8) {
        for (size_t offset = 0; offset < 16; offset++) {
            for (size_t length = 3 * range - 9; length <= 3 * range + 9; length++) {
                uint32_t expected = sum_simply(1, bytes + offset, length);
                for (int variant = 0; variant < CRC32C_VARIANTS; variant++) {
                    if (crc32c_has_variant((enum crc32c_variant)variant))
                        cr_assert(crc32c_by((enum crc32c_variant)variant, 1, bytes + offset,
                                            length) == expected);
                }
            }
        }
    }
    guarded_fini(&guarded);
}

Test(crc32c, sums_chain_at_every_split)
{
    static unsigned char bytes[7000];
    fill_randomly(bytes, sizeof(bytes));
    uint32_t whole = crc32c(0, bytes, sizeof(bytes));
    for (size_t split = 0; split <= sizeof(bytes); split += split < 900 ? 1 : 61) {
        uint32_t first = crc32c(0, bytes, split);
        cr_assert(crc32c(first, bytes + split, sizeof(bytes) - split) == whole);
    }
}

Test(crc32c, every_flipped_bit_is_seen)
{
    unsigned char bytes[200];
    fill_randomly(bytes, sizeof(bytes));
    uint32_t whole = crc32c(0, bytes, sizeof(bytes));
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
        cr_assert(crc32c(0, bytes, sizeof(bytes)) != whole);
        bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
}
