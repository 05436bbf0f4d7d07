/* test_account: the passwd-file as a table: what counts, what is refused, strangers, many users. */
#include "core/account.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define YESCRYPT "$y$j75$saltsaltsaltsaltsalts/$1lHPhudO4WYRRdkR17.jsuut9sLQVo8HBTOGzdSmdgD"
#define BCRYPT   "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
#define SHA512                                                                                     \
    "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN."       \
    "Pq.H91p5hVO1"
#define ARGON2                                                                                     \
    "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$Sm3MnLdCFk0Af+croKgebRoqqmhbKd88iiW3yUOXn78"

static struct accounts *parse(const char *text)
{
    char error[300] = "";
    struct accounts *accounts = accounts_parse("users", span_of(text), error, sizeof error);
    cr_assert_not_null(accounts, "%s", error);
    return accounts;
}

static bool is(struct span span, const char *text)
{
    return span_equal(span, span_of(text));
}

Test(account, finds_each_form)
{
    struct accounts *accounts =
        parse("# a comment: with a colon\n"
              "\n"
              "ann:{PLAIN}pass word::::::\n"
              "bob@example.org:{blf-crypt}" BCRYPT ":1000:1000::/home/b:\r\n"
              "  \n"
              "c.d+e-f:" SHA512 "\r\n"
              "dora:{ARGON2ID}" ARGON2);
    cr_assert_eq(accounts_count(accounts), 4);
    struct account account;
    cr_assert(accounts_find(accounts, span_of("ann"), &account));
    cr_expect_eq(account.scheme, PASSWORD_PLAIN);
    cr_expect(is(account.hash, "pass word"));
    cr_assert(accounts_find(accounts, span_of("bob@example.org"), &account));
    cr_expect_eq(account.scheme, PASSWORD_CRYPT);
    cr_expect(is(account.hash, BCRYPT));
    cr_assert(accounts_find(accounts, span_of("c.d+e-f"), &account));
    cr_expect_eq(account.scheme, PASSWORD_CRYPT, "no braces mean CRYPT");
    cr_expect(is(account.hash, SHA512));
    cr_assert(accounts_find(accounts, span_of("dora"), &account));
    cr_expect_eq(account.scheme, PASSWORD_ARGON2ID);
    cr_expect(is(account.hash, ARGON2));
    static const char *const missing[] = {"",    "an",       "annn", "Ann", "# a comment",
                                          "bob", "pass word"};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        cr_expect_not(accounts_find(accounts, span_of(missing[i]), &account), "%s", missing[i]);
    static const char *const order[] = {"ann", "bob@example.org", "c.d+e-f", "dora"};
    uint64_t cursor = 0;
    for (uint32_t i = 0; i < 4; i++)
        cr_expect(accounts_next(accounts, &cursor, &account) && is(account.name, order[i]));
    cr_expect_not(accounts_next(accounts, &cursor, &account), "that was the last");
    accounts_free(&accounts);
    cr_assert_null(accounts);
}

Test(account, nobody)
{
    static const char *const texts[] = {"", "\n", "#\n", "# only a comment", "   "};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct accounts *accounts = parse(texts[i]);
        struct account account;
        uint64_t cursor = 0;
        cr_expect_eq(accounts_count(accounts), 0);
        cr_expect_not(accounts_next(accounts, &cursor, &account));
        cr_expect_not(accounts_find(accounts, span_of("ann"), &account));
        account = accounts_stranger(accounts);
        cr_expect_eq(password_verify(account.scheme, account.hash, span_of("")), PASSWORD_WRONG);
        accounts_free(&accounts);
    }
}

static void refuse(struct span text, const char *sentence)
{
    char error[300] = "";
    cr_expect_null(accounts_parse("users", text, error, sizeof error), "%s", sentence);
    cr_expect_eq(strncmp(error, sentence, strlen(sentence)), 0, "%s: %s", sentence, error);
}

Test(account, damaged_lines_are_named)
{
    refuse(span_of("ann:{PLAIN}x\nbob\n"), "users:2: there is no ':'");
    refuse(span_of("\n\n:{PLAIN}x"), "users:3: the name");
    refuse(span_of("a\tb:{PLAIN}x"), "users:1: the name");
    refuse(span_of("ann:{SSHA}abc"), "users:1: the scheme");
    refuse(span_of("ann:{}abc"), "users:1: the scheme");
    refuse(span_of("ann:{PLAIN"), "users:1: the name of the scheme");
    refuse(span_of("ann:{PLAIN:}x"), "users:1: the name of the scheme");
    refuse(span_of("ann:x\nbob:y\n#\nann:z\n"), "users:4: this name");
    refuse((struct span){"ann:x\nb\0b:y\n", 12}, "users:2: there is a NUL");
    char text[700] = "ann:$6$";
    memset(text + 7, 'x', 600);
    refuse(span_of(text), "users:1: the hash");
    memset(text, 'n', 249);
    memcpy(text + 249, ":x", 3);
    refuse(span_of(text), "users:1: the name");
    struct accounts *accounts = parse(text + 1);
    cr_expect_eq(accounts_count(accounts), 1, "248 characters are a name");
    accounts_free(&accounts);
}

static struct span stranger_of(const char *text, enum password_scheme scheme)
{
    static char hash[PASSWORD_HASH_BYTES];
    struct accounts *accounts = parse(text);
    struct account stranger = accounts_stranger(accounts);
    cr_expect_eq(stranger.scheme, scheme);
    cr_expect_eq(password_verify(scheme, stranger.hash, span_of("secret")), PASSWORD_WRONG,
                 "a digest of the right form that does not fit, and no fault");
    memcpy(hash, stranger.hash.bytes, stranger.hash.length);
    struct span copy = {hash, stranger.hash.length};
    accounts_free(&accounts);
    return copy;
}

static bool begins(struct span span, const char *text)
{
    return span.length >= strlen(text) && memcmp(span.bytes, text, strlen(text)) == 0;
}

Test(account, strangers_cost_what_most_users_cost)
{
    cr_expect(begins(stranger_of("a:" YESCRYPT "\n", PASSWORD_CRYPT), "$y$j75$"));
    cr_expect(
        begins(stranger_of("a:" BCRYPT "\n", PASSWORD_CRYPT), "$2b$04$abcdefghijklmnopqrstuu"));
    cr_expect(begins(stranger_of("a:" SHA512 "\n", PASSWORD_CRYPT), "$6$saltsalt$"));
    cr_expect(begins(stranger_of("a:{ARGON2ID}" ARGON2, PASSWORD_ARGON2ID), "$argon2id$v=19$m=64"));
    stranger_of("a:{CRYPT}sas10vKLx5hlI\n", PASSWORD_CRYPT);
    cr_expect_eq(stranger_of("a:{PLAIN}x\nb:{PLAIN}y\nc:" BCRYPT, PASSWORD_PLAIN).length, 0);
    /* Two of the cheap bcrypt against one of a dearer; locked users do not count. */
    cr_expect(begins(stranger_of("a:$2b$05$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"
                                 "b:" BCRYPT "\nc:" BCRYPT "\nd:!\ne:!\nf:!\ng:\nh:*\n",
                                 PASSWORD_CRYPT),
                     "$2b$04$"));
}

/* More kinds of cost than places to count them in. */
Test(account, the_majority_wins_among_many_kinds)
{
    char text[8000], *at = text;
    for (int i = 0; i < 60; i++)
        at += sprintf(at, "u%d:$6$rounds=%d$saltsalt$abc\nv%d:%s\n", i, 1000 + i, i, BCRYPT);
    cr_expect(begins(stranger_of(text, PASSWORD_CRYPT), "$2b$04$"));
}

Test(account, locked_users_look_like_strangers)
{
    struct accounts *accounts =
        parse("a:" BCRYPT "\nb:\nc:!" BCRYPT "\nd:*\ne:{PLAIN}\nf:{PLAIN}!\n");
    struct account account, stranger = accounts_stranger(accounts);
    for (const char *name = "bcde"; *name != '\0'; name++) {
        cr_assert(accounts_find(accounts, (struct span){name, 1}, &account));
        cr_expect_eq(account.scheme, PASSWORD_CRYPT, "%c", *name);
        cr_expect(span_equal(account.hash, stranger.hash), "%c", *name);
    }
    cr_assert(accounts_find(accounts, span_of("f"), &account));
    cr_expect(is(account.hash, "!"), "a plain password is what it is");
    uint64_t cursor = 0;
    for (int i = 0; i < 3; i++)
        cr_assert(accounts_next(accounts, &cursor, &account));
    cr_expect(is(account.hash, "!" BCRYPT));
    accounts_free(&accounts);
}

Test(account, many_users)
{
    enum { USERS = 20000 };
    char *text = malloc(USERS * 40), *at = text;
    for (int i = 0; i < USERS; i++)
        at += sprintf(at, "user%d@example.org:{PLAIN}%d\n", i, i * 7);
    struct accounts *accounts = parse(text);
    cr_assert_eq(accounts_count(accounts), USERS);
    for (int i = 0; i < USERS; i++) {
        char name[40], password[16];
        struct account account;
        snprintf(name, sizeof name, "user%d@example.org", i);
        snprintf(password, sizeof password, "%d", i * 7);
        cr_assert(accounts_find(accounts, span_of(name), &account), "%s", name);
        cr_assert(is(account.hash, password), "%s", name);
        snprintf(name, sizeof name, "user%d@example.org", i + USERS);
        cr_assert_not(accounts_find(accounts, span_of(name), &account), "%s", name);
    }
    accounts_free(&accounts);
    free(text);
}

/* Lines are read ahead of what is entered: the mistake to say is still the first of the file. */
Test(account, the_first_mistake_is_named_however_near_the_next_is)
{
    enum { BEHIND_MAX = 70 };
    char text[BEHIND_MAX * 20 + 100];
    for (int behind = 0; behind < BEHIND_MAX; behind++) {
        char *at = text + sprintf(text, "ann:{PLAIN}x\nbob:{PLAIN}y\nann:{PLAIN}z\n");
        for (int i = 0; i < behind; i++)
            at += sprintf(at, "user%d:{PLAIN}w\n", i);
        sprintf(at, "damaged");
        refuse(span_of(text), "users:3: this name");
        text[strlen("ann:{PLAIN}x\nbob:{PLAIN}y\na")] = 'u';
        char expected[60];
        snprintf(expected, sizeof expected, "users:%d: there is no ':'", 4 + behind);
        refuse(span_of(text), expected);
    }
}

Test(account, a_name_may_be_near_or_far_from_its_double)
{
    enum { BETWEEN_MAX = 70 };
    char text[BETWEEN_MAX * 20 + 100];
    for (int between = 0; between < BETWEEN_MAX; between++) {
        char *at = text + sprintf(text, "ann:{PLAIN}x\n"), expected[60];
        for (int i = 0; i < between; i++)
            at += sprintf(at, "user%d:{PLAIN}w\n", i);
        struct accounts *accounts = parse(text);
        cr_assert_eq(accounts_count(accounts), (uint32_t)between + 1);
        accounts_free(&accounts);
        sprintf(at, "ann:{PLAIN}x");
        snprintf(expected, sizeof expected, "users:%d: this name", between + 2);
        refuse(span_of(text), expected);
    }
}

/* Users wait for a part of the table each; whichever part is entered first, the first line counts.
 */
Test(account, of_many_doubles_the_first_is_named)
{
    enum { USERS = 400000, DOUBLES = 20 };
    char *text = malloc((USERS + DOUBLES) * 24 + 10), *at = text;
    for (int i = 0; i < USERS; i++)
        at += sprintf(at, "user%d:{PLAIN}w\n", i);
    char *doubles = at;
    for (int first = 0; first < DOUBLES; first++) {
        at = doubles;
        for (int i = 0; i < DOUBLES; i++)
            at +=
                sprintf(at, "%s%d:{PLAIN}w\n", i < first ? "other" : "user", i * (USERS / DOUBLES));
        sprintf(at, "damaged");
        char expected[60];
        snprintf(expected, sizeof expected, "users:%d: this name", USERS + first + 1);
        refuse(span_of(text), expected);
    }
    free(text);
}

/* Of more than one huge page, so is the table. */
Test(account, reads_a_large_file)
{
    enum { USERS = 200000 };
    char path[] = "/tmp/ringpost-account-XXXXXX", error[300] = "", name[40];
    FILE *file = fdopen(mkstemp(path), "w");
    for (int i = 0; i < USERS; i++)
        fprintf(file, "user%d:{PLAIN}%d::::::\n", i, i);
    fclose(file);
    struct accounts *accounts = accounts_read(path, error, sizeof error);
    unlink(path);
    cr_assert_not_null(accounts, "%s", error);
    cr_assert_eq(accounts_count(accounts), USERS);
    struct account account;
    for (int i = 0; i < USERS; i++) {
        snprintf(name, sizeof name, "user%d", i);
        cr_assert(accounts_find(accounts, span_of(name), &account), "%s", name);
        cr_assert(is(account.hash, name + strlen("user")), "%s", name);
    }
    accounts_free(&accounts);
}

Test(account, reads_a_file)
{
    char path[] = "/tmp/ringpost-account-XXXXXX", error[300] = "";
    int file = mkstemp(path);
    cr_assert_eq(write(file, "ann:{PLAIN}x\n", 13), 13);
    close(file);
    struct accounts *accounts = accounts_read(path, error, sizeof error);
    cr_assert_not_null(accounts, "%s", error);
    cr_expect_eq(accounts_count(accounts), 1);
    accounts_free(&accounts);
    unlink(path);
    cr_expect_null(accounts_read(path, error, sizeof error));
    cr_expect_not_null(strstr(error, "cannot be opened: No such file"), "%s", error);
    cr_expect_null(accounts_read("/tmp", error, sizeof error));
    cr_expect_str_eq(error, "/tmp: is not a file with text in it");
}
