/* test_delivery: messages into a native maildrop: form, neighbours, limits, and every failure. */
#include "storage/delivery.h"
#include "storage/maildrop.h"
#include "storage/uidl.h"
#include "tests/support/drop.h"
#include "tests/support/fake_disk.h"
#include "tests/support/written.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH "ab/cd/user"

static struct disk *disk;
static struct disk_access access_wait;

static void begin_store(void)
{
    disk = drop_store();
    access_wait = fake_disk_access(disk, DISK_WAIT);
}

static void end_store(void)
{
    fake_disk_free(&disk);
}

TestSuite(delivery, .init = begin_store, .fini = end_store);

static struct span text(const char *string)
{
    return (struct span){string, strlen(string)};
}

static bool is_text(struct span content, const char *expected)
{
    return content.length == strlen(expected) &&
           memcmp(content.bytes, expected, content.length) == 0;
}

/* A message of `bytes` bytes with lines, dots and every octet. The caller frees it. */
static char *big_message(size_t bytes)
{
    char *message = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        message[i] = i % 61 == 0 ? '.' : i % 61 == 60 ? '\n' : (char)('a' + i % 26);
    return message;
}

static void put(struct delivery *delivery, const char *uidl, const char *message)
{
    cr_assert_eq(delivery_write(delivery, text(message)), MAIL_DONE);
    cr_assert_eq(delivery_message_end(delivery, text(uidl), 7), MAIL_DONE);
}

Test(delivery, the_wire_holds_what_retr_sends)
{
    cr_assert_eq(drop_deliver(disk, PATH, "u1", text("A: b\n\n.x\nend")), MAIL_DONE);
    size_t bytes;
    const char *wire = fake_disk_peek(disk, PATH "/wire.1", &bytes);
    const char *expected = "+OK 17 octets\r\nA: b\r\n\r\n..x\r\nend\r\n.\r\n";
    cr_assert_eq(bytes, strlen(expected));
    cr_assert_eq(memcmp(wire, expected, bytes), 0);
    cr_assert_eq(fake_disk_open_files(disk), 0);
}

Test(delivery, a_batch_has_exact_neighbours_and_so_have_batches)
{
    struct delivery delivery;
    struct drop_list list;
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
    put(&delivery, "u1", "one\n");
    put(&delivery, "u2", "");
    put(&delivery, "u3", ".");
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    put(&delivery, "u4", "four");
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    delivery_end(&delivery);
    cr_assert_eq(drop_deliver(disk, PATH, "u5", text("five")), MAIL_DONE);

    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.count, 5);
    static const char *const contents[] = {"one\r\n", "", ".\r\n", "four\r\n", "five\r\n"};
    uint64_t end = 0;
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert(is_text(list.messages[i].content, contents[i]));
        cr_assert_eq(list.messages[i].offset, end, "message %u has a gap before it", i);
        cr_assert_eq(list.messages[i].uidl[1], (char)('1' + i));
        end += list.messages[i].wire_bytes;
    }
    cr_assert_eq(list.messages[3].time_s, 7);
    drop_list_free(&list);
}

Test(delivery, a_batch_of_small_messages_costs_three_writes_and_three_syncs)
{
    struct delivery delivery;
    cr_assert_eq(drop_deliver(disk, PATH, "first", text("x")), MAIL_DONE);
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
    fake_disk_counts_reset(disk);
    for (int i = 0; i < 60; i++)
        put(&delivery, "u", "Subject: x\n\nbody\n");
    cr_assert_eq(fake_disk_calls(disk, FAKE_WRITE), 0);
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    cr_assert_eq(fake_disk_calls(disk, FAKE_WRITE), 3);
    cr_assert_eq(fake_disk_calls(disk, FAKE_SYNC), 3);
    cr_assert_eq(fake_disk_calls(disk, FAKE_SYNC_FOLDER), 0);
    delivery_end(&delivery);
}

Test(delivery, messages_of_any_size_in_pieces_of_any_size)
{
    static const size_t sizes[] = {1, 60, 4096, 180000, 187000, 192000, 196608, 262144, 700000};
    static const size_t pieces[] = {1000, 65536, 1 << 20, 777};
    struct delivery delivery;
    char *message = big_message(700000);
    char uidl[] = "u0";
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        for (size_t done = 0; done < sizes[i];) {
            size_t left = sizes[i] - done;
            size_t piece = pieces[i % 4] < left ? pieces[i % 4] : left;
            cr_assert_eq(delivery_write(&delivery, (struct span){message + done, piece}),
                         MAIL_DONE);
            done += piece;
        }
        uidl[1] = (char)('0' + i);
        cr_assert_eq(delivery_message_end(&delivery, text(uidl), 7), MAIL_DONE);
    }
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    delivery_end(&delivery);

    struct drop_list list;
    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.count, sizeof(sizes) / sizeof(*sizes));
    for (uint32_t i = 0; i < list.count; i++) {
        struct span content = list.messages[i].content;
        size_t at = 0;
        for (size_t k = 0; k < sizes[i]; k++) {
            at += message[k] == '\n'; /* its CR */
            cr_assert_eq(content.bytes[at++], message[k]);
        }
    }
    drop_list_free(&list);
    free(message);
}

Test(delivery, a_cancelled_message_leaves_no_trace_among_its_neighbours)
{
    struct delivery delivery;
    struct drop_list list;
    char *message = big_message(400000);
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
    delivery_message_cancel(&delivery);
    put(&delivery, "u1", "one\n");
    cr_assert_eq(delivery_write(&delivery, text("never")), MAIL_DONE);
    delivery_message_cancel(&delivery);
    put(&delivery, "u2", "two\n");
    cr_assert_eq(delivery_write(&delivery, (struct span){message, 400000}), MAIL_DONE);
    delivery_message_cancel(&delivery);
    put(&delivery, "u3", "three\n");
    cr_assert_eq(delivery_batch_room(&delivery), DELIVERY_BATCH_MAX - 3);
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    delivery_end(&delivery);

    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.count, 3);
    cr_assert(is_text(list.messages[0].content, "one\r\n"));
    cr_assert(is_text(list.messages[1].content, "two\r\n"));
    cr_assert(is_text(list.messages[2].content, "three\r\n"));
    cr_assert_eq(list.messages[1].offset, list.messages[0].wire_bytes);
    drop_list_free(&list);
    free(message);
}

Test(delivery, what_is_not_committed_is_not_there)
{
    struct delivery delivery;
    struct drop_list list;
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
    put(&delivery, "u1", "one\n");
    delivery_end(&delivery);
    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.count, 0);
    drop_list_free(&list);
}

Test(delivery, limits_refuse_and_the_batch_goes_on)
{
    struct delivery delivery;
    struct drop_list list;
    struct delivery_limits limits = {.message_octets_max = 10, .messages_max = 2};
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &limits), MAIL_DONE);
    put(&delivery, "u1", "12345678\r\n");
    cr_assert_eq(delivery_write(&delivery, text("123456789\r\n")), MAIL_TOO_BIG);
    delivery_message_cancel(&delivery);
    cr_assert_eq(delivery_write(&delivery, text("123456789")), MAIL_DONE);
    cr_assert_eq(delivery_message_end(&delivery, text("u"), 1), MAIL_TOO_BIG,
                 "the line end that is added counts");
    delivery_message_cancel(&delivery);
    put(&delivery, "u2", "b");
    cr_assert_eq(delivery_write(&delivery, text("c")), MAIL_FULL);
    delivery_message_cancel(&delivery);
    cr_assert_eq(delivery_message_end(&delivery, text("u3"), 1), MAIL_FULL);
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    delivery_end(&delivery);
    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.count, 2);
    drop_list_free(&list);
}

/* ---- letters */

#define HEAD "Return-Path: <a@b>\r\nDelivered-To: c\r\n"

static enum mail_result add(struct delivery *delivery, struct span head, struct span raw,
                            uint32_t block_bytes, const char *uidl)
{
    struct written written;
    written_init(&written, &access_wait, raw, block_bytes);
    enum mail_result result = delivery_add(delivery, &written.letter, head, text(uidl), 9);
    written_fini(&written, disk);
    return result;
}

Test(delivery, a_letter_lies_behind_its_head_lines)
{
    struct delivery delivery;
    struct record record;
    size_t bytes;
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
    cr_assert_eq(add(&delivery, text(HEAD), text("A: b\n\n.x\n"), 64, "u1"), MAIL_DONE);
    cr_assert_eq(add(&delivery, text(""), text(""), 64, "u2"), MAIL_DONE);
    cr_assert_eq(add(&delivery, text(HEAD), text("no header"), 64, "u3"), MAIL_DONE);
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    delivery_end(&delivery);
    const char *wire = fake_disk_peek(disk, PATH "/wire.1", &bytes);
    static const char expected[] = "+OK 49 octets\r\n" HEAD "A: b\r\n\r\n..x\r\n.\r\n"
                                   "+OK 0 octets\r\n.\r\n"
                                   "+OK 48 octets\r\n" HEAD "no header\r\n.\r\n";
    cr_assert_eq(bytes, strlen(expected));
    cr_assert_eq(memcmp(wire, expected, bytes), 0);
    const char *index = fake_disk_peek(disk, PATH "/index", &bytes);
    cr_assert_eq(bytes, 4 * RECORD_BYTES);
    cr_assert(record_decode(index + RECORD_BYTES, &record));
    cr_assert_eq(record.header_bytes, strlen(HEAD) + 8);
    cr_assert_eq(record.time_s, 9);
    cr_assert(record_decode(index + 2 * RECORD_BYTES, &record));
    cr_assert_eq(record.header_bytes, 0);
    cr_assert(record_decode(index + 3 * RECORD_BYTES, &record));
    cr_assert_eq(record.header_bytes, strlen(HEAD) + 11, "without an empty line all is header");
    cr_assert_eq(record.live_octets, 97);
}

/* Sizes around the buffer's and above it: every one directly behind the one before it. */
Test(delivery, letters_of_any_size_are_exact_neighbours)
{
    static const size_t sizes[] = {1,      60,     4096,   180000, 187000, 192000,
                                   196608, 262144, 700000, 5,      400000, 12};
    enum { COUNT = sizeof(sizes) / sizeof(*sizes) };
    struct delivery delivery;
    struct drop_list list;
    char *message = big_message(700000);
    char uidl[] = "a";
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
    for (size_t i = 0; i < COUNT; i++, uidl[0]++) {
        struct span raw = {message, sizes[i]};
        cr_assert_eq(add(&delivery, text(HEAD), raw, i % 2 == 0 ? 65536 : 1 << 21, uidl),
                     MAIL_DONE);
    }
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    delivery_end(&delivery);
    cr_assert_eq(fake_disk_open_files(disk), 0);

    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.count, COUNT);
    uint64_t end = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        struct span content = list.messages[i].content;
        cr_assert_eq(list.messages[i].offset, end, "message %u has a gap before it", i);
        end += list.messages[i].wire_bytes;
        cr_assert_eq(memcmp(content.bytes, HEAD, strlen(HEAD)), 0);
        size_t at = strlen(HEAD);
        for (size_t k = 0; k < sizes[i]; k++) {
            at += message[k] == '\n'; /* its CR */
            cr_assert_eq(content.bytes[at++], message[k]);
        }
    }
    drop_list_free(&list);
    free(message);
}

Test(delivery, a_letter_for_many_is_read_as_often_as_it_is_added)
{
    struct delivery delivery;
    struct written written;
    struct drop_list list;
    char *message = big_message(300000);
    char uidl[] = "a";
    written_init(&written, &access_wait, (struct span){message, 300000}, 1000);
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
    for (; uidl[0] < 'e'; uidl[0]++)
        cr_assert_eq(delivery_add(&delivery, &written.letter, text(""), text(uidl), 1), MAIL_DONE);
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    delivery_end(&delivery);
    written_fini(&written, disk);
    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.count, 4);
    for (uint32_t i = 1; i < 4; i++) {
        cr_assert_eq(list.messages[i].content.length, list.messages[0].content.length);
        cr_assert_eq(memcmp(list.messages[i].content.bytes, list.messages[0].content.bytes,
                            list.messages[0].content.length),
                     0);
    }
    drop_list_free(&list);
    free(message);
}

/* A quota of 12 octets and, later, of 2 messages, to the octet and the message. */
Test(delivery, the_quota_refuses_a_letter_and_the_batch_goes_on)
{
    struct delivery delivery;
    struct drop_list list;
    struct delivery_limits limits = {.octets_max = 12, .messages_max = 100};
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &limits), MAIL_DONE);
    cr_assert_eq(add(&delivery, text("A: b\r\n"), text("12345\n"), 64, "u"), MAIL_FULL);
    cr_assert_eq(add(&delivery, text("A: b\r\n"), text("1234\n"), 64, "u1"), MAIL_DONE);
    cr_assert_eq(add(&delivery, text(""), text("x"), 64, "u"), MAIL_FULL);
    cr_assert_eq(add(&delivery, text(""), text(""), 64, "u2"), MAIL_DONE);
    limits = (struct delivery_limits){.messages_max = 2};
    delivery_use_limits(&delivery, &limits);
    cr_assert_eq(add(&delivery, text(""), text("x"), 64, "u"), MAIL_FULL);
    limits.messages_max = 3;
    delivery_use_limits(&delivery, &limits);
    cr_assert_eq(add(&delivery, text(""), text("x"), 64, "u3"), MAIL_DONE);
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    delivery_end(&delivery);
    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.count, 3);
    cr_assert_eq(list.messages[2].offset + list.messages[2].wire_bytes,
                 list.messages[1].offset + list.messages[1].wire_bytes +
                     strlen("+OK 3 octets\r\nx\r\n.\r\n"));
    drop_list_free(&list);
}

Test(delivery, the_quota_can_be_asked_before)
{
    struct delivery_limits limits = {.octets_max = 10, .messages_max = 2};
    struct disk_access access_now = fake_disk_access(disk, DISK_NOW);
    cr_assert_eq(delivery_check_quota(&access_now, PATH, &limits, 10), MAIL_DONE);
    cr_assert_eq(drop_deliver(disk, PATH, "u1", text("123\n")), MAIL_DONE);
    cr_assert_eq(delivery_check_quota(&access_now, PATH, &limits, 5), MAIL_DONE);
    cr_assert_eq(delivery_check_quota(&access_now, PATH, &limits, 6), MAIL_FULL);
    fake_disk_wait_every(disk, 1);
    cr_assert_eq(delivery_check_quota(&access_now, PATH, &limits, 6), MAIL_LATER);
    fake_disk_wait_every(disk, 0);
    cr_assert_eq(drop_deliver(disk, PATH, "u2", text("")), MAIL_DONE);
    cr_assert_eq(delivery_check_quota(&access_now, PATH, &limits, 0), MAIL_FULL);
    fake_disk_fail_at(disk, 1, EIO);
    cr_assert_eq(delivery_check_quota(&access_now, PATH, &limits, 0), MAIL_DONE);
    cr_assert_eq(fake_disk_open_files(disk), 0);
}

Test(delivery, a_letter_that_cannot_be_read_leaves_no_trace_among_its_neighbours)
{
    char *message = big_message(500000);
    for (int large = 0; large < 2; large++) {
        struct delivery delivery;
        struct written written;
        struct drop_list list;
        const char *path = large ? PATH "2" : PATH;
        size_t bytes = large ? 500000 : 5000;
        written_init(&written, &access_wait, (struct span){message, bytes}, 100);
        cr_assert_eq(delivery_begin(&delivery, &access_wait, path, &drop_limits), MAIL_DONE);
        put(&delivery, "u1", "one\n");
        fake_disk_fail_at(disk, large ? 3 : 1, EIO);
        cr_assert_eq(delivery_add(&delivery, &written.letter, text(HEAD), text("u"), 1),
                     MAIL_TEMPORARY);
        put(&delivery, "u2", "two\n");
        cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
        delivery_end(&delivery);
        written_fini(&written, disk);
        cr_assert_eq(drop_read(disk, path, &list), MAIL_DONE);
        cr_assert_eq(list.count, 2);
        cr_assert(is_text(list.messages[0].content, "one\r\n"));
        cr_assert(is_text(list.messages[1].content, "two\r\n"));
        drop_list_free(&list);
    }
    free(message);
}

Test(delivery, a_full_disk_gets_back_what_the_refused_batch_had_written)
{
    struct delivery delivery;
    size_t before, bytes;
    char *message = big_message(500000);
    cr_assert_eq(drop_deliver(disk, PATH, "u1", text("one\n")), MAIL_DONE);
    fake_disk_peek(disk, PATH "/wire.1", &before);
    for (uint64_t n = 1; n <= 8; n++) { /* three writes and the sync of the wire, given up or not */
        cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
        fake_disk_fail_at(disk, (n - 1) % 4 + 1, ENOSPC);
        (void)add(&delivery, text(HEAD), (struct span){message, 500000}, 1 << 20, "u");
        if (n <= 4)
            cr_assert_eq(delivery_commit(&delivery), MAIL_NO_SPACE, "operation %d", (int)n);
        else
            fake_disk_fail_at(disk, 0, 0);
        delivery_end(&delivery);
        fake_disk_peek(disk, PATH "/wire.1", &bytes);
        cr_assert_eq(bytes, before, "operation %d", (int)n);
    }
    free(message);
    cr_assert_eq(drop_deliver(disk, PATH, "u2", text("two\n")), MAIL_DONE);
}

Test(delivery, a_full_batch_has_no_room)
{
    struct delivery delivery;
    struct drop_list list;
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
    for (uint32_t i = DELIVERY_BATCH_MAX; i > 0; i--) {
        cr_assert_eq(delivery_batch_room(&delivery), i);
        put(&delivery, "u", "x");
    }
    cr_assert_eq(delivery_batch_room(&delivery), 0);
    cr_assert_eq(delivery_commit(&delivery), MAIL_DONE);
    cr_assert_eq(delivery_batch_room(&delivery), DELIVERY_BATCH_MAX);
    delivery_end(&delivery);
    cr_assert_eq(drop_read(disk, PATH, &list), MAIL_DONE);
    cr_assert_eq(list.count, DELIVERY_BATCH_MAX);
    drop_list_free(&list);
}

Test(delivery, no_store_no_maildrop)
{
    struct disk *bare = fake_disk_make();
    cr_assert_eq(drop_deliver(bare, PATH, "u", text("x")), MAIL_TEMPORARY);
    cr_assert_null(fake_disk_path(bare, 0), "nothing may be made in a store that is not mounted");
    fake_disk_free(&bare);
}

Test(delivery, a_lost_header_with_mail_behind_it_is_never_made_anew)
{
    size_t bytes;
    cr_assert_eq(drop_deliver(disk, PATH, "u1", text("one")), MAIL_DONE);
    fake_disk_put(disk, PATH "/index", "", 0);
    cr_assert_eq(drop_deliver(disk, PATH, "u2", text("two")), MAIL_PERMANENT);
    fake_disk_peek(disk, PATH "/index", &bytes);
    cr_assert_eq(bytes, 0);
}

Test(delivery, a_wire_that_lost_its_end_is_not_written_where_the_index_means_the_old)
{
    size_t bytes;
    cr_assert_eq(drop_deliver(disk, PATH, "u1", text("a message of some length")), MAIL_DONE);
    fake_disk_peek(disk, PATH "/wire.1", &bytes);
    fake_disk_put(disk, PATH "/wire.1", "+OK", 3);
    cr_assert_eq(drop_deliver(disk, PATH, "u2", text("two")), MAIL_DONE);
    size_t longer;
    const char *wire = fake_disk_peek(disk, PATH "/wire.1", &longer);
    cr_assert_eq(memcmp(wire + bytes, "+OK 5 octets\r\n", 14), 0);
}

Test(delivery, an_index_without_its_wire_takes_no_mail)
{
    cr_assert_eq(drop_deliver(disk, PATH, "u1", text("one")), MAIL_DONE);
    cr_assert_eq(disk_remove(disk, PATH "/wire.1"), 0);
    cr_assert_eq(drop_deliver(disk, PATH, "u2", text("two")), MAIL_PERMANENT);
    cr_assert_eq(fake_disk_open_files(disk), 0);
}

Test(delivery, deliveries_wait_for_each_other)
{
    struct delivery delivery;
    cr_assert_eq(delivery_begin(&delivery, &access_wait, PATH, &drop_limits), MAIL_DONE);
    cr_assert_eq(drop_deliver(disk, PATH, "u2", text("two")), MAIL_TEMPORARY,
                 "the fake disk says that this would wait without end");
    delivery_end(&delivery);
    cr_assert_eq(drop_deliver(disk, PATH, "u2", text("two")), MAIL_DONE);
}

/* Delivers into a new maildrop and into an old one with the n-th operation failing, for each n; the
 * refused delivery must leave nothing, and the next one must work. */
static void fail_each(int error, bool is_new)
{
    for (uint64_t n = 1;; n++) {
        struct disk *store = drop_store();
        struct drop_list list;
        if (!is_new)
            cr_assert_eq(drop_deliver(store, PATH, "old", text("old\n")), MAIL_DONE);
        fake_disk_fail_at(store, n, error);
        uint64_t before = fake_disk_operations(store);
        enum mail_result result = drop_deliver(store, PATH, "u1", text("one\n"));
        bool was_hit = fake_disk_operations(store) - before >= n;
        fake_disk_fail_at(store, 0, 0);
        cr_assert_eq(fake_disk_open_files(store), 0, "operation %d", (int)n);
        if (result != MAIL_DONE)
            cr_assert_eq(result, error == ENOSPC ? MAIL_NO_SPACE : MAIL_TEMPORARY, "operation %d",
                         (int)n);

        uint32_t expected = (is_new ? 0u : 1u) + (result == MAIL_DONE ? 1u : 0u);
        cr_assert_eq(drop_read(store, PATH, &list), MAIL_DONE, "operation %d", (int)n);
        cr_assert_eq(list.count, expected, "operation %d", (int)n);
        drop_list_free(&list);
        cr_assert_eq(drop_deliver(store, PATH, "u2", text("two\n")), MAIL_DONE);
        fake_disk_restart(store, FAKE_LOSE_ALL, n);
        cr_assert_eq(drop_read(store, PATH, &list), MAIL_DONE, "operation %d", (int)n);
        cr_assert_eq(list.count, expected + 1, "operation %d", (int)n);
        drop_list_free(&list);
        fake_disk_free(&store);
        if (!was_hit)
            break;
    }
}

Test(delivery, every_failed_operation_refuses_and_leaves_the_maildrop_as_it_was)
{
    fail_each(ENOSPC, true);
    fail_each(ENOSPC, false);
    fail_each(EIO, true);
    fail_each(EIO, false);
}

/* A crash at each operation of the first delivery: the maildrop can always be used afterwards. */
Test(delivery, a_maildrop_whose_making_was_cut_short_is_finished)
{
    for (uint64_t n = 1;; n++) {
        for (uint64_t seed = 0; seed < 12; seed++) {
            struct disk *store = drop_store();
            struct drop_list list;
            fake_disk_crash_at(store, n);
            enum mail_result result = drop_deliver(store, PATH, "u1", text("one\n"));
            bool crashed = fake_disk_has_crashed(store);
            if (seed == 0)
                fake_disk_restart_process(store);
            else
                fake_disk_restart(store, (enum fake_loss)(seed % 3), seed);
            cr_assert_eq(drop_deliver(store, PATH, "u2", text("two\n")), MAIL_DONE,
                         "crash at %d, seed %d", (int)n, (int)seed);
            fake_disk_restart(store, FAKE_LOSE_ALL, seed);
            cr_assert_eq(drop_read(store, PATH, &list), MAIL_DONE);
            uint32_t least = result == MAIL_DONE ? 2 : 1;
            cr_assert(list.count == least || list.count == 2);
            drop_list_free(&list);
            fake_disk_free(&store);
            if (!crashed)
                return;
        }
    }
}

Test(delivery, uidls_are_made_and_judged)
{
    char uidl[UIDL_MADE_BYTES];
    uidl_make(0x12345678, 0xfedcba9876543210u, uidl);
    cr_assert_eq(memcmp(uidl, "12345678fedcba9876543210", UIDL_MADE_BYTES), 0);
    cr_assert(uidl_is_valid((struct span){uidl, UIDL_MADE_BYTES}));
    char longest[MAIL_UIDL_MAX + 1];
    memset(longest, '~', sizeof(longest));
    cr_assert(uidl_is_valid((struct span){longest, MAIL_UIDL_MAX}));
    cr_assert_not(uidl_is_valid((struct span){longest, MAIL_UIDL_MAX + 1}));
    cr_assert_not(uidl_is_valid(text("")));
    cr_assert_not(uidl_is_valid(text("a b")));
    cr_assert_not(uidl_is_valid(text("a\x7f")));
    cr_assert_not(uidl_is_valid(text("a\xe4")));
    cr_assert(uidl_is_valid(text("!")));
}
