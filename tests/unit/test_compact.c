/* test_compact: space comes back, and nothing else changes, whatever fails or crashes. */
#include "storage/compact.h"
#include "storage/maildrop.h"
#include "storage/new_index.h"
#include "tests/support/drop.h"
#include "tests/support/fake_disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH "ab/cd/user"

/* Six messages m1..m6, of which 2, 4 and 5 are gone. */
static struct disk *make_drop(void)
{
    struct disk *disk = drop_store();
    for (int i = 1; i <= 6; i++) {
        char uidl[16], text[64];
        snprintf(uidl, sizeof(uidl), "m%d", i);
        int length = snprintf(text, sizeof(text), "Subject: %d\n\n.body %d\n", i, i);
        cr_assert_eq(drop_deliver(disk, PATH, uidl, (struct span){text, (size_t)length}),
                     MAIL_DONE);
    }
    cr_assert_eq(drop_expunge(disk, PATH, 2, 1), MAIL_DONE);
    cr_assert_eq(drop_expunge(disk, PATH, 4, 2), MAIL_DONE);
    return disk;
}

/* Asserts that 1, 3 and 6 are live, and `more` after them. */
static void check_drop(struct disk *disk, uint32_t more, const char *when, int n)
{
    static const char *const uidls[] = {"m1", "m3", "m6"};
    struct drop_list list;
    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE, "%s %d", when, n);
    cr_assert_eq(list.count, 3 + more, "%s %d: %u messages", when, n, list.count);
    for (uint32_t i = 0; i < 3; i++) {
        char text[64];
        char digit = uidls[i][1];
        int length = snprintf(text, sizeof(text), "Subject: %c\r\n\r\n.body %c\r\n", digit, digit);
        cr_assert_str_eq(list.messages[i].uidl, uidls[i], "%s %d", when, n);
        cr_assert_eq(list.messages[i].time_s, 1000);
        cr_assert_eq(list.messages[i].content.length, (size_t)length);
        cr_assert_eq(memcmp(list.messages[i].content.bytes, text, (size_t)length), 0);
    }
    drop_list_free(&list);
}

static enum mail_result compact(struct disk *disk, bool forced, struct compact_summary *out_summary)
{
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    return compact_maildrop(&access, PATH, forced, out_summary);
}

Test(compact, what_is_live_moves_together_and_the_rest_goes)
{
    struct disk *disk = make_drop();
    struct compact_summary summary;
    struct drop_list list;
    size_t bytes;
    cr_assert_eq(compact(disk, true, &summary), MAIL_DONE);
    cr_assert(summary.compacted);
    cr_assert_eq(summary.message_count, 3);
    cr_assert_eq(summary.damaged_count, 0);
    cr_assert_lt(summary.bytes_after, summary.bytes_before);
    check_drop(disk, 0, "after", 0);
    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.messages[1].offset, list.messages[0].wire_bytes);
    uint64_t end = list.messages[2].offset + list.messages[2].wire_bytes;
    drop_list_free(&list);

    cr_assert_null(fake_disk_peek(disk, PATH "/wire.1", &bytes));
    cr_assert_not_null(fake_disk_peek(disk, PATH "/wire.2", &bytes));
    cr_assert_eq(bytes, end);
    cr_assert_not_null(fake_disk_peek(disk, PATH "/index", &bytes));
    cr_assert_eq(bytes, 4 * RECORD_BYTES);
    cr_assert_eq(summary.bytes_after, end + bytes);
    cr_assert_null(fake_disk_peek(disk, PATH "/" NEW_INDEX_NAME, &bytes));

    cr_assert_eq(compact(disk, true, &summary), MAIL_DONE);
    cr_assert_not_null(fake_disk_peek(disk, PATH "/wire.1", &bytes));
    check_drop(disk, 0, "twice", 0);
    cr_assert_eq(fake_disk_open_files(disk), 0);
    fake_disk_free(&disk);
}

Test(compact, a_little_waste_is_left_alone)
{
    struct disk *disk = make_drop();
    struct compact_summary summary;
    cr_assert_eq(compact(disk, false, &summary), MAIL_DONE);
    cr_assert_not(summary.compacted);
    cr_assert_eq(summary.bytes_before, summary.bytes_after);
    fake_disk_free(&disk);
}

Test(compact, many_dead_records_are_worth_it)
{
    struct disk *disk = make_drop();
    struct compact_summary summary;
    size_t bytes;
    for (uint32_t i = 0; i < 30; i++) {
        cr_assert_eq(drop_deliver(disk, PATH, "gone", (struct span){"x", 1}), MAIL_DONE);
        cr_assert_eq(drop_expunge(disk, PATH, 9 + 2 * i, 1), MAIL_DONE);
    }
    cr_assert_eq(compact(disk, false, &summary), MAIL_DONE);
    cr_assert(summary.compacted);
    check_drop(disk, 0, "index only", 0);
    cr_assert_not_null(fake_disk_peek(disk, PATH "/wire.1", &bytes), "the mail stays where it is");
    fake_disk_free(&disk);
}

Test(compact, a_user_without_a_maildrop_has_nothing_to_compact)
{
    struct disk *disk = drop_store();
    struct compact_summary summary;
    cr_assert_eq(compact(disk, true, &summary), MAIL_DONE);
    cr_assert_not(summary.compacted);
    cr_assert_eq(fake_disk_open_files(disk), 0);
    fake_disk_free(&disk);
}

Test(compact, a_session_keeps_it_away)
{
    struct disk *disk = make_drop();
    struct compact_summary summary;
    int session = disk_open(disk, PATH "/index", DISK_READ_WRITE, DISK_WAIT);
    cr_assert_eq(disk_lock(disk, session, DISK_LOCK_SESSION, DISK_WAIT), 0);
    cr_assert_eq(compact(disk, true, &summary), MAIL_IN_USE);
    disk_close(disk, session);
    cr_assert_eq(compact(disk, true, &summary), MAIL_DONE);
    fake_disk_free(&disk);
}

Test(compact, a_damaged_message_stays_and_is_counted)
{
    struct disk *disk = make_drop();
    struct compact_summary summary;
    size_t bytes;
    fake_disk_peek(disk, PATH "/wire.1", &bytes)[20] ^= 1;
    cr_assert_eq(compact(disk, true, &summary), MAIL_DONE);
    cr_assert_eq(summary.damaged_count, 1);
    cr_assert_eq(summary.message_count, 3);
    fake_disk_free(&disk);
}

Test(compact, a_damaged_index_or_a_short_wire_is_not_touched)
{
    struct compact_summary summary;
    size_t bytes, wire_bytes;
    for (uint32_t ordinal = 0; ordinal < 8; ordinal++) {
        struct disk *disk = make_drop();
        fake_disk_peek(disk, PATH "/index", &bytes)[ordinal * RECORD_BYTES + 60] ^= 4;
        cr_assert_neq(compact(disk, true, &summary), MAIL_DONE, "record %u", ordinal);
        cr_assert_not_null(fake_disk_peek(disk, PATH "/wire.1", &wire_bytes));
        cr_assert_null(fake_disk_peek(disk, PATH "/wire.2", &wire_bytes));
        cr_assert_eq(fake_disk_open_files(disk), 0);
        fake_disk_free(&disk);
    }
    struct disk *disk = make_drop();
    const char *wire = fake_disk_peek(disk, PATH "/wire.1", &wire_bytes);
    fake_disk_put(disk, PATH "/wire.1", wire, wire_bytes - 1);
    cr_assert_eq(compact(disk, true, &summary), MAIL_PERMANENT);
    fake_disk_free(&disk);
}

Test(compact, whoever_waited_for_the_old_index_finds_the_new_one)
{
    struct disk *disk = make_drop();
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    struct compact_summary summary;
    struct native_tail tail;
    int waiting = disk_open(disk, PATH "/index", DISK_READ_WRITE, DISK_WAIT);
    cr_assert_eq(compact(disk, true, &summary), MAIL_DONE);
    cr_assert_eq(disk_lock(disk, waiting, DISK_LOCK_DELIVERY, DISK_WAIT), 0);
    cr_assert_eq(native_tail_read(&access, waiting, &tail), MAIL_DONE);
    cr_assert_eq(tail.record.kind, RECORD_MOVED);
    disk_close(disk, waiting);
    fake_disk_free(&disk);
}

Test(compact, the_first_delivery_afterwards_makes_the_name_durable)
{
    struct disk *disk = make_drop();
    struct compact_summary summary;
    cr_assert_eq(compact(disk, true, &summary), MAIL_DONE);
    fake_disk_counts_reset(disk);
    cr_assert_eq(drop_deliver(disk, PATH, "n1", (struct span){"x", 1}), MAIL_DONE);
    cr_assert_eq(fake_disk_calls(disk, FAKE_SYNC_FOLDER), 1);
    cr_assert_eq(drop_deliver(disk, PATH, "n2", (struct span){"x", 1}), MAIL_DONE);
    cr_assert_eq(fake_disk_calls(disk, FAKE_SYNC_FOLDER), 1);
    fake_disk_free(&disk);
}

/* One failed operation, then a delivery or none, then a power failure that any of it may survive.
 */
static bool fail_at(uint64_t n, int error, uint64_t seed)
{
    struct disk *disk = make_drop();
    struct compact_summary summary;
    uint64_t before = fake_disk_operations(disk);
    fake_disk_fail_at(disk, n, error);
    enum mail_result result = compact(disk, true, &summary);
    bool was_hit = fake_disk_operations(disk) - before >= n;
    fake_disk_fail_at(disk, 0, 0);
    enum mail_result refusal = error == ENOSPC ? MAIL_NO_SPACE : MAIL_TEMPORARY;
    cr_assert(result == MAIL_DONE || result == refusal, "operation %d", (int)n);
    cr_assert_eq(fake_disk_open_files(disk), 0);
    check_drop(disk, 0, "failed at", (int)n);
    bool delivers = seed % 2 == 0;
    if (delivers)
        cr_assert_eq(drop_deliver(disk, PATH, "new", (struct span){"x", 1}), MAIL_DONE);
    fake_disk_restart(disk, seed == 0 ? FAKE_LOSE_ALL : FAKE_LOSE_SOME, seed);
    check_drop(disk, delivers, "failed, then crashed at", (int)n);
    fake_disk_free(&disk);
    return was_hit;
}

Test(compact, every_failed_operation_leaves_the_maildrop_whole)
{
    for (uint64_t n = 1;; n++) {
        bool was_hit = false;
        for (uint64_t seed = 0; seed < 10; seed++)
            was_hit = fail_at(n, seed % 3 == 0 ? ENOSPC : EIO, seed);
        if (!was_hit)
            break;
    }
}

/* A killed compaction, another one that only clears up behind it, and the power goes. */
Test(compact, clearing_up_never_takes_what_may_come_back)
{
    for (uint64_t n = 1;; n++) {
        bool crashed = false;
        for (uint64_t seed = 0; seed < 16; seed++) {
            struct disk *disk = make_drop();
            struct compact_summary summary;
            fake_disk_crash_at(disk, n);
            (void)compact(disk, true, &summary);
            crashed = fake_disk_has_crashed(disk);
            fake_disk_restart_process(disk);
            cr_assert_eq(compact(disk, false, &summary), MAIL_DONE);
            fake_disk_restart(disk, FAKE_LOSE_SOME, seed);
            check_drop(disk, 0, "killed, cleared up, crashed", (int)n);
            fake_disk_free(&disk);
        }
        if (!crashed)
            break;
    }
}

/* Crashes at operation `n` of a compaction; what comes next must work, and must survive a second
 * power failure. False when the compaction was over before. */
static bool crash_at(uint64_t n, uint64_t seed)
{
    struct disk *disk = make_drop();
    struct compact_summary summary;
    size_t bytes;
    fake_disk_crash_at(disk, n);
    (void)compact(disk, true, &summary);
    bool crashed = fake_disk_has_crashed(disk);
    if (seed == 0)
        fake_disk_restart_process(disk);
    else
        fake_disk_restart(disk, (enum fake_loss)(seed % 3), seed);
    check_drop(disk, 0, "crash at", (int)n);

    if (seed % 2 == 0) {
        cr_assert_eq(drop_deliver(disk, PATH, "new", (struct span){"x", 1}), MAIL_DONE,
                     "delivery after a crash at %d, seed %d", (int)n, (int)seed);
        fake_disk_restart(disk, (enum fake_loss)(seed / 2 % 3), seed);
        check_drop(disk, 1, "second crash after", (int)n);
    }
    cr_assert_eq(compact(disk, true, &summary), MAIL_DONE);
    fake_disk_restart(disk, FAKE_LOSE_ALL, seed);
    check_drop(disk, seed % 2 == 0, "compaction after", (int)n);
    bool one = fake_disk_peek(disk, PATH "/wire.1", &bytes) != NULL;
    bool two = fake_disk_peek(disk, PATH "/wire.2", &bytes) != NULL;
    cr_assert(one || two);
    fake_disk_free(&disk);
    return crashed;
}

Test(compact, a_crash_at_any_operation_keeps_every_message)
{
    for (uint64_t n = 1;; n++) {
        bool crashed = false;
        for (uint64_t seed = 0; seed < 24; seed++)
            crashed = crash_at(n, seed);
        if (!crashed)
            break;
    }
}

Test(compact, leftovers_of_a_killed_compaction_are_removed)
{
    struct disk *disk = make_drop();
    struct compact_summary summary;
    size_t bytes;
    fake_disk_put(disk, PATH "/" NEW_INDEX_NAME, "junk", 4);
    fake_disk_put(disk, PATH "/wire.2", "junk", 4);
    cr_assert_eq(compact(disk, false, &summary), MAIL_DONE);
    cr_assert_not(summary.compacted);
    cr_assert_null(fake_disk_peek(disk, PATH "/" NEW_INDEX_NAME, &bytes));
    cr_assert_null(fake_disk_peek(disk, PATH "/wire.2", &bytes));
    check_drop(disk, 0, "leftovers", 0);
    fake_disk_free(&disk);
}
