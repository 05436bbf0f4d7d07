/* test_delivery_queue: letters to maildrops by many threads, on a real disk and real rings. */
#include "core/delivery_queue.h"
#include "core/disk_posix.h"
#include "core/store.h"
#include "storage/maildrop.h"
#include "storage/uidl.h"
#include "tests/support/drop_list.h"
#include "tests/support/written.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS      4
#define REQUESTS_MAX 200
#define MAILDROPS    7
#define OWNERS       2
#define OWNER_ROUNDS 60
#define LARGE_BYTES  (30 << 20)
#define LARGE_RSS_KB (16 << 10) /* what a process may grow by that handles 30 MB */

static char root[64];
static struct disk *disk;
static char scratch[DISK_SCRATCH_BYTES];
static const struct disk_access *access_wait;
static struct delivery_queue *queue;
static struct ring ring;

static void begin_queue(void)
{
    static struct disk_access access;
    char error[256];
    bool made;
    strcpy(root, "/tmp/ringpost-queue-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
    disk = store_open(root, STORE_MAKE_IN_EMPTY, &made, error, sizeof error);
    cr_assert_not_null(disk, "%s", error);
    access = (struct disk_access){disk, DISK_WAIT, scratch};
    access_wait = &access;
    cr_assert(ring_init(&ring, error, sizeof error), "%s", error);
    queue = delivery_queue_make(disk, THREADS, REQUESTS_MAX, error, sizeof error);
    cr_assert_not_null(queue, "%s", error);
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts, (void)kind, (void)place;
    return remove(path);
}

static void end_queue(void)
{
    delivery_queue_free(&queue);
    ring_fini(&ring);
    disk_posix_close(&disk);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(delivery_queue, .init = begin_queue, .fini = end_queue, .timeout = 100);

/* A request, and how often it was answered. */
struct sent {
    struct delivery_request request;
    uint32_t answers;
};

static void answered(struct op *op, int result, uint32_t flags)
{
    (void)flags;
    struct sent *sent = (struct sent *)(void *)((char *)op - offsetof(struct sent, request.op));
    cr_assert_eq(result, 0);
    sent->answers++;
}

static bool send_to(struct sent *sent, const char *path, const struct letter *letter,
                    uint32_t time_s, struct ring *owner)
{
    *sent = (struct sent){.request = {
                              .path = path,
                              .letter = letter,
                              .head = SPAN_LITERAL("Delivered-To: x\r\n"),
                              .limits = {.messages_max = 1000000},
                              .time_s = time_s,
                              .op.done = answered,
                              .result = MAIL_LATER,
                          }};
    return delivery_queue_submit(queue, &sent->request, owner);
}

static void wait_for(struct sent *sent, uint32_t count, struct ring *owner)
{
    for (uint32_t i = 0; i < count; i++) {
        while (sent[i].request.op.in_flight) {
            ring_wait(owner, true);
            ring_run(owner);
        }
        cr_assert_eq(sent[i].answers, 1);
    }
}

static void check_drop(const char *path, uint32_t count)
{
    struct drop_list list;
    cr_assert_eq(drop_list_read(access_wait, path, &list), MAIL_DONE, "%s", path);
    cr_assert_eq(list.count, count, "%s holds %u", path, list.count);
    for (uint32_t i = 1; i < list.count; i++)
        cr_assert_eq(list.messages[i].offset,
                     list.messages[i - 1].offset + list.messages[i - 1].wire_bytes);
    drop_list_free(&list);
}

/* Takes the lock that a delivery needs, as another process would have it; disk_close frees it. */
static int hold(const char *path)
{
    int index;
    struct native_tail tail;
    cr_assert_eq(maildrop_open_or_make(access_wait, path, DISK_LOCK_DELIVERY, &index, &tail),
                 MAIL_DONE);
    return index;
}

static void small_letter(struct written *written)
{
    written_init(written, access_wait, SPAN_LITERAL("Subject: x\n\ntext\n"), 1000);
}

Test(delivery_queue, a_letter_is_there_when_its_owner_hears_of_it)
{
    struct written written;
    struct sent sent;
    struct drop_list list;
    small_letter(&written);
    cr_assert(send_to(&sent, "aa/bb/one", &written.letter, 77, &ring));
    wait_for(&sent, 1, &ring);
    cr_assert_eq(sent.request.result, MAIL_DONE);
    cr_assert_eq(drop_list_read(access_wait, "aa/bb/one", &list), MAIL_DONE);
    cr_assert_eq(list.count, 1);
    cr_assert_eq(memcmp(list.messages[0].uidl, sent.request.uidl, UIDL_MADE_BYTES), 0);
    cr_assert_eq(list.messages[0].time_s, 77);
    cr_assert_eq(list.messages[0].content.length, 17 + 20);
    drop_list_free(&list);
    written_fini(&written, disk);
}

Test(delivery_queue, what_waits_for_one_maildrop_goes_together_and_in_order)
{
    struct written written;
    struct sent sent[100];
    struct drop_list list;
    struct delivery_queue_counters counters;
    small_letter(&written);
    int held = hold("aa/bb/one");
    for (uint32_t i = 0; i < 100; i++)
        cr_assert(send_to(&sent[i], "aa/bb/one", &written.letter, i, &ring));
    disk_close(disk, held);
    wait_for(sent, 100, &ring);
    delivery_queue_count(queue, &counters);
    cr_assert_eq(counters.delivered, 100);
    /* A thread may have taken some, and got the lock, just when the others had come. */
    cr_assert_leq(counters.batches, 2);
    cr_assert_leq(counters.syncs, 2 * 3);
    cr_assert_eq(counters.refused, 0);
    cr_assert_eq(counters.waiting, 0);
    cr_assert_eq(drop_list_read(access_wait, "aa/bb/one", &list), MAIL_DONE);
    cr_assert_eq(list.count, 100);
    for (uint32_t i = 0; i < 100; i++)
        cr_assert_eq(list.messages[i].time_s, i);
    drop_list_free(&list);
    written_fini(&written, disk);
}

Test(delivery_queue, a_maildrop_that_stays_locked_is_refused_after_a_while)
{
    struct written written;
    struct sent sent[3];
    small_letter(&written);
    delivery_queue_set_lock_ms(queue, 30);
    int held = hold("aa/bb/locked");
    for (uint32_t i = 0; i < 2; i++)
        cr_assert(send_to(&sent[i], "aa/bb/locked", &written.letter, i, &ring));
    wait_for(sent, 2, &ring);
    cr_assert_eq(sent[0].request.result, MAIL_TEMPORARY);
    cr_assert_eq(sent[1].request.result, MAIL_TEMPORARY);
    disk_close(disk, held);
    cr_assert(send_to(&sent[2], "aa/bb/locked", &written.letter, 0, &ring));
    wait_for(&sent[2], 1, &ring);
    cr_assert_eq(sent[2].request.result, MAIL_DONE);
    check_drop("aa/bb/locked", 1);
    written_fini(&written, disk);
}

/* More maildrops are locked by others than there are threads. */
Test(delivery_queue, slow_maildrops_stop_no_others)
{
    struct written written;
    struct sent slow[2 * THREADS], others[40];
    char paths[40][USERS_FOLDER_BYTES], slow_paths[2 * THREADS][USERS_FOLDER_BYTES];
    int held[2 * THREADS];
    small_letter(&written);
    for (uint32_t i = 0; i < 2 * THREADS; i++) {
        snprintf(slow_paths[i], sizeof slow_paths[i], "aa/bb/slow%u", i);
        held[i] = hold(slow_paths[i]);
        cr_assert(send_to(&slow[i], slow_paths[i], &written.letter, i, &ring));
    }
    for (uint32_t i = 0; i < 40; i++) {
        snprintf(paths[i], sizeof paths[i], "aa/bb/user%u", i);
        cr_assert(send_to(&others[i], paths[i], &written.letter, i, &ring));
    }
    wait_for(others, 40, &ring);
    for (uint32_t i = 0; i < 2 * THREADS; i++) {
        cr_assert(slow[i].request.op.in_flight);
        disk_close(disk, held[i]);
    }
    wait_for(slow, 2 * THREADS, &ring);
    for (uint32_t i = 0; i < 40; i++)
        check_drop(paths[i], 1);
    for (uint32_t i = 0; i < 2 * THREADS; i++) {
        cr_assert_eq(slow[i].request.result, MAIL_DONE);
        check_drop(slow_paths[i], 1);
    }
    written_fini(&written, disk);
}

Test(delivery_queue, a_full_queue_refuses_at_once)
{
    static struct sent sent[REQUESTS_MAX + 1];
    struct written written;
    struct delivery_queue_counters counters;
    small_letter(&written);
    int held = hold("aa/bb/one");
    for (uint32_t i = 0; i < REQUESTS_MAX; i++)
        cr_assert(send_to(&sent[i], "aa/bb/one", &written.letter, i, &ring));
    cr_assert_not(send_to(&sent[REQUESTS_MAX], "aa/bb/two", &written.letter, 0, &ring));
    cr_assert_not(sent[REQUESTS_MAX].request.op.in_flight);
    delivery_queue_count(queue, &counters);
    cr_assert_eq(counters.waiting, REQUESTS_MAX);
    disk_close(disk, held);
    wait_for(sent, REQUESTS_MAX, &ring);
    cr_assert(send_to(&sent[REQUESTS_MAX], "aa/bb/two", &written.letter, 0, &ring));
    wait_for(&sent[REQUESTS_MAX], 1, &ring);
    cr_assert_eq(sent[REQUESTS_MAX].request.result, MAIL_DONE);
    written_fini(&written, disk);
}

/* As many maildrops as the queue may have requests: each needs a lane of its own. */
Test(delivery_queue, every_request_may_be_for_another_maildrop)
{
    static struct sent sent[REQUESTS_MAX];
    static char paths[REQUESTS_MAX][USERS_FOLDER_BYTES];
    struct written written;
    small_letter(&written);
    for (uint32_t round = 1; round <= 2; round++) {
        for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
            snprintf(paths[i], sizeof paths[i], "aa/bb/user%u", i);
            cr_assert(send_to(&sent[i], paths[i], &written.letter, i, &ring));
        }
        wait_for(sent, REQUESTS_MAX, &ring);
    }
    for (uint32_t i = 0; i < REQUESTS_MAX; i++)
        check_drop(paths[i], 2);
    written_fini(&written, disk);
}

/* One letter to a thousand recipients, 20 of them the same user: it outlives all of its requests.
 */
Test(delivery_queue, a_thousand_recipients_of_one_letter)
{
    static struct sent sent[1000];
    static char paths[50][USERS_FOLDER_BYTES];
    struct written written;
    small_letter(&written);
    for (uint32_t i = 0; i < 50; i++)
        snprintf(paths[i], sizeof paths[i], "aa/bb/user%u", i);
    for (uint32_t i = 0; i < 1000; i += REQUESTS_MAX) {
        for (uint32_t k = i; k < i + REQUESTS_MAX; k++)
            cr_assert(send_to(&sent[k], paths[k % 50], &written.letter, k, &ring));
        wait_for(&sent[i], REQUESTS_MAX, &ring);
    }
    written_fini(&written, disk);
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(sent[i].request.result, MAIL_DONE);
    for (uint32_t i = 0; i < 50; i++)
        check_drop(paths[i], 20);
}

Test(delivery_queue, a_damaged_maildrop_fails_alone)
{
    struct written written;
    struct sent good[2], bad[2];
    char noise[5 * RECORD_BYTES];
    small_letter(&written);
    disk_close(disk, hold("aa/bb/bad"));
    int index = disk_open(disk, "aa/bb/bad/index", DISK_READ_WRITE, DISK_WAIT);
    memset(noise, 'n', sizeof noise);
    cr_assert_eq(disk_write(disk, index, noise, sizeof noise, 0), 0);
    disk_close(disk, index);
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert(send_to(&bad[i], "aa/bb/bad", &written.letter, i, &ring));
        cr_assert(send_to(&good[i], "aa/bb/good", &written.letter, i, &ring));
    }
    wait_for(bad, 2, &ring);
    wait_for(good, 2, &ring);
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert_eq(bad[i].request.result, MAIL_PERMANENT);
        cr_assert_eq(good[i].request.result, MAIL_DONE);
    }
    check_drop("aa/bb/good", 2);
    written_fini(&written, disk);
}

static const char *drop_path(uint32_t i)
{
    static const char *const paths[MAILDROPS] = {"aa/bb/0", "aa/bb/1", "aa/cc/2", "aa/cc/3",
                                                 "dd/bb/4", "dd/bb/5", "dd/bb/6"};
    return paths[i];
}

/* An owner with a ring of his own, as a shard is; all send to the same maildrops. */
static void *own(void *unused)
{
    struct sent sent[2 * MAILDROPS];
    struct written written;
    struct ring mine;
    char error[256];
    (void)unused;
    cr_assert(ring_init(&mine, error, sizeof error), "%s", error);
    small_letter(&written);
    for (uint32_t round = 0; round < OWNER_ROUNDS; round++) {
        for (uint32_t i = 0; i < 2 * MAILDROPS; i++)
            cr_assert(send_to(&sent[i], drop_path(i % MAILDROPS), &written.letter, i, &mine));
        wait_for(sent, 2 * MAILDROPS, &mine);
        for (uint32_t i = 0; i < 2 * MAILDROPS; i++)
            cr_assert_eq(sent[i].request.result, MAIL_DONE);
    }
    written_fini(&written, disk);
    ring_fini(&mine);
    return NULL;
}

Test(delivery_queue, owners_on_many_threads_share_the_maildrops)
{
    pthread_t owners[OWNERS];
    struct delivery_queue_counters counters;
    for (int i = 0; i < OWNERS; i++)
        cr_assert_eq(pthread_create(&owners[i], NULL, own, NULL), 0);
    for (int i = 0; i < OWNERS; i++)
        pthread_join(owners[i], NULL);
    for (uint32_t i = 0; i < MAILDROPS; i++)
        check_drop(drop_path(i), 2 * OWNERS * OWNER_ROUNDS);
    delivery_queue_count(queue, &counters);
    cr_assert_eq(counters.delivered, 2 * OWNERS * OWNER_ROUNDS * MAILDROPS);
    cr_assert_eq(counters.waiting, 0);
}

Test(delivery_queue, the_end_lets_the_queue_run_empty)
{
    struct sent sent[100];
    struct written written;
    small_letter(&written);
    for (uint32_t i = 0; i < 100; i++)
        cr_assert(send_to(&sent[i], drop_path(i % MAILDROPS), &written.letter, i, &ring));
    delivery_queue_free(&queue);
    cr_assert_null(queue);
    wait_for(sent, 100, &ring);
    for (uint32_t i = 0; i < 100; i++)
        cr_assert_eq(sent[i].request.result, MAIL_DONE);
    check_drop(drop_path(0), 15);
    written_fini(&written, disk);
}

static long peak_kb(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
}

/* 30 MB to three users by way of a block: none of it is ever in memory as a whole. */
Test(delivery_queue, a_letter_of_30_mb_needs_no_more_memory_than_another)
{
    static char block[LETTER_BLOCK_BYTES], lines[65536];
    struct letter letter;
    struct sent sent[3];
    const long before_kb = peak_kb();
    for (size_t i = 0; i < sizeof lines; i++)
        lines[i] = i % 64 == 63 ? '\n' : (char)('a' + i / 64 % 26);
    letter_begin(&letter, block, sizeof block, LETTER_OCTETS_MAX);
    for (size_t done = 0; done < LARGE_BYTES; done += sizeof lines) {
        struct span raw = {lines, sizeof lines};
        while (letter_write(&letter, &raw) == MAIL_LATER)
            cr_assert_eq(letter_spill(&letter, access_wait), MAIL_DONE);
    }
    cr_assert_eq(letter_end(&letter), MAIL_DONE);
    cr_assert_eq(letter.octets, LARGE_BYTES / 64 * 65);
    cr_assert(letter_is_in_file(&letter));
    for (uint32_t i = 0; i < 3; i++)
        cr_assert(send_to(&sent[i], drop_path(i), &letter, i, &ring));
    wait_for(sent, 3, &ring);
    letter_fini(&letter, disk);
    cr_assert_lt(peak_kb() - before_kb, LARGE_RSS_KB);
    for (uint32_t i = 0; i < 3; i++) {
        struct drop_list list;
        cr_assert_eq(sent[i].request.result, MAIL_DONE);
        cr_assert_eq(drop_list_read(access_wait, drop_path(i), &list), MAIL_DONE);
        cr_assert_eq(list.count, 1);
        cr_assert_eq(list.messages[0].content.length, 17 + LARGE_BYTES / 64 * 65);
        drop_list_free(&list);
    }
}
