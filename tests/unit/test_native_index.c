/* test_native_index: the end of the log after everything that can happen to it. */
#include "storage/maildrop.h"
#include "storage/native_index.h"
#include "tests/support/drop.h"
#include "tests/support/fake_disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH  "ab/cd/user"
#define INDEX PATH "/index"

static struct disk *disk;
static struct disk_access access_now, access_wait;
static int file;
static struct native_tail tail;

static void begin_store(void)
{
    disk = drop_store();
    access_now = fake_disk_access(disk, DISK_NOW);
    access_wait = fake_disk_access(disk, DISK_WAIT);
    file = -1;
}

static void end_store(void)
{
    fake_disk_free(&disk);
}

TestSuite(native_index, .init = begin_store, .fini = end_store);

static enum mail_result open_index(enum disk_lock lock)
{
    return native_index_open(&access_wait, PATH, lock, &file, &tail);
}

static void close_index(void)
{
    disk_close(disk, file);
}

static struct record message(uint32_t number)
{
    return (struct record){
        .kind = RECORD_DELIVERY,
        .octets = number,
        .live_count = number,
        .live_octets = number * (number + 1) / 2,
        .uidl = {.length = 1, .bytes = {(char)('A' + number % 26)}},
    };
}

/* Makes the maildrop and appends groups of these sizes. */
static void make_log(const uint32_t *groups, size_t group_count)
{
    uint32_t number = 1;
    cr_assert_eq(maildrop_open_or_make(&access_wait, PATH, DISK_LOCK_DELIVERY, &file, &tail),
                 MAIL_DONE);
    for (size_t i = 0; i < group_count; i++) {
        struct record *records = calloc(groups[i], sizeof *records);
        for (uint32_t j = 0; j < groups[i]; j++)
            records[j] = message(number++);
        cr_assert_eq(native_append(&access_wait, file, &tail, records, groups[i]), MAIL_DONE);
        free(records);
    }
    close_index();
}

static void cut_index(size_t bytes)
{
    size_t old_bytes;
    char *old = fake_disk_peek(disk, INDEX, &old_bytes);
    char *copy = calloc(1, bytes);
    memcpy(copy, old, bytes < old_bytes ? bytes : old_bytes);
    fake_disk_put(disk, INDEX, copy, bytes);
    free(copy);
}

static char *slot_bytes(uint32_t ordinal)
{
    size_t bytes;
    return fake_disk_peek(disk, INDEX, &bytes) + (size_t)ordinal * RECORD_BYTES;
}

static void check_tail(uint32_t record_count)
{
    cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_DONE);
    cr_assert_eq(tail.record_count, record_count);
    cr_assert_eq(tail.record.live_count, record_count - 1);
    close_index();
}

Test(native_index, a_poll_costs_one_of_each)
{
    make_log((uint32_t[]){1, 5, 1}, 3);
    fake_disk_counts_reset(disk);
    cr_assert_eq(native_index_open(&access_now, PATH, DISK_LOCK_SESSION, &file, &tail), MAIL_DONE);
    close_index();
    for (int call = 0; call < FAKE_CALL_COUNT; call++) {
        bool wanted = call == FAKE_OPEN || call == FAKE_LOCK || call == FAKE_SIZE ||
                      call == FAKE_READ || call == FAKE_CLOSE;
        cr_assert_eq(fake_disk_calls(disk, (enum fake_call)call), wanted ? 1 : 0, "call %d", call);
    }
    cr_assert_eq(tail.record_count, 8);
}

Test(native_index, a_missing_maildrop_is_empty_only_in_a_store)
{
    cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_DONE);
    cr_assert_eq(file, -1);
    cr_assert_eq(tail.record_count, 0);
    fake_disk_free(&disk);
    disk = fake_disk_make();
    access_wait = fake_disk_access(disk, DISK_WAIT);
    cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_TEMPORARY);
    cr_assert_eq(fake_disk_open_files(disk), 0);
}

Test(native_index, a_lost_index_is_no_empty_maildrop)
{
    cr_assert_eq(drop_deliver(disk, PATH, "u", SPAN_LITERAL("x")), MAIL_DONE);
    cr_assert_eq(disk_remove(disk, INDEX), 0);
    cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_PERMANENT);
    fake_disk_put(disk, INDEX, "", 0);
    cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_PERMANENT);
    cr_assert_eq(disk_rename(disk, PATH "/wire.1", PATH "/wire.2"), 0);
    cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_PERMANENT);
    cr_assert_eq(fake_disk_open_files(disk), 0);
}

Test(native_index, an_index_that_was_never_finished_is_empty)
{
    fake_disk_put(disk, PATH "/wire.1", "", 0);
    for (size_t bytes = 0; bytes <= RECORD_BYTES; bytes += 32) {
        static const char header[RECORD_BYTES] = {1, 1, 1};
        fake_disk_put(disk, INDEX, header, bytes);
        cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_DONE);
        cr_assert_eq(file, -1);
        cr_assert_eq(fake_disk_open_files(disk), 0);
    }
}

Test(native_index, locks)
{
    int other;
    struct native_tail other_tail;
    make_log((uint32_t[]){1}, 1);
    cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_DONE);
    cr_assert_eq(native_index_open(&access_wait, PATH, DISK_LOCK_SESSION, &other, &other_tail),
                 MAIL_IN_USE);
    cr_assert_eq(native_index_open(&access_wait, PATH, DISK_LOCK_DELIVERY, &other, &other_tail),
                 MAIL_DONE);
    int third;
    cr_assert_eq(native_index_open(&access_now, PATH, DISK_LOCK_DELIVERY, &third, &other_tail),
                 MAIL_LATER);
    disk_close(disk, other);
    close_index();
    cr_assert_eq(fake_disk_open_files(disk), 0);
}

Test(native_index, every_operation_may_fail_or_have_to_wait)
{
    make_log((uint32_t[]){2, 3}, 2);
    for (uint64_t n = 1; n <= 4; n++) {
        fake_disk_fail_at(disk, n, EIO);
        cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_TEMPORARY, "operation %d", (int)n);
        cr_assert_eq(fake_disk_open_files(disk), 0);
    }
    fake_disk_fail_at(disk, 0, 0);
    fake_disk_wait_every(disk, 1);
    cr_assert_eq(native_index_open(&access_now, PATH, DISK_LOCK_SESSION, &file, &tail), MAIL_LATER);
    cr_assert_eq(fake_disk_open_files(disk), 0);
    fake_disk_wait_every(disk, 0);
    check_tail(6);
}

Test(native_index, a_group_counts_as_a_whole_at_every_length_of_the_file)
{
    make_log((uint32_t[]){1, 3, 70, 1}, 4);
    for (size_t bytes = 76 * RECORD_BYTES; bytes >= RECORD_BYTES; bytes -= 32) {
        size_t records = bytes / RECORD_BYTES;
        cut_index(bytes);
        check_tail(records >= 76   ? 76
                   : records >= 75 ? 75
                   : records >= 5  ? 5
                   : records >= 2  ? 2
                                   : 1);
    }
}

Test(native_index, the_end_of_a_group_is_found_with_one_read)
{
    make_log((uint32_t[]){2, 400}, 2);
    cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_DONE);
    cr_assert_eq(tail.record_count, 403);
    cr_assert_eq(tail.record.group_index, 399);
    fake_disk_counts_reset(disk);
    cr_assert_eq(native_tail_read(&access_wait, file, &tail), MAIL_DONE);
    cr_assert_eq(fake_disk_calls(disk, FAKE_READ), 1);
    close_index();
}

Test(native_index, a_damaged_record_inside_does_not_undo_its_group)
{
    make_log((uint32_t[]){10}, 1);
    for (uint32_t ordinal = 1; ordinal < 10; ordinal++) {
        slot_bytes(ordinal)[60] ^= 1;
        check_tail(11);
        slot_bytes(ordinal)[60] ^= 1;
    }
}

Test(native_index, a_damaged_end_hides_one_record_and_is_never_cut_off)
{
    struct record record = message(10);
    make_log((uint32_t[]){3, 6}, 2);
    slot_bytes(9)[70] ^= 1;
    check_tail(9);
    cr_assert_eq(open_index(DISK_LOCK_DELIVERY), MAIL_DONE);
    cr_assert_eq(native_append(&access_wait, file, &tail, &record, 1), MAIL_PERMANENT);
    close_index();
    slot_bytes(9)[70] ^= 1;
    check_tail(10);
}

Test(native_index, a_damaged_end_is_never_an_empty_maildrop)
{
    make_log((uint32_t[]){1}, 1);
    slot_bytes(1)[100] ^= 4;
    cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_PERMANENT);
    cr_assert_eq(fake_disk_open_files(disk), 0);
    slot_bytes(0)[100] ^= 4;
    cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_PERMANENT);
}

Test(native_index, append_cuts_a_torn_tail_off)
{
    make_log((uint32_t[]){2, 9}, 2);
    cut_index(8 * RECORD_BYTES + 50);
    struct record record = message(3);
    cr_assert_eq(open_index(DISK_LOCK_DELIVERY), MAIL_DONE);
    cr_assert_eq(tail.record_count, 3);
    cr_assert_eq(native_append(&access_wait, file, &tail, &record, 1), MAIL_DONE);
    close_index();
    check_tail(4);
    cr_assert_eq(tail.record.octets, 3);
    size_t bytes;
    fake_disk_peek(disk, INDEX, &bytes);
    cr_assert_eq(bytes, 4 * RECORD_BYTES);
}

Test(native_index, an_append_that_fails_leaves_the_log_as_it_was)
{
    struct record *records = calloc(200, sizeof *records);
    make_log((uint32_t[]){2}, 1);
    for (uint64_t n = 1; n <= 6; n++) {
        for (uint32_t i = 0; i < 200; i++)
            records[i] = message(3 + i);
        cr_assert_eq(open_index(DISK_LOCK_DELIVERY), MAIL_DONE);
        fake_disk_fail_at(disk, n, ENOSPC);
        cr_assert_eq(native_append(&access_wait, file, &tail, records, 200), MAIL_NO_SPACE);
        cr_assert_eq(tail.record_count, 3);
        close_index();
        fake_disk_restart(disk, FAKE_LOSE_NONE, n);
        check_tail(3);
    }
    free(records);
}

Test(native_index, a_crash_leaves_the_whole_group_or_nothing)
{
    struct record records[9];
    for (uint64_t seed = 0; seed < 200; seed++) {
        end_store();
        begin_store();
        make_log((uint32_t[]){2}, 1);
        for (uint32_t i = 0; i < 9; i++)
            records[i] = message(3 + i);
        cr_assert_eq(open_index(DISK_LOCK_DELIVERY), MAIL_DONE);
        fake_disk_crash_at(disk, 2 + seed % 5);
        enum mail_result result = native_append(&access_wait, file, &tail, records, 9);
        fake_disk_crash_at(disk, 0);
        fake_disk_restart(disk, FAKE_LOSE_SOME, seed);
        cr_assert_eq(open_index(DISK_LOCK_SESSION), MAIL_DONE);
        bool whole = tail.record_count == 12;
        cr_assert(whole || (tail.record_count == 3 && result != MAIL_DONE));
        close_index();
    }
}

static void put_moved(void)
{
    struct record moved = {.kind = RECORD_MOVED, .live_count = 2, .live_octets = 3};
    cr_assert_eq(open_index(DISK_LOCK_DELIVERY), MAIL_DONE);
    cr_assert_eq(native_append(&access_wait, file, &tail, &moved, 1), MAIL_DONE);
    close_index();
}

Test(native_index, the_mark_of_a_killed_compaction_is_passed_over)
{
    make_log((uint32_t[]){2}, 1);
    put_moved();
    check_tail(3);
    struct record record = message(3);
    cr_assert_eq(open_index(DISK_LOCK_DELIVERY), MAIL_DONE);
    cr_assert_eq(native_append(&access_wait, file, &tail, &record, 1), MAIL_DONE);
    close_index();
    check_tail(4);
    cr_assert_eq(fake_disk_open_files(disk), 0);
}

Test(native_index, wire_names)
{
    char path[USERS_FILE_BYTES];
    native_wire_path(PATH, 1, path);
    cr_assert_str_eq(path, PATH "/wire.1");
    native_wire_path(PATH, UINT32_MAX, path);
    cr_assert_str_eq(path, PATH "/wire.4294967295");
}
