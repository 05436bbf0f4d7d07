/* test_auth: who is let in, what is remembered, and that nobody learns who exists. */
#include "core/auth.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define KEEP_S    100
#define TIMESTAMP "<1896.697170952@dbc.mtview.ca.us>"

static struct accounts *accounts;
static struct login_cache *cache;
static struct auth_check check;
static enum pop3_auth_result result;

/* ann has a hash, bob the password of RFC 1939's example, eve is locked, dan's hash is damaged. */
static void make_accounts(void)
{
    char hash[PASSWORD_HASH_BYTES], text[2048], error[256];
    cr_assert(password_make("sha512-crypt", SPAN_LITERAL("secret"), hash, error, sizeof error),
              "%s", error);
    snprintf(
        text, sizeof text,
        "ann:%s\nanne:%s\nbob:{PLAIN}tanstaaf\neve:{CRYPT}!locked\ndan:{ARGON2ID}$argon2id$x\n",
        hash, hash);
    accounts = accounts_parse("passwd", span_of(text), error, sizeof error);
    cr_assert_not_null(accounts, "%s", error);
    cache = login_cache_make(64, KEEP_S);
    cr_assert_not_null(cache);
}

static void free_accounts(void)
{
    accounts_free(&accounts);
    login_cache_free(&cache);
}

TestSuite(auth, .init = make_accounts, .fini = free_accounts);

static enum auth_step begin_at(enum pop3_mechanism mechanism, const char *user,
                               const char *password, const char *on_behalf_of, uint64_t now_s)
{
    const struct pop3_auth auth = {.mechanism = mechanism,
                                   .user = span_of(user),
                                   .password = span_of(password),
                                   .on_behalf_of = span_of(on_behalf_of)};
    memset(&check, 0x5A, sizeof check);
    return auth_begin(accounts, cache, &auth, SPAN_LITERAL(TIMESTAMP), now_s, &result, &check);
}

static enum auth_step begin(const char *user, const char *password)
{
    return begin_at(POP3_MECHANISM_PASS, user, password, "", 0);
}

/* The whole way, over a worker where it takes one. */
static enum pop3_auth_result answer(const char *user, const char *password)
{
    if (begin(user, password) == AUTH_ANSWERED)
        return result;
    auth_run(&check);
    return auth_end(&check, cache, 0);
}

Test(auth, a_comparison_is_answered_at_once)
{
    cr_assert_eq(begin("bob", "tanstaaf"), AUTH_ANSWERED);
    cr_expect_eq(result, POP3_AUTH_RIGHT);
    cr_assert_eq(begin("bob", "tanstaaF"), AUTH_ANSWERED);
    cr_expect_eq(result, POP3_AUTH_WRONG);
    cr_assert_eq(begin("bob", "tanstaa"), AUTH_ANSWERED);
    cr_expect_eq(result, POP3_AUTH_WRONG);
}

Test(auth, a_hash_is_computed_once_and_then_remembered)
{
    cr_assert_eq(begin("ann", "secret"), AUTH_COMPUTE);
    auth_run(&check);
    cr_assert_eq(auth_end(&check, cache, 10), POP3_AUTH_RIGHT);
    cr_assert_eq(begin_at(POP3_MECHANISM_PLAIN, "ann", "secret", "", 11), AUTH_ANSWERED);
    cr_expect_eq(result, POP3_AUTH_RIGHT);
    cr_expect_eq(begin_at(POP3_MECHANISM_PASS, "ann", "secret", "", 10 + KEEP_S), AUTH_COMPUTE);
}

Test(auth, what_is_remembered_lets_nobody_else_in)
{
    cr_assert_eq(answer("ann", "secret"), POP3_AUTH_RIGHT);
    cr_expect_eq(begin("ann", "secre"), AUTH_COMPUTE);
    cr_expect_eq(begin("anne", "secret"), AUTH_COMPUTE); /* the same hash, another user */
    cr_expect_eq(begin("an", "nsecret"), AUTH_COMPUTE);
}

Test(auth, a_wrong_password_is_wrong_each_time)
{
    cr_expect_eq(answer("ann", "Secret"), POP3_AUTH_WRONG);
    cr_expect_eq(begin("ann", "Secret"), AUTH_COMPUTE);
    cr_expect_eq(answer("ann", "Secret"), POP3_AUTH_WRONG);
}

Test(auth, a_changed_hash_forgets_the_old_password)
{
    cr_assert_eq(answer("ann", "secret"), POP3_AUTH_RIGHT);
    char hash[PASSWORD_HASH_BYTES], text[1024], error[256];
    cr_assert(password_make("sha512-crypt", SPAN_LITERAL("new"), hash, error, sizeof error));
    snprintf(text, sizeof text, "ann:%s\n", hash);
    accounts_free(&accounts);
    accounts = accounts_parse("passwd", span_of(text), error, sizeof error);
    cr_assert_not_null(accounts);
    cr_expect_eq(answer("ann", "secret"), POP3_AUTH_WRONG);
    cr_expect_eq(answer("ann", "new"), POP3_AUTH_RIGHT);
}

/* The check owns what it needs: on a worker's thread the table may be another one by then. */
Test(auth, a_check_outlives_the_table_and_the_line)
{
    char line[] = "secret";
    const struct pop3_auth auth = {
        .mechanism = POP3_MECHANISM_PASS, .user = span_of("ann"), .password = span_of(line)};
    cr_assert_eq(auth_begin(accounts, cache, &auth, (struct span){NULL, 0}, 0, &result, &check),
                 AUTH_COMPUTE);
    memset(line, 'x', sizeof line);
    accounts_free(&accounts);
    auth_run(&check);
    cr_expect_eq(auth_end(&check, cache, 0), POP3_AUTH_RIGHT);
}

Test(auth, a_stranger_takes_the_same_way_and_is_wrong)
{
    cr_assert_eq(begin("nobody", "secret"), AUTH_COMPUTE);
    cr_expect_eq(check.scheme, PASSWORD_CRYPT);
    auth_run(&check);
    cr_expect_eq(auth_end(&check, cache, 0), POP3_AUTH_WRONG);
    cr_assert_eq(begin("nobody", "secret"), AUTH_COMPUTE);
    check.result = PASSWORD_RIGHT; /* should a library ever say so */
    cr_expect_eq(auth_end(&check, cache, 0), POP3_AUTH_WRONG);
    cr_expect_eq(begin("nobody", "secret"), AUTH_COMPUTE);
}

Test(auth, a_locked_user_is_wrong)
{
    cr_expect_eq(answer("eve", "!locked"), POP3_AUTH_WRONG);
    cr_expect_eq(answer("eve", ""), POP3_AUTH_WRONG);
}

Test(auth, what_could_not_be_checked_is_no_wrong_password)
{
    cr_expect_eq(answer("dan", "secret"), POP3_AUTH_UNAVAILABLE);
    cr_assert_eq(begin("ann", "secret"), AUTH_COMPUTE);
    check.result = PASSWORD_FAULT; /* the queue was full */
    cr_expect_eq(auth_end(&check, cache, 0), POP3_AUTH_UNAVAILABLE);
    cr_expect_eq(begin("ann", "secret"), AUTH_COMPUTE);
}

Test(auth, the_password_is_wiped)
{
    static const char wiped[PASSWORD_MAX];
    cr_assert_eq(begin("ann", "secret"), AUTH_COMPUTE);
    cr_assert_eq(memcmp(check.password, "secret", 6), 0);
    auth_run(&check);
    auth_end(&check, cache, 0);
    cr_expect_eq(memcmp(check.password, wiped, sizeof wiped), 0);
}

Test(auth, nobody_acts_for_another)
{
    cr_assert_eq(answer("ann", "secret"), POP3_AUTH_RIGHT); /* and is remembered */
    cr_assert_eq(begin_at(POP3_MECHANISM_PLAIN, "ann", "secret", "bob", 0), AUTH_COMPUTE);
    auth_run(&check);
    cr_expect_eq(auth_end(&check, cache, 0), POP3_AUTH_WRONG);
    cr_assert_eq(begin_at(POP3_MECHANISM_PLAIN, "ann", "secret", "ann", 0), AUTH_ANSWERED);
    cr_expect_eq(result, POP3_AUTH_RIGHT);
    if (begin_at(POP3_MECHANISM_PLAIN, "bob", "tanstaaf", "ann", 0) == AUTH_COMPUTE) {
        auth_run(&check);
        result = auth_end(&check, cache, 0);
    }
    cr_expect_eq(result, POP3_AUTH_WRONG);
}

static enum pop3_auth_result apop(const char *user, const char *digest)
{
    cr_assert_eq(begin_at(POP3_MECHANISM_APOP, user, digest, "", 0), AUTH_ANSWERED);
    return result;
}

/* RFC 1939 section 7. */
Test(auth, apop_takes_the_digest_of_a_plain_account)
{
    cr_expect_eq(apop("bob", "c4c9334bac560ecc979e58001b3e22fb"), POP3_AUTH_RIGHT);
    cr_expect_eq(apop("bob", "c4c9334bac560ecc979e58001b3e22fa"), POP3_AUTH_WRONG);
    cr_expect_eq(apop("ann", "c4c9334bac560ecc979e58001b3e22fb"), POP3_AUTH_WRONG);
    cr_expect_eq(apop("nobody", "c4c9334bac560ecc979e58001b3e22fb"), POP3_AUTH_WRONG);
    cr_expect_eq(apop("eve", "c4c9334bac560ecc979e58001b3e22fb"), POP3_AUTH_WRONG);
}

Test(auth, without_users_everybody_is_a_stranger)
{
    char error[256];
    accounts_free(&accounts);
    accounts = accounts_parse("passwd", SPAN_LITERAL(""), error, sizeof error);
    cr_assert_not_null(accounts);
    cr_expect_eq(answer("ann", "secret"), POP3_AUTH_WRONG);
}
