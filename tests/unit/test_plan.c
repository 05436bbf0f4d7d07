/* test_plan: what shares a piece and what must not, and where a plan ends. */
#include "proto/plan.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static struct plan plan;

static void setup(void)
{
    memset(&plan, 0xA5, sizeof(plan));
    plan_init(&plan);
}

TestSuite(plan, .init = setup);

static struct span text_of(uint32_t index)
{
    cr_assert(index < plan.piece_count);
    cr_assert(plan.pieces[index].kind == PIECE_TEXT);
    return (struct span){plan.text + plan.pieces[index].range.offset,
                         plan.pieces[index].range.bytes};
}

static struct mail_range in_file(int file, uint64_t offset, uint64_t bytes)
{
    return (struct mail_range){.file = file, .offset = offset, .bytes = bytes};
}

Test(plan, begins_empty)
{
    cr_assert(plan_is_empty(&plan));
    cr_assert(plan_text_room(&plan) == PLAN_TEXT_MAX);
    cr_assert(plan_has_room(&plan, PLAN_TEXT_MAX, PLAN_PIECES_MAX));
    cr_assert_not(plan_has_room(&plan, PLAN_TEXT_MAX + 1, 0));
    cr_assert_not(plan_has_room(&plan, 0, PLAN_PIECES_MAX + 1));
}

Test(plan, texts_in_a_row_share_a_piece)
{
    plan_text(&plan, SPAN_LITERAL("+OK "));
    plan_number(&plan, 12);
    plan_text(&plan, SPAN_LITERAL("\r\n"));
    cr_assert(plan.piece_count == 1);
    cr_assert(span_equal(text_of(0), SPAN_LITERAL("+OK 12\r\n")));
    cr_assert(plan.text_bytes == 8);
    cr_assert(plan.pieces[0].range.memory == NULL);
}

Test(plan, text_is_copied)
{
    char bytes[] = "abc";
    plan_text(&plan, span_of(bytes));
    memset(bytes, 'x', sizeof(bytes));
    cr_assert(span_equal(text_of(0), SPAN_LITERAL("abc")));
}

Test(plan, order_is_kept_around_a_range)
{
    plan_text(&plan, SPAN_LITERAL("a"));
    plan_range(&plan, in_file(3, 100, 50));
    plan_text(&plan, SPAN_LITERAL("b"));
    plan_text(&plan, SPAN_LITERAL("c"));
    cr_assert(plan.piece_count == 3);
    cr_assert(span_equal(text_of(0), SPAN_LITERAL("a")));
    cr_assert(plan.pieces[1].kind == PIECE_RANGE);
    cr_assert(plan.pieces[1].range.file == 3 && plan.pieces[1].range.offset == 100);
    cr_assert(plan.pieces[1].range.bytes == 50);
    cr_assert(span_equal(text_of(2), SPAN_LITERAL("bc")));
}

Test(plan, neighbours_in_a_file_are_one_range)
{
    plan_range(&plan, in_file(3, 100, 50));
    plan_range(&plan, in_file(3, 150, 7));
    plan_range(&plan, in_file(3, 157, 1));
    cr_assert(plan.piece_count == 1);
    cr_assert(plan.pieces[0].range.offset == 100 && plan.pieces[0].range.bytes == 58);
}

/* What is known of the second piece counts only where all of the first is known. */
Test(plan, what_is_in_memory_is_known_of_a_whole_range)
{
    static const struct {
        uint64_t first, second, both;
    } known[] = {{0, 30, 0}, {49, 30, 49}, {50, 0, 50}, {50, 30, 80}, {95, 30, 95}, {95, 60, 110}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct mail_range first = in_file(3, 100, 50), second = in_file(3, 150, 30);
        first.resident_bytes = known[i].first;
        second.resident_bytes = known[i].second;
        plan_init(&plan);
        plan_range(&plan, first);
        plan_range(&plan, second);
        cr_assert_eq(plan.pieces[0].range.resident_bytes, known[i].both, "case %zu", i);
    }
}

Test(plan, others_in_a_file_are_not)
{
    plan_range(&plan, in_file(3, 100, 50));
    plan_range(&plan, in_file(4, 150, 7)); /* another file */
    plan_range(&plan, in_file(4, 158, 1)); /* a gap */
    plan_range(&plan, in_file(4, 158, 1)); /* the same again */
    plan_range(&plan, in_file(4, 100, 5)); /* backwards */
    cr_assert(plan.piece_count == 5);
}

Test(plan, neighbours_in_memory_are_one_range)
{
    static const char bytes[10];
    plan_range(&plan, (struct mail_range){.memory = bytes, .bytes = 4});
    plan_range(&plan, (struct mail_range){.memory = bytes + 4, .bytes = 2});
    plan_range(&plan, (struct mail_range){.memory = bytes + 7, .bytes = 2});
    cr_assert(plan.piece_count == 2);
    cr_assert(plan.pieces[0].range.memory == bytes && plan.pieces[0].range.bytes == 6);
}

Test(plan, memory_and_file_never_join)
{
    static const char bytes[10];
    plan_range(&plan, in_file(0, 0, 4));
    plan_range(&plan, (struct mail_range){.memory = bytes, .offset = 4, .bytes = 4});
    plan_range(&plan, in_file(0, 8, 4));
    cr_assert(plan.piece_count == 3);
}

Test(plan, text_and_range_at_the_same_offset_never_join)
{
    plan_text(&plan, SPAN_LITERAL("abc"));
    plan_range(&plan, in_file(-1, 3, 4));
    cr_assert(plan.piece_count == 2);
}

Test(plan, nothing_adds_nothing)
{
    plan_text(&plan, SPAN_LITERAL(""));
    plan_text(&plan, (struct span){NULL, 0});
    plan_range(&plan, in_file(3, 100, 0));
    cr_assert(plan_is_empty(&plan));
}

Test(plan, numbers_are_decimal)
{
    plan_number(&plan, 0);
    plan_text(&plan, SPAN_LITERAL(" "));
    plan_number(&plan, 1000);
    plan_text(&plan, SPAN_LITERAL(" "));
    plan_number(&plan, UINT64_MAX);
    cr_assert(span_equal(text_of(0), SPAN_LITERAL("0 1000 18446744073709551615")));
}

Test(plan, can_be_filled_to_the_last_octet_and_piece)
{
    static const char text[PLAN_TEXT_MAX];
    plan_text(&plan, (struct span){text, PLAN_TEXT_MAX - 1});
    for (uint32_t i = 1; i < PLAN_PIECES_MAX - 1; i++) {
        plan_range(&plan, in_file(3, 2 * i, 1));
    }
    cr_assert(plan_has_room(&plan, 1, 1));
    plan_text(&plan, SPAN_LITERAL("z"));
    cr_assert(plan.piece_count == PLAN_PIECES_MAX && plan_text_room(&plan) == 0);
    cr_assert(plan.text[PLAN_TEXT_MAX - 1] == 'z');
    cr_assert_not(plan_has_room(&plan, 1, 0));
    cr_assert_not(plan_has_room(&plan, 0, 1));
    cr_assert(plan_has_room(&plan, 0, 0));
    plan_init(&plan);
    cr_assert(plan_is_empty(&plan) && plan_text_room(&plan) == PLAN_TEXT_MAX);
}

Test(plan, text_without_room_breaks_a_promise, .signal = SIGABRT)
{
    static const char text[PLAN_TEXT_MAX];
    plan_text(&plan, (struct span){text, PLAN_TEXT_MAX});
    plan_text(&plan, SPAN_LITERAL("z"));
}

Test(plan, piece_without_room_breaks_a_promise, .signal = SIGABRT)
{
    for (uint32_t i = 0; i <= PLAN_PIECES_MAX; i++) {
        plan_range(&plan, in_file(3, 2 * i, 1));
    }
}
