/* answer: reads one answer of a server off a stream of bytes, and does not believe a byte of it. */
#include "bench/answer.h"

#include "bench/answer_scan.h"

#include <string.h>

static enum answer_result take_head(struct answer *answer, struct span *input);
static enum answer_result judge_head(struct answer *answer);
static enum answer_result judge_reply(struct answer *answer);
static enum answer_result take_row(struct answer *answer, struct span *input);
static enum answer_result take_body(struct answer *answer, struct span *input);
static enum answer_result take_line(struct answer *answer, struct span *input,
                                    struct span *out_line);
static enum answer_result wrong(struct answer *answer, enum fault fault);

void answer_begin(struct answer *answer, enum answer_form form)
{
    answer->form = form;
    answer->place = ANSWER_LINE_START;
    answer->in_body = false;
    answer->is_positive = false;
    answer->fault = FAULT_NONE;
    answer->held_bytes = 0;
    answer->head_bytes = 0;
    answer->lines = 0;
    answer->octets = 0;
}

enum answer_result answer_take(struct answer *answer, struct span *input)
{
    if (!answer->in_body)
        return take_head(answer, input);
    if (answer->form == ANSWER_LISTING)
        return take_row(answer, input);
    return take_body(answer, input);
}

bool answer_has_begun(const struct answer *answer)
{
    return answer->in_body || answer->held_bytes > 0;
}

struct span answer_head(const struct answer *answer)
{
    return (struct span){answer->line, answer->head_bytes};
}

static enum answer_result take_head(struct answer *answer, struct span *input)
{
    for (;;) {
        struct span line;
        enum answer_result result = take_line(answer, input, &line);
        if (result != ANSWER_DONE)
            return result;
        if (line.bytes != answer->line)
            memcpy(answer->line, line.bytes, line.length);
        answer->head_bytes = (uint16_t)line.length;
        result = answer->form == ANSWER_REPLY ? judge_reply(answer) : judge_head(answer);
        if (result != ANSWER_MORE)
            return result;
    }
}

static enum answer_result judge_head(struct answer *answer)
{
    const char *line = answer->line;
    uint16_t length = answer->head_bytes;
    bool ok = length >= 3 && memcmp(line, "+OK", 3) == 0 && (length == 3 || line[3] == ' ');
    bool error = length >= 4 && memcmp(line, "-ERR", 4) == 0 && (length == 4 || line[4] == ' ');
    bool asks = answer->form == ANSWER_ASKS && length >= 2 && memcmp(line, "+ ", 2) == 0;
    if (!ok && !error && !asks)
        return wrong(answer, FAULT_FRAMING);
    answer->is_positive = !error;
    if (!ok || (answer->form != ANSWER_LISTING && answer->form != ANSWER_BODY))
        return ANSWER_DONE;
    answer->in_body = true;
    return ANSWER_HEAD;
}

/* ANSWER_MORE: another line of the same reply follows. */
static enum answer_result judge_reply(struct answer *answer)
{
    const char *line = answer->line;
    bool good = answer->head_bytes >= 3 && line[0] >= '2' && line[0] <= '5' && line[1] >= '0' &&
                line[1] <= '9' && line[2] >= '0' && line[2] <= '9';
    if (!good || ++answer->lines > ANSWER_LINES_MAX ||
        (answer->head_bytes > 3 && line[3] != ' ' && line[3] != '-'))
        return wrong(answer, FAULT_FRAMING);
    answer->is_positive = line[0] < '4';
    return answer->head_bytes > 3 && line[3] == '-' ? ANSWER_MORE : ANSWER_DONE;
}

static enum answer_result take_row(struct answer *answer, struct span *input)
{
    enum answer_result result = take_line(answer, input, &answer->row);
    if (result != ANSWER_DONE)
        return result;
    if (answer->row.length == 1 && answer->row.bytes[0] == '.')
        return ANSWER_DONE;
    answer->lines++;
    if (answer->row.length == 0 || answer->row.bytes[0] != '.')
        return ANSWER_ROW;
    if (answer->row.bytes[1] != '.')
        return wrong(answer, FAULT_STUFFING);
    answer->row.bytes++;
    answer->row.length--;
    return ANSWER_ROW;
}

/* A line without CRLF: ANSWER_DONE, borrowed from `input` or, where it was cut, from answer->line.
 */
static enum answer_result take_line(struct answer *answer, struct span *input,
                                    struct span *out_line)
{
    const char *end = input->length > 0 ? memchr(input->bytes, '\n', input->length) : NULL;
    size_t taken = end == NULL ? input->length : (size_t)(end - input->bytes) + 1;
    size_t whole = answer->held_bytes + taken;
    if (whole > ANSWER_LINE_MAX)
        return wrong(answer, FAULT_FRAMING);
    *out_line = (struct span){input->bytes, taken};
    if (end == NULL || answer->held_bytes > 0) {
        if (taken > 0)
            memcpy(answer->line + answer->held_bytes, input->bytes, taken);
        *out_line = (struct span){answer->line, whole};
        answer->head_bytes = 0;
        answer->held_bytes = (uint16_t)whole;
    }
    input->bytes += taken;
    input->length -= taken;
    if (end == NULL)
        return ANSWER_MORE;
    answer->held_bytes = 0;
    if (whole < 2 || out_line->bytes[whole - 2] != '\r')
        return wrong(answer, FAULT_FRAMING);
    out_line->length = whole - 2;
    return ANSWER_DONE;
}

/* Byte by byte at the begin of lines; the rest is passed over by answer_scan. */
static enum answer_result take_body(struct answer *answer, struct span *input)
{
    const char *bytes = input->bytes;
    size_t count = input->length;
    size_t at = 0;
    enum answer_place place = answer->place;
    enum fault fault = FAULT_NONE;
    bool ended = false;
    while (at < count && fault == FAULT_NONE && !ended) {
        char byte = bytes[at];
        switch (place) {
        case ANSWER_LINE_START:
            place = byte == '.' ? ANSWER_DOT : byte == '\r' ? ANSWER_IN_LINE_CR : ANSWER_IN_LINE;
            answer->octets += byte != '.';
            fault = byte == '\n' ? FAULT_FRAMING : FAULT_NONE;
            at++;
            break;
        case ANSWER_DOT:
            place = byte == '\r' ? ANSWER_DOT_CR : ANSWER_IN_LINE;
            answer->octets += byte == '.';
            fault = byte != '\r' && byte != '.' ? FAULT_STUFFING : FAULT_NONE;
            at++;
            break;
        case ANSWER_DOT_CR:
            fault = byte != '\n' ? FAULT_STUFFING : FAULT_NONE;
            ended = fault == FAULT_NONE;
            at++;
            break;
        case ANSWER_IN_LINE_CR:
            if (byte == '\n') {
                place = ANSWER_LINE_START;
                answer->octets++;
                at++;
                break;
            }
            place = ANSWER_IN_LINE;
            break;
        case ANSWER_IN_LINE: {
            size_t next = byte == '\n' ? at : answer_scan(bytes, at, count);
            answer->octets += next - at;
            at = next;
            if (at == count)
                place = bytes[at - 1] == '\r' ? ANSWER_IN_LINE_CR : ANSWER_IN_LINE;
            else if (at > 0 && bytes[at - 1] == '\r')
                place = ANSWER_IN_LINE_CR;
            else
                fault = FAULT_FRAMING;
            break;
        }
        }
    }
    answer->place = place;
    input->bytes += at;
    input->length -= at;
    if (fault != FAULT_NONE)
        return wrong(answer, fault);
    return ended ? ANSWER_DONE : ANSWER_MORE;
}

static enum answer_result wrong(struct answer *answer, enum fault fault)
{
    answer->fault = fault;
    return ANSWER_WRONG;
}
