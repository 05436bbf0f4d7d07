/* test_bench_answer: what a server says is read right at every cut, and nothing wrong gets by. */
#include "bench/answer.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct guarded guarded;
static struct answer answer;

static void setup(void)
{
    guarded_init(&guarded, 1 << 16);
}

static void teardown(void)
{
    guarded_fini(&guarded);
}

TestSuite(bench_answer, .init = setup, .fini = teardown);

/* Hands the text in, `piece` bytes at a time, each directly before a page that nobody may touch;
 * gathers rows. Returns the last result; `out_left` is what was not taken. */
static enum answer_result feed(enum answer_form form, const char *text, size_t bytes, size_t piece,
                               char *out_rows, size_t *out_left)
{
    answer_begin(&answer, form);
    enum answer_result result = ANSWER_MORE;
    out_rows[0] = '\0';
    size_t at = 0;
    while (at < bytes) {
        size_t count = bytes - at < piece ? bytes - at : piece;
        struct span input = {guarded_copy(&guarded, text + at, count), count};
        while (input.length > 0) {
            result = answer_take(&answer, &input);
            if (result == ANSWER_ROW) {
                strncat(out_rows, answer.row.bytes, answer.row.length);
                strcat(out_rows, "|");
            }
            if (result == ANSWER_DONE || result == ANSWER_WRONG) {
                *out_left = bytes - at - count + input.length;
                return result;
            }
        }
        at += count;
    }
    *out_left = 0;
    return result;
}

static void expect(enum answer_form form, const char *text, enum answer_result result,
                   enum fault fault, uint64_t octets, const char *rows, size_t left)
{
    char found_rows[1024];
    size_t found_left, bytes = strlen(text);
    for (size_t piece = 1; piece <= bytes; piece++) {
        enum answer_result found = feed(form, text, bytes, piece, found_rows, &found_left);
        cr_assert_eq(found, result, "%s in pieces of %zu: %d", text, piece, found);
        cr_assert_eq(answer.fault, fault, "%s in pieces of %zu: %s", text, piece,
                     fault_name(answer.fault));
        cr_assert_str_eq(found_rows, rows);
        if (result != ANSWER_DONE)
            continue;
        cr_assert_eq(answer.octets, octets, "%s in pieces of %zu", text, piece);
        cr_assert_eq(found_left, left);
    }
}

static void expect_wrong(enum answer_form form, const char *text, enum fault fault)
{
    expect(form, text, ANSWER_WRONG, fault, 0, "", 0);
}

Test(bench_answer, one_line)
{
    expect(ANSWER_LINE, "+OK\r\n", ANSWER_DONE, FAULT_NONE, 0, "", 0);
    expect(ANSWER_LINE, "+OK 3 120\r\nmore", ANSWER_DONE, FAULT_NONE, 0, "", 4);
    cr_assert(answer.is_positive);
    struct span head = answer_head(&answer);
    cr_assert_eq(head.length, 9);
    cr_assert_arr_eq(head.bytes, "+OK 3 120", 9);
    expect(ANSWER_LINE, "-ERR no\r\n", ANSWER_DONE, FAULT_NONE, 0, "", 0);
    cr_assert_not(answer.is_positive);
    expect(ANSWER_LISTING, "-ERR no\r\n+OK\r\n", ANSWER_DONE, FAULT_NONE, 0, "", 5);
}

Test(bench_answer, what_is_no_answer)
{
    expect_wrong(ANSWER_LINE, "OK\r\n", FAULT_FRAMING);
    expect_wrong(ANSWER_LINE, "+OKAY\r\n", FAULT_FRAMING);
    expect_wrong(ANSWER_LINE, "+OK\n", FAULT_FRAMING);
    expect_wrong(ANSWER_LINE, "\r\n", FAULT_FRAMING);
    expect_wrong(ANSWER_LINE, "\n", FAULT_FRAMING);
    expect_wrong(ANSWER_LINE, "+ \r\n", FAULT_FRAMING);
    expect(ANSWER_ASKS, "+ \r\n", ANSWER_DONE, FAULT_NONE, 0, "", 0);
    expect(ANSWER_LINE, "+O", ANSWER_MORE, FAULT_NONE, 0, "", 0);
}

Test(bench_answer, a_line_of_512_is_the_longest)
{
    char text[600], rows[16];
    size_t left;
    memset(text, 'x', sizeof text);
    memcpy(text, "+OK ", 4);
    memcpy(text + 510, "\r\n", 2);
    cr_assert_eq(feed(ANSWER_LINE, text, 512, 7, rows, &left), ANSWER_DONE);
    memcpy(text + 510, "xx", 2);
    memcpy(text + 511, "\r\n", 2);
    cr_assert_eq(feed(ANSWER_LINE, text, 513, 7, rows, &left), ANSWER_WRONG);
    cr_assert_eq(feed(ANSWER_LINE, text, 513, 513, rows, &left), ANSWER_WRONG);
    cr_assert_eq(answer.fault, FAULT_FRAMING);
}

Test(bench_answer, rows)
{
    expect(ANSWER_LISTING, "+OK\r\n1 20\r\n2 30\r\n.\r\n+", ANSWER_DONE, FAULT_NONE, 0,
           "1 20|2 30|", 1);
    expect(ANSWER_LISTING, "+OK\r\n.\r\n", ANSWER_DONE, FAULT_NONE, 0, "", 0);
    expect(ANSWER_LISTING, "+OK\r\n..x\r\n\r\n.\r\n", ANSWER_DONE, FAULT_NONE, 0, ".x||", 0);
    expect(ANSWER_LISTING, "+OK\r\n.x\r\n.\r\n", ANSWER_WRONG, FAULT_STUFFING, 0, "", 0);
    expect(ANSWER_LISTING, "+OK\r\na\r\nb\n.\r\n", ANSWER_WRONG, FAULT_FRAMING, 0, "a|", 0);
}

Test(bench_answer, a_message_has_its_octets)
{
    expect(ANSWER_BODY, "+OK\r\nab\r\n\r\ncd\r\n.\r\n+OK", ANSWER_DONE, FAULT_NONE, 10, "", 3);
    expect(ANSWER_BODY, "+OK\r\n.\r\n", ANSWER_DONE, FAULT_NONE, 0, "", 0);
    expect(ANSWER_BODY, "+OK\r\n..\r\n...a\r\n.\r\n", ANSWER_DONE, FAULT_NONE, 8, "", 0);
    expect(ANSWER_BODY, "+OK\r\na\rb\r\r\n.\r\n", ANSWER_DONE, FAULT_NONE, 6, "", 0);
    expect(ANSWER_BODY, "+OK\r\na.\r\nb\r.\r\n.\r\n", ANSWER_DONE, FAULT_NONE, 9, "", 0);
}

Test(bench_answer, wrong_messages)
{
    expect_wrong(ANSWER_BODY, "+OK\r\n.a\r\n.\r\n", FAULT_STUFFING);
    expect_wrong(ANSWER_BODY, "+OK\r\n.\ra\r\n.\r\n", FAULT_STUFFING);
    expect_wrong(ANSWER_BODY, "+OK\r\na\nb\r\n.\r\n", FAULT_FRAMING);
    expect_wrong(ANSWER_BODY, "+OK\r\n\na\r\n.\r\n", FAULT_FRAMING);
    expect_wrong(ANSWER_BODY, "+OK\r\n.\n", FAULT_STUFFING);
}

/* Long enough for the blocks of 64 bytes, at every place of what is odd. */
Test(bench_answer, wrong_bytes_at_every_place)
{
    static const char line[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789\r\n";
    enum { LINE = sizeof line - 1 };
    char text[512], rows[16];
    size_t left;
    for (size_t shift = 0; shift < LINE - 4; shift++) {
        size_t count = (size_t)snprintf(text, sizeof text, "+OK\r\n%s%s.\r\n", line + shift, line);
        cr_assert_eq(feed(ANSWER_BODY, text, count, count, rows, &left), ANSWER_DONE);
        cr_assert_eq(answer.octets, 2 * LINE - shift);
        count = (size_t)snprintf(text, sizeof text, "+OK\r\n%s..%s.\r\n", line + shift, line);
        cr_assert_eq(feed(ANSWER_BODY, text, count, count, rows, &left), ANSWER_DONE);
        cr_assert_eq(answer.octets, 2 * LINE - shift + 1);
        text[5 + LINE - shift - 2] = 'x'; /* the CR of the first line */
        cr_assert_eq(feed(ANSWER_BODY, text, count, count, rows, &left), ANSWER_WRONG);
        cr_assert_eq(answer.fault, FAULT_FRAMING);
        count = (size_t)snprintf(text, sizeof text, "+OK\r\n%s.%s.\r\n", line + shift, line);
        cr_assert_eq(feed(ANSWER_BODY, text, count, count, rows, &left), ANSWER_WRONG);
        cr_assert_eq(answer.fault, FAULT_STUFFING);
    }
}

Test(bench_answer, replies_of_lmtp)
{
    expect(ANSWER_REPLY, "250 ok\r\n", ANSWER_DONE, FAULT_NONE, 0, "", 0);
    cr_assert(answer.is_positive);
    expect(ANSWER_REPLY, "250-a\r\n250-b\r\n250 c\r\n2", ANSWER_DONE, FAULT_NONE, 0, "", 1);
    expect(ANSWER_REPLY, "354\r\n", ANSWER_DONE, FAULT_NONE, 0, "", 0);
    expect(ANSWER_REPLY, "550 no\r\n", ANSWER_DONE, FAULT_NONE, 0, "", 0);
    cr_assert_not(answer.is_positive);
    expect_wrong(ANSWER_REPLY, "+OK\r\n", FAULT_FRAMING);
    expect_wrong(ANSWER_REPLY, "250ok\r\n", FAULT_FRAMING);
    expect_wrong(ANSWER_REPLY, "25\r\n", FAULT_FRAMING);
}
