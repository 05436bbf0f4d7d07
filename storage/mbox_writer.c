/* mbox_writer: a stored message as a part of an mbox, in dialect mboxrd.
 *
 * The message is decoded into a small buffer of the writer and quoted on the way out of it. A quote
 * is one more `>` before a line of `>`* and "From "; all `>` are alike, so those that are there go
 * out at once, and the additional one is put behind them when "From " is complete.
 */
#include "storage/calendar.h"
#include "storage/mbox.h"

#include <string.h>

static const char from_word[] = "From ";
#define FROM_WORD_BYTES 5

static bool mbox_writer_refill(struct mbox_writer *writer, struct span *wire);
static size_t mbox_writer_quote(struct mbox_writer *writer, char *out, size_t out_bytes);
static size_t mbox_writer_put_text(struct mbox_writer *writer, char *out, size_t out_bytes);

size_t mbox_write(struct mbox_writer *writer, struct span *wire, char *out, size_t out_bytes)
{
    size_t written = 0;
    while (written < out_bytes) {
        if (writer->text_used < writer->text_bytes)
            written += mbox_writer_put_text(writer, out + written, out_bytes - written);
        else if (writer->plain_used < writer->plain_bytes)
            written += mbox_writer_quote(writer, out + written, out_bytes - written);
        else if (!mbox_writer_refill(writer, wire))
            break;
    }
    return written;
}

static size_t append(char *text, size_t used, struct span more)
{
    memcpy(text + used, more.bytes, more.length);
    return used + more.length;
}

static size_t append_digits(char *text, size_t used, uint32_t value, uint32_t digits, char fill)
{
    for (uint32_t at = digits; at > 0; at--, value /= 10)
        text[used + at - 1] = value > 0 || at == digits ? (char)('0' + value % 10) : fill;
    return used + digits;
}

/* The form of asctime(3), which every reader knows. */
void mbox_writer_init(struct mbox_writer *writer, int64_t time)
{
    struct calendar date;
    if (!calendar_from_seconds(time, &date))
        calendar_from_seconds(0, &date);
    *writer = (struct mbox_writer){.text_used = 0};
    dot_decoder_init(&writer->decoder, DOT_TO_LF);
    char *text = writer->text;
    size_t used = append(text, 0, SPAN_LITERAL("From ringpost@localhost "));
    used = append(text, used, calendar_weekday_name(date.weekday));
    used = append(text, used, SPAN_LITERAL(" "));
    used = append(text, used, calendar_month_name(date.month));
    used = append(text, used, SPAN_LITERAL(" "));
    used = append_digits(text, used, date.day, 2, ' ');
    used = append(text, used, SPAN_LITERAL(" "));
    used = append_digits(text, used, date.hour, 2, '0');
    used = append(text, used, SPAN_LITERAL(":"));
    used = append_digits(text, used, date.minute, 2, '0');
    used = append(text, used, SPAN_LITERAL(":"));
    used = append_digits(text, used, date.second, 2, '0');
    used = append(text, used, SPAN_LITERAL(" "));
    used = append_digits(text, used, (uint32_t)date.year, 4, '0');
    used = append(text, used, SPAN_LITERAL("\n"));
    writer->text_bytes = (uint32_t)used;
}

static void mbox_writer_say(struct mbox_writer *writer, struct span text)
{
    writer->text_used = 0;
    writer->text_bytes = (uint32_t)append(writer->text, 0, text);
}

static size_t mbox_writer_put_text(struct mbox_writer *writer, char *out, size_t out_bytes)
{
    size_t left = writer->text_bytes - writer->text_used;
    size_t count = left < out_bytes ? left : out_bytes;
    memcpy(out, writer->text + writer->text_used, count);
    writer->text_used += (uint32_t)count;
    return count;
}

/* More of the message, or its end. False where there is nothing more to write by now. */
static bool mbox_writer_refill(struct mbox_writer *writer, struct span *wire)
{
    writer->plain_used = 0;
    writer->plain_bytes =
        (uint32_t)dot_decode(&writer->decoder, wire, writer->plain, sizeof(writer->plain));
    if (writer->plain_bytes > 0)
        return true;
    if (writer->finished || !dot_decoder_ended(&writer->decoder))
        return false;
    writer->finished = true;
    mbox_writer_say(writer, SPAN_LITERAL("\n"));
    return true;
}

/* Copies up to the end of a line. */
static size_t mbox_writer_copy(struct mbox_writer *writer, char *out, size_t out_bytes)
{
    const char *plain = writer->plain + writer->plain_used;
    size_t left = writer->plain_bytes - writer->plain_used;
    size_t most = left < out_bytes ? left : out_bytes;
    const char *end = memchr(plain, '\n', most);
    size_t count = end != NULL ? (size_t)(end - plain) + 1 : most;
    memcpy(out, plain, count);
    writer->plain_used += (uint32_t)count;
    writer->in_line = end == NULL;
    return count;
}

static size_t mbox_writer_quote(struct mbox_writer *writer, char *out, size_t out_bytes)
{
    if (writer->in_line)
        return mbox_writer_copy(writer, out, out_bytes);
    char byte = writer->plain[writer->plain_used];
    if (byte == from_word[writer->matched]) {
        writer->plain_used++;
        writer->matched++;
        if (writer->matched < FROM_WORD_BYTES)
            return 0;
        mbox_writer_say(writer, SPAN_LITERAL(">From "));
    } else if (byte == '>' && writer->matched == 0) {
        writer->plain_used++;
        *out = '>';
        return 1;
    } else if (writer->matched > 0) {
        mbox_writer_say(writer, (struct span){from_word, writer->matched});
    }
    writer->matched = 0;
    writer->in_line = true;
    return 0;
}

bool mbox_writer_is_done(const struct mbox_writer *writer)
{
    return writer->finished && writer->text_used == writer->text_bytes;
}
