/* test_log: lines as others parse them, and a reader of stderr that does not read. */
#include "core/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIME       "2026-11-21T22:13:20Z "
#define TIME_S     1795299200
#define TEXT_BYTES (4 << 20)

static struct ring ring;
static struct log lines;
static int reader;
static char *text; /* all that has been read */
static size_t text_bytes;

/* stderr becomes a pipe that the test reads. */
static void begin_log(void)
{
    char error[256];
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    reader = ends[0];
    cr_assert_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    text = malloc(TEXT_BYTES + 1);
    text_bytes = 0;
    cr_assert(ring_init(&ring, error, sizeof error), "%s", error);
    cr_assert(log_init(&lines, &ring));
    log_set_time(&lines, TIME_S);
}

static void end_log(void)
{
    log_fini(&lines);
    ring_fini(&ring);
    free(text);
}

TestSuite(log, .init = begin_log, .fini = end_log, .timeout = 50);

static void turn(bool wait)
{
    ring_wait(&ring, wait);
    ring_run(&ring);
}

/* Reads what is there. */
static void read_some(void)
{
    ssize_t got;
    while ((got = read(reader, text + text_bytes, TEXT_BYTES - text_bytes)) > 0)
        text_bytes += (size_t)got;
    text[text_bytes] = '\0';
}

/* Until all that has been gathered is written and read. */
static const char *read_all(void)
{
    for (;;) {
        log_flush(&lines);
        if (log_is_idle(&lines))
            break;
        turn(false);
        read_some();
        (void)poll(NULL, 0, log_is_idle(&lines) ? 0 : 1);
    }
    read_some();
    return text;
}

static void say(const char *event, const char *name, struct span value)
{
    log_begin(&lines, event);
    log_text(&lines, name, value);
    log_end(&lines);
}

Test(log, a_line_has_time_event_and_values)
{
    log_begin(&lines, "login");
    log_text(&lines, "user", span_of("ann"));
    log_number(&lines, "messages", 0);
    log_number(&lines, "octets", UINT64_MAX);
    log_end(&lines);
    log_begin(&lines, "empty");
    log_text(&lines, "user", (struct span){NULL, 0});
    log_end(&lines);
    cr_expect_str_eq(read_all(), TIME "login user=ann messages=0 octets=18446744073709551615\n" TIME
                                      "empty user=\n");
}

Test(log, the_time_is_that_of_the_lines_begin)
{
    log_set_time(&lines, 0);
    say("a", "n", span_of("1"));
    log_set_time(&lines, 951782400);
    say("b", "n", span_of("2"));
    cr_expect_str_eq(read_all(), "1970-01-01T00:00:00Z a n=1\n2000-02-29T00:00:00Z b n=2\n");
}

Test(log, what_a_peer_says_is_escaped)
{
    say("x", "user", SPAN_LITERAL("a b\n\r\"\\\t\x7F\x80\xFF\0=~!"));
    cr_expect_str_eq(read_all(),
                     TIME "x user=a\\x20b\\x0A\\x0D\\x22\\x5C\\x09\\x7F\\x80\\xFF\\x00=~!\n");
}

Test(log, a_long_line_is_cut_and_ended)
{
    char value[3000];
    memset(value, 'v', sizeof value);
    say("long", "user", (struct span){value, sizeof value});
    say("next", "n", span_of("1"));
    read_all();
    const char *end = strchr(text, '\n');
    cr_assert_not_null(end);
    cr_expect_eq(end - text, LOG_LINE_MAX - 1);
    cr_expect_str_eq(end + 1, TIME "next n=1\n");
}

Test(log, a_cut_holds_for_escapes_and_numbers)
{
    char value[LOG_LINE_MAX];
    memset(value, '\n', sizeof value);
    log_begin(&lines, "long");
    log_text(&lines, "user", (struct span){value, sizeof value});
    log_text(&lines, "more", span_of("text"));
    log_number(&lines, "number", UINT64_MAX);
    log_end(&lines);
    read_all();
    cr_expect_eq(text_bytes, LOG_LINE_MAX);
    cr_expect_eq(strchr(text, '\n'), text + LOG_LINE_MAX - 1);
}

Test(log, lines_keep_their_order_over_many_batches)
{
    char number[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(number, sizeof number, "%d", i);
        say("event", "number", span_of(number));
        if (i % 100 == 0)
            read_all();
    }
    const char *at = read_all();
    for (int i = 0; i < 5000; i++) {
        char expected[64];
        int length = snprintf(expected, sizeof expected, TIME "event number=%d\n", i);
        cr_assert_eq(memcmp(at, expected, (size_t)length), 0);
        at += length;
    }
    cr_expect_eq(*at, '\0');
}

/* Fills the pipe until not one byte has room. */
static void fill_pipe(void)
{
    static const char byte = '.';
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    cr_assert_eq(fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK), 0);
    while (write(STDERR_FILENO, &byte, 1) == 1)
        continue;
    cr_assert_eq(errno, EAGAIN);
    cr_assert_eq(fcntl(STDERR_FILENO, F_SETFL, flags), 0);
}

static uint32_t count_of(const char *event)
{
    uint32_t count = 0;
    for (const char *at = text; (at = strstr(at, event)) != NULL; at++)
        count++;
    return count;
}

/* Nobody reads: saying and flushing return all the same; later the count of what is missing says
 * how much that is, and nothing is missing otherwise. */
Test(log, a_full_pipe_holds_nobody_up_and_what_is_dropped_is_counted)
{
    const uint32_t said = 3 * LOG_BATCH_BYTES / 50;
    fill_pipe();
    for (uint32_t i = 0; i < said; i++) {
        say("event", "user", span_of("somebody-with-a-name"));
        log_flush(&lines);
        turn(false);
    }
    cr_assert_not(log_is_idle(&lines));
    cr_assert_gt(lines.dropped, 0);
    read_all();
    uint32_t written = count_of(" event user=somebody-with-a-name\n");
    const char *report = strstr(text, TIME "log-lines-dropped lines=");
    cr_assert_not_null(report);
    cr_expect_eq(count_of("log-lines-dropped"), 1);
    cr_expect_eq(strtoul(strchr(report, '=') + 1, NULL, 10) + written, said);
    cr_expect_gt(written, 100);
    cr_expect_eq(lines.dropped, 0);
    say("after", "n", span_of("1"));
    read_all();
    cr_expect_eq(strcmp(text + text_bytes - strlen(TIME "after n=1\n"), TIME "after n=1\n"), 0);
}

Test(log, a_broken_pipe_gives_the_batch_up)
{
    signal(SIGPIPE, SIG_IGN);
    close(reader);
    say("event", "n", span_of("1"));
    log_flush(&lines);
    while (!log_is_idle(&lines))
        turn(true);
    cr_expect_eq(lines.gathered, 0);
}

Test(log, the_end_writes_what_is_left)
{
    say("last", "n", span_of("1"));
    log_fini(&lines);
    read_some();
    cr_expect_str_eq(text, TIME "last n=1\n");
    cr_assert(log_init(&lines, &ring));
}

Test(log, a_line_at_once)
{
    char value[3000];
    log_now("stopping signal=%s", "TERM");
    read_some();
    cr_assert_geq(text_bytes, strlen(TIME));
    cr_expect_str_eq(text + strlen(TIME), "stopping signal=TERM\n");
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    text_bytes = 0;
    log_now("long=%s", value);
    read_some();
    cr_expect_leq(text_bytes, LOG_LINE_MAX);
    cr_expect_eq(text[text_bytes - 1], '\n');
}
