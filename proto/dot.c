/* dot: the coder's byte by byte form, which is the definition, and the choice of a block coder.
 *
 * The byte coder looks at one byte and the place in the line. Where something has to be inserted it
 * writes that alone, moves the place on as if it had been in the input, and looks at the same byte
 * again: so an output may be full between the two, and no insertion needs memory of its own.
 */
#include "proto/dot.h"

#include "proto/dot_run.h"
#include "proto/must.h"

#include <string.h>

/* Bytes that the byte coder does before the blocks are tried again: one of the largest blocks. */
#define DOT_BYTES_AT_ONCE 32

static bool dot_run_is_over(const struct dot_run *run);
static void dot_run_some_blocks(struct dot_coder *coder, struct dot_run *run);
static void dot_run_some_bytes(struct dot_coder *coder, struct dot_run *run, const char *out);

size_t dot_code(struct dot_coder *coder, struct span *input, char *out, size_t out_bytes)
{
    if (input->length == 0 || out_bytes == 0)
        return 0;
    struct dot_run run = {
        .from = input->bytes,
        .from_end = input->bytes + input->length,
        .to = out,
        .to_end = out + out_bytes,
        .in_header = !coder->header_ended,
    };
    while (!dot_run_is_over(&run)) {
        if (run.from - input->bytes >= 2)
            dot_run_some_blocks(coder, &run);
        dot_run_some_bytes(coder, &run, out);
    }
    size_t written = (size_t)(run.to - out);
    coder->stuffed_dots += run.stuffed_dots;
    coder->wire_bytes += written;
    coder->octets = coder->wire_bytes - coder->stuffed_dots;
    *input = (struct span){run.from, (size_t)(run.from_end - run.from)};
    return written;
}

static bool dot_run_is_over(const struct dot_run *run)
{
    return run->from == run->from_end || run->to == run->to_end;
}

static enum dot_place dot_place_after(char byte_before, char byte)
{
    if (byte == '\n')
        return DOT_LINE_START;
    if (byte == '\r')
        return byte_before == '\n' ? DOT_LINE_START_CR : DOT_IN_LINE_CR;
    return DOT_IN_LINE;
}

/* The byte coder has taken the two bytes before, so the place follows from them alone. */
static void dot_run_some_blocks(struct dot_coder *coder, struct dot_run *run)
{
    switch (coder->variant) {
    case DOT_SCALAR:
        return;
    case DOT_SSE2:
        dot_run_sse2(run);
        break;
    case DOT_AVX2:
        dot_run_avx2(run);
        break;
    case DOT_NEON:
        dot_run_neon(run);
        break;
    }
    coder->place = dot_place_after(run->from[-2], run->from[-1]);
}

static void dot_end_header(struct dot_coder *coder, struct dot_run *run, const char *to,
                           const char *out)
{
    run->in_header = false;
    coder->header_ended = true;
    coder->header_bytes = coder->wire_bytes + (uint64_t)(to - out);
}

static void dot_run_some_bytes(struct dot_coder *coder, struct dot_run *run, const char *out)
{
    const char *from = run->from;
    const char *stop =
        run->from_end - from > DOT_BYTES_AT_ONCE ? from + DOT_BYTES_AT_ONCE : run->from_end;
    char *to = run->to;
    char *to_end = run->to_end;
    enum dot_place place = coder->place;
    while (from < stop && to < to_end) {
        char byte = *from;
        if (byte == '\n' && (place == DOT_LINE_START || place == DOT_IN_LINE)) {
            byte = '\r';
        } else if (byte == '.' && place == DOT_LINE_START) {
            run->stuffed_dots++;
        } else {
            from++;
        }
        *to++ = byte;
        if (byte == '\n') {
            if (run->in_header && place == DOT_LINE_START_CR)
                dot_end_header(coder, run, to, out);
            place = DOT_LINE_START;
        } else if (byte == '\r') {
            place = place == DOT_LINE_START ? DOT_LINE_START_CR : DOT_IN_LINE_CR;
        } else {
            place = DOT_IN_LINE;
        }
    }
    run->from = from;
    run->to = to;
    coder->place = place;
}

size_t dot_finish(struct dot_coder *coder, char out[DOT_END_MAX])
{
    size_t written = 0;
    if (coder->place != DOT_LINE_START) {
        memcpy(out, "\r\n", 2);
        written = 2;
        coder->place = DOT_LINE_START;
        coder->octets += 2;
    }
    if (!coder->header_ended) {
        coder->header_ended = true;
        coder->header_bytes = coder->wire_bytes + written;
    }
    memcpy(out + written, ".\r\n", 3);
    written += 3;
    coder->wire_bytes += written;
    return written;
}

bool dot_has_variant(enum dot_variant variant)
{
    switch (variant) {
    case DOT_SCALAR:
        return true;
    case DOT_SSE2:
        return dot_has_sse2();
    case DOT_AVX2:
        return dot_has_avx2();
    case DOT_NEON:
        return dot_has_neon();
    }
    return false;
}

enum dot_variant dot_best_variant(void)
{
    if (dot_has_variant(DOT_AVX2))
        return DOT_AVX2;
    if (dot_has_variant(DOT_SSE2))
        return DOT_SSE2;
    if (dot_has_variant(DOT_NEON))
        return DOT_NEON;
    return DOT_SCALAR;
}

void dot_init(struct dot_coder *coder)
{
    *coder = (struct dot_coder){.variant = dot_best_variant(), .place = DOT_LINE_START};
}

void dot_resume(struct dot_coder *coder, enum dot_place place)
{
    *coder =
        (struct dot_coder){.variant = dot_best_variant(), .place = place, .header_ended = true};
}

void dot_use_variant(struct dot_coder *coder, enum dot_variant variant)
{
    must(dot_has_variant(variant));
    coder->variant = variant;
}
