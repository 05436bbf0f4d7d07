/* test_check_cache: what it knows, for how long, and what takes whose place. */
#include "core/check_cache.h"

#include <criterion/criterion.h>

static struct check_cache *cache;

static void make_cache(void)
{
    cache = check_cache_make(1000, 100);
    cr_assert_not_null(cache);
}

static void free_cache(void)
{
    check_cache_free(&cache);
    cr_assert_null(cache);
}

TestSuite(check_cache, .init = make_cache, .fini = free_cache);

/* 1,000 entries become 1,024. */
#define ENTRIES 1024

Test(check_cache, knows_only_what_was_set)
{
    uint64_t fingerprint = 0x123456789ABCDEF0;
    cr_expect_not(check_cache_knows(cache, fingerprint, 0));
    cr_expect_not(check_cache_knows(cache, 0, 0));
    check_cache_remember(cache, fingerprint, 5);
    cr_expect(check_cache_knows(cache, fingerprint, 5));
    for (int bit = 0; bit < 64; bit++)
        if (bit < 10 || bit >= 24) /* those that choose the entry, and those that are kept */
            cr_expect_not(check_cache_knows(cache, fingerprint ^ UINT64_C(1) << bit, 5));
}

Test(check_cache, forgets_when_the_time_is_over)
{
    uint64_t fingerprint = 0xFFEEDDCCBBAA9988;
    check_cache_remember(cache, fingerprint, 1000);
    cr_expect(check_cache_knows(cache, fingerprint, 1099));
    cr_expect_not(check_cache_knows(cache, fingerprint, 1100));
    check_cache_remember(cache, fingerprint, (UINT64_C(1) << 24) - 1);
    cr_expect(check_cache_knows(cache, fingerprint, (UINT64_C(1) << 24) + 98));
    cr_expect_not(check_cache_knows(cache, fingerprint, (UINT64_C(1) << 24) + 99));
}

Test(check_cache, the_later_one_takes_the_place)
{
    uint64_t first = UINT64_C(1) << 40 | 7, second = UINT64_C(2) << 40 | (7 + ENTRIES);
    check_cache_remember(cache, first, 1);
    check_cache_remember(cache, second, 1);
    cr_expect_not(check_cache_knows(cache, first, 1));
    cr_expect(check_cache_knows(cache, second, 1));
    for (uint64_t i = 0; i < ENTRIES; i++)
        check_cache_remember(cache, (i + 1) << 40 | i, 1);
    for (uint64_t i = 0; i < ENTRIES; i++)
        cr_expect(check_cache_knows(cache, (i + 1) << 40 | i, 1));
}

Test(check_cache, none_is_made_without_room_or_time)
{
    cr_expect_null(check_cache_make(0, 100));
    cr_expect_null(check_cache_make(100, 0));
}
