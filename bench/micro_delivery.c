/* micro_delivery: letters of 10 KB through the delivery queue into a store on a real disk.
 *
 * A number of senders, each with one letter under way at a time, as LMTP connections have them, and
 * a number of maildrops that they deliver to in turn. Prints messages a second, processor time a
 * message (of this process, the kernel's own threads left out) and syncs a message. The store is
 * made in the folder given, or in the working directory, and removed; a memory file system has no
 * syncs worth measuring.
 *
 *     micro_delivery [FOLDER [SECONDS [SENDERS MAILDROPS [THREADS]]]]
 */
#include "core/delivery_queue.h"
#include "core/disk_posix.h"
#include "core/store.h"
#include "proto/must.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define THREADS       64 /* the server's default */
#define SENDERS_MAX   256
#define MAILDROPS_MAX 256
#define LETTER_BYTES  10240

struct sender {
    struct delivery_request request;
    struct letter letter;
    char block[LETTER_BYTES * 2];
    struct load *load;
};

/* One line of the table. */
struct load {
    struct delivery_queue *queue;
    struct ring ring;
    uint32_t maildrops;
    uint32_t next_maildrop;
    uint32_t under_way;
    bool ending;
    char paths[MAILDROPS_MAX][USERS_FOLDER_BYTES];
    struct sender senders[SENDERS_MAX];
};

static void submit(struct sender *sender);

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void delivered(struct op *op, int result, uint32_t flags)
{
    (void)result, (void)flags;
    struct sender *sender =
        (struct sender *)(void *)((char *)op - offsetof(struct sender, request.op));
    must(sender->request.result == MAIL_DONE);
    sender->load->under_way--;
    if (!sender->load->ending)
        submit(sender);
}

/* Each message is coded anew, as it would be for a message that has just come. */
static void submit(struct sender *sender)
{
    static char text[LETTER_BYTES];
    static const char head[] = "Return-Path: <sender@example.org>\r\n";
    if (text[0] == '\0')
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = i % 72 == 71 ? '\n' : (char)('a' + i % 26);
    struct span raw = {text, sizeof text};
    struct load *load = sender->load;
    letter_begin(&sender->letter, sender->block, sizeof sender->block, LETTER_OCTETS_MAX);
    must(letter_write(&sender->letter, &raw) == MAIL_DONE);
    must(letter_end(&sender->letter) == MAIL_DONE);
    sender->request = (struct delivery_request){
        .path = load->paths[load->next_maildrop++ % load->maildrops],
        .letter = &sender->letter,
        .head = SPAN_LITERAL(head),
        .limits = {.messages_max = UINT32_MAX},
        .time_s = (uint32_t)time(NULL),
        .op.done = delivered,
    };
    must(delivery_queue_submit(load->queue, &sender->request, &load->ring));
    load->under_way++;
}

static void turn(struct load *load)
{
    ring_wait(&load->ring, true);
    ring_run(&load->ring);
}

static void measure(struct disk *disk, uint32_t threads, uint32_t senders, uint32_t maildrops,
                    double seconds)
{
    char error[256];
    struct load *load = calloc(1, sizeof *load);
    must(threads > 0 && senders > 0 && senders <= SENDERS_MAX);
    must(maildrops > 0 && maildrops <= MAILDROPS_MAX);
    must(load != NULL && ring_init(&load->ring, error, sizeof error));
    load->queue = delivery_queue_make(disk, threads, SENDERS_MAX, error, sizeof error);
    must(load->queue != NULL);
    load->maildrops = maildrops;
    for (uint32_t i = 0; i < maildrops; i++) {
        char name[32];
        snprintf(name, sizeof name, "user%u", i);
        must(users_folder((struct span){name, strlen(name)}, load->paths[i]));
    }
    for (uint32_t i = 0; i < senders; i++) {
        load->senders[i].load = load;
        submit(&load->senders[i]);
    }
    struct delivery_queue_counters before, after;
    for (double end = seconds_now() + seconds / 4; seconds_now() < end;)
        turn(load);
    delivery_queue_count(load->queue, &before);
    double began = seconds_now(), cpu_began = cpu_us();
    while (seconds_now() < began + seconds)
        turn(load);
    delivery_queue_count(load->queue, &after);
    double took = seconds_now() - began, cpu = cpu_us() - cpu_began;
    load->ending = true;
    while (load->under_way > 0)
        turn(load);
    double count = (double)(after.delivered - before.delivered);
    printf("%7u %9u %10.0f %13.1f %12.2f %12.1f\n", senders, maildrops, count / took, cpu / count,
           (double)(after.syncs - before.syncs) / count,
           count / (double)(after.batches - before.batches));
    fflush(stdout);
    delivery_queue_free(&load->queue);
    ring_fini(&load->ring);
    free(load);
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts, (void)kind, (void)place;
    return remove(path);
}

static uint32_t number(const char *digits)
{
    return (uint32_t)strtoul(digits, NULL, 10);
}

int main(int argument_count, char **arguments)
{
    static const uint32_t loads[][2] = {{1, 1},    {20, 1},   {200, 1},  {20, 20},
                                        {200, 20}, {64, 200}, {200, 200}};
    double seconds = argument_count > 2 ? strtod(arguments[2], NULL) : 1;
    char root[4096], error[256];
    bool made;
    snprintf(root, sizeof root, "%s/micro_delivery-%d", argument_count > 1 ? arguments[1] : ".",
             (int)getpid());
    struct disk *disk = store_open(root, STORE_MAKE_IN_EMPTY, &made, error, sizeof error);
    if (disk == NULL) {
        fprintf(stderr, "micro_delivery: %s\n", error);
        return 1;
    }
    printf("senders maildrops messages/s CPU us/message syncs/message messages/batch\n");
    const bool is_one = argument_count > 4;
    if (is_one)
        measure(disk, argument_count > 5 ? number(arguments[5]) : THREADS, number(arguments[3]),
                number(arguments[4]), seconds);
    for (size_t i = 0; i < sizeof loads / sizeof *loads && !is_one; i++)
        measure(disk, THREADS, loads[i][0], loads[i][1], seconds);
    disk_posix_close(&disk);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
