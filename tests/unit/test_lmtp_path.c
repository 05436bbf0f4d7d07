/* test_lmtp_path: paths and parameters at the edge of a page that cannot be read. */
#include "proto/lmtp_path.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <string.h>

static struct guarded guarded;
static struct lmtp_path path;
static struct span rest;

static void setup(void)
{
    guarded_init(&guarded, 4096);
}

static void teardown(void)
{
    guarded_fini(&guarded);
}

TestSuite(lmtp_path, .init = setup, .fini = teardown);

static enum lmtp_path_result take_bytes(struct span text)
{
    rest = (struct span){guarded_copy(&guarded, text.bytes, text.length), text.length};
    return lmtp_path_take(&rest, &path);
}

static enum lmtp_path_result take(const char *text)
{
    return take_bytes(span_of(text));
}

static void expect_good(const char *text, const char *address, const char *local_part,
                        const char *domain)
{
    cr_assert(take(text) == LMTP_PATH_GOOD, "%s", text);
    cr_assert(span_equal(path.address, span_of(address)), "%s", text);
    cr_assert(span_equal(path.local_part, span_of(local_part)), "%s", text);
    cr_assert(span_equal(path.domain, span_of(domain)), "%s", text);
}

Test(lmtp_path, is_cut_into_its_halves)
{
    expect_good("<joe@example.org>", "joe@example.org", "joe", "example.org");
    expect_good("<>", "", "", "");
    expect_good("<postmaster>", "postmaster", "postmaster", "");
    expect_good("<a.b!#$%&'*+-/=?^_`{|}~@c-d.e_f>", "a.b!#$%&'*+-/=?^_`{|}~@c-d.e_f",
                "a.b!#$%&'*+-/=?^_`{|}~", "c-d.e_f");
    expect_good("<.a..b.@c>", ".a..b.@c", ".a..b.", "c");
    expect_good("<\"a b@c<>\\\"\\\\\"@d>", "\"a b@c<>\\\"\\\\\"@d", "\"a b@c<>\\\"\\\\\"", "d");
    expect_good("<a@[192.0.2.1]>", "a@[192.0.2.1]", "a", "[192.0.2.1]");
    expect_good("<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]");
    cr_assert(!path.is_utf8);
}

Test(lmtp_path, source_routes_are_dropped)
{
    expect_good("<@a:joe@b>", "joe@b", "joe", "b");
    expect_good("<@a.example,@[192.0.2.1]:joe@b>", "joe@b", "joe", "b");
    cr_assert(take("<@a>") == LMTP_PATH_BAD);
    cr_assert(take("<@a:>") == LMTP_PATH_BAD);
    cr_assert(take("<@a,b:c@d>") == LMTP_PATH_BAD);
    cr_assert(take("<@:c@d>") == LMTP_PATH_BAD);
}

Test(lmtp_path, what_follows_stays)
{
    cr_assert(take("<a@b> SIZE=1") == LMTP_PATH_GOOD);
    cr_assert(span_equal(rest, SPAN_LITERAL(" SIZE=1")));
    cr_assert(take("<>") == LMTP_PATH_GOOD && rest.length == 0);
    cr_assert(take("<a@b>SIZE=1") == LMTP_PATH_BAD);
    cr_assert(take("<>>") == LMTP_PATH_BAD);
}

Test(lmtp_path, what_is_none)
{
    static const char *const bad[] = {
        "",
        "a@b",
        "<",
        "<a",
        "<a@b",
        "<a@>",
        "<@>",
        "< >",
        "<a b@c>",
        "<a@b@c>",
        "<a@b c>",
        "<a,b@c>",
        "<a(b)@c>",
        "<a@[>",
        "<a@[]>",
        "<a@[x>",
        "<a@[x[y]>",
        "<\"\"@b>",
        "<\"a@b>",
        "<\"a\\\">",
        "<\"a\"b@c>",
        "<a\"b\"@c>",
        "<a\tb@c>",
        "<a@b\r>",
        "<a\nb@c>",
        "<a\x7f@b>",
        "<\"a\n\"@b>",
        "<\"\\\n\"@b>",
        "<\"\\\xc3\xa9\"@b>",
        "<a@.b>",
        "<<a@b>>",
        " <a@b>",
        "<a\\@b>",
        "<a@b!>",
        "<\x01>",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert(take(bad[i]) == LMTP_PATH_BAD, "%zu: %s", i, bad[i]);
    }
    cr_assert(take_bytes((struct span){"<a\0b@c>", 7}) == LMTP_PATH_BAD);
}

Test(lmtp_path, length_at_the_edge)
{
    char text[LMTP_ADDRESS_MAX + 4];
    memset(text, 'a', sizeof(text));
    text[0] = '<';
    text[65] = '@';
    text[LMTP_ADDRESS_MAX + 1] = '>';
    cr_assert(take_bytes((struct span){text, LMTP_ADDRESS_MAX + 2}) == LMTP_PATH_GOOD);
    cr_assert(path.address.length == LMTP_ADDRESS_MAX);
    text[LMTP_ADDRESS_MAX + 1] = 'a';
    text[LMTP_ADDRESS_MAX + 2] = '>';
    cr_assert(take_bytes((struct span){text, LMTP_ADDRESS_MAX + 3}) == LMTP_PATH_TOO_LONG);
}

/* RFC 3629: shortest forms only, no surrogates, nothing above U+10FFFF; and none of C1. */
Test(lmtp_path, utf8_is_valid_or_refused)
{
    static const char *const good[] = {"\xc2\xa0",     "\xc3\xa9",         "\xe0\xa0\x80",
                                       "\xed\x9f\xbf", "\xef\xbf\xbf",     "\xf0\x90\x80\x80",
                                       "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xf1\x80\x80\x80"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xc2\x80",
                                      "\xc2\x9f",
                                      "\xc3",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe1\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe1\x80z",
                                      "\xf1\x80\x80",
                                      "\xff"};
    char text[32];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        strcat(strcat(strcpy(text, "<"), good[i]), "@b>");
        cr_assert(take(text) == LMTP_PATH_GOOD && path.is_utf8, "good %zu", i);
        strcat(strcat(strcpy(text, "<\""), good[i]), "\"@b>");
        cr_assert(take(text) == LMTP_PATH_GOOD && path.is_utf8, "good %zu, quoted", i);
        strcat(strcat(strcpy(text, "<a@"), good[i]), ">");
        cr_assert(take(text) == LMTP_PATH_GOOD && path.is_utf8, "good %zu, domain", i);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        strcat(strcat(strcpy(text, "<"), bad[i]), "@b>");
        cr_assert(take(text) == LMTP_PATH_BAD, "bad %zu", i);
        strcat(strcat(strcpy(text, "<\""), bad[i]), "\"@b>");
        cr_assert(take(text) == LMTP_PATH_BAD, "bad %zu, quoted", i);
        strcat(strcpy(text, "<"), bad[i]);
        cr_assert(take(text) == LMTP_PATH_BAD, "bad %zu, cut off", i);
    }
}

static bool take_parameter(const char *text, struct lmtp_parameter *out_parameter)
{
    size_t length = strlen(text);
    rest = (struct span){guarded_copy(&guarded, text, length), length};
    return lmtp_parameter_take(&rest, out_parameter);
}

Test(lmtp_path, parameters)
{
    struct lmtp_parameter parameter;
    cr_assert(take_parameter(" SIZE=12  BODY=7BIT X", &parameter));
    cr_assert(span_equal(parameter.keyword, SPAN_LITERAL("SIZE")));
    cr_assert(span_equal(parameter.value, SPAN_LITERAL("12")));
    cr_assert(lmtp_parameter_take(&rest, &parameter));
    cr_assert(span_equal(parameter.keyword, SPAN_LITERAL("BODY")));
    cr_assert(span_equal(parameter.value, SPAN_LITERAL("7BIT")));
    cr_assert(lmtp_parameter_take(&rest, &parameter));
    cr_assert(span_equal(parameter.keyword, SPAN_LITERAL("X")) && parameter.value.length == 0);
    cr_assert(rest.length == 0);

    static const char *const bad[] = {" ",       " =",     " =x", " X=",        " X=a=b",
                                      " X=\x01", " X_Y=1", " -X", " X\xc3\xa9", " X=\xc3\xa9"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert(!take_parameter(bad[i], &parameter), "%zu: %s", i, bad[i]);
    }
}
