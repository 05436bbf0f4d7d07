/* test_uidl_format: formats of Dovecot's pop3_uidl_format, old and new, and those that are none. */
#include "storage/uidl_format.h"
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

TestSuite(uidl_format, .init = setup, .fini = teardown);

static const struct uidl_parts parts = {
    .uid = 26, .uid_validity = 0x6b07667e, .name = {"1.M2P3.host", 11}, .guid = {"0123abcd", 8}};

static enum uidl_format_result format(const char *text, char out_uidl[MAIL_UIDL_MAX + 1])
{
    char *room = guarded_last(&guarded, MAIL_UIDL_MAX);
    uint8_t length = 0;
    const enum uidl_format_result result =
        uidl_format_write(uidl_format_named(span_of(text)), &parts, room, &length);
    memcpy(out_uidl, room, length);
    out_uidl[length] = '\0';
    return result;
}

Test(uidl_format, what_servers_make)
{
    static const struct {
        const char *format, *uidl;
    } good[] = {
        {"dovecot", "0000001a6b07667e"},
        {"courier", "UID26-1795647102"},
        {"cyrus", "1795647102.26"},
        {"uw", "6b07667e0000001a"},
        {"own", "1.M2P3.host"},
        {"%08Xu%08Xv", "0000001a6b07667e"},
        {"%u", "26"},
        {"%Xu.%Xv", "1a.6b07667e"},
        {"%05u", "00026"},
        {"%1u", "26"},
        {"%g", "0123abcd"},
        {"a%%b", "a%b"},
        {"%{uid | hex(8)}%{uidvalidity | hex(8)}", "0000001a6b07667e"},
        {"%{uid|hex}", "1a"},
        {"%{ guid }-%{filename}", "0123abcd-1.M2P3.host"},
        {"plain", "plain"},
        {"%070u", "0000000000000000000000000000000000000000000000000000000000000000000026"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char uidl[MAIL_UIDL_MAX + 1];
        cr_assert_eq(format(good[i].format, uidl), UIDL_FORMAT_DONE, "%s", good[i].format);
        cr_assert_str_eq(uidl, good[i].uidl);
    }
}

Test(uidl_format, what_is_none)
{
    static const char *const wrong[] = {"%",
                                        "%m",
                                        "%08",
                                        "%8X",
                                        "%XXu",
                                        "%71u",
                                        "%4294967297u",
                                        "%{uid",
                                        "%{}",
                                        "%{hash}",
                                        "%{uid|hex(71)}",
                                        "%{uid|dec}",
                                        "%{uid|hex()}"};
    char uidl[MAIL_UIDL_MAX + 1];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(format(wrong[i], uidl), UIDL_FORMAT_WRONG, "%s", wrong[i]);
    cr_assert_eq(format("%070ux", uidl), UIDL_FORMAT_INVALID);
    cr_assert_eq(format("", uidl), UIDL_FORMAT_INVALID);
    cr_assert_eq(format("a b", uidl), UIDL_FORMAT_INVALID);
    cr_assert_eq(format("\xe4", uidl), UIDL_FORMAT_INVALID);
}

Test(uidl_format, what_is_not_known)
{
    static const char *const formats[] = {"%u", "%v", "%f", "%g"};
    const struct uidl_parts nothing = {.uid = 0};
    char uidl[MAIL_UIDL_MAX];
    uint8_t length = 7;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        cr_assert_eq(uidl_format_write(span_of(formats[i]), &nothing, uidl, &length),
                     UIDL_FORMAT_UNKNOWN);
        cr_assert_eq(length, 0);
    }
}

Test(uidl_format, which_need_the_servers_index)
{
    cr_assert(uidl_format_needs_uid(span_of("%08Xu%08Xv")));
    cr_assert(uidl_format_needs_uid(span_of("x%{uidvalidity}")));
    cr_assert_not(uidl_format_needs_uid(span_of("%f-%g")));
    cr_assert_not(uidl_format_needs_uid(span_of("%%u")));
    cr_assert_not(uidl_format_needs_uid(span_of("%")));
}
