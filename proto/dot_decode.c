/* dot_decode: the way back from the wire form, for export, for mbox files and for clients.
 *
 * Long runs are copied from line end to line end; only the first bytes of a line and what is around
 * a CR go byte by byte. A CR that may have to be dropped is not stored: `seen` remembers it. Here
 * is also the search for the k-th line end, which TOP needs.
 */
#include "proto/dot.h"

#include <string.h>

struct dot_step {
    const char *from;
    const char *from_end;
    char *to;
    char *to_end;
};

static void dot_copy_run(struct dot_decoder *decoder, struct dot_step *step);
static void dot_decode_byte(struct dot_decoder *decoder, struct dot_step *step);

size_t dot_decode(struct dot_decoder *decoder, struct span *input, char *out, size_t out_bytes)
{
    if (input->length == 0 || out_bytes == 0)
        return 0;
    struct dot_step step = {
        .from = input->bytes,
        .from_end = input->bytes + input->length,
        .to = out,
        .to_end = out + out_bytes,
    };
    while (decoder->seen != DOT_SEEN_END && step.from < step.from_end && step.to < step.to_end) {
        if (decoder->seen == DOT_SEEN_BYTE)
            dot_copy_run(decoder, &step);
        else
            dot_decode_byte(decoder, &step);
    }
    *input = (struct span){step.from, (size_t)(step.from_end - step.from)};
    return (size_t)(step.to - out);
}

/* Copies up to the next CR, and takes the CR. */
static void dot_copy_run(struct dot_decoder *decoder, struct dot_step *step)
{
    size_t there = (size_t)(step->from_end - step->from);
    size_t room = (size_t)(step->to_end - step->to);
    size_t most = there < room ? there : room;
    const char *cr = memchr(step->from, '\r', most);
    size_t run = cr != NULL ? (size_t)(cr - step->from) : most;
    memcpy(step->to, step->from, run);
    step->from += run;
    step->to += run;
    if (cr == NULL)
        return;
    step->from++;
    if (decoder->line_end == DOT_TO_CRLF)
        *step->to++ = '\r';
    decoder->seen = DOT_SEEN_CR;
}

static void dot_decode_after_cr(struct dot_decoder *decoder, struct dot_step *step)
{
    char byte = *step->from;
    if (byte == '\n') {
        *step->to++ = byte;
        step->from++;
        decoder->seen = DOT_SEEN_LINE_START;
        return;
    }
    if (decoder->line_end == DOT_TO_LF)
        *step->to++ = '\r';
    decoder->seen = DOT_SEEN_BYTE;
}

static void dot_decode_byte(struct dot_decoder *decoder, struct dot_step *step)
{
    char byte = *step->from;
    switch (decoder->seen) {
    case DOT_SEEN_LINE_START:
        decoder->seen = DOT_SEEN_BYTE;
        if (byte == '.') {
            decoder->seen = DOT_SEEN_DOT;
            step->from++;
        }
        return;
    case DOT_SEEN_DOT:
        decoder->seen = DOT_SEEN_BYTE;
        if (byte == '\r') {
            decoder->seen = DOT_SEEN_DOT_CR;
            step->from++;
        }
        return;
    case DOT_SEEN_DOT_CR:
        if (byte == '\n') {
            decoder->seen = DOT_SEEN_END;
            step->from++;
            return;
        }
        if (decoder->line_end == DOT_TO_CRLF)
            *step->to++ = '\r';
        decoder->seen = DOT_SEEN_CR;
        return;
    case DOT_SEEN_CR:
        dot_decode_after_cr(decoder, step);
        return;
    case DOT_SEEN_BYTE:
    case DOT_SEEN_END:
        return;
    }
}

void dot_decoder_init(struct dot_decoder *decoder, enum dot_line_end line_end)
{
    *decoder = (struct dot_decoder){.line_end = line_end, .seen = DOT_SEEN_LINE_START};
}

bool dot_decoder_ended(const struct dot_decoder *decoder)
{
    return decoder->seen == DOT_SEEN_END;
}

size_t dot_scan_lines(struct span wire, uint64_t *lines)
{
    size_t at = 0;
    while (*lines > 0 && at < wire.length) {
        const char *end = memchr(wire.bytes + at, '\n', wire.length - at);
        if (end == NULL)
            return wire.length;
        at = (size_t)(end - wire.bytes) + 1;
        --*lines;
    }
    return at;
}
