/* test_maildir_uidl: the formats of other servers, and what can be no UIDL. */
#include "storage/maildir_uidl.h"
#include "storage/uidl.h"

#include <criterion/criterion.h>
#include <string.h>

#define BASE "1234.M5P6.host,S=7"

static const struct {
    const char *format, *expected;
} formats[] = {
    {"dovecot", "0000001a65432100"},
    {"%08Xu%08Xv", "0000001a65432100"},
    {"cyrus", "1698898176.26"},
    {"uw", "654321000000001a"},
    {"%u", "26"},
    {"%v-%u", "1698898176-26"},
    {"UID%u-%v", "UID26-1698898176"},
    {"own", BASE},
    {"%f", BASE},
    {"filename", BASE},
    {"courier", BASE},
    {"%g", "guid"},
    {"%5f%u", "1234.26"},
    {"%5.4f%u", "M5P626"},
    {"%-4.2f%u", ",S26"},
    {"%-99.4f", "1234"},
    {"%030u", "000000000000000000000000000026"},
    {"%1u", "2"},
    {"%XUu", "1A"},
    {"%UXu", "1a"},
    {"%Uf", "1234.M5P6.HOST,S=7"},
    {"%Lf", "1234.m5p6.host,s=7"},
    {"%u%%", "26%"},
    {"%{uid | hex(8)}%{uidvalidity | hex(8)}", "0000001a65432100"},
};

Test(maildir_uidl, formats)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct maildir_uidl_format format;
        struct uidl_parts source = {26, 0x65432100, SPAN_LITERAL(BASE), SPAN_LITERAL("guid")};
        char uidl[MAIL_UIDL_MAX + 1];
        cr_assert_null(maildir_uidl_parse(span_of(formats[i].format), &format));
        uint8_t length = maildir_uidl_make(&format, &source, uidl);
        uidl[length] = '\0';
        cr_expect_str_eq(uidl, formats[i].expected, "%s: %s", formats[i].format, uidl);
    }
}

Test(maildir_uidl, mistakes_are_sentences)
{
    static const char *const wrong[] = {
        "",       "x",
        "%v",     "%%",
        "%",      "%m",
        "%08Mu",  "%u %v",
        "%-5u",   "%100u",
        "%-u",    "%5.100f",
        "\x7f%u", "%0u%z",
        "%u\n",   "0123456789012345678901234567890123456789012345678901234567890123%u"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct maildir_uidl_format format;
        cr_expect_not_null(maildir_uidl_parse(span_of(wrong[i]), &format), "%s", wrong[i]);
    }
}

Test(maildir_uidl, what_can_be_none_is_made_of_the_name)
{
    static const char long_name[] =
        "1234567890.M123456P123456_courier_with_a_long_name.mx01.example.org,"
        "S=12345678,W=12345678";
    struct maildir_uidl_format format, twice;
    char uidl[MAIL_UIDL_MAX], other[MAIL_UIDL_MAX];
    struct uidl_parts source = {.uid_validity = 5, .name = SPAN_LITERAL("1.h")};
    cr_assert_null(maildir_uidl_parse(SPAN_LITERAL("dovecot"), &format));
    cr_assert_eq(maildir_uidl_make(&format, &source, uidl), 3, "it has no UID");
    cr_assert_arr_eq(uidl, "1.h", 3);
    cr_assert_null(maildir_uidl_parse(SPAN_LITERAL("%f"), &format));
    cr_assert_null(maildir_uidl_parse(SPAN_LITERAL("%099u"), &twice));
    source = (struct uidl_parts){.uid = 3, .uid_validity = 5, .name = span_of(long_name)};
    cr_assert_eq(maildir_uidl_make(&format, &source, uidl), MAILDIR_UIDL_HASH_BYTES);
    cr_assert_eq(maildir_uidl_make(&twice, &source, other), MAILDIR_UIDL_HASH_BYTES);
    cr_assert_arr_eq(uidl, other, MAILDIR_UIDL_HASH_BYTES);
    source.name = SPAN_LITERAL("with a space");
    cr_assert_eq(maildir_uidl_make(&format, &source, other), MAILDIR_UIDL_HASH_BYTES);
    cr_assert_neq(memcmp(uidl, other, MAILDIR_UIDL_HASH_BYTES), 0);
}

/* For ever: FNV-1a of 128 bits. */
Test(maildir_uidl, the_hash_stays_what_it_is)
{
    char uidl[MAIL_UIDL_MAX];
    cr_assert_eq(maildir_uidl_hash(SPAN_LITERAL(""), uidl), 32);
    cr_assert_arr_eq(uidl, "6c62272e07bb014262b821756295c58d", 32);
    cr_assert_eq(maildir_uidl_hash(SPAN_LITERAL("a"), uidl), 32);
    cr_assert_arr_eq(uidl, "d228cb696f1a8caf78912b704e4a8964", 32);
}
