/* line: finds the end of a line, and keeps the half of one between two reads.
 *
 * A line of `limit` octets counts its end, be it CRLF or LF. What the buffer holds is therefore
 * always shorter than the limit: at least the LF has still to come. Knows nothing of commands, and
 * never looks at the octets of a line but for its end.
 */
#include "proto/line.h"

#include "proto/must.h"

#include <string.h>

static enum line_result take_end(struct line *line, struct span head, struct span *out_line);
static void take_half(struct line *line, struct span half);
static struct span without_cr(struct span line);

void line_init(struct line *line, char *buffer, uint32_t limit)
{
    must(buffer != NULL && limit > 0);
    *line = (struct line){.buffer = buffer, .limit = limit};
}

void line_lend(struct line *line, char *buffer, uint32_t limit)
{
    must(buffer != NULL && limit > 0);
    if (line->used >= limit) {
        line->swallowing = true;
        line->used = 0;
    }
    memmove(buffer, line->buffer, line->used);
    line->buffer = buffer;
    line->limit = limit;
}

enum line_result line_take(struct line *line, struct span *input, struct span *out_line)
{
    *out_line = (struct span){NULL, 0};
    if (input->length == 0) {
        return LINE_MORE;
    }
    const char *end = memchr(input->bytes, '\n', input->length);
    if (end == NULL) {
        take_half(line, *input);
        *input = (struct span){input->bytes + input->length, 0};
        return LINE_MORE;
    }
    struct span head = {input->bytes, (size_t)(end - input->bytes)};
    *input = (struct span){end + 1, input->length - head.length - 1};
    return take_end(line, head, out_line);
}

bool line_is_partial(const struct line *line)
{
    return line->used > 0 || line->swallowing;
}

void line_reset(struct line *line)
{
    line->used = 0;
    line->swallowing = false;
}

/* `head` is what came before the LF. */
static enum line_result take_end(struct line *line, struct span head, struct span *out_line)
{
    uint32_t used = line->used;
    bool is_too_long = line->swallowing || head.length >= line->limit - used;
    line_reset(line);
    if (is_too_long) {
        return LINE_TOO_LONG;
    }
    if (used > 0) {
        memcpy(line->buffer + used, head.bytes, head.length);
        head = (struct span){line->buffer, used + head.length};
    }
    *out_line = without_cr(head);
    return LINE_DONE;
}

static void take_half(struct line *line, struct span half)
{
    if (line->swallowing) {
        return;
    }
    if (half.length >= line->limit - line->used) {
        line->swallowing = true;
        line->used = 0;
        return;
    }
    memcpy(line->buffer + line->used, half.bytes, half.length);
    line->used += (uint32_t)half.length;
}

static struct span without_cr(struct span line)
{
    if (line.length > 0 && line.bytes[line.length - 1] == '\r') {
        line.length--;
    }
    return line;
}
