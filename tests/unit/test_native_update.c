/* test_native_update: all marked messages go, or none, and nothing else ever. */
#include "storage/compact.h"
#include "storage/native_index.h"
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

TestSuite(native_update, .init = begin_box, .fini = end_box);

static size_t file_bytes(const char *path)
{
    size_t bytes = 0;
    fake_disk_peek(box.disk, path, &bytes);
    return bytes;
}

static void check_holds(const uint32_t *messages, uint32_t count)
{
    box_open(&box, count);
    for (uint32_t i = 0; i < count; i++)
        cr_assert(box_holds(&box, i + 1, messages[i]), "number %u", i + 1);
    box_close(&box);
}

static struct native_tail read_tail(void)
{
    struct native_tail tail;
    int file;
    cr_assert_eq(native_index_open(&box.wait, BOX_PATH, DISK_LOCK_DELIVERY, &file, &tail),
                 MAIL_DONE);
    disk_close(box.disk, file);
    return tail;
}

Test(native_update, the_marked_go_and_the_others_stay)
{
    box_fill(&box, 1, 6);
    box_remove(&box, (uint32_t[]){1, 3, 4}, 3);
    check_holds((uint32_t[]){2, 5, 6}, 3);
    struct native_tail tail = read_tail();
    cr_assert_eq(tail.record_count, 8);
    cr_assert_eq(tail.record.kind, RECORD_EXPUNGE);
    cr_assert_eq(tail.record.ranges.count, 2);
    cr_assert_eq(tail.record.ranges.items[1].first, 3);
    cr_assert_eq(tail.record.ranges.items[1].count, 2);
    box_fill(&box, 7, 1);
    box_remove(&box, (uint32_t[]){2}, 1);
    check_holds((uint32_t[]){2, 6, 7}, 3);
}

Test(native_update, no_mark_costs_nothing)
{
    box_fill(&box, 1, 2);
    box_open(&box, 2);
    fake_disk_counts_reset(box.disk);
    cr_assert_eq(box_commit(&box), MAIL_DONE);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_LOCK), 0);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_READ), 0);
    box_close(&box);
}

static void check_update_costs(uint32_t last_number, uint32_t writes)
{
    box_open(&box, 100);
    for (uint32_t number = 1; number <= last_number; number += 2)
        box_mark(&box, number);
    fake_disk_counts_reset(box.disk);
    cr_assert_eq(box_commit(&box), MAIL_DONE);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_WRITE), writes);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_SYNC), writes);
}

Test(native_update, eight_ranges_are_one_write_and_one_sync)
{
    box_fill(&box, 1, 100);
    check_update_costs(15, 1);
    box_close(&box);
    cr_assert_eq(read_tail().record.group_index, 0);
}

Test(native_update, more_ranges_are_durable_before_the_record_that_commits)
{
    box_fill(&box, 1, 100);
    check_update_costs(60, 2);
    box_close(&box);
    cr_assert_eq(read_tail().record.group_index, 3);
}

Test(native_update, an_emptied_maildrop_has_no_mail_in_its_file)
{
    box_fill(&box, 1, 3);
    box_remove(&box, (uint32_t[]){2}, 1);
    box_remove(&box, (uint32_t[]){1, 2}, 2);
    cr_assert_eq(file_bytes(BOX_PATH "/wire.1"), 0);
    check_holds(NULL, 0);
    box_fill(&box, 4, 2);
    check_holds((uint32_t[]){4, 5}, 2);
    box_remove(&box, (uint32_t[]){1}, 1);
    check_holds((uint32_t[]){5}, 1);
}

Test(native_update, an_emptied_index_is_rewritten_when_it_has_grown)
{
    uint32_t numbers[300];
    for (uint32_t i = 0; i < 300; i++)
        numbers[i] = i + 1;
    box_fill(&box, 1, 300);
    box_remove(&box, numbers, 300);
    cr_assert_eq(file_bytes(BOX_PATH "/index"), 302 * RECORD_BYTES);
    box_fill(&box, 301, 300);
    box_remove(&box, numbers, 300);
    cr_assert_eq(file_bytes(BOX_PATH "/index"), RECORD_BYTES);
    check_holds(NULL, 0);
    box_fill(&box, 601, 1);
    check_holds((uint32_t[]){601}, 1);
}

Test(native_update, deliveries_between_snapshot_and_commit_stay)
{
    box_fill(&box, 1, 3);
    box_open(&box, 3);
    box_fill(&box, 4, 2);
    for (uint32_t number = 1; number <= 3; number++)
        box_mark(&box, number);
    cr_assert_eq(box_commit(&box), MAIL_DONE);
    box_close(&box);
    check_holds((uint32_t[]){4, 5}, 2);
}

Test(native_update, a_snapshot_that_was_taken_back_is_not_removed_from)
{
    box_fill(&box, 1, 2);
    box_open(&box, 2);
    int file = disk_open(box.disk, BOX_PATH "/index", DISK_READ_WRITE, DISK_WAIT);
    cr_assert_eq(disk_truncate(box.disk, file, 2 * RECORD_BYTES), 0);
    disk_close(box.disk, file);
    box_mark(&box, 2);
    cr_assert_eq(box_commit(&box), MAIL_TEMPORARY);
    box_fill(&box, 3, 1); /* takes the ordinal */
    cr_assert_eq(box_commit(&box), MAIL_TEMPORARY);
    box_close(&box);
    check_holds((uint32_t[]){1, 3}, 2);
}

Test(native_update, a_failed_operation_removes_nothing)
{
    box_fill(&box, 1, 12);
    for (uint64_t n = 1; n < 100; n++) {
        box_open(&box, 12);
        for (uint32_t number = 1; number <= 12; number += 2)
            box_mark(&box, number);
        fake_disk_fail_at(box.disk, n, n % 2 == 0 ? ENOSPC : EIO);
        enum mail_result result = box_commit(&box);
        fake_disk_fail_at(box.disk, 0, 0);
        box_close(&box);
        if (result == MAIL_DONE)
            break; /* the fault came after the sync */
        cr_assert_eq(result, n % 2 == 0 ? MAIL_NO_SPACE : MAIL_TEMPORARY);
        cr_assert_lt(n, 99);
        fake_disk_restart(box.disk, FAKE_LOSE_SOME, n);
        check_holds((uint32_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 12);
    }
    check_holds((uint32_t[]){2, 4, 6, 8, 10, 12}, 6);
}

/* One crash in the UPDATE; false when it was over before. */
static bool crash_in_update(uint64_t at, uint64_t seed, bool all)
{
    end_box();
    begin_box();
    box_fill(&box, 1, 40);
    box_remove(&box, (uint32_t[]){3}, 1);
    box_open(&box, 39);
    for (uint32_t number = 1; number <= 39; number += all ? 1 : 2)
        box_mark(&box, number);
    fake_disk_crash_at(box.disk, at);
    enum mail_result result = box_commit(&box);
    bool crashed = fake_disk_has_crashed(box.disk);
    fake_disk_crash_at(box.disk, 0);
    fake_disk_restart(box.disk, FAKE_LOSE_SOME, seed);
    cr_assert_eq(box.mailbox.driver->open(&box.mailbox, &box.wait, BOX_PATH, &box.view), MAIL_DONE);
    uint32_t live = box.view.count;
    cr_assert(live == (all ? 0 : 19) || (live == 39 && result != MAIL_DONE),
              "%u messages after a crash at %d", live, (int)at);
    box_close(&box);
    box_fill(&box, 41, 1);
    box_open(&box, live + 1);
    cr_assert(box_holds(&box, live + 1, 41));
    cr_assert(live == 0 || box_holds(&box, live, live == 39 ? 40 : 39));
    box_close(&box);
    return crashed;
}

Test(native_update, a_crash_at_any_operation_removes_all_or_nothing)
{
    for (int all = 0; all < 2; all++)
        for (uint64_t seed = 0; seed < 8; seed++)
            for (uint64_t at = 1; crash_in_update(at, seed + at * 8, all != 0); at++)
                cr_assert_lt(at, 100);
}

Test(native_update, a_damaged_end_of_the_log_removes_nothing)
{
    box_fill(&box, 1, 3);
    box_record(&box, 3)[80] ^= 1;
    box_open(&box, 2);
    box_mark(&box, 1);
    box_mark(&box, 2);
    cr_assert_eq(box_commit(&box), MAIL_PERMANENT);
    box_close(&box);
    box_record(&box, 3)[80] ^= 1;
    check_holds((uint32_t[]){1, 2, 3}, 3);
}

Test(native_update, a_hole_is_punched_and_nothing_beside_it)
{
    char *text = malloc(40000);
    memset(text, 'x', 40000);
    box_fill(&box, 1, 1);
    cr_assert_eq(drop_deliver(box.disk, BOX_PATH, "big", (struct span){text, 40000}), MAIL_DONE);
    box_fill(&box, 3, 1);
    fake_disk_counts_reset(box.disk);
    box_remove(&box, (uint32_t[]){2}, 1);
    cr_assert_eq(fake_disk_calls(box.disk, FAKE_PUNCH), 1);
    check_holds((uint32_t[]){1, 3}, 2);
    size_t bytes;
    const char *wire = fake_disk_peek(box.disk, BOX_PATH "/wire.1", &bytes);
    cr_assert_eq(wire[8192], 0);
    free(text);
}

Test(native_update, more_runs_than_fit_compact_the_index)
{
    box_fill(&box, 1, 70);
    box_open(&box, 70);
    for (uint32_t number = 2; number < 64; number += 2)
        box_mark(&box, number);
    cr_assert_eq(box_commit(&box), MAIL_DONE);
    box_close(&box);
    struct native_tail tail = read_tail();
    cr_assert_eq(tail.record_count, 1 + 39);
    cr_assert_eq(tail.record.live_count, 39);
    box_open(&box, 39);
    for (uint32_t number = 1; number <= 39; number++)
        cr_assert(box_holds(&box, number, number <= 32 ? 2 * number - 1 : number + 31));
    box_close(&box);
}

Test(native_update, ranges_in_any_number_are_one_group)
{
    box_fill(&box, 1, 1300);
    box_open(&box, 1300);
    for (uint32_t number = 1; number <= 1300; number += 2)
        box_mark(&box, number);
    cr_assert_eq(box_commit(&box), MAIL_DONE);
    box_close(&box);
    box_open(&box, 650);
    for (uint32_t number = 1; number <= 650; number += 59)
        cr_assert(box_holds(&box, number, 2 * number));
    box_close(&box);
}
