/* test_send: plans over real sockets and real files: every byte once and in order, however the
 * socket and the disk behave. */
#include "core/send.h"

#include "core/disk_posix.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_BYTES (3u << 20)
#define GOT_MAX    (8u << 20)

static char root[64];
static struct disk *disk;
static struct disk_access access_now;
static int file;
static char *mail;  /* what is in the file */
static int ends[2]; /* we send to the first and read from the second */
static struct plan plan;
static struct send_stream stream;
static struct send_counters counters;
static char *expected, *got;
static size_t expected_bytes, got_bytes;

static void begin_files(void)
{
    strcpy(root, "/tmp/ringpost-send-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
    disk = disk_posix_open(root);
    cr_assert_not_null(disk);
    access_now = (struct disk_access){disk, DISK_NOW, malloc(DISK_SCRATCH_BYTES)};
    mail = malloc(FILE_BYTES);
    expected = malloc(GOT_MAX);
    got = malloc(GOT_MAX);
    srand(11);
    for (size_t i = 0; i < FILE_BYTES; i++)
        mail[i] = (char)rand();
    file = disk_open(disk, "wire", DISK_CREATE_NEW, DISK_WAIT);
    cr_assert_geq(file, 0);
    cr_assert_eq(disk_write(disk, file, mail, FILE_BYTES, 0), 0);
    signal(SIGPIPE, SIG_IGN);
}

static void end_files(void)
{
    disk_close(disk, file);
    disk_remove(disk, "wire");
    disk_posix_close(&disk);
    rmdir(root);
    free(access_now.scratch);
    free(mail);
    free(expected);
    free(got);
}

TestSuite(send, .init = begin_files, .fini = end_files, .timeout = 50);

static void begin_plan(void)
{
    plan_init(&plan);
    send_begin(&stream);
    expected_bytes = got_bytes = 0;
}

/* A fresh pair of unix sockets, with send buffers of `room` bytes or what the kernel makes of it.
 */
static void begin_pair(int room)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    if (room > 0)
        cr_assert_eq(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    stream = (struct send_stream){.socket = ends[0]};
    counters = (struct send_counters){0};
    begin_plan();
}

static void begin_tcp(int room)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(setsockopt(listening, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    cr_assert_eq(setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    cr_assert_eq(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(listening, 1), 0);
    cr_assert_eq(getsockname(listening, (struct sockaddr *)&address, &bytes), 0);
    cr_assert_eq(connect(ends[1], (struct sockaddr *)&address, sizeof address), 0);
    ends[0] = accept(listening, NULL, NULL);
    cr_assert_geq(ends[0], 0);
    close(listening);
    stream = (struct send_stream){.socket = ends[0]};
    counters = (struct send_counters){0};
    begin_plan();
}

static void end_pair(void)
{
    close(ends[0]);
    close(ends[1]);
}

static void expect(const char *bytes, size_t count)
{
    cr_assert_leq(expected_bytes + count, GOT_MAX);
    memcpy(expected + expected_bytes, bytes, count);
    expected_bytes += count;
}

static void add_text(const char *bytes, size_t count)
{
    plan_text(&plan, (struct span){bytes, count});
    expect(bytes, count);
}

static void add_range(uint64_t offset, uint64_t bytes)
{
    plan_range(&plan, (struct mail_range){.file = file, .offset = offset, .bytes = bytes});
    expect(mail + offset, bytes);
}

static void add_memory(uint64_t offset, uint64_t bytes)
{
    plan_range(&plan, (struct mail_range){.memory = mail + offset, .file = -1, .bytes = bytes});
    expect(mail + offset, bytes);
}

/* Reads up to `most` bytes of what has arrived. */
static void read_some(size_t most)
{
    ssize_t count = recv(ends[1], got + got_bytes, most, MSG_DONTWAIT);
    got_bytes += count > 0 ? (size_t)count : 0;
}

static uint64_t now_ms;

/* In a turn of its own. */
static enum send_result send_to(uint32_t piece_end)
{
    counters.turn_left = SEND_TURN_BYTES;
    return send_plan(&stream, &plan, piece_end, false, &access_now, now_ms, &counters);
}

/* Sends all, as a shard does: what is cold is read, a full socket is waited for while the peer
 * reads `most` bytes at a time. */
static enum send_result send_all(size_t most)
{
    for (;;) {
        enum send_result result = send_to(plan.piece_count);
        if (result == SEND_COLD)
            stream.populated = true;
        else if (result == SEND_FULL)
            while (poll(&(struct pollfd){.fd = ends[0], .events = POLLOUT}, 1, 0) == 0)
                read_some(most);
        else if (result != SEND_YIELD)
            return result;
    }
}

static void check_arrived(void)
{
    cr_assert_eq(shutdown(ends[0], SHUT_WR), 0);
    while (got_bytes < expected_bytes) {
        ssize_t count = recv(ends[1], got + got_bytes, GOT_MAX - got_bytes, 0);
        cr_assert_gt(count, 0, "%zu of %zu bytes arrived", got_bytes, expected_bytes);
        got_bytes += (size_t)count;
    }
    cr_assert_eq(got_bytes, expected_bytes);
    cr_assert_eq(memcmp(got, expected, got_bytes), 0);
    char surplus;
    cr_assert_eq(recv(ends[1], &surplus, 1, 0), 0);
}

Test(send, texts_memory_and_small_ranges_leave_in_one_call)
{
    begin_pair(0);
    add_text("+OK\r\n", 5);
    add_range(100, SEND_COPY_MAX);
    add_text(".\r\n", 3);
    add_memory(9000, 3 * SEND_COPY_MAX);
    add_range(7, 1);
    cr_assert_eq(send_to(plan.piece_count), SEND_DONE);
    cr_expect_eq(counters.calls, 1);
    cr_expect_eq(counters.range_calls, 0);
    cr_expect_eq(counters.bytes, expected_bytes);
    cr_expect_not(stream.nonblocking);
    check_arrived();
    end_pair();
}

Test(send, a_large_range_goes_by_itself_and_makes_the_socket_nonblocking)
{
    begin_pair(0);
    add_text("before", 6);
    add_range(1000, SEND_COPY_MAX + 1);
    add_text("behind", 6);
    cr_assert_eq(send_all(0), SEND_DONE);
    cr_expect_eq(counters.calls, 2);
    cr_expect_eq(counters.range_calls, 1);
    cr_expect_eq(counters.bytes, expected_bytes);
    cr_expect(stream.nonblocking);
    cr_expect_neq(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    check_arrived();
    end_pair();
}

Test(send, an_empty_plan_needs_no_call)
{
    begin_pair(0);
    cr_assert_eq(send_to(0), SEND_DONE);
    cr_expect_eq(counters.calls + counters.range_calls, 0);
    end_pair();
}

Test(send, pieces_behind_the_end_wait)
{
    begin_pair(0);
    add_text("first", 5);
    add_range(50, 100);
    size_t first_bytes = expected_bytes;
    add_text("second", 6);
    add_range(5000, 3 * SEND_COPY_MAX);
    cr_assert_eq(send_to(2), SEND_DONE);
    cr_expect_eq(stream.piece, 2);
    cr_expect_eq(counters.bytes, first_bytes);
    cr_assert_eq(send_all(0), SEND_DONE);
    check_arrived();
    end_pair();
}

/* The plan that is cut at every byte: texts, small and large ranges, memory. */
static void add_one_of_each(void)
{
    add_text("+OK listing follows\r\n", 21);
    add_range(3000, 40);
    add_text("1 a\r\n", 5);
    add_range(20000, SEND_COPY_MAX + 20);
    add_memory(77, 33);
    add_text(".\r\n", 3);
}

static void place_cursor(uint64_t sent)
{
    send_begin(&stream);
    while (stream.piece < plan.piece_count && sent >= plan.pieces[stream.piece].range.bytes)
        sent -= plan.pieces[stream.piece++].range.bytes;
    stream.sent = stream.piece < plan.piece_count ? sent : 0;
}

Test(send, goes_on_from_every_byte)
{
    begin_pair(0);
    add_one_of_each();
    size_t whole = expected_bytes;
    for (size_t sent = 0; sent <= whole; sent++) {
        place_cursor(sent);
        counters = (struct send_counters){0};
        got_bytes = 0;
        cr_assert_eq(send_all(GOT_MAX), SEND_DONE);
        while (got_bytes < whole - sent)
            read_some(GOT_MAX - got_bytes);
        cr_assert_eq(counters.bytes, whole - sent);
        cr_assert_eq(memcmp(got, expected + sent, whole - sent), 0);
        cr_assert_eq(stream.piece, plan.piece_count);
    }
    end_pair();
}

/* A piece may grow while a part of it has been sent, also from a small one to a large one. */
Test(send, a_piece_that_grows_goes_on)
{
    begin_pair(0);
    add_text("text", 4);
    add_range(0, SEND_COPY_MAX);
    place_cursor(4 + 100);
    expected_bytes = 0;
    expect(mail + 100, SEND_COPY_MAX - 100);
    add_range(SEND_COPY_MAX, 10000);
    add_text("end", 3);
    cr_assert_eq(plan.piece_count, 3);
    cr_assert_eq(send_all(0), SEND_DONE);
    check_arrived();
    end_pair();
}

static void send_through_a_small_socket(size_t most)
{
    for (int i = 0; i < 3; i++) {
        add_one_of_each();
        add_range((uint64_t)i * 300000, 300000);
        add_text("between", 7);
        add_memory(11, 50000);
    }
    cr_assert_eq(send_all(most), SEND_DONE);
    cr_expect_eq(counters.bytes, expected_bytes);
    cr_expect_gt(counters.calls + counters.range_calls, 20);
    check_arrived();
    end_pair();
}

Test(send, a_tiny_unix_socket_and_a_slow_reader)
{
    begin_pair(1);
    send_through_a_small_socket(777);
}

Test(send, a_tiny_tcp_socket_and_a_slow_reader)
{
    begin_tcp(4096);
    send_through_a_small_socket(3001);
}

static void add_at_random(void)
{
    uint64_t offset = (uint64_t)rand() % (FILE_BYTES / 2);
    switch (rand() % 4) {
    case 0:
        add_text(mail + offset, 1 + (size_t)rand() % 300);
        break;
    case 1:
        add_range(offset, 1 + (uint64_t)rand() % SEND_COPY_MAX);
        break;
    case 2:
        add_range(offset, 1 + (uint64_t)rand() % 40000);
        break;
    case 3:
        add_memory(offset, 1 + (uint64_t)rand() % 20000);
        break;
    }
}

/* Pieces come in while others are on their way, as pipelined commands bring them; a plan that has
 * been sent is begun anew. */
Test(send, plans_at_random_arrive_whole)
{
    for (uint32_t round = 0; round < 100; round++) {
        begin_pair(1 + rand() % 20000);
        for (uint32_t i = 0; i < 100 && plan_has_room(&plan, 300, 1); i++) {
            add_at_random();
            enum send_result result = rand() % 4 == 0 ? send_to(plan.piece_count) : SEND_FULL;
            cr_assert_lt(result, SEND_BROKEN);
            if (result == SEND_DONE) {
                plan_init(&plan);
                send_begin(&stream);
            }
            stream.populated = result == SEND_COLD;
            read_some((size_t)rand() % 5000);
        }
        cr_assert_eq(send_all(1 + (size_t)rand() % 9000), SEND_DONE);
        cr_assert_eq(counters.bytes, expected_bytes);
        check_arrived();
        end_pair();
    }
}

/* What is not in memory: no file system has a page behind the end of a file. */
Test(send, a_cold_window_is_named_and_what_stands_before_it_has_left)
{
    begin_pair(0);
    add_text("before", 6);
    uint64_t offset = FILE_BYTES + (1u << 20);
    plan_range(&plan, (struct mail_range){.file = file, .offset = offset, .bytes = 300000});
    cr_assert_eq(send_to(plan.piece_count), SEND_COLD);
    cr_expect_eq(stream.piece, 1);
    cr_expect_eq(stream.cold.file, file);
    cr_expect_eq(stream.cold.offset, offset);
    cr_expect_eq(stream.cold.bytes, SEND_WINDOW_BYTES);
    check_arrived();
    end_pair();
}

static void expect_damaged(uint64_t bytes)
{
    begin_pair(0);
    add_text("+OK\r\n", 5);
    plan_range(&plan, (struct mail_range){.file = file, .offset = 10, .bytes = bytes});
    add_text("never", 5);
    expected_bytes = 5;
    cr_assert_eq(disk_truncate(disk, file, 10 + bytes / 2), 0);
    expect(mail + 10, bytes > SEND_COPY_MAX ? bytes / 2 : 0);
    cr_assert_eq(send_all(0), SEND_DAMAGED);
    check_arrived();
    end_pair();
}

/* The client must see that the answer was cut off, and never one byte of what comes next. */
Test(send, a_small_range_of_a_file_cut_short_is_damaged)
{
    expect_damaged(SEND_COPY_MAX);
}

Test(send, a_large_range_of_a_file_cut_short_is_damaged)
{
    expect_damaged(100000);
}

/* What was in memory a moment ago is sent without another look: the file that has been cut short
 * meanwhile is noticed by the send. Later it is looked at, and is not there. */
Test(send, what_was_in_memory_is_believed_for_a_moment)
{
    begin_pair(0);
    now_ms = 1000;
    for (uint64_t offset = 0; offset < 30000; offset += 10000) {
        add_range(offset, 10000);
        plan.pieces[0].range.resident_bytes = 10000;
        cr_assert_eq(send_all(0), SEND_DONE);
        plan_init(&plan);
        send_begin(&stream);
    }
    cr_assert_eq(disk_truncate(disk, file, 0), 0);
    now_ms += SEND_BELIEF_MS - 1;
    add_range(5000, 20000);
    cr_expect_eq(send_to(1), SEND_DAMAGED);
    now_ms++;
    cr_expect_eq(send_to(1), SEND_COLD);
    end_pair();
}

/* What is known of the bytes behind a range is believed when they are asked for. */
Test(send, what_is_known_behind_a_range_is_believed_too)
{
    begin_pair(0);
    now_ms = 1000;
    add_range(0, 10000);
    plan.pieces[0].range.resident_bytes = 30000;
    cr_assert_eq(send_all(0), SEND_DONE);
    plan_init(&plan);
    send_begin(&stream);
    cr_assert_eq(disk_truncate(disk, file, 0), 0);
    add_range(10000, 20000);
    cr_expect_eq(send_to(1), SEND_DAMAGED);
    plan_init(&plan);
    send_begin(&stream);
    add_range(10000, 20001);
    cr_expect_eq(send_to(1), SEND_COLD);
    end_pair();
}

Test(send, a_closed_peer_is_broken)
{
    for (int large = 0; large < 2; large++) {
        begin_pair(0);
        add_range(0, large ? 50000 : 50);
        close(ends[1]);
        cr_expect_eq(send_all(0), SEND_BROKEN);
        close(ends[0]);
    }
}

static void *read_fast(void *unused)
{
    ssize_t count;
    while ((count = recv(ends[1], got + got_bytes, GOT_MAX - got_bytes, 0)) > 0)
        got_bytes += (size_t)count;
    return unused;
}

/* However fast the peer reads, the others have their turn. */
Test(send, a_call_sends_no_more_than_a_turn)
{
    pthread_t peer;
    begin_tcp(4 << 20);
    add_range(1, FILE_BYTES - 1);
    cr_assert_eq(pthread_create(&peer, NULL, read_fast, NULL), 0);
    uint64_t before = 0;
    for (enum send_result result = SEND_FULL; result != SEND_DONE; before = counters.bytes) {
        result = send_to(plan.piece_count);
        cr_assert_lt(result, SEND_BROKEN);
        cr_assert_lt(counters.bytes - before, SEND_TURN_BYTES + SEND_WINDOW_BYTES);
        stream.populated = result == SEND_COLD;
        if (result == SEND_FULL)
            (void)poll(&(struct pollfd){.fd = ends[0], .events = POLLOUT}, 1, -1);
    }
    cr_assert_eq(shutdown(ends[0], SHUT_WR), 0);
    pthread_join(peer, NULL);
    cr_assert_eq(got_bytes, expected_bytes);
    cr_assert_eq(memcmp(got, expected, got_bytes), 0);
    end_pair();
}

/* What others have sent in this turn counts, and only what is large waits for the next. */
Test(send, a_large_piece_waits_when_the_turn_is_used_up)
{
    begin_pair(0);
    add_range(0, SEND_COPY_MAX);
    add_range(1, SEND_COPY_MAX + 1);
    counters.turn_left = 0;
    cr_assert_eq(send_plan(&stream, &plan, 2, false, &access_now, now_ms, &counters), SEND_YIELD);
    cr_expect_eq(stream.piece, 1, "the small one has left");
    cr_expect_eq(counters.bytes, SEND_COPY_MAX);
    counters.turn_left = 1;
    enum send_result result = send_plan(&stream, &plan, 2, false, &access_now, now_ms, &counters);
    cr_expect_neq(result, SEND_YIELD, "one byte that is left is enough to begin");
    cr_assert_eq(send_all(GOT_MAX), SEND_DONE);
    check_arrived();
    end_pair();
}

Test(send, a_turn_counts_down_to_nothing)
{
    struct send_counters turn = {.turn_left = 100};
    send_count_turn(&turn, 30);
    cr_expect_eq(turn.turn_left, 70);
    send_count_turn(&turn, 70);
    cr_expect_eq(turn.turn_left, 0);
    send_count_turn(&turn, 1);
    cr_expect_eq(turn.turn_left, 0);
}

/* Collects all in portions of `room` bytes and returns the last result. */
static enum send_result collect_all(size_t room)
{
    enum send_result result = SEND_DONE;
    for (size_t count = 1; count > 0; got_bytes += count) {
        result = send_collect(&stream, &plan, plan.piece_count, &access_now, got + got_bytes, room,
                              &count);
        cr_assert_leq(count, room);
        cr_assert(result != SEND_DONE || count == room || stream.piece == plan.piece_count);
    }
    return result;
}

Test(send, what_is_collected_is_the_plan_in_portions_of_any_size)
{
    static const size_t rooms[] = {1, 2, 3, 7, 100, 4096, 16384, 100000};
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        begin_pair(0);
        add_text("+OK\r\n", 5);
        add_range(3, 20000);
        add_range(20003, 10);
        add_text("+OK Bye.\r\n", 10);
        cr_assert_eq(collect_all(rooms[i]), SEND_DONE);
        cr_expect_eq(got_bytes, expected_bytes);
        cr_expect_eq(memcmp(got, expected, expected_bytes), 0);
        cr_expect_eq(stream.piece, plan.piece_count);
        end_pair();
    }
}

Test(send, no_more_is_collected_than_was_asked_for)
{
    size_t count;
    begin_pair(0);
    add_text("+OK\r\n", 5);
    add_range(0, 50);
    add_text("later", 5);
    cr_assert_eq(send_collect(&stream, &plan, 2, &access_now, got, 1000, &count), SEND_DONE);
    cr_expect_eq(count, 55);
    cr_expect_eq(stream.piece, 2);
    cr_expect_eq(memcmp(got, expected, 55), 0);
    end_pair();
}

Test(send, a_range_cut_short_is_not_collected)
{
    begin_pair(0);
    add_text("+OK\r\n", 5);
    add_range(0, 50000);
    cr_assert_eq(disk_truncate(disk, file, 20000), 0);
    cr_expect_eq(collect_all(16384), SEND_DAMAGED);
    cr_expect_leq(got_bytes, 5 + 20000);
    cr_expect_eq(memcmp(got, expected, got_bytes), 0);
    end_pair();
}
