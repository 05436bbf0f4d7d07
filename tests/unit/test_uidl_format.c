/* test_uidl_format: formats of Dovecot's pop3_uidl_format, old and new, and those that are none. */
#include "storage/maildir_uidl.h"
#include "storage/uidl.h"
#include "storage/uidl_format.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <string.h>

#define LONG_NAME "1700000000.M123456P4242.mx.example.org,S=1234"
#define LONG_GUID "8d54132d5a7b3c6512000000b1d2c3d4"

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

/* For ever: what the server and the import have both answered from the first. A line here never
 * changes, for a customer's program would fetch everything again. */
Test(uidl_format, what_stays_as_it_is)
{
    const struct uidl_parts messages[] = {
        {26, 0x6b07667e, SPAN_LITERAL("1.M2P3.host"), SPAN_LITERAL("0123abcd")},
        {1, 1, SPAN_LITERAL("a"), SPAN_LITERAL("b")},
        {UINT32_MAX, UINT32_MAX, SPAN_LITERAL(LONG_NAME), SPAN_LITERAL(LONG_GUID)},
    };
    static const struct {
        const char *format, *uidls[3];
    } table[] = {
        {"%08Xu%08Xv", {"0000001a6b07667e", "0000000100000001", "ffffffffffffffff"}},
        {"%08Xv%08Xu", {"6b07667e0000001a", "0000000100000001", "ffffffffffffffff"}},
        {"%v.%u", {"1795647102.26", "1.1", "4294967295.4294967295"}},
        {"%u", {"26", "1", "4294967295"}},
        {"%v-%u", {"1795647102-26", "1-1", "4294967295-4294967295"}},
        {"UID%u-%v", {"UID26-1795647102", "UID1-1", "UID4294967295-4294967295"}},
        {"%f", {"1.M2P3.host", "a", LONG_NAME}},
        {"%g", {"0123abcd", "b", LONG_GUID}},
        {"%Xu.%Xv", {"1a.6b07667e", "1.1", "ffffffff.ffffffff"}},
        {"%05u", {"00026", "00001", "4294967295"}},
        {"%010u.%010v",
         {"0000000026.1795647102", "0000000001.0000000001", "4294967295.4294967295"}},
        {"%020Xu", {"0000000000000000001a", "00000000000000000001", "000000000000ffffffff"}},
        {"%u%%", {"26%", "1%", "4294967295%"}},
        {"a%%b%g", {"a%b0123abcd", "a%bb", "a%b" LONG_GUID}},
        {"%g.%u", {"0123abcd.26", "b.1", LONG_GUID ".4294967295"}},
        {"%Xf", {"1.M2P3.host", "a", LONG_NAME}},
        {"%070u",
         {"0000000000000000000000000000000000000000000000000000000000000000000026",
          "0000000000000000000000000000000000000000000000000000000000000000000001",
          "0000000000000000000000000000000000000000000000000000000000004294967295"}},
        {"%030u",
         {"000000000000000000000000000026", "000000000000000000000000000001",
          "000000000000000000004294967295"}},
        {"%01u", {"26", "1", "4294967295"}},
        {"%Xg", {"0123abcd", "b", LONG_GUID}},
        {"%08Xu:%f", {"0000001a:1.M2P3.host", "00000001:a", "ffffffff:" LONG_NAME}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct maildir_uidl_format served;
        cr_assert_null(maildir_uidl_parse(span_of(table[i].format), &served));
        for (size_t k = 0; k < 3; k++) {
            const struct span uidl = span_of(table[i].uidls[k]);
            char out[MAIL_UIDL_MAX];
            uint8_t length = 0;
            cr_assert_eq(uidl_format_write(span_of(table[i].format), &messages[k], out, &length),
                         UIDL_FORMAT_DONE);
            cr_expect(span_equal((struct span){out, length}, uidl), "%s", table[i].format);
            length = maildir_uidl_make(&served, &messages[k], out);
            cr_expect(span_equal((struct span){out, length}, uidl), "%s", table[i].format);
        }
    }
}

/* 2.3's offsets, widths and cases, which the system tests compare with a Dovecot. */
Test(uidl_format, what_widths_and_letters_do)
{
    static const struct {
        const char *format, *uidl;
    } good[] = {
        {"%1u", "2"},
        {"%5u", "26"},
        {"%71u", "26"},
        {"%5f%u", "1.M2P26"},
        {"%5.4f", "3.ho"},
        {"%-4.2f", "ho"},
        {"%-99.3f", "1.M"},
        {"%9.f.", "st."},
        {"%020f", "000000000"
                  "1.M2P3.host"},
        {"%XUu", "1A"},
        {"%UXu", "1a"},
        {"%Lf", "1.m2p3.host"},
        {"%X{uid}", "1a"},
        {"%-2.{guid}", "cd"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char uidl[MAIL_UIDL_MAX + 1];
        cr_assert_eq(format(good[i].format, uidl), UIDL_FORMAT_DONE, "%s", good[i].format);
        cr_expect_str_eq(uidl, good[i].uidl, "%s: %s", good[i].format, uidl);
    }
}

Test(uidl_format, what_is_none)
{
    static const char *const wrong[] = {"%",
                                        "%m",
                                        "%08",
                                        "%8X",
                                        "%X08u",
                                        "%-5u",
                                        "%100u",
                                        "%100.1f",
                                        "%4294967297u",
                                        "%{uid",
                                        "%{}",
                                        "%{hash}",
                                        "%{uid|hex(100)}",
                                        "%{uid|dec}",
                                        "%{uid|hex()}"};
    char uidl[MAIL_UIDL_MAX + 1];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert_eq(format(wrong[i], uidl), UIDL_FORMAT_WRONG, "%s", wrong[i]);
        cr_assert_not_null(uidl_format_mistake(span_of(wrong[i])), "%s", wrong[i]);
    }
    cr_assert_eq(format("%070ux", uidl), UIDL_FORMAT_INVALID);
    cr_assert_eq(format("", uidl), UIDL_FORMAT_INVALID);
    cr_assert_eq(format("a b", uidl), UIDL_FORMAT_INVALID);
    cr_assert_eq(format("\xe4", uidl), UIDL_FORMAT_INVALID);
    cr_assert_eq(format("%099u", uidl), UIDL_FORMAT_INVALID);
    cr_assert_not_null(uidl_format_mistake(span_of("a b")));
    cr_assert_null(uidl_format_mistake(span_of("%{uid | hex(8)}%099u")));
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

Test(uidl_format, which_tell_messages_apart)
{
    cr_assert(uidl_format_tells_apart(span_of("%v.%u")));
    cr_assert(uidl_format_tells_apart(span_of("x%-5.f")));
    cr_assert(uidl_format_tells_apart(span_of("%{guid}")));
    cr_assert_not(uidl_format_tells_apart(span_of("%v%%x")));
}
