/* dot_count: see dot_count.h.
 *
 * The first byte of a piece is looked at beside the last one of the piece before, whole blocks by
 * the best instructions, and what is left byte by byte.
 */
#include "proto/dot_count.h"

#include "proto/dot_run.h"

static size_t count_blocks(struct dot_count *count, struct span raw, uint64_t *inserted);

void dot_count_init(struct dot_count *count)
{
    *count = (struct dot_count){.variant = dot_best_variant(), .last = '\n'};
}

void dot_count_take(struct dot_count *count, struct span raw)
{
    uint64_t inserted = 0;
    char before = count->last;
    for (size_t at = 0; at < raw.length; at++) {
        if (at == 1) {
            at += count_blocks(count, (struct span){raw.bytes + at, raw.length - at}, &inserted);
            before = raw.bytes[at - 1];
            if (at == raw.length)
                break;
        }
        char byte = raw.bytes[at];
        if (byte == '\n' && before != '\r') {
            inserted++;
        } else if (byte == '.' && before == '\n') {
            inserted++;
            count->stuffed_dots++;
        }
        before = byte;
    }
    count->last = before;
    count->octets += raw.length + inserted;
}

/* `octets` counts the dots until the end, so that pieces need not be told apart. */
void dot_count_finish(struct dot_count *count)
{
    if (count->last != '\n')
        count->octets += 2;
    count->last = '\n';
    count->octets -= count->stuffed_dots;
}

static size_t count_blocks(struct dot_count *count, struct span raw, uint64_t *inserted)
{
    switch (count->variant) {
    case DOT_SCALAR:
        return 0;
    case DOT_SSE2:
        return dot_count_sse2(raw.bytes, raw.length, inserted, &count->stuffed_dots);
    case DOT_AVX2:
        return dot_count_avx2(raw.bytes, raw.length, inserted, &count->stuffed_dots);
    case DOT_NEON:
        return dot_count_neon(raw.bytes, raw.length, inserted, &count->stuffed_dots);
    }
    return 0;
}
