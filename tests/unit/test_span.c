/* test_span: words, numbers and letters, on memory that ends where the span does. */
#include "proto/span.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <string.h>

static struct guarded guarded;

static void setup(void)
{
    guarded_init(&guarded, 4096);
}

static void teardown(void)
{
    guarded_fini(&guarded);
}

TestSuite(span, .init = setup, .fini = teardown);

/* The same octets, directly before a page that nobody may touch. */
static struct span at_the_edge(const char *text)
{
    size_t length = strlen(text);
    return (struct span){guarded_copy(&guarded, text, length), length};
}

Test(span, of_a_string_is_without_its_nul)
{
    cr_assert(span_of("abc").length == 3);
    cr_assert(span_of("").length == 0);
    cr_assert(span_equal(span_of("abc"), SPAN_LITERAL("abc")));
}

Test(span, equal_compares_length_and_octets)
{
    cr_assert(span_equal(at_the_edge("PASS"), SPAN_LITERAL("PASS")));
    cr_assert_not(span_equal(at_the_edge("PASS"), SPAN_LITERAL("pass")));
    cr_assert_not(span_equal(at_the_edge("PAS"), SPAN_LITERAL("PASS")));
    cr_assert_not(span_equal(SPAN_LITERAL("a\0b"), SPAN_LITERAL("a\0c")));
    cr_assert(span_equal((struct span){NULL, 0}, SPAN_LITERAL("")));
}

Test(span, equal_ignoring_case_knows_ascii_letters_only)
{
    cr_assert(span_equal_ignoring_case(at_the_edge("rEtR"), SPAN_LITERAL("RETR")));
    cr_assert(span_equal_ignoring_case(at_the_edge("azAZ"), SPAN_LITERAL("AZaz")));
    cr_assert_not(span_equal_ignoring_case(at_the_edge("RET"), SPAN_LITERAL("RETR")));
    /* The neighbours of the letters, and letters of Latin-1, differ by the same bit. */
    cr_assert_not(span_equal_ignoring_case(at_the_edge("@[`{"), SPAN_LITERAL("`{@[")));
    cr_assert_not(span_equal_ignoring_case(at_the_edge("\xC4"), SPAN_LITERAL("\xE4")));
}

Test(span, holds_finds_any_octet)
{
    cr_assert(span_holds(SPAN_LITERAL("a\0b"), '\0'));
    cr_assert(span_holds(at_the_edge("ab"), 'b'));
    cr_assert_not(span_holds(at_the_edge("ab"), '\0'));
    cr_assert_not(span_holds((struct span){NULL, 0}, '\0'));
}

Test(span, take_word_drops_one_space)
{
    struct span rest = at_the_edge("TOP 1  2");
    cr_assert(span_equal(span_take_word(&rest), SPAN_LITERAL("TOP")));
    cr_assert(span_equal(span_take_word(&rest), SPAN_LITERAL("1")));
    cr_assert(span_equal(span_take_word(&rest), SPAN_LITERAL("")));
    cr_assert(span_equal(rest, SPAN_LITERAL("2")));
    cr_assert(span_equal(span_take_word(&rest), SPAN_LITERAL("2")));
    cr_assert(rest.length == 0);
    cr_assert(span_take_word(&rest).length == 0);
}

Test(span, take_word_of_a_space_at_the_end_leaves_nothing)
{
    struct span rest = at_the_edge("STAT ");
    cr_assert(span_equal(span_take_word(&rest), SPAN_LITERAL("STAT")));
    cr_assert(rest.length == 0);
}

Test(span, take_line_takes_whole_lines_only)
{
    struct span rest = SPAN_LITERAL("one\n\nrest");
    struct span line;
    cr_assert(span_take_line(&rest, &line));
    cr_assert(span_equal(line, SPAN_LITERAL("one")));
    cr_assert(span_take_line(&rest, &line));
    cr_assert_eq(line.length, 0);
    cr_assert_not(span_take_line(&rest, &line));
    cr_assert(span_equal(rest, SPAN_LITERAL("rest")));
    cr_assert_not(span_take_line(&(struct span){NULL, 0}, &line));
}

Test(span, number_is_digits_and_nothing_else)
{
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "1a", "0x1", "1.0", "/", ":"};
    uint64_t number;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_not(span_number(at_the_edge(bad[i]), &number), "'%s' is a number", bad[i]);
    }
    cr_assert_not(span_number(SPAN_LITERAL("1\0"), &number));
    cr_assert(span_number(at_the_edge("0"), &number) && number == 0);
    cr_assert(span_number(at_the_edge("0007"), &number) && number == 7);
    cr_assert(span_number(at_the_edge("1234567890"), &number) && number == 1234567890);
}

Test(span, number_ends_at_64_bits)
{
    uint64_t number;
    cr_assert(span_number(at_the_edge("4294967297"), &number) && number == 4294967297);
    cr_assert(span_number(at_the_edge("18446744073709551615"), &number) && number == UINT64_MAX);
    cr_assert_not(span_number(at_the_edge("18446744073709551616"), &number));
    cr_assert_not(span_number(at_the_edge("18446744073709551620"), &number));
    cr_assert_not(span_number(at_the_edge("100000000000000000000"), &number));
}
