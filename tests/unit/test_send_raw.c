/* test_send_raw: messages that are coded while they are sent, over real sockets and files.
 *
 * What arrives must be what the coder gives at once, however small the socket's buffer is and
 * whatever stands around the message; a file that has changed must never look whole.
 */
#include "core/send.h"

#include "core/disk_posix.h"
#include "proto/dot_count.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX (1u << 20)
#define WIRE_MAX    (4u << 20)

static char root[64];
static struct disk *disk;
static struct disk_access access_now;
static int ends[2];
static struct plan plan;
static struct send_stream stream;
static struct send_counters counters;
static char *message, *expected, *got;
static size_t expected_bytes, got_bytes;
static int files[16];
static uint32_t file_count;

static void begin_files(void)
{
    strcpy(root, "/tmp/ringpost-send-raw-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
    disk = disk_posix_open(root);
    cr_assert_not_null(disk);
    access_now = (struct disk_access){disk, DISK_NOW, aligned_alloc(64, DISK_SCRATCH_BYTES)};
    message = malloc(MESSAGE_MAX);
    expected = malloc(WIRE_MAX);
    got = malloc(WIRE_MAX);
    file_count = 0;
}

static void end_files(void)
{
    for (uint32_t i = 0; i < file_count; i++)
        disk_close(disk, files[i]);
    disk_posix_close(&disk);
    rmdir(root);
    free(access_now.scratch);
    free(message);
    free(expected);
    free(got);
}

TestSuite(send_raw, .init = begin_files, .fini = end_files, .timeout = 50);

static void begin_pair(void)
{
    int room = 1;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    cr_assert_eq(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    stream = (struct send_stream){.socket = ends[0]};
    plan_init(&plan);
    send_begin(&stream);
    expected_bytes = got_bytes = 0;
}

static void end_pair(void)
{
    close(ends[0]);
    close(ends[1]);
}

/* Lines, dots and bare LF by the seed, without a last line end where the seed says so. */
static void make_message(size_t bytes, uint32_t seed)
{
    static const char alphabet[16] = "abc\n.\r\nd.e\nfg\n..";
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * 1664525U + 1013904223U;
        message[i] = (seed >> 24) % 3 == 0 ? alphabet[seed >> 28] : 'x';
    }
}

static void add_text(const char *text)
{
    plan_text(&plan, span_of(text));
    memcpy(expected + expected_bytes, text, strlen(text));
    expected_bytes += strlen(text);
}

static int add_message(size_t bytes)
{
    int file = disk_open(disk, "mail", DISK_CREATE_NEW, DISK_WAIT);
    cr_assert_geq(file, 0);
    files[file_count++] = file;
    cr_assert_eq(disk_write(disk, file, message, bytes, 0), 0);
    cr_assert_eq(disk_remove(disk, "mail"), 0);
    struct dot_count count;
    dot_count_init(&count);
    dot_count_take(&count, (struct span){message, bytes});
    dot_count_finish(&count);
    plan_range(&plan, (struct mail_range){.file = file,
                                          .raw_bytes = (uint32_t)bytes,
                                          .bytes = count.octets + count.stuffed_dots,
                                          .octets = (uint32_t)count.octets,
                                          .is_raw = true});
    struct dot_coder coder;
    struct span input = {message, bytes};
    dot_init(&coder);
    char *out = expected + expected_bytes;
    size_t coded = dot_code(&coder, &input, out, WIRE_MAX - expected_bytes);
    coded += dot_finish(&coder, out + coded) - 3;
    expected_bytes += coded;
    return file;
}

static enum send_result send_all(size_t most)
{
    enum send_result result = SEND_FULL;
    while (result == SEND_FULL || result == SEND_YIELD) {
        counters.turn_left = SEND_TURN_BYTES;
        result = send_plan(&stream, &plan, plan.piece_count, false, &access_now, 0, &counters);
        ssize_t count = recv(ends[1], got + got_bytes, most, MSG_DONTWAIT);
        got_bytes += count > 0 ? (size_t)count : 0;
    }
    ssize_t count;
    while ((count = recv(ends[1], got + got_bytes, 65536, MSG_DONTWAIT)) > 0)
        got_bytes += (size_t)count;
    return result;
}

static void expect_all(void)
{
    cr_assert_eq(got_bytes, expected_bytes, "%zu and not %zu", got_bytes, expected_bytes);
    cr_assert_eq(memcmp(got, expected, got_bytes), 0);
}

static const size_t sizes[] = {
    0,     1,     2,      100,    4096,       SEND_RAW_WINDOW - 1, SEND_RAW_WINDOW,
    50000, 99999, 200000, 300001, MESSAGE_MAX};

Test(send_raw, arrives_as_coded_through_a_narrow_socket)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (uint32_t seed = 1; seed < 4; seed++) {
            begin_pair();
            make_message(sizes[i], seed);
            add_text("+OK before\r\n");
            add_message(sizes[i]);
            add_text(".\r\n");
            cr_assert_eq(send_all(seed * 777), SEND_DONE);
            expect_all();
            disk_close(disk, files[--file_count]);
            end_pair();
        }
    }
}

Test(send_raw, many_share_a_send)
{
    begin_pair();
    for (uint32_t i = 0; i < 8; i++) {
        make_message(10000 * (i + 1), i);
        add_text("+OK\r\n");
        add_message(10000 * (i + 1));
        add_text(".\r\n");
    }
    cr_assert_eq(send_all(5001), SEND_DONE);
    expect_all();
    end_pair();
}

Test(send_raw, one_send_takes_a_whole_answer)
{
    begin_pair();
    int room = 1 << 20;
    cr_assert_eq(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    make_message(10000, 5);
    message[9999] = '\n';
    add_text("+OK\r\n");
    add_message(10000);
    add_text(".\r\n");
    counters = (struct send_counters){0};
    cr_assert_eq(send_all(1), SEND_DONE);
    expect_all();
    cr_assert_eq(counters.calls, 1);
    cr_assert_eq(counters.bytes, expected_bytes);
    end_pair();
}

Test(send_raw, collects_in_any_rooms)
{
    static const size_t rooms[] = {1, 2, 7, 1000, 16384};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        begin_pair();
        size_t bytes = rooms[i] < 10 ? 3000 : 150000;
        make_message(bytes, 9);
        add_text("+OK\r\n");
        add_message(bytes);
        add_text(".\r\n");
        make_message(5, 2);
        add_message(5);
        add_text("end\r\n");
        while (stream.piece < plan.piece_count) {
            size_t count;
            cr_assert_eq(send_collect(&stream, &plan, plan.piece_count, &access_now,
                                      got + got_bytes, rooms[i], &count),
                         SEND_DONE);
            cr_assert(count > 0 && count <= rooms[i]);
            got_bytes += count;
        }
        expect_all();
        end_pair();
    }
}

Test(send_raw, a_file_that_has_changed_never_looks_whole)
{
    for (int change = 0; change < 3; change++) {
        begin_pair();
        make_message(120000, 3);
        message[119999] = '\n';
        int file = add_message(120000);
        add_text(".\r\n");
        if (change == 0)
            cr_assert_eq(disk_truncate(disk, file, 119999), 0);
        if (change == 1)
            cr_assert_eq(disk_write(disk, file, "\n\n\n\n", 4, 119990), 0);
        if (change == 2)
            cr_assert_eq(disk_write(disk, file, "z", 1, 119999), 0);
        cr_assert_eq(send_all(5000), SEND_DAMAGED);
        cr_assert(got_bytes < expected_bytes - 3);
        end_pair();
    }
}
