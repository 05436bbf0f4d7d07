/* test_line: lines cut anywhere, at the limit and beyond it, and buffers exchanged. */
#include "proto/line.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define LIMIT 10

static struct guarded guarded_input, guarded_buffer;
static struct line line;
static char *buffer; /* exactly LIMIT octets */

static void setup(void)
{
    guarded_init(&guarded_input, 4096);
    guarded_init(&guarded_buffer, 4096);
    buffer = guarded_last(&guarded_buffer, LIMIT);
    line_init(&line, buffer, LIMIT);
}

static void teardown(void)
{
    guarded_fini(&guarded_input);
    guarded_fini(&guarded_buffer);
}

TestSuite(line, .init = setup, .fini = teardown);

/* Takes all lines of `bytes` and writes down what came: "[line]" or "!" for one that was too long.
 */
static void take_all(const char *bytes, size_t length, char *journal)
{
    struct span input = {guarded_copy(&guarded_input, bytes, length), length};
    struct span taken;
    for (;;) {
        enum line_result result = line_take(&line, &input, &taken);
        if (result == LINE_MORE) {
            cr_assert(input.length == 0);
            return;
        }
        if (result == LINE_TOO_LONG) {
            strcat(journal, "!");
        } else {
            size_t end = strlen(journal);
            sprintf(journal + end, "[%.*s]", (int)taken.length, taken.bytes);
        }
    }
}

static void expect(const char *bytes, const char *expected)
{
    size_t length = strlen(bytes);
    for (size_t first = 0; first <= length; first++) {
        for (size_t second = first; second <= length; second++) {
            char journal[256] = "";
            line_reset(&line);
            take_all(bytes, first, journal);
            take_all(bytes + first, second - first, journal);
            take_all(bytes + second, length - second, journal);
            cr_assert_str_eq(journal, expected, "cut at %zu and %zu: %s", first, second, journal);
        }
    }
}

Test(line, ends_at_lf_and_drops_one_cr)
{
    expect("a\r\nb\n\r\n\nc\r\r\n", "[a][b][][][c\r]");
}

Test(line, lone_cr_does_not_end_it)
{
    expect("a\rb\n\rc\n", "[a\rb][\rc]");
}

Test(line, limit_counts_the_end)
{
    expect("12345678\r\n", "[12345678]");
    expect("123456789\n", "[123456789]");
    expect("123456789\r\n", "!");
    expect("1234567890\n", "!");
}

Test(line, too_long_is_told_once_and_the_next_is_whole)
{
    expect("12345678901234567890123\r\nNOOP\r\n1234567890\r\nQUIT\r\n", "![NOOP]![QUIT]");
}

Test(line, may_hold_nul_and_8_bit)
{
    struct span input = SPAN_LITERAL("a\0\xFF\r\n");
    struct span taken;
    cr_assert(line_take(&line, &input, &taken) == LINE_DONE);
    cr_assert(span_equal(taken, SPAN_LITERAL("a\0\xFF")));
}

Test(line, whole_line_is_borrowed_from_the_input)
{
    struct span input = SPAN_LITERAL("NOOP\r\nQUIT\r\n");
    const char *bytes = input.bytes;
    struct span taken;
    memset(buffer, '#', LIMIT);
    cr_assert(line_take(&line, &input, &taken) == LINE_DONE);
    cr_assert(taken.bytes == bytes && taken.length == 4);
    cr_assert(input.bytes == bytes + 6 && input.length == 6);
    for (size_t i = 0; i < LIMIT; i++) {
        cr_assert(buffer[i] == '#', "the buffer was touched");
    }
}

Test(line, is_partial_between_two_halves_only)
{
    char journal[64] = "";
    cr_assert_not(line_is_partial(&line));
    take_all("NO", 2, journal);
    cr_assert(line_is_partial(&line));
    take_all("OP\r\n", 4, journal);
    cr_assert_not(line_is_partial(&line));
    take_all("1234567890123", 13, journal);
    cr_assert(line_is_partial(&line));
    take_all("\n", 1, journal);
    cr_assert_not(line_is_partial(&line));
    cr_assert_str_eq(journal, "[NOOP]!");
}

Test(line, empty_input_needs_more)
{
    struct span input = {NULL, 0};
    struct span taken;
    cr_assert(line_take(&line, &input, &taken) == LINE_MORE);
    cr_assert_not(line_is_partial(&line));
}

Test(line, reset_forgets_a_half)
{
    char journal[64] = "";
    take_all("USER j", 6, journal);
    line_reset(&line);
    take_all("QUIT\r\n", 6, journal);
    take_all("12345678901234", 14, journal);
    line_reset(&line);
    take_all("NOOP\r\n", 6, journal);
    cr_assert_str_eq(journal, "[QUIT][NOOP]");
}

Test(line, lend_keeps_a_half)
{
    char larger[32];
    char journal[64] = "";
    take_all("1234567", 7, journal);
    line_lend(&line, larger, sizeof(larger));
    memset(buffer, '#', LIMIT);
    take_all("890123456789\r\n", 14, journal);
    take_all("NO", 2, journal);
    line_lend(&line, buffer, LIMIT);
    memset(larger, '#', sizeof(larger));
    take_all("OP\r\n", 4, journal);
    cr_assert_str_eq(journal, "[1234567890123456789][NOOP]");
}

Test(line, lend_swallows_a_half_that_no_longer_fits)
{
    char larger[32];
    char journal[64] = "";
    line_lend(&line, larger, sizeof(larger));
    take_all("1234567890", 10, journal);
    line_lend(&line, buffer, LIMIT);
    cr_assert(line_is_partial(&line));
    take_all("\r\nQUIT\r\n", 8, journal);
    line_lend(&line, larger, sizeof(larger));
    take_all("123456789", 9, journal);
    line_lend(&line, buffer, LIMIT);
    take_all("\n", 1, journal);
    cr_assert_str_eq(journal, "![QUIT][123456789]");
}

Test(line, lend_does_not_bring_back_what_was_too_long)
{
    char larger[32];
    char journal[64] = "";
    take_all("1234567890", 10, journal);
    line_lend(&line, larger, sizeof(larger));
    take_all("\nNOOP\n", 6, journal);
    cr_assert_str_eq(journal, "![NOOP]");
}

Test(line, lend_of_the_same_buffer_changes_the_limit_only)
{
    char same[32];
    char journal[64] = "";
    line_lend(&line, same, 10);
    take_all("12345", 5, journal);
    line_lend(&line, same, sizeof(same));
    take_all("67890123\n", 9, journal);
    cr_assert_str_eq(journal, "[1234567890123]");
}
