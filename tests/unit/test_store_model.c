/* test_store_model: promises 1, 2 and 3 of the store, against a model that is a list of numbers.
 *
 * Random but repeatable sequences of deliveries, sessions, abandoned sessions and compactions run
 * on the fake disk; for each operation of each sequence it runs once more with that operation
 * failing, and with a crash there. Whatever was acknowledged must be there byte for byte, in order;
 * a refused operation must have changed nothing; an unanswered one is there whole or not at all.
 */
#include "storage/compact.h"
#include "storage/mailbox.h"
#include "storage/verify.h"
#include "tests/support/drop.h"
#include "tests/support/fake_disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH          "ab/cd/user"
#define STEPS         7
#define MESSAGES_MAX  64
#define MESSAGE_BYTES 8192

/* The maildrop as it should be: the numbers of its messages. UIDL and content follow from them. */
struct model {
    uint32_t numbers[MESSAGES_MAX];
    uint32_t count;
};

enum fault { FAULT_NONE, FAULT_EIO, FAULT_ENOSPC, FAULT_CRASH, FAULT_KILL };

struct world {
    struct disk *disk;
    struct model model;  /* acknowledged */
    struct model unsure; /* the same with the operation that the crash cut short */
    bool is_unsure;
    uint64_t random;
    uint32_t next_number;
    uint64_t seed; /* for messages of a failed test */
    uint64_t n;
    enum fault fault;
    enum fake_loss loss;
};

static uint32_t draw(struct world *world, uint32_t below)
{
    return (uint32_t)(fake_random(&world->random) % below);
}

/* The message of a number: a header, lines with dots, every fifth one larger than a block. */
static struct span content_of(uint32_t number, char out_bytes[MESSAGE_BYTES])
{
    int length = snprintf(out_bytes, MESSAGE_BYTES, "Subject: %u\r\n\r\n", number);
    uint32_t lines = number % 5 == 0 ? 200 : number % 4;
    for (uint32_t i = 0; i < lines; i++)
        length += snprintf(out_bytes + length, MESSAGE_BYTES - (size_t)length,
                           "%s line %u of %u\r\n", i % 3 == 0 ? "." : "", i, number);
    return (struct span){out_bytes, (size_t)length};
}

/* Takes the result of an operation that would have made `after` of the model. */
static void settle(struct world *world, enum mail_result result, const struct model *after)
{
    if (result == MAIL_DONE) {
        world->model = *after;
    } else if (fake_disk_has_crashed(world->disk) && !world->is_unsure) {
        world->unsure = *after;
        world->is_unsure = true;
    }
}

static bool is_like(struct world *world, const struct model *model)
{
    struct drop_list list;
    enum mail_result result = drop_read(world->disk, PATH, &list);
    cr_assert_eq(result, MAIL_DONE, "seed %d, fault %d at %d: the maildrop is damaged",
                 (int)world->seed, (int)world->fault, (int)world->n);
    bool same = list.count == model->count;
    for (uint32_t i = 0; same && i < list.count; i++) {
        char bytes[MESSAGE_BYTES], uidl[24];
        struct span content = content_of(model->numbers[i], bytes);
        snprintf(uidl, sizeof(uidl), "u%u", model->numbers[i]);
        same = strcmp(uidl, list.messages[i].uidl) == 0 &&
               content.length == list.messages[i].content.length &&
               memcmp(content.bytes, list.messages[i].content.bytes, content.length) == 0;
    }
    drop_list_free(&list);
    return same;
}

/* Even numbers come as a stream, odd ones as a letter whose first line is put in front. */
static enum mail_result put(struct delivery *delivery, uint32_t number, struct span uidl)
{
    char bytes[MESSAGE_BYTES], block[2 * MESSAGE_BYTES];
    struct span content = content_of(number, bytes);
    if (number % 2 == 0) {
        enum mail_result result = delivery_write(delivery, content);
        return result == MAIL_DONE ? delivery_message_end(delivery, uidl, number) : result;
    }
    struct letter letter;
    size_t head_bytes = (size_t)(strchr(bytes, '\n') + 1 - bytes);
    struct span rest = {bytes + head_bytes, content.length - head_bytes};
    letter_begin(&letter, block, sizeof(block), LETTER_OCTETS_MAX);
    cr_assert_eq(letter_write(&letter, &rest), MAIL_DONE);
    cr_assert_eq(letter_end(&letter), MAIL_DONE);
    return delivery_add(delivery, &letter, (struct span){bytes, head_bytes}, uidl, number);
}

static enum mail_result deliver_batch(struct world *world, const struct disk_access *access,
                                      uint32_t count, struct model *after)
{
    struct delivery delivery;
    enum mail_result result = delivery_begin(&delivery, access, PATH, &drop_limits);
    if (result != MAIL_DONE)
        return result;
    for (uint32_t i = 0; i < count && result == MAIL_DONE; i++) {
        char uidl[24];
        uint32_t number = world->next_number++;
        int length = snprintf(uidl, sizeof(uidl), "u%u", number);
        result = put(&delivery, number, (struct span){uidl, (size_t)length});
        after->numbers[after->count++] = number;
    }
    if (result != MAIL_DONE)
        delivery_message_cancel(&delivery);
    if (result == MAIL_DONE)
        result = delivery_commit(&delivery);
    delivery_end(&delivery);
    return result;
}

static void deliver(struct world *world)
{
    struct disk_access access = fake_disk_access(world->disk, DISK_WAIT);
    struct model after = world->model;
    settle(world, deliver_batch(world, &access, 1 + draw(world, 3), &after), &after);
}

/* What the session sees must be the model as it was at its beginning. */
static void check_session(struct world *world, struct mailbox *mailbox,
                          const struct disk_access *access, const struct mail_view *view)
{
    cr_assert_eq(view->count, world->model.count, "seed %d, fault %d at %d", (int)world->seed,
                 (int)world->fault, (int)world->n);
    for (uint32_t number = 1; number <= view->count; number++) {
        char bytes[MESSAGE_BYTES], uidl[24];
        struct mail_fact fact;
        struct mail_range range;
        uint32_t count;
        enum mail_result result = mailbox_native.facts(mailbox, access, number, 1, &fact, &count);
        if (result == MAIL_DONE) {
            struct span content = content_of(world->model.numbers[number - 1], bytes);
            int length = snprintf(uidl, sizeof(uidl), "u%u", world->model.numbers[number - 1]);
            cr_assert_eq(fact.octets, content.length);
            cr_assert_eq(fact.uidl_length, length);
            cr_assert_eq(memcmp(fact.uidl, uidl, fact.uidl_length), 0);
            result = mailbox_native.body(mailbox, access, number, &range);
        }
        cr_assert(result == MAIL_DONE || world->fault != FAULT_NONE);
        cr_assert_neq(result, MAIL_PERMANENT, "seed %d, fault %d at %d", (int)world->seed,
                      (int)world->fault, (int)world->n);
    }
}

/* A session: looks, marks some, and ends with QUIT, or without. Between its snapshot and its end
 * another shard may deliver. */
static void run_session(struct world *world, bool quits, bool delivers_between)
{
    struct disk_access access = fake_disk_access(world->disk, DISK_WAIT);
    struct mailbox mailbox = {.driver = &mailbox_native};
    struct mail_view view;
    enum mail_result result = mailbox_native.open(&mailbox, &access, PATH, &view);
    if (result != MAIL_DONE) {
        cr_assert_neq(world->fault, FAULT_NONE);
        return;
    }
    check_session(world, &mailbox, &access, &view);
    if (delivers_between)
        deliver(world);

    uint64_t marks[1] = {0};
    uint32_t style = draw(world, 3);
    struct model after = {0};
    for (uint32_t i = 0; i < world->model.count; i++) {
        bool is_marked = i < view.count && (style == 0 || draw(world, 2) == 0);
        if (is_marked)
            marks[0] |= (uint64_t)1 << i;
        else
            after.numbers[after.count++] = world->model.numbers[i];
    }
    if (quits)
        settle(world, mailbox_native.commit(&mailbox, &access, marks), &after);
    mailbox_native.close(&mailbox, world->disk);
}

static void compact(struct world *world)
{
    struct disk_access access = fake_disk_access(world->disk, DISK_WAIT);
    struct compact_summary summary;
    enum mail_result result = compact_maildrop(&access, PATH, draw(world, 3) > 0, &summary);
    cr_assert(result == MAIL_DONE || world->fault != FAULT_NONE);
    cr_assert_neq(result, MAIL_PERMANENT, "seed %d, fault %d at %d", (int)world->seed,
                  (int)world->fault, (int)world->n);
}

static void step(struct world *world)
{
    switch (draw(world, 8)) {
    case 0:
    case 1:
    case 2:
        deliver(world);
        break;
    case 3:
    case 4:
        run_session(world, true, false);
        break;
    case 5:
        run_session(world, true, true);
        break;
    case 6:
        run_session(world, false, draw(world, 2) == 0);
        break;
    case 7:
        compact(world);
        break;
    }
}

/* After a crash or a kill: the maildrop is what was acknowledged, or that with the operation that
 * was cut short, and stays it. */
static void recover(struct world *world)
{
    if (world->fault == FAULT_KILL)
        fake_disk_restart_process(world->disk);
    else
        fake_disk_restart(world->disk, world->loss, world->n);
    if (world->is_unsure && !is_like(world, &world->model))
        world->model = world->unsure;
    world->is_unsure = false;
    cr_assert(is_like(world, &world->model), "seed %d, crash %d at %d, loss %d", (int)world->seed,
              (int)world->fault, (int)world->n, (int)world->loss);

    /* What a killed process left is in nobody's promise until something is acknowledged on top. */
    struct disk_access access = fake_disk_access(world->disk, DISK_WAIT);
    struct model after = world->model;
    cr_assert_eq(deliver_batch(world, &access, 1, &after), MAIL_DONE,
                 "seed %d, crash %d at %d: no delivery afterwards", (int)world->seed,
                 (int)world->fault, (int)world->n);
    world->model = after;
}

static void count_finding(void *context, const struct verify_finding *finding)
{
    uint32_t *worth = context;
    *worth += verify_class_of(finding->kind) != VERIFY_NORMAL;
}

static void check_end(struct world *world)
{
    cr_assert(is_like(world, &world->model), "seed %d, fault %d at %d", (int)world->seed,
              (int)world->fault, (int)world->n);
    fake_disk_restart(world->disk, FAKE_LOSE_ALL, world->n);
    cr_assert(is_like(world, &world->model), "seed %d, fault %d at %d: not durable",
              (int)world->seed, (int)world->fault, (int)world->n);

    uint32_t worth = 0;
    struct disk_access access = fake_disk_access(world->disk, DISK_WAIT);
    const struct verify_options options = {.repair = false};
    const struct verify_reader reader = {count_finding, &worth};
    struct verify_summary summary;
    cr_assert_eq(verify_maildrop(&access, PATH, &options, &reader, &summary), MAIL_DONE);
    cr_assert_eq(worth, 0, "seed %d, fault %d at %d", (int)world->seed, (int)world->fault,
                 (int)world->n);
    cr_assert_eq(summary.message_count, world->model.count);
}

/* One sequence with a fault at its n-th operation. Returns how many operations it took. */
static uint64_t run(uint64_t seed, enum fault fault, uint64_t n, enum fake_loss loss)
{
    struct world world = {
        .disk = drop_store(), .random = seed, .seed = seed, .n = n, .fault = fault, .loss = loss};
    fake_disk_refuse_punch(world.disk, seed % 4 == 3);
    if (fault == FAULT_EIO || fault == FAULT_ENOSPC)
        fake_disk_fail_at(world.disk, n, fault == FAULT_EIO ? EIO : ENOSPC);
    else if (fault != FAULT_NONE)
        fake_disk_crash_at(world.disk, n);

    uint64_t operations = 0;
    for (int i = 0; i < STEPS; i++) {
        uint64_t before = fake_disk_operations(world.disk);
        step(&world);
        operations += fake_disk_operations(world.disk) - before;
        if (fake_disk_has_crashed(world.disk))
            recover(&world);
        cr_assert_eq(fake_disk_open_files(world.disk), 0);
        if (fault == FAULT_EIO || fault == FAULT_ENOSPC) {
            bool is_over = operations >= n;
            if (is_over)
                cr_assert(is_like(&world, &world.model), "seed %d, fault %d at %d, step %d",
                          (int)seed, (int)fault, (int)n, i);
        }
    }
    check_end(&world);
    fake_disk_free(&world.disk);
    return operations;
}

static void run_all(uint64_t first, uint64_t count)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t operations = run(seed, FAULT_NONE, 0, FAKE_LOSE_ALL);
        cr_assert_gt(operations, 20);
        for (uint64_t n = 1; n <= operations; n++) {
            run(seed, FAULT_EIO, n, FAKE_LOSE_ALL);
            run(seed, FAULT_ENOSPC, n, FAKE_LOSE_ALL);
            run(seed, FAULT_KILL, n, FAKE_LOSE_ALL);
            run(seed, FAULT_CRASH, n, FAKE_LOSE_ALL);
            run(seed, FAULT_CRASH, n, FAKE_LOSE_NONE);
            run(seed, FAULT_CRASH, n, FAKE_LOSE_SOME);
        }
    }
}

Test(store_model, faults_everywhere_1)
{
    run_all(1, 2);
}

Test(store_model, faults_everywhere_2)
{
    run_all(3, 2);
}

Test(store_model, faults_everywhere_3)
{
    run_all(5, 2);
}

Test(store_model, long_sequences_without_faults)
{
    for (uint64_t seed = 100; seed < 400; seed++)
        run(seed, FAULT_NONE, 0, FAKE_LOSE_ALL);
}
