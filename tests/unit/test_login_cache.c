/* test_login_cache: what it knows, for how long, and what a full neighbourhood drops. */
#include "core/login_cache.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct login_cache *cache;

static void make_cache(void)
{
    cache = login_cache_make(1024, 100);
    cr_assert_not_null(cache);
}

static void free_cache(void)
{
    login_cache_free(&cache);
    cr_assert_null(cache);
}

TestSuite(login_cache, .init = make_cache, .fini = free_cache);

static bool knows(const char *user, const char *hash, const char *password, uint64_t now_s)
{
    return login_cache_knows(cache, span_of(user), span_of(hash), span_of(password), now_s);
}

static void remember(const char *user, const char *hash, const char *password, uint64_t now_s)
{
    login_cache_remember(cache, span_of(user), span_of(hash), span_of(password), now_s);
}

Test(login_cache, knows_only_the_same_three)
{
    cr_assert_not(knows("ann", "hash", "secret", 0));
    remember("ann", "hash", "secret", 0);
    cr_expect(knows("ann", "hash", "secret", 0));
    cr_expect_not(knows("bob", "hash", "secret", 0));
    cr_expect_not(knows("ann", "new hash", "secret", 0));
    cr_expect_not(knows("ann", "hash", "secreT", 0));
    cr_expect_not(knows("ann", "hash", "", 0));
}

/* The three are not merely put one behind the other. */
Test(login_cache, borders_count)
{
    remember("ann", "hash", "secret", 0);
    cr_expect_not(knows("annh", "ash", "secret", 0));
    cr_expect_not(knows("ann", "hashs", "ecret", 0));
    cr_expect_not(knows("annhash", "", "secret", 0));
}

Test(login_cache, forgets_in_time)
{
    remember("ann", "hash", "secret", 50);
    cr_expect(knows("ann", "hash", "secret", 149));
    cr_expect_not(knows("ann", "hash", "secret", 150));
    remember("ann", "hash", "secret", 150);
    cr_expect(knows("ann", "hash", "secret", 249));
}

Test(login_cache, same_again_takes_no_second_place)
{
    free_cache();
    cache = login_cache_make(4, 100);
    remember("ann", "hash", "secret", 0);
    for (uint64_t now = 1; now < 10; now++)
        remember("bob", "hash", "secret", now);
    cr_expect(knows("ann", "hash", "secret", 10));
}

/* Four entries are one set: the fifth log-in drops the one that would have ended first. */
Test(login_cache, drops_the_oldest)
{
    free_cache();
    cache = login_cache_make(1, 100);
    char user[16];
    for (uint64_t i = 0; i < 5; i++) {
        snprintf(user, sizeof user, "u%d", (int)i);
        remember(user, "hash", "secret", 10 + i);
    }
    cr_expect_not(knows("u0", "hash", "secret", 20));
    for (int i = 1; i < 5; i++) {
        snprintf(user, sizeof user, "u%d", i);
        cr_expect(knows(user, "hash", "secret", 20), "%s", user);
    }
}

Test(login_cache, holds_about_as_many_as_it_was_made_for)
{
    char user[16];
    for (int i = 0; i < 512; i++) {
        snprintf(user, sizeof user, "user%d", i);
        remember(user, "hash", "secret", 1);
    }
    int known = 0;
    for (int i = 0; i < 512; i++) {
        snprintf(user, sizeof user, "user%d", i);
        known += knows(user, "hash", "secret", 2);
    }
    cr_expect_gt(known, 430, "%d of 512 in 1024 entries", known);
}

Test(login_cache, two_caches_have_two_keys)
{
    struct login_cache *other = login_cache_make(4, 100);
    remember("ann", "hash", "secret", 0);
    cr_expect_not(login_cache_knows(other, span_of("ann"), span_of("hash"), span_of("secret"), 0));
    login_cache_free(&other);
}

Test(login_cache, off)
{
    static const struct {
        uint32_t entries, keep_s;
    } off[] = {{0, 100}, {16, 0}};
    for (size_t i = 0; i < 2; i++) {
        free_cache();
        cache = login_cache_make(off[i].entries, off[i].keep_s);
        cr_assert_not_null(cache);
        remember("ann", "hash", "secret", 0);
        cr_expect_not(knows("ann", "hash", "secret", 0));
    }
}

Test(login_cache, large_pieces)
{
    static char large[70000];
    memset(large, 'x', sizeof large);
    struct span user = span_of("ann"), hash = {large, 65535}, password = {large, 1024};
    login_cache_remember(cache, user, hash, password, 0);
    cr_expect(login_cache_knows(cache, user, hash, password, 0));
    hash.length = 65536 + 4;
    login_cache_remember(cache, user, hash, password, 0);
    cr_expect_not(login_cache_knows(cache, user, hash, password, 0), "never kept");
    hash.length = 4;
    cr_expect_not(login_cache_knows(cache, user, hash, password, 0));
}
