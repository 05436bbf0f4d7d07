/* test_password: each scheme, right and wrong, damaged hashes, limits, APOP. */
#include "core/password.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static enum password_check verify(const char *scheme, const char *hash, const char *password)
{
    enum password_scheme kind;
    cr_assert(password_scheme_named(span_of(scheme), &kind), "%s", scheme);
    return password_verify(kind, span_of(hash), span_of(password));
}

Test(password, known_hashes)
{
    static const struct {
        const char *scheme, *hash;
    } cases[] = {
        {"PLAIN", "secret"},
        {"cleartext", "secret"},
        {"MD5-CRYPT", "$1$saltsalt$9xy1btjgzLYfb7hivXtC//"},
        {"SHA256-CRYPT", "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"},
        {"SHA512-CRYPT", "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDe"
                         "hy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"},
        {"blf-crypt", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"},
        {"CRYPT", "$y$j75$saltsaltsaltsaltsalts/$1lHPhudO4WYRRdkR17.jsuut9sLQVo8HBTOGzdSmdgD"},
        {"ARGON2ID", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$Sm3MnLdCFk0Af+"
                     "croKgebRoqqmhbKd88iiW3yUOXn78"},
        {"ARGON2I",
         "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$7TaUmW3HZOQXgkKGk4zbBF3bZq2R5kfOnhUsl/jH4Vs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *scheme = cases[i].scheme, *hash = cases[i].hash;
        cr_expect_eq(verify(scheme, hash, "secret"), PASSWORD_RIGHT, "%s", hash);
        cr_expect_eq(verify(scheme, hash, "secreT"), PASSWORD_WRONG, "%s", hash);
        cr_expect_eq(verify(scheme, hash, "secret "), PASSWORD_WRONG, "%s", hash);
        cr_expect_eq(verify(scheme, hash, "secre"), PASSWORD_WRONG, "%s", hash);
        cr_expect_eq(verify(scheme, hash, ""), PASSWORD_WRONG, "%s", hash);
    }
}

Test(password, empty_and_locked_hashes_never_fit)
{
    cr_expect_eq(verify("PLAIN", "", ""), PASSWORD_WRONG);
    cr_expect_eq(verify("CRYPT", "", ""), PASSWORD_WRONG);
    cr_expect_eq(verify("CRYPT", "!", "!"), PASSWORD_WRONG);
    cr_expect_eq(verify("CRYPT", "*0", "x"), PASSWORD_WRONG);
    cr_expect_eq(verify("PLAIN", "!", "!"), PASSWORD_RIGHT, "a plain password may be this");
}

Test(password, damaged_hashes_are_a_fault)
{
    static const char *const damaged[] = {"$y$", "$9$aa$bb", "x", "$2b$99$abcdefghijklmnopqrstuu"};
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++)
        cr_expect_eq(verify("CRYPT", damaged[i], "secret"), PASSWORD_FAULT, "%s", damaged[i]);
    cr_expect_eq(verify("ARGON2ID", "$argon2id$v=19$m=65536", "secret"), PASSWORD_FAULT);
    cr_expect_eq(verify("ARGON2ID", "$6$saltsalt$x", "secret"), PASSWORD_FAULT);
    char longest[PASSWORD_HASH_BYTES + 1];
    memset(longest, 'a', sizeof longest);
    struct span hash = {longest, PASSWORD_HASH_BYTES};
    cr_expect_eq(password_verify(PASSWORD_CRYPT, hash, span_of("x")), PASSWORD_FAULT);
    cr_expect_eq(password_verify(PASSWORD_CRYPT, (struct span){"$6$s\0lt$x", 9}, span_of("x")),
                 PASSWORD_FAULT);
}

Test(password, nul_and_length)
{
    static const char sha[] = "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA";
    struct span cut = {"secret\0more", 11};
    cr_expect_eq(password_verify(PASSWORD_CRYPT, span_of(sha), cut), PASSWORD_WRONG);
    cr_expect_eq(password_verify(PASSWORD_PLAIN, span_of("secret"), cut), PASSWORD_WRONG);
    struct span padded = {"secret\0", 7};
    cr_expect_eq(password_verify(PASSWORD_PLAIN, span_of("secret"), padded), PASSWORD_WRONG);

    char longest[PASSWORD_MAX + 1];
    memset(longest, 'p', sizeof longest);
    struct span most = {longest, PASSWORD_MAX}, more = {longest, PASSWORD_MAX + 1};
    cr_expect_eq(password_verify(PASSWORD_PLAIN, most, most), PASSWORD_RIGHT);
    cr_expect_eq(password_verify(PASSWORD_PLAIN, more, more), PASSWORD_WRONG);
    cr_expect_eq(password_verify(PASSWORD_CRYPT, span_of(sha), most), PASSWORD_WRONG);
    cr_expect_eq(password_verify(PASSWORD_CRYPT, span_of(sha), (struct span){NULL, 0}),
                 PASSWORD_WRONG);
}

Test(password, unknown_schemes)
{
    enum password_scheme scheme;
    static const char *const names[] = {"", "PLAI", "PLAINX", "SSHA", "ARGON2D", "CRYPT "};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_expect_not(password_scheme_named(span_of(names[i]), &scheme), "%s", names[i]);
    cr_expect(password_is_quick(PASSWORD_PLAIN));
    cr_expect_not(password_is_quick(PASSWORD_CRYPT));
    cr_expect_not(password_is_quick(PASSWORD_ARGON2ID));
}

/* What is made is checked by the way back: the braces' name and the hash behind them. */
Test(password, made_hashes_fit)
{
    static const char *const names[] = {"yescrypt", "bcrypt", "SHA512-crypt", "argon2id", "plain"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char made[PASSWORD_HASH_BYTES], again[PASSWORD_HASH_BYTES], error[200] = "";
        struct span password = span_of(" se cret ");
        cr_assert(password_make(names[i], password, made, error, sizeof error), "%s", error);
        char *brace = strchr(made, '}');
        cr_assert(made[0] == '{' && brace != NULL, "%s", made);
        enum password_scheme scheme;
        struct span name = {made + 1, (size_t)(brace - made) - 1};
        cr_assert(password_scheme_named(name, &scheme), "%s", made);
        cr_expect_eq(password_verify(scheme, span_of(brace + 1), password), PASSWORD_RIGHT);
        cr_expect_eq(password_verify(scheme, span_of(brace + 1), span_of("se cret")),
                     PASSWORD_WRONG);
        cr_assert(password_make(names[i], password, again, error, sizeof error));
        if (scheme != PASSWORD_PLAIN)
            cr_expect_str_neq(made, again, "each has its own salt");
    }
}

static void refuse(const char *scheme, struct span password, const char *reason)
{
    char made[PASSWORD_HASH_BYTES], error[200] = "";
    cr_expect_not(password_make(scheme, password, made, error, sizeof error), "%s", scheme);
    cr_expect_not_null(strstr(error, reason), "%s: %s", scheme, error);
}

Test(password, what_cannot_be_made)
{
    char longest[PASSWORD_MAX + 1];
    memset(longest, 'p', sizeof longest);
    refuse("des", span_of("x"), "yescrypt");
    refuse("yescrypt", (struct span){NULL, 0}, "empty");
    refuse("yescrypt", (struct span){"a\0b", 3}, "NUL");
    refuse("plain", span_of("a:b"), "':'");
    refuse("plain", span_of("a\nb"), "line end");
    refuse("bcrypt", (struct span){longest, 73}, "72");
    refuse("yescrypt", (struct span){longest, 512}, "511");
    refuse("argon2id", (struct span){longest, PASSWORD_MAX + 1}, "1024");
    refuse("plain", (struct span){longest, 505}, "too long");
}

/* The example of RFC 1939 section 7. */
Test(password, apop)
{
    struct span stamp = span_of("<1896.697170952@dbc.mtview.ca.us>");
    struct span right = span_of("c4c9334bac560ecc979e58001b3e22fb");
    cr_expect(password_apop(stamp, span_of("tanstaaf"), right));
    cr_expect(
        password_apop(stamp, span_of("tanstaaf"), span_of("C4C9334BAC560ECC979E58001B3E22FB")));
    cr_expect_not(password_apop(stamp, span_of("tanstaaF"), right));
    cr_expect_not(password_apop(span_of("<1@x>"), span_of("tanstaaf"), right));
    cr_expect_not(password_apop(stamp, span_of("tanstaaf"), (struct span){right.bytes, 31}));
    cr_expect_not(
        password_apop(stamp, span_of("tanstaaf"), span_of("c4c9334bac560ecc979e58001b3e22fg")));
    cr_expect_not(password_apop(stamp, (struct span){"", 0}, right));
}

Test(password, wipe)
{
    char bytes[] = "secret";
    password_wipe(bytes, 6);
    cr_expect_eq(memcmp(bytes, "\0\0\0\0\0\0", 6), 0);
}
