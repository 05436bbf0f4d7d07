/* test_maildir: sessions on a Maildir of the fake disk that others change at the same time. */
#include "tests/support/maildir_box.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct maildir_box box;
static char wire[MAILDIR_BOX_WIRE];

static void end_box(void)
{
    maildir_box_fini(&box);
}

TestSuite(maildir, .fini = end_box);

Test(maildir, sizes_and_uidls_by_the_names_alone)
{
    maildir_box_init(&box, "own");
    maildir_box_put(&box, "cur/1.M1.h,S=5,W=7:2,S", "a\n.b\n");
    maildir_box_put(&box, "new/2.M1.h", "x");
    maildir_box_put(&box, "cur/2.M0.h:2,", "");
    maildir_box_put(&box, "cur/.hidden", "no");
    maildir_box_put(&box, "tmp/3.M1.h", "no");
    maildir_box_open(&box, 3);
    cr_assert_eq(box.view.octets, 7 + 3 + 0);
    maildir_box_expect(&box, 1, 7, "1.M1.h,S=5,W=7");
    maildir_box_expect(&box, 2, 0, "2.M0.h");
    maildir_box_expect(&box, 3, 3, "2.M1.h");
    cr_assert_eq(maildir_box_body(&box, 1, wire), MAIL_DONE);
    cr_assert_str_eq(wire, "a\r\n..b\r\n");
    cr_assert_eq(maildir_box_body(&box, 2, wire), MAIL_DONE);
    cr_assert_str_eq(wire, "");
    cr_assert_eq(maildir_box_body(&box, 3, wire), MAIL_DONE);
    cr_assert_str_eq(wire, "x\r\n");
    maildir_box_close(&box);
}

Test(maildir, a_session_without_changes_reads_one_header)
{
    bool waited;
    maildir_box_init(&box, "dovecot");
    maildir_box_put(&box, "cur/1.h:2,", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist", "3 V9 N2\n1 :1.h:2,\n");
    maildir_box_settle(&box);
    maildir_box_open(&box, 1);
    maildir_box_close(&box);
    fake_disk_counts_reset(box.disk);
    cr_assert_eq(maildir_box_try(&box, &waited), MAIL_DONE);
    cr_assert(!waited);
    cr_assert_eq(box.view.octets, 5);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_OPEN), 2);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_READ), 1);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_WRITE), 0);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_LIST), 0);
    maildir_box_expect(&box, 1, 5, "0000000100000009");
    maildir_box_close(&box);
}

Test(maildir, a_young_folder_is_listed_again_and_nothing_is_written_twice)
{
    bool waited;
    maildir_box_init(&box, "own");
    maildir_box_put(&box, "new/1.h", "abc\n");
    maildir_box_open(&box, 1);
    maildir_box_close(&box);
    maildir_box_put(&box, "new/2.h", "in the same tick");
    maildir_box_open(&box, 2);
    maildir_box_close(&box);
    fake_disk_counts_reset(box.disk);
    maildir_box_open(&box, 2);
    maildir_box_close(&box);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_WRITE), 0, "nothing was learnt");
    maildir_box_settle(&box);
    maildir_box_open(&box, 2);
    maildir_box_close(&box);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_WRITE), 1, "that it is settled");
    cr_assert_eq(maildir_box_try(&box, &waited), MAIL_DONE);
    cr_assert(!waited);
    maildir_box_close(&box);
}

Test(maildir, deliveries_and_flags_of_others_are_seen_by_the_next_session)
{
    maildir_box_init(&box, "own");
    maildir_box_put(&box, "new/1.h", "one\n");
    maildir_box_put(&box, "cur/2.h:2,", "two\n");
    maildir_box_settle(&box);
    maildir_box_open(&box, 2);
    maildir_box_put(&box, "new/3.h", "three\n");
    maildir_box_rename(&box, "new/1.h", "cur/1.h:2,S");
    cr_assert_eq(maildir_box_body(&box, 1, wire), MAIL_DONE, "it is followed");
    cr_assert_str_eq(wire, "one\r\n");
    maildir_box_rename(&box, "cur/1.h:2,S", "cur/1.h:2,FS");
    cr_assert_eq(maildir_box_body(&box, 1, wire), MAIL_DONE, "and again");
    maildir_box_remove(&box, "cur/2.h:2,");
    cr_assert_eq(maildir_box_body(&box, 2, wire), MAIL_TEMPORARY);
    cr_assert_eq(maildir_box_body(&box, 1, wire), MAIL_DONE, "the others go on");
    maildir_box_close(&box);
    maildir_box_open(&box, 2);
    maildir_box_expect(&box, 1, 5, "1.h");
    maildir_box_expect(&box, 2, 7, "3.h");
    maildir_box_close(&box);
}

/* A folder that others rename in may not show a file that is there. */
Test(maildir, a_message_that_a_listing_misses_is_not_gone)
{
    maildir_box_init(&box, "own");
    maildir_box_put(&box, "cur/1.h:2,", "one\n");
    maildir_box_settle(&box);
    maildir_box_open(&box, 1);
    maildir_box_rename(&box, "cur/1.h:2,", "cur/1.h:2,S");
    fake_disk_move_while_listed(box.disk, MAILDIR_BOX_PATH "/cur/1.h:2,S",
                                MAILDIR_BOX_PATH "/cur/1.h:2,RS");
    cr_assert_eq(maildir_box_body(&box, 1, wire), MAIL_DONE);
    cr_assert_str_eq(wire, "one\r\n");
    maildir_box_rename(&box, "cur/1.h:2,RS", "cur/1.h:2,S");
    fake_disk_move_while_listed(box.disk, MAILDIR_BOX_PATH "/cur/1.h:2,S",
                                MAILDIR_BOX_PATH "/cur/1.h:2,RS");
    cr_assert_eq(maildir_box_commit(&box, 1U << 1), MAIL_DONE);
    cr_assert(!maildir_box_has(&box, "cur/1.h:2,RS"), "DONE, and it is still there");
    maildir_box_close(&box);
}

Test(maildir, a_lowered_limit_costs_no_uidl)
{
    bool waited;
    maildir_box_init(&box, "dovecot");
    maildir_box_put(&box, "cur/1.h:2,", "abc\n");
    maildir_box_put(&box, "cur/2.h:2,", "abc\n");
    maildir_box_put(&box, "dovecot-uidlist", "3 V9 N3\n1 :1.h:2,\n2 :2.h:2,\n");
    maildir_box_settle(&box);
    maildir_box_open(&box, 2);
    maildir_box_close(&box);
    box.settings.messages_max = 1;
    cr_assert_eq(maildir_box_try(&box, &waited), MAIL_TOO_BIG);
    maildir_box_remove(&box, "cur/1.h:2,");
    maildir_box_put(&box, "dovecot-uidlist", "3 V10 N2\n1 :2.h:2,\n");
    maildir_box_open(&box, 1);
    maildir_box_expect(&box, 1, 5, "0000000200000009");
    maildir_box_close(&box);
}

Test(maildir, tops)
{
    static const struct {
        const char *raw;
        uint64_t lines;
        const char *expected;
    } tops[] = {
        {"A: b\nC: d\n\n.one\ntwo\n", 0, "A: b\r\nC: d\r\n\r\n"},
        {"A: b\nC: d\n\n.one\ntwo\n", 1, "A: b\r\nC: d\r\n\r\n..one\r\n"},
        {"A: b\r\nC: d\r\n\r\n.one\r\ntwo", 9, "A: b\r\nC: d\r\n\r\n..one\r\ntwo\r\n"},
        {"\nbody\n", 0, "\r\n"},
        {"no body", 5, "no body\r\n"},
        {"", 5, ""},
        {"A: b\n\r\nbody\n", 0, "A: b\r\n\r\n"},
        {"A: b\n \n\rx\n\nbody", 0, "A: b\r\n \r\n\rx\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        maildir_box_init(&box, "own");
        maildir_box_put(&box, "new/1.h", tops[i].raw);
        maildir_box_open(&box, 1);
        cr_assert_eq(maildir_box_top(&box, 1, tops[i].lines, wire), MAIL_DONE);
        cr_assert_str_eq(wire, tops[i].expected);
        maildir_box_close(&box);
        if (i + 1 < sizeof tops / sizeof *tops)
            maildir_box_fini(&box);
    }
}

Test(maildir, a_told_size_that_is_wrong_is_found_out_and_corrected)
{
    maildir_box_init(&box, "own");
    maildir_box_put(&box, "cur/1.h,W=99:2,", "abc\n");
    maildir_box_put(&box, "cur/2.h,W=5:2,", "abc\n");
    maildir_box_settle(&box);
    maildir_box_open(&box, 2);
    maildir_box_expect(&box, 1, 99, "1.h,W=99");
    cr_assert_eq(maildir_box_body(&box, 1, wire), MAIL_TEMPORARY);
    cr_assert_eq(maildir_box_body(&box, 2, wire), MAIL_DONE);
    maildir_box_close(&box);
    maildir_box_open(&box, 2);
    cr_assert_eq(box.view.octets, 10);
    maildir_box_expect(&box, 1, 5, "1.h,W=99");
    cr_assert_eq(maildir_box_body(&box, 1, wire), MAIL_DONE);
    maildir_box_close(&box);
    maildir_box_open(&box, 2);
    cr_assert_eq(box.view.octets, 10, "and it stays so");
    maildir_box_close(&box);
}

/* No piece of a plan bounds how many of them are asked for at once. */
Test(maildir, empty_messages_hold_no_file)
{
    struct mail_range range;
    maildir_box_init(&box, "own");
    maildir_box_put(&box, "new/1.h", "");
    maildir_box_put(&box, "new/2.h", "\n");
    maildir_box_open(&box, 2);
    uint32_t files = fake_disk_open_files(box.disk);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(box.mailbox.driver->body(&box.mailbox, &box.now, 1, &range), MAIL_DONE);
        cr_assert(range.is_raw && range.bytes == 0 && range.octets == 0);
        cr_assert_eq(box.mailbox.driver->top(&box.mailbox, &box.now, 1, 5, &range), MAIL_DONE);
    }
    cr_assert_eq(fake_disk_open_files(box.disk), files);
    cr_assert_eq(box.mailbox.driver->body(&box.mailbox, &box.now, 2, &range), MAIL_DONE);
    cr_assert_eq(fake_disk_open_files(box.disk), files + 1);
    maildir_box_close(&box);
}

Test(maildir, removal_unlinks_wherever_the_files_are)
{
    maildir_box_init(&box, "own");
    maildir_box_put(&box, "new/1.h", "1");
    maildir_box_put(&box, "cur/2.h:2,", "2");
    maildir_box_put(&box, "cur/3.h:2,", "3");
    maildir_box_put(&box, "cur/4.h:2,", "4");
    maildir_box_open(&box, 4);
    maildir_box_rename(&box, "new/1.h", "cur/1.h:2,S");
    maildir_box_remove(&box, "cur/3.h:2,");
    cr_assert_eq(maildir_box_commit(&box, 1u << 1 | 1u << 2 | 1u << 3), MAIL_DONE);
    maildir_box_close(&box);
    fake_disk_restart(box.disk, FAKE_LOSE_ALL, 1);
    cr_assert(!maildir_box_has(&box, "cur/1.h:2,S") && !maildir_box_has(&box, "new/1.h"));
    cr_assert(!maildir_box_has(&box, "cur/2.h:2,"));
    cr_assert(maildir_box_has(&box, "cur/4.h:2,"));
    maildir_box_open(&box, 1);
    maildir_box_close(&box);
}

/* Whatever fails, QUIT tells the truth: done, in part, or nothing. */
Test(maildir, removal_tells_the_truth_at_every_fault)
{
    for (uint64_t at = 1;; at++) {
        maildir_box_init(&box, "own");
        maildir_box_put(&box, "cur/1.h:2,", "1");
        maildir_box_put(&box, "new/2.h", "2");
        maildir_box_open(&box, 2);
        uint64_t before = fake_disk_operations(box.disk);
        fake_disk_fail_at(box.disk, at, EIO);
        enum mail_result result = maildir_box_commit(&box, 1u << 1 | 1u << 2);
        bool was_hit = fake_disk_operations(box.disk) - before >= at;
        bool has_1 = maildir_box_has(&box, "cur/1.h:2,"), has_2 = maildir_box_has(&box, "new/2.h");
        if (result == MAIL_DONE)
            cr_assert(!has_1 && !has_2 && !was_hit);
        else if (result == MAIL_PARTLY)
            cr_assert(!has_1);
        else
            cr_assert(has_1 && has_2);
        fake_disk_fail_at(box.disk, 0, 0);
        maildir_box_close(&box);
        if (!was_hit)
            break;
        maildir_box_fini(&box);
    }
}

Test(maildir, one_session_at_a_time)
{
    struct mailbox other;
    struct mail_view view;
    maildir_box_init(&box, "own");
    maildir_box_open(&box, 0);
    maildir_init(&other, &box.settings);
    cr_assert_eq(other.driver->open(&other, &box.now, MAILDIR_BOX_PATH, &view), MAIL_IN_USE);
    cr_assert_eq(other.driver->open(&other, &box.wait, MAILDIR_BOX_PATH, &view), MAIL_IN_USE);
    maildir_box_close(&box);
    maildir_box_open(&box, 0);
    maildir_box_close(&box);
}

Test(maildir, what_is_missing_is_a_fault_unless_the_mount_says_otherwise)
{
    bool waited;
    maildir_box_init(&box, "own");
    struct mail_view view;
    struct mailbox mailbox;
    maildir_init(&mailbox, &box.settings);
    cr_assert_eq(mailbox.driver->open(&mailbox, &box.wait, "mail/ann/Maildir", &view),
                 MAIL_TEMPORARY);
    box.settings.mounted = "mail";
    cr_assert_eq(mailbox.driver->open(&mailbox, &box.wait, "mail/ann/Maildir", &view),
                 MAIL_TEMPORARY, "no sentinel");
    fake_disk_put(box.disk, "mail/" MAILDIR_SENTINEL, "", 0);
    cr_assert_eq(mailbox.driver->open(&mailbox, &box.now, "mail/ann/Maildir", &view), MAIL_LATER);
    cr_assert_eq(mailbox.driver->open(&mailbox, &box.wait, "mail/ann/Maildir", &view), MAIL_DONE);
    cr_assert_eq(view.count, 0);
    mailbox.driver->close(&mailbox, box.disk);
    fake_disk_put(box.disk, "mail/bob/Maildir/x", "", 0);
    cr_assert_eq(mailbox.driver->open(&mailbox, &box.wait, "mail/bob/Maildir", &view),
                 MAIL_TEMPORARY, "a mount point without new and cur");
    box.settings.messages_max = 1;
    maildir_box_put(&box, "new/1.h", "1");
    cr_assert_eq(maildir_box_try(&box, &waited), MAIL_DONE);
    maildir_box_close(&box);
    maildir_box_put(&box, "new/2.h", "2");
    cr_assert_eq(maildir_box_try(&box, &waited), MAIL_TOO_BIG);
    cr_assert_eq(fake_disk_open_files(box.disk), 0);
    cr_assert_eq(fake_disk_blocks(box.disk), 0);
}

/* A Maildir that we may not write in: our files lie elsewhere. */
Test(maildir, our_own_files_may_lie_in_a_control_folder)
{
    bool waited;
    maildir_box_init(&box, "own");
    box.settings.control = "var/control";
    maildir_box_put(&box, "cur/1.h:2,", "abc\n");
    maildir_box_settle(&box);
    cr_assert_eq(maildir_box_try(&box, &waited), MAIL_TEMPORARY, "the folder is missing");
    fake_disk_put(box.disk, "var/control/x", "", 0);
    maildir_box_open(&box, 1);
    struct mailbox other;
    struct mail_view view;
    maildir_init(&other, &box.settings);
    cr_assert_eq(other.driver->open(&other, &box.now, MAILDIR_BOX_PATH, &view), MAIL_IN_USE);
    cr_assert_eq(other.driver->open(&other, &box.wait, "mail/ann/Maildir", &view), MAIL_TEMPORARY);
    maildir_box_close(&box);
    cr_assert_eq(maildir_box_try(&box, &waited), MAIL_DONE);
    cr_assert(!waited);
    maildir_box_expect(&box, 1, 5, "1.h");
    maildir_box_close(&box);
    cr_assert(!maildir_box_has(&box, "ringpost-lock") && !maildir_box_has(&box, "ringpost-index"));
    box.settings.mounted = "mail";
    fake_disk_put(box.disk, "mail/" MAILDIR_SENTINEL, "", 0);
    cr_assert_eq(other.driver->open(&other, &box.wait, "mail/ann/Maildir", &view), MAIL_DONE);
    cr_assert_eq(view.count, 0);
    other.driver->close(&other, box.disk);
    cr_assert_eq(fake_disk_open_files(box.disk), 0);
}

/* At every operation, also of the first session: no leak, no wrong answer, and the next is whole.
 */
Test(maildir, every_fault_of_an_opening_is_survived)
{
    for (uint64_t at = 1; at < 100; at++) {
        bool waited;
        maildir_box_init(&box, "dovecot");
        maildir_box_put(&box, "cur/1.h:2,", "abc\n");
        maildir_box_put(&box, "new/2.h", "de\n");
        maildir_box_put(&box, "dovecot-uidlist", "3 V9 N2\n1 :1.h:2,\n");
        uint64_t before = fake_disk_operations(box.disk);
        fake_disk_fail_at(box.disk, at, at % 2 == 0 ? EIO : ENOSPC);
        enum mail_result result = maildir_box_try(&box, &waited);
        bool was_hit = fake_disk_operations(box.disk) - before >= at;
        fake_disk_fail_at(box.disk, 0, 0);
        if (result == MAIL_DONE) {
            cr_assert_eq(box.view.count, 2);
            cr_assert(box.view.octets == 9 || box.view.octets == 5 || box.view.octets == 4);
            maildir_box_close(&box);
        }
        cr_assert_eq(fake_disk_open_files(box.disk), 0, "at %u", (unsigned)at);
        cr_assert_eq(fake_disk_blocks(box.disk), 0, "at %u", (unsigned)at);
        maildir_box_settle(&box);
        maildir_box_open(&box, 2);
        maildir_box_expect(&box, 1, 5, "0000000100000009");
        maildir_box_expect(&box, 2, 4, "0000000200000009");
        maildir_box_close(&box);
        if (!was_hit)
            return;
        maildir_box_fini(&box);
    }
    cr_assert_fail("it does not end");
}

Test(maildir, a_damaged_index_is_made_again)
{
    maildir_box_init(&box, "own");
    maildir_box_put(&box, "cur/1.h:2,", "abc\n");
    maildir_box_put(&box, "cur/2.h:2,", "abc\n");
    maildir_box_settle(&box);
    maildir_box_open(&box, 2);
    maildir_box_close(&box);
    size_t bytes;
    (void)fake_disk_peek(box.disk, MAILDIR_BOX_PATH "/ringpost-index", &bytes);
    for (size_t at = 0; at < bytes; at++) {
        bool waited;
        char *index = fake_disk_peek(box.disk, MAILDIR_BOX_PATH "/ringpost-index", &bytes);
        index[at] = (char)~index[at];
        cr_assert_eq(maildir_box_try(&box, &waited), MAIL_DONE);
        struct mail_fact facts[2];
        uint32_t count;
        enum mail_result result =
            box.mailbox.driver->facts(&box.mailbox, &box.wait, 1, 2, facts, &count);
        cr_assert(result == MAIL_TEMPORARY || (count == 2 && facts[0].octets == 5));
        maildir_box_close(&box);
        maildir_box_open(&box, 2);
        maildir_box_expect(&box, 1, 5, "1.h");
        maildir_box_close(&box);
    }
}

Test(maildir, new_mail_is_moved_where_the_operator_says_so)
{
    maildir_box_init(&box, "own");
    box.settings.move_new = true;
    maildir_box_put(&box, "new/1.h", "abc\n");
    maildir_box_put(&box, "new/2.h:2,F", "abc\n");
    maildir_box_open(&box, 2);
    cr_assert(maildir_box_has(&box, "cur/1.h:2,") && maildir_box_has(&box, "cur/2.h:2,F"));
    maildir_box_close(&box);
}

Test(maildir, fetched_mail_is_marked_where_the_operator_says_so)
{
    maildir_box_init(&box, "own");
    box.settings.mark_seen = true;
    maildir_box_put(&box, "new/1.h", "abc\n");
    maildir_box_put(&box, "cur/2.h:2,FR", "abc\n");
    maildir_box_put(&box, "cur/3.h:2,Sa", "abc\n");
    maildir_box_put(&box, "cur/4.h:1,x", "abc\n");
    maildir_box_open(&box, 4);
    for (uint32_t number = 1; number <= 4; number++)
        cr_assert_eq(maildir_box_body(&box, number, wire), MAIL_DONE);
    cr_assert_eq(maildir_box_body(&box, 1, wire), MAIL_DONE, "once more");
    cr_assert(maildir_box_has(&box, "cur/1.h:2,S"));
    cr_assert(maildir_box_has(&box, "cur/2.h:2,FRS"));
    cr_assert(maildir_box_has(&box, "cur/3.h:2,Sa") && maildir_box_has(&box, "cur/4.h:1,x"));
    maildir_box_close(&box);
}
