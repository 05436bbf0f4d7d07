/* test_courier_sizelist: files of Courier's versions 1 to 3, damaged ones, and the UIDLs. */
#include "storage/courier_sizelist.h"
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

TestSuite(courier_sizelist, .init = setup, .fini = teardown);

static struct span input(const char *text)
{
    return (struct span){guarded_copy(&guarded, text, strlen(text)), strlen(text)};
}

struct sample {
    const char *line;
    const char *file_name;
    uint64_t octets;
    const char *uidl;
};

static const struct sample good[] = {
    {"1.h 120 5:99\n", "1.h", 120, "UID5-99"},
    {"1.h:2,S 0 5:99:1\n", "1.h:2,S", 0, "UID5-99"},
    {"1.h 120 5\n", "1.h", 120, "UID5"},
    {"1.h 120 5:0:0\n", "1.h", 120, "UID5"},
    {"1.h+'x:2,S 7 0:3\n", "1.h+'x:2,S", 7, "1.h+2B+27x"},
    {"with a space 7 1:2\n", "with a space", 7, "UID1-2"},
    {"1.h 1 18446744073709551615:18446744073709551615\n", "1.h", 1,
     "UID18446744073709551615-18446744073709551615"},
};

Test(courier_sizelist, lines_of_every_version_are_read)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct span rest = input(good[i].line);
        struct courier_sizelist_entry entry;
        char uidl[128] = {0};
        cr_assert_eq(courier_sizelist_read_entry(&rest, &entry), COURIER_SIZELIST_DONE);
        cr_assert_eq(rest.length, 0);
        cr_assert(span_equal(entry.file_name, span_of(good[i].file_name)));
        cr_assert_eq(entry.octets, good[i].octets);
        size_t length = courier_sizelist_uidl(&entry, uidl, sizeof uidl);
        cr_assert_eq(length, strlen(good[i].uidl));
        cr_assert_str_eq(uidl, good[i].uidl);
        for (size_t room = 0; room < length; room++)
            cr_assert_eq(courier_sizelist_uidl(&entry, guarded_last(&guarded, 64), room), 0);
    }
}

Test(courier_sizelist, headers)
{
    struct courier_sizelist list;
    struct span rest = input("/2 15 1100000000\nrest");
    cr_assert_eq(courier_sizelist_read_header(&rest, &list), COURIER_SIZELIST_DONE);
    cr_assert(list.version == 2 && list.next_uid == 15 && list.uid_validity == 1100000000);
    cr_assert(span_equal(rest, SPAN_LITERAL("rest")));
    rest = input("/1 15\n");
    cr_assert_eq(courier_sizelist_read_header(&rest, &list), COURIER_SIZELIST_DONE);
    cr_assert(list.version == 1 && list.next_uid == 15 && list.uid_validity == 0);
    static const char *const bad[] = {"\n",      "/0 1\n",        "/4 1 2\n", "2 1 2\n",
                                      "/2\n",    "/2 x\n",        "/2 1 x\n", "/22 1 2\n",
                                      "/ 1 2\n", "1.h 120 5:99\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rest = input(bad[i]);
        cr_expect_eq(courier_sizelist_read_header(&rest, &list), COURIER_SIZELIST_BAD, "%s",
                     bad[i]);
    }
    rest = input("/2 1 2");
    cr_assert_eq(courier_sizelist_read_header(&rest, &list), COURIER_SIZELIST_MORE);
}

Test(courier_sizelist, a_bad_line_is_taken_alone)
{
    static const char *const bad[] = {"\n",          "1.h\n",       "1.h 5\n",      "1.h x 5:9\n",
                                      "1.h 5 x:9\n", "1.h 5 1:\n",  " 5 1:2\n",     "1.h 5 1:x\n",
                                      "1.h 5 \n",    "a/b 5 1:2\n", "1.h 5 -1:2\n", "5 1:2\n"};
    struct courier_sizelist_entry entry;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct span rest = input(bad[i]);
        enum courier_sizelist_result result = courier_sizelist_read_entry(&rest, &entry);
        /* "1:" has an empty validity, which counts as none. */
        bool forgiven = strcmp(bad[i], "1.h 5 1:\n") == 0;
        cr_expect_eq(result, forgiven ? COURIER_SIZELIST_DONE : COURIER_SIZELIST_BAD, "%s", bad[i]);
        cr_expect_eq(rest.length, 0);
    }
    struct span rest = input("1.h 5 1:2");
    cr_expect_eq(courier_sizelist_read_entry(&rest, &entry), COURIER_SIZELIST_MORE);
    cr_expect_eq(rest.length, 9);
}
