/* test_maildir_foreign: what sessions take from the other server's list, and give to it. */
#include "tests/support/maildir_box.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct maildir_box box;

static void end_box(void)
{
    maildir_box_fini(&box);
}

TestSuite(maildir_foreign, .fini = end_box);

/* The list as it is now; without the header line where that has the time in it. */
static const char *list(void)
{
    static char text[4096];
    size_t bytes;
    const char *now = fake_disk_peek(box.disk, MAILDIR_BOX_PATH "/dovecot-uidlist", &bytes);
    cr_assert(now != NULL && bytes < sizeof text);
    memcpy(text, now, bytes);
    text[bytes] = '\0';
    return text;
}

static const char *lines(void)
{
    return strchr(list(), '\n') + 1;
}

Test(maildir_foreign, order_sizes_and_uidls_come_from_dovecots_list)
{
    maildir_box_init(&box, "dovecot");
    maildir_box_put(&box, "cur/1.h:2,", "abc\n");
    maildir_box_put(&box, "cur/2.h:2,", "abc\n");
    maildir_box_put(&box, "cur/3.h:2,", "abc\n");
    maildir_box_put(&box, "cur/4.h:2,", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist",
                    "3 V9 N9\n2 W77 :3.h:2,F\n3 Pold :2.h\n"
                    "5 O2 :4.h\n6 O1 :1.h:2,S\n");
    maildir_box_open(&box, 4);
    maildir_box_expect(&box, 1, 5, "0000000600000009");
    maildir_box_expect(&box, 2, 5, "0000000500000009");
    maildir_box_expect(&box, 3, 77, "0000000200000009");
    maildir_box_expect(&box, 4, 5, "old");
    maildir_box_close(&box);
    cr_assert_str_eq(lines(), "2 W77 :3.h:2,F\n3 Pold :2.h\n5 O2 :4.h\n6 O1 :1.h:2,S\n");
}

Test(maildir_foreign, new_mail_is_appended_as_it_was_delivered)
{
    maildir_box_init(&box, "dovecot");
    maildir_box_put(&box, "cur/5.h:2,S", "abc\n");
    maildir_box_put(&box, "new/3.M2.h", "abc\n");
    maildir_box_put(&box, "new/3.M10.h", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist", "3 V9 N2 X7\n4 :5.h\n5 :ha");
    maildir_box_open(&box, 3);
    maildir_box_expect(&box, 3, 5, "0000000600000009");
    maildir_box_close(&box);
    cr_assert_str_eq(list(), "3 V9 N2 X7\n4 :5.h\n5 :3.M2.h\n6 :3.M10.h\n",
                     "the half line is gone");
    fake_disk_restart(box.disk, FAKE_LOSE_ALL, 1);
    cr_assert_str_eq(lines(), "4 :5.h\n5 :3.M2.h\n6 :3.M10.h\n", "what was said is durable");
    cr_assert(!maildir_box_has(&box, "dovecot-uidlist.lock"));
}

Test(maildir_foreign, what_we_append_ourselves_is_known_to_the_next_session)
{
    bool waited;
    maildir_box_init(&box, "dovecot");
    maildir_box_put(&box, "new/1.h", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist", "3 V9 N2\n");
    maildir_box_settle(&box);
    maildir_box_open(&box, 1);
    maildir_box_close(&box);
    cr_assert_str_eq(lines(), "2 :1.h\n");
    cr_assert_eq(maildir_box_try(&box, &waited), MAIL_DONE);
    cr_assert(!waited);
    maildir_box_close(&box);
}

Test(maildir_foreign, a_list_is_made_where_there_is_none)
{
    maildir_box_init(&box, "cyrus");
    maildir_box_put(&box, "new/2.h", "abc\n");
    maildir_box_put(&box, "new/1.h", "abc\n");
    maildir_box_open(&box, 2);
    maildir_box_close(&box);
    cr_assert_eq(strncmp(list(), "3 V", 3), 0);
    cr_assert_not_null(strstr(list(), " N3\n"));
    cr_assert_str_eq(lines(), "1 :1.h\n2 :2.h\n");
}

/* Messages that had UIDs keep UIDLs and places, and no UID is given twice. */
Test(maildir_foreign, a_list_that_is_lost_is_made_again)
{
    maildir_box_init(&box, "dovecot");
    maildir_box_put(&box, "cur/1.h:2,", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist", "3 V9 N8\n7 :1.h\n");
    maildir_box_open(&box, 1);
    maildir_box_close(&box);
    maildir_box_remove(&box, "dovecot-uidlist");
    maildir_box_put(&box, "new/0.h", "abc\n");
    maildir_box_open(&box, 2);
    maildir_box_expect(&box, 1, 5, "0000000700000009");
    maildir_box_close(&box);
    cr_assert_str_eq(lines(), "7 :1.h:2,\n8 :0.h\n");
}

Test(maildir_foreign, uids_come_to_an_end)
{
    bool waited;
    maildir_box_init(&box, "dovecot");
    maildir_box_put(&box, "new/1.h", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist", "3 V9 N4294967293\n");
    maildir_box_open(&box, 1);
    maildir_box_expect(&box, 1, 5, "fffffffd00000009");
    maildir_box_close(&box);
    maildir_box_put(&box, "new/2.h", "abc\n");
    cr_assert_eq(maildir_box_try(&box, &waited), MAIL_PERMANENT);
    cr_assert_str_eq(lines(), "4294967293 :1.h\n");
    cr_assert(!maildir_box_has(&box, "dovecot-uidlist.lock"));
}

Test(maildir_foreign, version_1_becomes_version_3)
{
    maildir_box_init(&box, "%u");
    maildir_box_put(&box, "cur/1.h:2,", "abc\n");
    maildir_box_put(&box, "new/2.h", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist", "1 9 4\n2 gone\n3 1.h:2,S\n");
    maildir_box_open(&box, 2);
    maildir_box_expect(&box, 1, 5, "3");
    maildir_box_expect(&box, 2, 5, "4");
    maildir_box_close(&box);
    cr_assert_str_eq(list(), "3 V9 N5\n3 :1.h:2,\n4 :2.h\n");
}

Test(maildir_foreign, a_damaged_list_is_left_alone)
{
    static const char damaged[] = "3 V9 N2\nx\n1 :1.h\n";
    maildir_box_init(&box, "dovecot");
    maildir_box_put(&box, "cur/1.h:2,", "abc\n");
    maildir_box_put(&box, "new/2.h", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist", damaged);
    maildir_box_open(&box, 2);
    maildir_box_expect(&box, 1, 5, "0000000100000009");
    maildir_box_expect(&box, 2, 5, "2.h");
    maildir_box_close(&box);
    cr_assert_str_eq(list(), damaged);
    maildir_box_put(&box, "dovecot-uidlist", "3 V9 N9\n1 :1.h\n8 :2.h\n");
    maildir_box_open(&box, 2);
    maildir_box_expect(&box, 2, 5, "2.h");
    maildir_box_close(&box);
}

Test(maildir_foreign, a_held_lock_hides_new_mail_and_a_stale_one_does_not)
{
    bool waited;
    maildir_box_init(&box, "dovecot");
    maildir_box_put(&box, "cur/1.h:2,", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist", "3 V9 N2\n1 :1.h\n");
    maildir_box_put(&box, "new/2.h", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist.lock", "1:host");
    maildir_box_open(&box, 1);
    maildir_box_close(&box);
    fake_disk_step_clock(box.disk, INT64_C(119000000000));
    cr_assert_eq(maildir_box_try(&box, &waited), MAIL_DONE);
    cr_assert(waited && box.view.count == 1, "it is looked for again");
    maildir_box_close(&box);
    fake_disk_step_clock(box.disk, INT64_C(2000000000));
    maildir_box_open(&box, 2);
    maildir_box_close(&box);
    cr_assert(!maildir_box_has(&box, "dovecot-uidlist.lock"));
}

/* A crash at each operation: the list is whole or torn at its end, and the next session agrees with
 * what the one before has said. */
Test(maildir_foreign, a_crash_at_every_operation)
{
    for (uint64_t at = 1; at < 100; at++) {
        struct mail_fact said = {0}, again;
        struct mail_view view;
        uint32_t count;
        maildir_box_init(&box, "dovecot");
        maildir_box_put(&box, "cur/1.h:2,", "abc\n");
        maildir_box_put(&box, "new/2.h", "abc\n");
        maildir_box_put(&box, "dovecot-uidlist", "3 V9 N2\n1 :1.h\n");
        fake_disk_crash_at(box.disk, at);
        enum mail_result result =
            box.mailbox.driver->open(&box.mailbox, &box.wait, MAILDIR_BOX_PATH, &view);
        if (result == MAIL_DONE) {
            if (view.count == 2 && box.mailbox.driver->facts(&box.mailbox, &box.wait, 2, 1, &said,
                                                             &count) != MAIL_DONE)
                said.uidl_length = 0;
            box.mailbox.driver->close(&box.mailbox, box.disk);
        }
        bool was_hit = fake_disk_has_crashed(box.disk);
        fake_disk_restart(box.disk, FAKE_LOSE_SOME, at);
        maildir_box_settle(&box);
        maildir_box_open(&box, 2);
        cr_assert_eq(box.mailbox.driver->facts(&box.mailbox, &box.wait, 2, 1, &again, &count),
                     MAIL_DONE);
        if (said.uidl_length > 0)
            cr_assert(said.uidl_length == again.uidl_length &&
                      memcmp(said.uidl, again.uidl, said.uidl_length) == 0);
        maildir_box_close(&box);
        if (!was_hit)
            return;
        maildir_box_fini(&box);
    }
    cr_assert_fail("it does not end");
}

Test(maildir_foreign, couriers_list)
{
    maildir_box_init(&box, "courier");
    maildir_box_put(&box, "cur/1.h:2,", "abc\n");
    maildir_box_put(&box, "cur/2.h:2,", "abc\n");
    maildir_box_put(&box, "new/3.h", "abc\n");
    maildir_box_put(&box, "courierpop3dsizelist", "/2 9 70\n1.h:2,S 5 8:70\nx\n2.h 6 3\n");
    maildir_box_open(&box, 3);
    maildir_box_expect(&box, 1, 5, "UID8-70");
    maildir_box_expect(&box, 2, 6, "UID3");
    maildir_box_expect(&box, 3, 5, "3.h");
    maildir_box_close(&box);
    maildir_box_put(&box, "courierpop3dsizelist",
                    "/2 10 70\n1.h:2,S 5 8:70\n2.h 6 3\n3.h 5 9:70\n");
    maildir_box_open(&box, 3);
    maildir_box_expect(&box, 3, 5, "3.h");
    maildir_box_close(&box);
}
