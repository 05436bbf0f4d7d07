/* test_delivery_batch: what an answer to a sender is worth, with each operation of the disk
 * failing, and with a crash there.
 *
 * A batch to one maildrop: small letters and a large one, a letter for the same user twice, one
 * that the quota refuses. A message whose request was answered MAIL_DONE is there once, byte for
 * byte and in order, whatever happens afterwards; one that was refused is not; one that a crash
 * left without an answer is there once or not at all.
 */
#include "core/delivery_batch.h"
#include "storage/native_index.h"
#include "storage/uidl.h"
#include "tests/support/drop.h"
#include "tests/support/written.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH        "ab/cd/user"
#define HEAD        "Delivered-To: user\r\n"
#define REQUESTS    6
#define REFUSED     3 /* by the quota: it has room for none of its size */
#define QUOTA       500000
#define LARGE_BYTES 250000 /* more than the buffer of a delivery */

enum fault { FAULT_NONE, FAULT_EIO, FAULT_ENOSPC, FAULT_CRASH, FAULT_KILL };

struct world {
    struct disk *disk;
    struct disk_access access;
    struct written letters[REQUESTS];
    struct delivery_request requests[REQUESTS];
};

static const size_t sizes[REQUESTS] = {20, LARGE_BYTES, 300, 2 * LARGE_BYTES, 300, 4000};

/* Which letter each request has: the third and the fifth share one. */
static const uint32_t letter_of[REQUESTS] = {0, 1, 2, 3, 2, 5};

static void begin_world(struct world *world, bool is_new)
{
    *world = (struct world){.disk = drop_store()};
    world->access = fake_disk_access(world->disk, DISK_WAIT);
    if (!is_new)
        cr_assert_eq(drop_deliver(world->disk, PATH, "old", SPAN_LITERAL("old\r\n")), MAIL_DONE);
    char *bytes = malloc(2 * LARGE_BYTES);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        memset(bytes, 'a' + (int)i, sizes[i]);
        bytes[sizes[i] - 1] = '\n';
        written_init(&world->letters[i], &world->access, (struct span){bytes, sizes[i]}, 100000);
        world->requests[i] = (struct delivery_request){
            .path = PATH,
            .letter = &world->letters[letter_of[i]].letter,
            .head = SPAN_LITERAL(HEAD),
            .limits = {.octets_max = QUOTA, .messages_max = 1000},
            .time_s = 1000 + i,
            .result = MAIL_LATER,
            .next = i + 1 < REQUESTS ? &world->requests[i + 1] : NULL,
        };
    }
    free(bytes);
}

static void end_world(struct world *world)
{
    for (uint32_t i = 0; i < REQUESTS; i++)
        free(world->letters[i].block); /* the disk takes the files with it */
    fake_disk_free(&world->disk);
}

static bool is_of(const struct drop_message *message, uint32_t i)
{
    const char letter = (char)('a' + (int)letter_of[i]);
    return message->time_s == 1000 + i &&
           message->content.length == strlen(HEAD) + sizes[letter_of[i]] + 1 &&
           memcmp(message->content.bytes, HEAD, strlen(HEAD)) == 0 &&
           message->content.bytes[strlen(HEAD)] == letter &&
           message->content.bytes[message->content.length - 3] == letter;
}

/* `is_certain`: nothing but what was answered MAIL_DONE may be there. `extra` messages follow. */
static void check(struct world *world, bool is_new, bool is_certain, uint32_t extra,
                  const char *where)
{
    struct drop_list list;
    cr_assert_eq(drop_read(world->disk, PATH, &list), MAIL_DONE, "%s: damaged", where);
    uint32_t at = is_new ? 0 : 1;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        const struct delivery_request *request = &world->requests[i];
        const bool is_there = at < list.count && is_of(&list.messages[at], i);
        if (request->result == MAIL_DONE)
            cr_assert(is_there, "%s: message %d is lost", where, (int)i);
        else if (is_certain || i == REFUSED)
            cr_assert_not(is_there, "%s: message %d was refused and is there", where, (int)i);
        if (is_there && request->result == MAIL_DONE)
            cr_assert_eq(memcmp(list.messages[at].uidl, request->uidl, UIDL_MADE_BYTES), 0);
        at += is_there;
    }
    cr_assert_eq(list.count, at + extra, "%s: %d messages too many", where,
                 (int)(list.count - at - extra));
    drop_list_free(&list);
}

/* Returns whether the n-th operation was reached. */
static bool run(bool is_new, enum fault fault, uint64_t n, enum fake_loss loss)
{
    struct world world;
    char where[100];
    snprintf(where, sizeof where, "%s maildrop, fault %d at %d, loss %d", is_new ? "new" : "old",
             (int)fault, (int)n, (int)loss);
    begin_world(&world, is_new);
    uint64_t before = fake_disk_operations(world.disk);
    if (fault == FAULT_CRASH || fault == FAULT_KILL)
        fake_disk_crash_at(world.disk, n);
    else
        fake_disk_fail_at(world.disk, n, fault == FAULT_ENOSPC ? ENOSPC : EIO);
    cr_assert(delivery_batch(&world.access, world.requests));
    bool was_hit = fake_disk_operations(world.disk) - before >= n;
    bool has_crashed = fake_disk_has_crashed(world.disk);
    fake_disk_fail_at(world.disk, 0, 0);
    fake_disk_crash_at(world.disk, 0);
    for (uint32_t i = 0; i < REQUESTS; i++)
        cr_assert_neq(world.requests[i].result, MAIL_LATER, "%s: no answer", where);
    if (!has_crashed)
        check(&world, is_new, true, 0, where);
    if (fault == FAULT_KILL)
        fake_disk_restart_process(world.disk);
    else
        fake_disk_restart(world.disk, loss, n);
    check(&world, is_new, !has_crashed, 0, where);

    /* Whatever it was, the next one gets in, and a crash takes back nothing that was there. */
    cr_assert_eq(drop_deliver(world.disk, PATH, "next", SPAN_LITERAL("next")), MAIL_DONE);
    fake_disk_restart(world.disk, FAKE_LOSE_ALL, n);
    check(&world, is_new, !has_crashed, 1, where);
    end_world(&world);
    return was_hit;
}

static void run_all(bool is_new)
{
    for (uint64_t n = 1;; n++) {
        bool was_hit = run(is_new, FAULT_EIO, n, FAKE_LOSE_ALL);
        run(is_new, FAULT_ENOSPC, n, FAKE_LOSE_ALL);
        run(is_new, FAULT_KILL, n, FAKE_LOSE_NONE);
        run(is_new, FAULT_CRASH, n, FAKE_LOSE_ALL);
        run(is_new, FAULT_CRASH, n, FAKE_LOSE_NONE);
        run(is_new, FAULT_CRASH, n, FAKE_LOSE_SOME);
        if (!was_hit) {
            cr_assert_gt(n, 15);
            return;
        }
    }
}

Test(delivery_batch, faults_everywhere_in_an_old_maildrop)
{
    run_all(false);
}

Test(delivery_batch, faults_everywhere_in_a_new_maildrop)
{
    run_all(true);
}

static void check_results(const struct world *world, const enum mail_result expected[REQUESTS])
{
    for (uint32_t i = 0; i < REQUESTS; i++)
        cr_assert_eq(world->requests[i].result, expected[i], "request %d", (int)i);
}

Test(delivery_batch, each_gets_its_own_answer_and_all_share_the_syncs)
{
    struct world world;
    begin_world(&world, false);
    fake_disk_counts_reset(world.disk);
    cr_assert(delivery_batch(&world.access, world.requests));
    check_results(&world, (enum mail_result[]){MAIL_DONE, MAIL_DONE, MAIL_DONE, MAIL_FULL,
                                               MAIL_DONE, MAIL_DONE});
    check(&world, false, true, 0, "no fault");
    cr_assert_eq(fake_disk_calls(world.disk, FAKE_SYNC), 3);
    cr_assert_eq(fake_disk_open_files(world.disk), 2, "the letters' files, and no other");
    cr_assert_neq(memcmp(world.requests[2].uidl, world.requests[4].uidl, UIDL_MADE_BYTES), 0);
    end_world(&world);
}

/* The large one fails the batch, and alone it fails again; the others must not suffer. */
Test(delivery_batch, a_message_that_the_disk_has_no_room_for_fails_alone)
{
    struct world world;
    begin_world(&world, false);
    fake_disk_limit(world.disk, 200000);
    cr_assert(delivery_batch(&world.access, world.requests));
    check_results(&world, (enum mail_result[]){MAIL_DONE, MAIL_NO_SPACE, MAIL_DONE, MAIL_FULL,
                                               MAIL_DONE, MAIL_DONE});
    check(&world, false, true, 0, "a full disk");
    end_world(&world);
}

Test(delivery_batch, a_store_that_is_not_mounted_answers_temporary)
{
    struct world world;
    begin_world(&world, true);
    cr_assert_eq(disk_remove(world.disk, STORE_SENTINEL), 0);
    cr_assert(delivery_batch(&world.access, world.requests));
    for (uint32_t i = 0; i < REQUESTS; i++)
        cr_assert_eq(world.requests[i].result, MAIL_TEMPORARY);
    cr_assert_eq(fake_disk_open_files(world.disk), 2);
    end_world(&world);
}

Test(delivery_batch, a_lock_that_another_has_is_told_at_once)
{
    struct world world;
    struct delivery other;
    begin_world(&world, false);
    cr_assert_eq(delivery_begin(&other, &world.access, PATH, &drop_limits), MAIL_DONE);
    cr_assert_not(delivery_batch(&world.access, world.requests));
    cr_assert_eq(world.requests[0].result, MAIL_LATER, "no answer yet");
    delivery_end(&other);
    cr_assert(delivery_batch(&world.access, world.requests));
    cr_assert_eq(world.requests[0].result, MAIL_DONE);
    check(&world, false, true, 0, "after the other");
    end_world(&world);
}
