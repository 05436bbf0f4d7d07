/* plan: pieces in order, and the bytes of the texts among them.
 *
 * The texts lie one after the other in `text`, in the order of their pieces; that is what lets two
 * texts that follow each other share a piece. Never sends, and never reads what a range points at.
 */
#include "proto/plan.h"

#include "proto/must.h"

#include <string.h>

/* The digits of UINT64_MAX. */
#define NUMBER_DIGITS_MAX 20

_Static_assert(sizeof(struct plan) == PLAN_BYTES, "a plan fills its pages");

static bool is_followed_by(const struct mail_range *range, const struct mail_range *next);
static struct piece *last_piece(struct plan *plan);
static void add_piece(struct plan *plan, struct piece piece);

void plan_init(struct plan *plan)
{
    /* The text is left as it is: clearing 15 KiB for each answer would cost more than the answer.
     */
    plan->piece_count = 0;
    plan->text_bytes = 0;
}

bool plan_is_empty(const struct plan *plan)
{
    return plan->piece_count == 0;
}

bool plan_has_room(const struct plan *plan, size_t text_bytes, uint32_t pieces)
{
    return text_bytes <= plan_text_room(plan) && pieces <= PLAN_PIECES_MAX - plan->piece_count;
}

bool plan_has_answer_room(const struct plan *plan)
{
    return plan_has_room(plan, PLAN_ANSWER_TEXT, PLAN_ANSWER_PIECES);
}

size_t plan_text_room(const struct plan *plan)
{
    return PLAN_TEXT_MAX - plan->text_bytes;
}

void plan_text(struct plan *plan, struct span text)
{
    if (text.length == 0) {
        return;
    }
    must(text.length <= plan_text_room(plan));
    memcpy(plan->text + plan->text_bytes, text.bytes, text.length);
    struct piece *last = last_piece(plan);
    if (last != NULL && last->kind == PIECE_TEXT) {
        last->range.bytes += text.length;
    } else {
        struct mail_range in_text = {.file = -1, .offset = plan->text_bytes, .bytes = text.length};
        add_piece(plan, (struct piece){PIECE_TEXT, in_text});
    }
    plan->text_bytes += (uint32_t)text.length;
}

void plan_number(struct plan *plan, uint64_t number)
{
    char digits[NUMBER_DIGITS_MAX];
    size_t first = sizeof(digits);
    do {
        first--;
        digits[first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    plan_text(plan, (struct span){digits + first, sizeof(digits) - first});
}

void plan_range(struct plan *plan, struct mail_range range)
{
    if (range.bytes == 0) {
        return;
    }
    struct piece *last = last_piece(plan);
    if (last != NULL && last->kind == PIECE_RANGE && is_followed_by(&last->range, &range)) {
        /* What is known of the second counts only where all of the first is known as well. */
        uint64_t reach = last->range.bytes + range.resident_bytes;
        if (last->range.resident_bytes >= last->range.bytes && last->range.resident_bytes < reach)
            last->range.resident_bytes = reach;
        last->range.bytes += range.bytes;
    } else {
        add_piece(plan, (struct piece){PIECE_RANGE, range});
    }
}

static bool is_followed_by(const struct mail_range *range, const struct mail_range *next)
{
    if (range->is_raw || next->is_raw) {
        return false; /* each has an end of its own */
    }
    if (range->memory != NULL || next->memory != NULL) {
        return range->memory != NULL && range->memory + range->bytes == next->memory;
    }
    return range->file == next->file && range->offset + range->bytes == next->offset;
}

static struct piece *last_piece(struct plan *plan)
{
    return plan->piece_count > 0 ? &plan->pieces[plan->piece_count - 1] : NULL;
}

static void add_piece(struct plan *plan, struct piece piece)
{
    must(plan->piece_count < PLAN_PIECES_MAX);
    plan->pieces[plan->piece_count] = piece;
    plan->piece_count++;
}
