/* test_native: what a session sees of a native maildrop, whole or damaged. */
#include "storage/native_wire.h"
#include "tests/support/box.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct box box;

static void begin_box(void)
{
    box_init(&box);
}

static void end_box(void)
{
    box_fini(&box);
}

TestSuite(native, .init = begin_box, .fini = end_box);

static void deliver(const char *uidl, const char *text)
{
    cr_assert_eq(drop_deliver(box.disk, BOX_PATH, uidl, (struct span){text, strlen(text)}),
                 MAIL_DONE);
}

static bool range_is(const struct mail_range *range, const char *expected)
{
    struct span bytes = box_bytes(&box, range);
    return bytes.length == strlen(expected) && memcmp(bytes.bytes, expected, bytes.length) == 0;
}

/* A message of so many octets in lines of 64. */
static char *big_text(size_t bytes)
{
    char *text = malloc(bytes + 1);
    for (size_t i = 0; i < bytes; i++)
        text[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : (char)('a' + i % 26);
    text[bytes] = '\0';
    return text;
}

Test(native, a_user_without_a_maildrop_has_an_empty_one)
{
    box_open(&box, 0);
    cr_assert_eq(box_commit(&box), MAIL_DONE);
    box_close(&box);
}

Test(native, facts_bodies_and_tops)
{
    struct mail_range range;
    box_fill(&box, 1, 3);
    deliver("dots", "A: b\n\n.\n..x\nlast");
    deliver("empty", "");
    box_open(&box, 5);
    cr_assert_eq(box.view.octets, 3 * 4 + 22);
    for (uint32_t number = 1; number <= 3; number++)
        cr_assert(box_holds(&box, number, number));
    cr_assert_eq(box_body(&box, 4, &range), MAIL_DONE);
    cr_assert(range_is(&range, "+OK 22 octets\r\nA: b\r\n\r\n..\r\n...x\r\nlast\r\n.\r\n"));
    static const char *const tops[] = {"A: b\r\n\r\n", "A: b\r\n\r\n..\r\n",
                                       "A: b\r\n\r\n..\r\n...x\r\n",
                                       "A: b\r\n\r\n..\r\n...x\r\nlast\r\n"};
    for (uint32_t lines = 0; lines < 6; lines++) {
        cr_assert_eq(box_top(&box, 4, lines, &range), MAIL_DONE);
        cr_assert(range_is(&range, tops[lines < 3 ? lines : 3]));
    }
    cr_assert_eq(box_top(&box, 4, UINT64_MAX, &range), MAIL_DONE);
    cr_assert(range_is(&range, tops[3]));
    cr_assert_eq(box_body(&box, 5, &range), MAIL_DONE);
    cr_assert(range_is(&range, "+OK 0 octets\r\n.\r\n"));
    cr_assert_eq(box_top(&box, 5, 9, &range), MAIL_DONE);
    cr_assert_eq(range.bytes, 0);
    box_close(&box);
}

Test(native, facts_come_in_windows)
{
    struct mail_fact facts[10];
    uint32_t count;
    box_fill(&box, 1, 6);
    box_remove(&box, (uint32_t[]){2, 4}, 2);
    box_open(&box, 4);
    cr_assert_eq(box.mailbox.driver->facts(&box.mailbox, &box.wait, 2, 10, facts, &count),
                 MAIL_DONE);
    cr_assert_eq(count, 3);
    cr_assert_eq(memcmp(facts[0].uidl, "u3", 2), 0);
    cr_assert_eq(memcmp(facts[2].uidl, "u6", 2), 0);
    box_close(&box);
}

Test(native, a_poll_and_a_body_cost_this_much)
{
    struct mail_range range;
    box_fill(&box, 1, 5);
    fake_disk_counts_reset(box.disk);
    box_open(&box, 5);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_READ), 1);
    cr_assert_eq(box_body(&box, 1, &range), MAIL_DONE); /* header, five records, wire */
    cr_assert_eq(range.resident_bytes, range.bytes);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_READ), 4);
    cr_assert_eq(box_body(&box, 2, &range), MAIL_DONE); /* wire */
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_READ), 5);
    cr_assert_eq(box_top(&box, 1, 0, &range), MAIL_DONE); /* nothing: it has been checked */
    cr_assert_eq(range.resident_bytes, 0);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_READ), 5);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_OPEN), 2);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_SIZE), 1);
    box_close(&box);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_CLOSE), 2);
}

Test(native, what_was_checked_lately_is_not_read_again)
{
    struct mail_range range;
    box_fill(&box, 1, 3);
    fake_disk_remember_checks(box.disk);
    for (int session = 0; session < 2; session++) {
        box_open(&box, 3);
        cr_assert_eq(box_body(&box, 1, &range), MAIL_DONE);
        fake_disk_counts_reset(box.disk);
        cr_assert_eq(box_body(&box, 2, &range), MAIL_DONE);
        cr_assert_eq(range.resident_bytes, session == 0 ? range.bytes : 0);
        cr_assert(range_is(&range, "+OK 4 octets\r\nm2\r\n.\r\n"));
        cr_assert_eq(fake_disk_calls(box.disk, FAKE_READ), session == 0 ? 1 : 0);
        box_close(&box);
    }
}

/* All messages of a maildrop in one look, as many as are in memory one after the other. */
Test(native, neighbours_are_looked_for_in_memory_together)
{
    struct mail_range range, first;
    box_fill(&box, 1, 4);
    fake_disk_remember_checks(box.disk);
    box_open(&box, 4);
    for (uint32_t number = 1; number <= 3; number++)
        cr_assert_eq(box_body(&box, number, &range), MAIL_DONE); /* the fourth is never checked */
    box_close(&box);

    box_open(&box, 4);
    fake_disk_counts_reset(box.disk);
    cr_assert_eq(box_body(&box, 1, &first), MAIL_DONE);
    cr_expect_eq(first.resident_bytes, 3 * first.bytes);
    for (uint32_t number = 2; number <= 3; number++)
        cr_assert_eq(box_body(&box, number, &range), MAIL_DONE);
    cr_expect_eq(fake_disk_calls(box.disk, FAKE_RESIDENT), 1);
    cr_assert_eq(box_body(&box, 4, &range), MAIL_DONE);
    cr_expect_eq(range.resident_bytes, range.bytes, "it was read");
    box_close(&box);

    /* The third has left the memory: the first is found by itself, and nothing else is believed. */
    fake_disk_keep_resident(box.disk, first.offset + 3 * first.bytes - 1);
    box_open(&box, 4);
    fake_disk_counts_reset(box.disk);
    cr_assert_eq(box_body(&box, 1, &range), MAIL_DONE);
    cr_expect_eq(range.resident_bytes, first.bytes);
    cr_expect_eq(fake_disk_calls(box.disk, FAKE_RESIDENT), 2);
    uint64_t reads = fake_disk_calls(box.disk, FAKE_READ);
    cr_assert_eq(box_body(&box, 3, &range), MAIL_DONE);
    cr_expect_eq(fake_disk_calls(box.disk, FAKE_READ), reads + 1, "it is read again");
    box_close(&box);
}

/* A look ahead has a length, and a message that is longer is looked at alone. */
Test(native, a_look_ahead_has_a_limit)
{
    struct mail_range range;
    char *large = big_text(NATIVE_AHEAD_BYTES / 2);
    fake_disk_remember_checks(box.disk);
    deliver("a", large);
    deliver("b", "x");
    deliver("c", large);
    free(large);
    for (int session = 0; session < 2; session++) {
        box_open(&box, 3);
        for (uint32_t number = 1; number <= 3; number++)
            cr_assert_eq(box_body(&box, number, &range), MAIL_DONE);
        box_close(&box);
    }
    box_open(&box, 3);
    cr_assert_eq(box_body(&box, 1, &range), MAIL_DONE);
    cr_expect_gt(range.resident_bytes, range.bytes);
    cr_expect_leq(range.resident_bytes, NATIVE_AHEAD_BYTES);
    cr_expect_lt(range.resident_bytes, 2 * range.bytes);
    box_close(&box);
}

/* A change of the file makes all that was known of it worthless. */
Test(native, what_was_changed_since_is_read_again)
{
    struct mail_range range;
    size_t bytes;
    box_fill(&box, 1, 2);
    fake_disk_remember_checks(box.disk);
    box_open(&box, 2);
    cr_assert_eq(box_body(&box, 2, &range), MAIL_DONE);
    box_close(&box);
    char *wire = fake_disk_peek(box.disk, BOX_PATH "/wire.1", &bytes);
    wire[bytes - 6] ^= 1;
    box_open(&box, 2);
    cr_assert_eq(box_body(&box, 2, &range), MAIL_PERMANENT);
    cr_assert_eq(box_body(&box, 1, &range), MAIL_DONE);
    box_close(&box);
    wire = fake_disk_peek(box.disk, BOX_PATH "/wire.1", &bytes);
    wire[bytes - 6] ^= 1;
    box_open(&box, 2);
    cr_assert_eq(box_body(&box, 2, &range), MAIL_DONE);
    box_close(&box);
}

Test(native, one_session_at_a_time_and_a_snapshot)
{
    struct mailbox other = {.driver = &mailbox_native};
    struct mail_view view;
    box_fill(&box, 1, 2);
    box_open(&box, 2);
    cr_assert_eq(other.driver->open(&other, &box.wait, BOX_PATH, &view), MAIL_IN_USE);
    box_fill(&box, 3, 1);
    cr_assert(box_holds(&box, 2, 2));
    box_close(&box);
    box_open(&box, 3);
    cr_assert(box_holds(&box, 3, 3));
    box_close(&box);
}

Test(native, each_flipped_byte_of_the_wire_hides_one_message_only)
{
    struct mail_range range;
    size_t bytes;
    box_fill(&box, 1, 3);
    size_t one = strlen("+OK 4 octets\r\nm1\r\n.\r\n");
    for (size_t i = one; i < 2 * one; i++) {
        fake_disk_peek(box.disk, BOX_PATH "/wire.1", &bytes)[i] ^= 0x20;
        box_open(&box, 3);
        cr_assert_eq(box_body(&box, 2, &range), MAIL_PERMANENT);
        cr_assert_eq(box_top(&box, 2, 0, &range), MAIL_PERMANENT);
        cr_assert(box_holds(&box, 1, 1));
        cr_assert(box_holds(&box, 3, 3));
        box_close(&box);
        fake_disk_peek(box.disk, BOX_PATH "/wire.1", &bytes)[i] ^= 0x20;
    }
    cr_assert_eq(bytes, 3 * one);
}

Test(native, each_flipped_byte_of_a_record_hides_one_message_only)
{
    struct mail_range range;
    struct mail_fact facts[3];
    uint32_t count;
    box_fill(&box, 1, 3);
    for (uint32_t i = 0; i < RECORD_BYTES; i++) {
        box_record(&box, 2)[i] ^= 0x10;
        box_open(&box, 3);
        cr_assert_eq(box_body(&box, 2, &range), MAIL_PERMANENT);
        cr_assert_eq(box_fact(&box, 2, &facts[0]), MAIL_PERMANENT);
        cr_assert(box_holds(&box, 1, 1));
        cr_assert(box_holds(&box, 3, 3));
        cr_assert_eq(box.mailbox.driver->facts(&box.mailbox, &box.wait, 1, 3, facts, &count),
                     MAIL_DONE);
        cr_assert_eq(count, 3);
        cr_assert_eq(facts[1].octets, 0);
        cr_assert_eq(facts[1].uidl_length, 24);
        cr_assert_eq(memcmp(facts[1].uidl, "damaged-00000002", 16), 0);
        box_mark(&box, 2);
        cr_assert_eq(box_commit(&box), MAIL_PERMANENT);
        box_close(&box);
        box_record(&box, 2)[i] ^= 0x10;
    }
    box_open(&box, 3);
    cr_assert(box_holds(&box, 2, 2));
    box_close(&box);
}

Test(native, a_shortened_wire_serves_what_it_has)
{
    struct mail_range range;
    size_t bytes;
    box_fill(&box, 1, 2);
    fake_disk_peek(box.disk, BOX_PATH "/wire.1", &bytes);
    int wire = disk_open(box.disk, BOX_PATH "/wire.1", DISK_READ_WRITE, DISK_WAIT);
    for (size_t left = bytes - 1; left >= bytes / 2; left--) {
        cr_assert_eq(disk_truncate(box.disk, wire, left), 0);
        box.mailbox.driver->open(&box.mailbox, &box.wait, BOX_PATH, &box.view);
        cr_assert(box_holds(&box, 1, 1));
        cr_assert_eq(box_body(&box, 2, &range), MAIL_PERMANENT);
        box.mailbox.driver->close(&box.mailbox, box.disk);
    }
    disk_close(box.disk, wire);
    cr_assert_eq(disk_remove(box.disk, BOX_PATH "/wire.1"), 0);
    box_open(&box, 2);
    cr_assert_eq(box_body(&box, 1, &range), MAIL_PERMANENT);
    box_close(&box);
}

Test(native, large_messages_are_checked_where_waiting_is_allowed)
{
    struct mail_range range;
    size_t sizes[] = {NATIVE_CHECK_NOW_BYTES - 100, NATIVE_CHECK_NOW_BYTES, DISK_SCRATCH_BYTES - 20,
                      1000000};
    for (size_t i = 0; i < 4; i++) {
        char *text = big_text(sizes[i]);
        char uidl[] = {(char)('a' + i), '\0'};
        deliver(uidl, text);
        free(text);
    }
    box_open(&box, 4);
    const struct mailbox_driver *driver = box.mailbox.driver;
    cr_assert_eq(driver->body(&box.mailbox, &box.now, 1, &range), MAIL_DONE);
    cr_assert_eq(driver->body(&box.mailbox, &box.now, 4, &range), MAIL_LATER);
    for (uint32_t number = 2; number <= 4; number++)
        cr_assert_eq(driver->body(&box.mailbox, &box.wait, number, &range), MAIL_DONE);
    cr_assert_eq(driver->body(&box.mailbox, &box.now, 4, &range), MAIL_DONE);
    cr_assert_eq(driver->top(&box.mailbox, &box.now, 4, UINT64_MAX, &range), MAIL_DONE);
    cr_assert_eq(driver->body(&box.mailbox, &box.now, 1, &range), MAIL_DONE);
    box_close(&box);
}

Test(native, whatever_has_to_wait_or_fails_changes_nothing)
{
    struct mail_range range;
    struct mail_fact fact;
    uint32_t count;
    box_fill(&box, 1, 4);
    box_remove(&box, (uint32_t[]){2}, 1);
    box_open(&box, 3);
    fake_disk_wait_every(box.disk, 1);
    cr_assert_eq(box.mailbox.driver->body(&box.mailbox, &box.now, 2, &range), MAIL_LATER);
    cr_assert_eq(box.mailbox.driver->top(&box.mailbox, &box.now, 2, 0, &range), MAIL_LATER);
    cr_assert_eq(box.mailbox.driver->facts(&box.mailbox, &box.now, 2, 1, &fact, &count),
                 MAIL_LATER);
    cr_assert_eq(box.mailbox.driver->commit(&box.mailbox, &box.now, box.marks), MAIL_LATER);
    fake_disk_wait_every(box.disk, 0);
    for (uint64_t n = 1; n <= 5; n++) {
        fake_disk_fail_at(box.disk, n, EIO);
        enum mail_result result = box_body(&box, 2, &range);
        cr_assert(result == MAIL_TEMPORARY || (n > 1 && result == MAIL_DONE));
    }
    fake_disk_fail_at(box.disk, 0, 0);
    cr_assert(box_holds(&box, 2, 3));
    cr_assert(box_holds(&box, 3, 4));
    box_close(&box);
}

Test(native, more_runs_than_a_session_remembers_are_still_right)
{
    box_fill(&box, 1, 200);
    for (uint32_t i = 0; i < 99; i++) /* as a crash before the compaction would leave it */
        cr_assert_eq(drop_expunge(box.disk, BOX_PATH, 2 + 2 * i, 1), MAIL_DONE);
    box_open(&box, 101);
    struct mail_fact facts[101];
    uint32_t done = 0, count;
    for (; done < 101; done += count)
        cr_assert_eq(box.mailbox.driver->facts(&box.mailbox, &box.wait, done + 1, 101 - done,
                                               facts + done, &count),
                     MAIL_DONE);
    cr_assert_eq(memcmp(facts[100].uidl, "u200", 4), 0);
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t number = i * 37 % 100 + 1;
        cr_assert(box_holds(&box, number, 2 * number - 1));
    }
    box_close(&box);
}

Test(native, a_damaged_expunge_gives_no_wrong_message)
{
    struct mail_range range;
    box_fill(&box, 1, 5);
    box_remove(&box, (uint32_t[]){2}, 1); /* ordinal 6 */
    box_fill(&box, 6, 1);
    box_record(&box, 6)[60] ^= 1;
    box_open(&box, 5);
    for (uint32_t number = 1; number <= 5; number++)
        cr_assert_eq(box_body(&box, number, &range), MAIL_PERMANENT);
    box_close(&box);
}

Test(native, a_damaged_delivery_between_expunges_keeps_its_number)
{
    struct mail_range range;
    box_fill(&box, 1, 5);
    box_remove(&box, (uint32_t[]){2}, 1); /* ordinal 6 */
    box_fill(&box, 6, 1);                 /* ordinal 7, to be damaged */
    box_remove(&box, (uint32_t[]){1}, 1); /* ordinal 8: the record before it is no help */
    box_record(&box, 7)[60] ^= 1;
    box_open(&box, 4);
    for (uint32_t number = 1; number <= 3; number++)
        cr_assert(box_holds(&box, number, number + 2));
    cr_assert_eq(box_body(&box, 4, &range), MAIL_PERMANENT);
    box_close(&box);
}
