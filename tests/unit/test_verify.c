/* test_verify: each kind of damage is told, and a repair loses and invents nothing. */
#include "storage/maildrop.h"
#include "storage/uidl.h"
#include "storage/verify.h"
#include "tests/support/drop.h"
#include "tests/support/fake_disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH       "ab/cd/user"
#define KINDS      (VERIFY_BYTES_SET_ASIDE + 1)
#define DROP_COUNT 5

static struct disk *disk;
static uint32_t found_count[KINDS];

static void count_finding(void *context, const struct verify_finding *finding)
{
    char text[VERIFY_TEXT_BYTES];
    (void)context;
    found_count[finding->kind]++;
    verify_text(finding, text);
    cr_assert_gt(strlen(text), 20);
}

static struct verify_summary verify(bool repair)
{
    static uint64_t calls;
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    const struct verify_options options = {repair, 5000, ++calls};
    const struct verify_reader reader = {.found = count_finding};
    struct verify_summary summary;
    memset(found_count, 0, sizeof(found_count));
    cr_assert_eq(verify_maildrop(&access, PATH, &options, &reader, &summary), MAIL_DONE);
    cr_assert_eq(fake_disk_open_files(disk), 0);
    return summary;
}

static void deliver(int number)
{
    char uidl[16], text[80];
    snprintf(uidl, sizeof(uidl), "m%d", number);
    int length = snprintf(text, sizeof(text), "Subject: %d\n\n.body\nof %d\n", number, number);
    cr_assert_eq(drop_deliver(disk, PATH, uidl, (struct span){text, (size_t)length}), MAIL_DONE);
}

/* Messages m1..m5, of which m2 is gone: ordinals 1 to 5, and the expunge 6. */
static void begin_drop(void)
{
    disk = drop_store();
    for (int i = 1; i <= DROP_COUNT; i++)
        deliver(i);
    cr_assert_eq(drop_expunge(disk, PATH, 2, 1), MAIL_DONE);
}

static void end_drop(void)
{
    fake_disk_free(&disk);
}

TestSuite(verify, .init = begin_drop, .fini = end_drop);

static char *record_bytes(uint32_t ordinal)
{
    size_t bytes;
    char *index = fake_disk_peek(disk, PATH "/index", &bytes);
    cr_assert_lt(ordinal * RECORD_BYTES, bytes);
    return index + ordinal * RECORD_BYTES;
}

/* Changes a record and gives it a right checksum. */
static void change_record(uint32_t ordinal, void (*change)(struct record *record))
{
    struct record record;
    cr_assert(record_decode(record_bytes(ordinal), &record));
    change(&record);
    record_encode(&record, record_bytes(ordinal));
}

/* The live messages have these numbers, in this order. `new_uidl` is the number of a message whose
 * UIDL is another now, or 0. */
static void check_live(const char *numbers, char new_uidl)
{
    struct drop_list list;
    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.count, strlen(numbers), "%u live", list.count);
    for (uint32_t i = 0; i < list.count; i++) {
        const char uidl[] = {'m', numbers[i], '\0'};
        cr_assert_eq(list.messages[i].content.bytes[9], numbers[i]);
        if (numbers[i] == new_uidl)
            cr_assert_eq(strlen(list.messages[i].uidl), UIDL_MADE_BYTES);
        else
            cr_assert_str_eq(list.messages[i].uidl, uidl);
    }
    drop_list_free(&list);
}

static void check_is_whole(void)
{
    struct verify_summary summary = verify(false);
    cr_assert_eq(summary.structure_count, 0);
    for (uint32_t kind = 0; kind < KINDS; kind++)
        cr_assert_eq(found_count[kind], 0, "kind %u", kind);
}

Test(verify, a_good_maildrop_has_no_findings_and_is_not_written)
{
    fake_disk_counts_reset(disk);
    struct verify_summary summary = verify(true);
    cr_assert_eq(summary.message_count, 4);
    cr_assert_eq(summary.structure_count + summary.content_count, 0);
    cr_assert_not(summary.repaired);
    cr_assert_eq(fake_disk_calls(disk, FAKE_WRITE), 0);
    check_is_whole();
}

Test(verify, a_user_without_a_maildrop_is_good)
{
    struct disk *full = disk;
    disk = drop_store();
    struct verify_summary summary = verify(true);
    cr_assert_eq(summary.message_count + summary.structure_count, 0);
    fake_disk_free(&disk);
    disk = full;
}

Test(verify, a_torn_tail_is_normal_and_cut)
{
    size_t bytes;
    char torn[4 * RECORD_BYTES] = {0};
    const char *index = fake_disk_peek(disk, PATH "/index", &bytes);
    char copy[16 * RECORD_BYTES];
    memcpy(copy, index, bytes);
    memcpy(copy + bytes, torn, 200);
    fake_disk_put(disk, PATH "/index", copy, bytes + 200);
    struct verify_summary summary = verify(false);
    cr_assert_eq(found_count[VERIFY_TORN_TAIL], 1);
    cr_assert_eq(summary.structure_count, 0);
    cr_assert(verify(true).repaired);
    size_t after;
    fake_disk_peek(disk, PATH "/index", &after);
    cr_assert_eq(after, bytes);
    check_is_whole();
    check_live("1345", 0);
}

Test(verify, a_damaged_record_is_made_again_from_the_mail)
{
    for (uint32_t ordinal = 1; ordinal <= DROP_COUNT; ordinal++) {
        if (ordinal == 2)
            continue;
        end_drop();
        begin_drop();
        record_bytes(ordinal)[30] ^= 16;
        struct verify_summary summary = verify(false);
        cr_assert_eq(found_count[VERIFY_RECORD_DAMAGED], 1);
        cr_assert_eq(summary.message_count, 3);
        cr_assert_not(summary.repaired);
        summary = verify(true);
        cr_assert(summary.repaired);
        cr_assert_eq(found_count[VERIFY_MESSAGE_REBUILT], 1);
        cr_assert_eq(found_count[VERIFY_BYTES_SET_ASIDE], 0);
        cr_assert_eq(summary.message_count, 4);
        check_live("1345", (char)('0' + ordinal));
        check_is_whole();
        size_t bytes;
        cr_assert_not_null(fake_disk_peek(disk, PATH "/index.damaged-1", &bytes));
        cr_assert_eq(bytes, 7 * RECORD_BYTES);
    }
}

Test(verify, a_damaged_record_of_a_removed_message_brings_nothing_back)
{
    record_bytes(2)[30] ^= 16;
    cr_assert(verify(true).repaired);
    check_live("1345", 0);
    check_is_whole();
}

Test(verify, a_damaged_record_whose_mail_is_damaged_too_keeps_the_bytes)
{
    struct record record;
    size_t bytes;
    cr_assert(record_decode(record_bytes(3), &record));
    record_bytes(3)[30] ^= 16;
    fake_disk_peek(disk, PATH "/wire.1", &bytes)[record.offset + 4] = 'x';
    char *wire = fake_disk_peek(disk, PATH "/wire.1", &bytes) + record.offset;
    cr_assert(verify(true).repaired);
    cr_assert_eq(found_count[VERIFY_MESSAGE_REBUILT], 0);
    cr_assert_eq(found_count[VERIFY_BYTES_SET_ASIDE], 1);
    const char *aside = fake_disk_peek(disk, PATH "/wire.damaged-1", &bytes);
    cr_assert_eq(bytes, record.wire_bytes);
    cr_assert_eq(memcmp(aside, wire, bytes), 0);
    check_live("145", 0);
    check_is_whole();
}

Test(verify, a_lost_expunge_brings_its_messages_back_and_says_so)
{
    deliver(6);
    record_bytes(6)[60] ^= 1;
    cr_assert(verify(true).repaired);
    cr_assert_eq(found_count[VERIFY_MESSAGES_BACK], 1);
    check_live("123456", 0);
    check_is_whole();
}

Test(verify, a_damaged_message_stays_and_is_told)
{
    size_t bytes;
    fake_disk_peek(disk, PATH "/wire.1", &bytes)[30] ^= 1;
    struct verify_summary summary = verify(true);
    cr_assert_eq(found_count[VERIFY_MESSAGE_DAMAGED], 1);
    cr_assert_eq(summary.content_count, 1);
    cr_assert_eq(summary.structure_count, 0);
    cr_assert_eq(summary.message_count, 4);
    cr_assert_not(summary.repaired);
}

Test(verify, a_short_wire_is_told_and_keeps_its_records)
{
    size_t bytes;
    const char *wire = fake_disk_peek(disk, PATH "/wire.1", &bytes);
    fake_disk_put(disk, PATH "/wire.1", wire, bytes - 10);
    cr_assert_eq(verify(true).message_count, 4);
    cr_assert_eq(found_count[VERIFY_MESSAGE_OUTSIDE], 1);
}

Test(verify, a_lost_index_is_found_again_in_the_mail)
{
    static const char junk[300] = {1, 2, 3};
    for (int way = 0; way < 3; way++) {
        end_drop();
        disk = drop_store();
        for (int i = 1; i <= DROP_COUNT; i++)
            deliver(i);
        if (way == 0)
            cr_assert_eq(disk_remove(disk, PATH "/index"), 0);
        else
            fake_disk_put(disk, PATH "/index", junk, way == 1 ? 0 : sizeof(junk));
        cr_assert_eq(verify(false).structure_count, way == 2 ? 2 : 1);
        cr_assert_eq(found_count[VERIFY_INDEX_LOST], 1);
        struct verify_summary summary = verify(true);
        cr_assert(summary.repaired);
        cr_assert_eq(summary.message_count, DROP_COUNT);
        cr_assert_eq(found_count[VERIFY_MESSAGE_REBUILT], DROP_COUNT);
        check_is_whole();
        struct drop_list list;
        cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
        for (uint32_t i = 0; i < DROP_COUNT; i++)
            cr_assert_eq(list.messages[i].content.bytes[9], (char)('1' + i));
        drop_list_free(&list);
    }
}

Test(verify, a_damaged_header_loses_no_uidl)
{
    record_bytes(0)[60] ^= 1;
    cr_assert(verify(true).repaired);
    cr_assert_eq(found_count[VERIFY_HEADER_DAMAGED], 1);
    check_live("1345", 0);
    check_is_whole();
}

Test(verify, two_wires_and_no_index_are_left_to_the_operator)
{
    size_t bytes;
    const char *wire = fake_disk_peek(disk, PATH "/wire.1", &bytes);
    fake_disk_put(disk, PATH "/wire.2", wire, bytes);
    cr_assert_eq(disk_remove(disk, PATH "/index"), 0);
    cr_assert_not(verify(true).repaired);
    cr_assert_eq(found_count[VERIFY_WIRES_AMBIGUOUS], 1);
    cr_assert_eq(disk_remove(disk, PATH "/wire.2"), 0);
    cr_assert(verify(true).repaired);
}

Test(verify, a_missing_wire_is_told_and_nothing_is_changed)
{
    cr_assert_eq(disk_remove(disk, PATH "/wire.1"), 0);
    cr_assert_not(verify(true).repaired);
    cr_assert_eq(found_count[VERIFY_WIRE_MISSING], 1);
}

static void change_totals(struct record *record)
{
    record->live_octets++;
}

static void change_header_bytes(struct record *record)
{
    record->header_bytes++;
}

static void change_uidl(struct record *record)
{
    record->uidl.bytes[1] = '1';
}

static void change_ranges(struct record *record)
{
    record->ranges.items[0] = (struct record_range){6, 1};
}

static void change_offset(struct record *record)
{
    record->offset -= 10;
}

Test(verify, what_a_record_says_wrongly_is_told)
{
    change_record(6, change_totals);
    cr_assert_eq(verify(false).structure_count, 1);
    cr_assert_eq(found_count[VERIFY_TOTALS_WRONG], 1);
    cr_assert(verify(true).repaired);
    check_live("1345", 0);
    check_is_whole();

    change_record(4, change_header_bytes);
    verify(false);
    cr_assert_eq(found_count[VERIFY_MESSAGE_DAMAGED], 1);
}

Test(verify, a_changed_record_breaks_the_chain_behind_it)
{
    change_record(4, change_totals);
    verify(false);
    cr_assert_eq(found_count[VERIFY_TOTALS_WRONG], 1);
    cr_assert_eq(found_count[VERIFY_CHAIN_BROKEN], 1);
    cr_assert(verify(true).repaired);
    check_live("1345", 0);
    check_is_whole();
}

Test(verify, an_impossible_expunge_is_not_believed)
{
    change_record(6, change_ranges);
    verify(true);
    cr_assert_eq(found_count[VERIFY_EXPUNGE_WRONG], 1);
    check_live("12345", 0);
}

Test(verify, overlaps_and_double_uidls_are_told)
{
    change_record(4, change_offset);
    verify(false);
    cr_assert_eq(found_count[VERIFY_MESSAGE_OVERLAPS], 1);
    change_record(5, change_uidl);
    verify(false);
    cr_assert_eq(found_count[VERIFY_UIDL_TWICE], 1);
}

Test(verify, many_uidls_are_compared_in_parts)
{
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    struct delivery delivery;
    cr_assert_eq(delivery_begin(&delivery, &access, PATH, &drop_limits), MAIL_DONE);
    for (uint32_t i = 0; i < 14000; i++) {
        char uidl[16];
        int length = snprintf(uidl, sizeof(uidl), "u%u", i == 13000 ? 77 : i);
        if (delivery_batch_room(&delivery) == 0)
            cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
        cr_assert_eq(delivery_message_end(&delivery, (struct span){uidl, (size_t)length}, 1),
                     MAIL_DONE);
    }
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    delivery_end(&delivery);
    struct verify_summary summary = verify(false);
    cr_assert_eq(summary.message_count, 14004);
    cr_assert_eq(found_count[VERIFY_UIDL_TWICE], 1);
    cr_assert_eq(summary.content_count, 1);
}

Test(verify, a_session_keeps_it_away)
{
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    const struct verify_options options = {false, 0, 0};
    const struct verify_reader reader = {.found = count_finding};
    struct verify_summary summary;
    int session = disk_open(disk, PATH "/index", DISK_READ_WRITE, DISK_WAIT);
    cr_assert_eq(disk_lock(disk, session, DISK_LOCK_SESSION, DISK_WAIT), 0);
    cr_assert_eq(verify_maildrop(&access, PATH, &options, &reader, &summary), MAIL_IN_USE);
    disk_close(disk, session);
}

/* A repair that fails or crashes anywhere is done as a whole or not at all, and the next succeeds.
 */
static bool repair_with_fault(uint64_t n, uint64_t seed)
{
    static const int errors[] = {EIO, ENOSPC};
    end_drop();
    begin_drop();
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    const struct verify_options options = {true, 5000, seed};
    const struct verify_reader reader = {.found = count_finding};
    struct verify_summary summary;
    char index[7 * RECORD_BYTES];
    memcpy(index, record_bytes(0), sizeof(index));
    index[3 * RECORD_BYTES + 30] ^= 16;
    fake_disk_put(disk, PATH "/index", index, sizeof(index)); /* durably damaged */
    uint64_t before = fake_disk_operations(disk);
    if (seed < 2)
        fake_disk_fail_at(disk, n, errors[seed]);
    else
        fake_disk_crash_at(disk, n);
    (void)verify_maildrop(&access, PATH, &options, &reader, &summary);
    bool was_hit = fake_disk_operations(disk) - before >= n;
    fake_disk_fail_at(disk, 0, 0);
    if (seed == 2)
        fake_disk_restart_process(disk);
    else if (seed > 2)
        fake_disk_restart(disk, (enum fake_loss)(seed % 3), seed);
    verify(true);
    check_live("1345", '3');
    fake_disk_restart(disk, FAKE_LOSE_ALL, seed);
    check_live("1345", '3');
    check_is_whole();
    return was_hit;
}

Test(verify, a_repair_is_done_as_a_whole_or_not_at_all)
{
    for (uint64_t n = 1;; n++) {
        bool was_hit = false;
        for (uint64_t seed = 0; seed < 16; seed++)
            was_hit = repair_with_fault(n, seed);
        if (!was_hit)
            break;
    }
}
