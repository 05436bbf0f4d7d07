/* test_dovecot_uidlist: files as Dovecot writes them, and what a damaged one may look like.
 *
 * All input ends where the address space does.
 */
#include "storage/dovecot_uidlist.h"
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

TestSuite(dovecot_uidlist, .init = setup, .fini = teardown);

static struct span input(const char *text)
{
    return (struct span){guarded_copy(&guarded, text, strlen(text)), strlen(text)};
}

static enum dovecot_uidlist_result entry_of(const char *text, uint32_t version,
                                            struct dovecot_uidlist_entry *out)
{
    struct span rest = input(text);
    struct dovecot_uidlist list = {.version = version, .next_uid = 1};
    enum dovecot_uidlist_result result = dovecot_uidlist_read_entry(&list, &rest, out);
    if (result == DOVECOT_UIDLIST_MORE)
        cr_assert_eq(rest.length, strlen(text));
    else
        cr_assert_eq(rest.length, 0);
    return result;
}

Test(dovecot_uidlist, a_file_of_version_3_is_read_to_its_end)
{
    struct span rest = input("3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1\n"
                             "25006 :1276528487.M364837P9451.host,S=1355,W=1394:2,\n"
                             "25017 W2481 S2400 O7 Pold-9 Gabc :1276533073.M242911P3632.host:2,F\n"
                             "25031 W1 :x y\n"
                             "25032 :half");
    struct dovecot_uidlist list;
    struct dovecot_uidlist_entry entry;
    cr_assert_eq(dovecot_uidlist_read_header(&rest, &list), DOVECOT_UIDLIST_DONE);
    cr_assert_eq(list.version, 3);
    cr_assert_eq(list.uid_validity, 1275660208);
    cr_assert_eq(list.next_uid, 25022);
    cr_assert(list.has_guid);
    cr_assert_arr_eq(list.guid, "3085f01b7f11094c501100008c4a11c1", 32);
    cr_assert_eq(dovecot_uidlist_read_entry(&list, &rest, &entry), DOVECOT_UIDLIST_DONE);
    cr_assert_eq(entry.uid, 25006);
    cr_assert(!entry.has_octets && !entry.has_size && !entry.has_order && entry.uidl.length == 0);
    cr_assert(
        span_equal(entry.file_name, SPAN_LITERAL("1276528487.M364837P9451.host,S=1355,W=1394:2,")));
    cr_assert_eq(dovecot_uidlist_read_entry(&list, &rest, &entry), DOVECOT_UIDLIST_DONE);
    cr_assert(entry.has_octets && entry.octets == 2481);
    cr_assert(entry.has_size && entry.size == 2400);
    cr_assert(entry.has_order && entry.order == 7);
    cr_assert(span_equal(entry.uidl, SPAN_LITERAL("old-9")));
    cr_assert(span_equal(entry.guid, SPAN_LITERAL("abc")));
    cr_assert_eq(list.next_uid, 25022);
    cr_assert_eq(dovecot_uidlist_read_entry(&list, &rest, &entry), DOVECOT_UIDLIST_DONE);
    cr_assert(span_equal(entry.file_name, SPAN_LITERAL("x y")));
    cr_assert_eq(list.next_uid, 25032, "an appended line is above the header");
    cr_assert_eq(dovecot_uidlist_read_entry(&list, &rest, &entry), DOVECOT_UIDLIST_MORE);
    cr_assert(span_equal(rest, SPAN_LITERAL("25032 :half")));
}

Test(dovecot_uidlist, a_file_of_version_1_is_read)
{
    struct span rest = input("1 1275660208 8\n7 1276.M3.host:2,S\n");
    struct dovecot_uidlist list;
    struct dovecot_uidlist_entry entry;
    cr_assert_eq(dovecot_uidlist_read_header(&rest, &list), DOVECOT_UIDLIST_DONE);
    cr_assert(list.version == 1 && list.uid_validity == 1275660208 && list.next_uid == 8);
    cr_assert(!list.has_guid);
    cr_assert_eq(dovecot_uidlist_read_entry(&list, &rest, &entry), DOVECOT_UIDLIST_DONE);
    cr_assert_eq(entry.uid, 7);
    cr_assert(span_equal(entry.file_name, SPAN_LITERAL("1276.M3.host:2,S")));
    cr_assert_eq(entry_of("7 W5 :x\n", 1, &entry), DOVECOT_UIDLIST_DONE, "version 1 has no fields");
    cr_assert(span_equal(entry.file_name, SPAN_LITERAL("W5 :x")));
}

Test(dovecot_uidlist, headers_that_are_none_are_refused)
{
    static const char *const bad[] = {
        "\n",
        "2 V1 N1\n",
        "3\n",
        "3 V1\n",
        "3 N1\n",
        "3 V0 N1\n",
        "3 V1 N0\n",
        "3 V1x N1\n",
        "3 V1 N1 Gab\n",
        "1 5\n",
        "1 5 6 7\n",
        "V1 N1\n",
        "3V1 N1\n",
        "1 0 1\n",
        "3 V4294967296 N1\n",
        "3 V1 N1 Gzz85f01b7f11094c501100008c4a11c1\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct span rest = input(bad[i]);
        struct dovecot_uidlist list;
        cr_expect_eq(dovecot_uidlist_read_header(&rest, &list), DOVECOT_UIDLIST_BAD, "%s", bad[i]);
        cr_expect_eq(rest.length, 0);
    }
    struct span rest = input("3 V1 N1");
    struct dovecot_uidlist list;
    cr_expect_eq(dovecot_uidlist_read_header(&rest, &list), DOVECOT_UIDLIST_MORE);
    rest = input("3  N9 Xnew V7 \n");
    cr_expect_eq(dovecot_uidlist_read_header(&rest, &list), DOVECOT_UIDLIST_DONE,
                 "any order, and fields that nobody knows");
    cr_expect(list.uid_validity == 7 && list.next_uid == 9);
}

Test(dovecot_uidlist, a_bad_line_is_taken_alone)
{
    static const char *const bad[] = {
        "\n",     "x :a\n",   "0 :a\n", "-1 :a\n",         "5\n",     "5 :\n",
        "5 W1\n", "5 :a/b\n", "5 a\n",  "4294967295 :a\n", " 5 :a\n", ":a\n",
    };
    struct dovecot_uidlist_entry entry;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(entry_of(bad[i], 3, &entry), DOVECOT_UIDLIST_BAD, "%s", bad[i]);
    struct span rest = input("5 :a\n5 :b\n4 :c\n6 :d\n");
    struct dovecot_uidlist list = {.version = 3, .next_uid = 1};
    static const enum dovecot_uidlist_result expected[] = {
        DOVECOT_UIDLIST_DONE, DOVECOT_UIDLIST_BAD, DOVECOT_UIDLIST_BAD, DOVECOT_UIDLIST_DONE};
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(dovecot_uidlist_read_entry(&list, &rest, &entry), expected[i]);
    cr_expect_eq(entry_of("5 Wx S O99999999999 w3 :a\n", 3, &entry), DOVECOT_UIDLIST_DONE);
    cr_expect(!entry.has_octets && !entry.has_size && !entry.has_order);
    cr_expect_eq(entry_of("5 W7 Wx S8 S- O9 O :a\n", 3, &entry), DOVECOT_UIDLIST_DONE);
    cr_expect(entry.has_octets && entry.octets == 7 && entry.has_size && entry.size == 8 &&
              entry.has_order && entry.order == 9);
}

Test(dovecot_uidlist, what_is_written_is_read_again)
{
    char text[512];
    struct dovecot_uidlist list = {.uid_validity = 4000000000,
                                   .next_uid = 17,
                                   .has_guid = true,
                                   .guid = "0123456789abcdef0123456789ABCDEF"};
    struct dovecot_uidlist_entry entry = {.uid = 16,
                                          .has_size = true,
                                          .size = UINT64_MAX,
                                          .has_octets = true,
                                          .octets = 5,
                                          .has_order = true,
                                          .order = 3,
                                          .uidl = SPAN_LITERAL("P1"),
                                          .guid = SPAN_LITERAL("g-2"),
                                          .file_name = SPAN_LITERAL("1.h:2,S")};
    size_t header = dovecot_uidlist_write_header(&list, text, sizeof text);
    cr_assert(header > 0 && header <= DOVECOT_UIDLIST_HEADER_MAX);
    size_t line = dovecot_uidlist_write_entry(&entry, text + header, sizeof text - header);
    cr_assert(line > 0);
    text[header + line] = 0;
    cr_assert_str_eq(text, "3 V4000000000 N17 G0123456789abcdef0123456789ABCDEF\n"
                           "16 S18446744073709551615 W5 PP1 O3 Gg-2 :1.h:2,S\n");
    for (size_t room = 0; room < header; room++)
        cr_assert_eq(dovecot_uidlist_write_header(&list, guarded_last(&guarded, room), room), 0);
    for (size_t room = 0; room < line; room++)
        cr_assert_eq(dovecot_uidlist_write_entry(&entry, guarded_last(&guarded, room), room), 0);
    entry.uidl = SPAN_LITERAL("a b");
    cr_assert_eq(dovecot_uidlist_write_entry(&entry, text, sizeof text), 0);
    entry.uidl = SPAN_LITERAL("");
    entry.file_name = SPAN_LITERAL("a\nb");
    cr_assert_eq(dovecot_uidlist_write_entry(&entry, text, sizeof text), 0);
}
