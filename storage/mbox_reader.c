/* mbox_reader: finds the messages of an mbox in bytes that come in pieces.
 *
 * What is decided passes through from the input without a copy, many lines at once. Held back, in
 * the reader's own buffer, is only what the next bytes decide about: an empty line, which may turn
 * out to be a separator, and the begin of a line that may be "From ", `>`* and "From ", or a
 * Content-Length. A `>` that may have to go is held while those behind it pass: all are alike.
 */
#include "storage/mbox.h"

#include "proto/must.h"

#include <string.h>

static bool mbox_step(struct mbox_reader *reader, struct span *input, struct mbox_news *news);
static bool mbox_pass_lines(struct mbox_reader *reader, struct span *input, struct mbox_news *news);
static bool mbox_start_line(struct mbox_reader *reader, struct span *input, struct mbox_news *news);

void mbox_reader_init(struct mbox_reader *reader, enum mbox_dialect dialect)
{
    *reader = (struct mbox_reader){.dialect = dialect, .place = MBOX_BEFORE_FIRST};
}

struct mbox_news mbox_read(struct mbox_reader *reader, struct span *input)
{
    struct mbox_news news = {.event = MBOX_MORE};
    size_t before = input->length;
    must(reader->place != MBOX_ASKING);
    while (!mbox_step(reader, input, &news)) {
        if (input->length == 0 && reader->place != MBOX_AT_FROM)
            break;
    }
    reader->offset += before - input->length;
    if (news.event == MBOX_LOOK)
        news.look_offset = reader->offset + reader->claim - 1;
    return news;
}

/* Takes up to `count` bytes off `input`. */
static struct span take(struct span *input, uint64_t count)
{
    size_t used = count < input->length ? (size_t)count : input->length;
    struct span taken = {input->bytes, used};
    *input = (struct span){input->bytes + used, input->length - used};
    return taken;
}

static bool say_bytes(struct mbox_news *news, struct span bytes)
{
    if (bytes.length == 0)
        return false;
    *news = (struct mbox_news){.event = MBOX_BYTES, .bytes = bytes};
    return true;
}

static bool say_held(struct mbox_reader *reader, struct mbox_news *news)
{
    struct span held = {reader->held, reader->held_bytes};
    reader->held_bytes = 0;
    reader->blank_bytes = 0;
    return say_bytes(news, held);
}

/* The line at whose start the reader is, as far as it is held. */
static struct span held_line(const struct mbox_reader *reader)
{
    return (struct span){reader->held + reader->blank_bytes,
                         reader->held_bytes - reader->blank_bytes};
}

static struct span without_end(struct span line)
{
    if (line.length > 0 && line.bytes[line.length - 1] == '\n')
        line.length--;
    if (line.length > 0 && line.bytes[line.length - 1] == '\r')
        line.length--;
    return line;
}

/* The message before ends first; then the next begins. */
static bool say_from(struct mbox_reader *reader, struct mbox_news *news)
{
    if (reader->in_message) {
        reader->in_message = false;
        *news = (struct mbox_news){.event = MBOX_END};
        return true;
    }
    *news = (struct mbox_news){.event = MBOX_BEGIN};
    must(mbox_parse_from(without_end(held_line(reader)), &news->from));
    reader->held_bytes = 0;
    reader->blank_bytes = 0;
    reader->in_message = true;
    reader->in_header = true;
    reader->has_claim = false;
    reader->place = MBOX_LINE_START;
    return true;
}

static bool mbox_pass_claim(struct mbox_reader *reader, struct span *input, struct mbox_news *news)
{
    if (reader->held_bytes > 0)
        return say_held(reader, news);
    struct span claimed = take(input, reader->claim);
    reader->claim -= claimed.length;
    if (reader->claim == 0)
        reader->place = MBOX_LINE_START;
    return say_bytes(news, claimed);
}

/* False where there is nothing to say yet; then the place or the input has moved on. */
static bool mbox_step(struct mbox_reader *reader, struct span *input, struct mbox_news *news)
{
    *news = (struct mbox_news){.event = MBOX_MORE};
    switch (reader->place) {
    case MBOX_STRANGE:
        news->event = MBOX_FOREIGN;
        return true;
    case MBOX_AT_FROM:
        return say_from(reader, news);
    case MBOX_IN_CLAIM:
        return mbox_pass_claim(reader, input, news);
    case MBOX_IN_LINE:
        return input->length > 0 && mbox_pass_lines(reader, input, news);
    case MBOX_BEFORE_FIRST:
    case MBOX_LINE_START:
        return input->length > 0 && mbox_start_line(reader, input, news);
    case MBOX_ASKING:
        break;
    }
    return true;
}

static bool mbox_has_claims(const struct mbox_reader *reader)
{
    return reader->dialect == MBOX_CL || reader->dialect == MBOX_CL2;
}

/* Whether a line that begins so passes without a further look. */
static bool is_ordinary(const struct mbox_reader *reader, char byte)
{
    if (reader->place == MBOX_BEFORE_FIRST || byte == '\n' || byte == '\r')
        return false;
    if (byte == 'F')
        return reader->blank_bytes == 0;
    if (byte == '>')
        return reader->dialect == MBOX_CL2;
    if (byte == 'C' || byte == 'c')
        return !mbox_has_claims(reader) || !reader->in_header;
    return true;
}

/* The rest of a line and all ordinary lines after it. */
static bool mbox_pass_lines(struct mbox_reader *reader, struct span *input, struct mbox_news *news)
{
    size_t at = 0;
    reader->place = MBOX_IN_LINE;
    do {
        const char *end = memchr(input->bytes + at, '\n', input->length - at);
        if (end == NULL)
            return say_bytes(news, take(input, input->length));
        at = (size_t)(end - input->bytes) + 1;
    } while (at < input->length && is_ordinary(reader, input->bytes[at]));
    reader->place = MBOX_LINE_START;
    return say_bytes(news, take(input, at));
}

static bool is_from_so_far(struct span line)
{
    size_t count = line.length < 5 ? line.length : 5;
    return memcmp(line.bytes, "From ", count) == 0;
}

/* The held line is nothing special: it goes on as a line of the message. */
static bool pass_held(struct mbox_reader *reader, bool complete, struct mbox_news *news)
{
    if (reader->place == MBOX_BEFORE_FIRST) {
        reader->place = MBOX_STRANGE;
        return false;
    }
    reader->place = complete ? MBOX_LINE_START : MBOX_IN_LINE;
    return say_held(reader, news);
}

/* An empty line is complete. One that was held before it is no separator, and goes out. */
static bool keep_blank(struct mbox_reader *reader, struct mbox_news *news)
{
    static const char line_ends[] = "\n\r\n";
    struct span older = {line_ends + (reader->blank_bytes == 2 ? 1 : 0), reader->blank_bytes};
    struct span blank = held_line(reader);
    if (reader->place == MBOX_BEFORE_FIRST)
        blank.length = 0;
    memmove(reader->held, blank.bytes, blank.length);
    reader->held_bytes = (uint32_t)blank.length;
    reader->blank_bytes = (uint32_t)blank.length;
    bool header_ends = reader->in_header;
    reader->in_header = false;
    if (header_ends && reader->has_claim) {
        reader->place = MBOX_ASKING;
        *news = (struct mbox_news){.event = MBOX_LOOK};
        return true;
    }
    return say_bytes(news, older);
}

/* Content-Length (no standard; as written by mboxcl and mboxcl2). */
static void read_claim(struct mbox_reader *reader, struct span line)
{
    static const char name[] = "content-length:";
    size_t at = sizeof(name) - 1;
    if (line.length < at)
        return;
    if (!span_equal_ignoring_case((struct span){line.bytes, at}, (struct span){name, at}))
        return;
    size_t end = without_end(line).length;
    while (at < end && (line.bytes[at] == ' ' || line.bytes[at] == '\t'))
        at++;
    while (end > at && (line.bytes[end - 1] == ' ' || line.bytes[end - 1] == '\t'))
        end--;
    uint64_t claim;
    if (!span_number((struct span){line.bytes + at, end - at}, &claim))
        return;
    /* Far above every file, and far from an overflow of the offset. */
    reader->has_claim = claim <= INT64_MAX / 2;
    reader->claim = claim;
}

static bool decide_complete_line(struct mbox_reader *reader, struct mbox_news *news)
{
    struct span line = held_line(reader);
    struct mbox_from from;
    if (without_end(line).length == 0)
        return keep_blank(reader, news);
    if (mbox_parse_from(without_end(line), &from)) {
        reader->place = MBOX_AT_FROM;
        return false;
    }
    read_claim(reader, line);
    return pass_held(reader, true, news);
}

/* A line that begins with a held `>`, and nothing held before it. */
static bool decide_quote(struct mbox_reader *reader, struct mbox_news *news)
{
    struct span behind = {reader->held + 1, reader->held_bytes - 1};
    if (!is_from_so_far(behind))
        return pass_held(reader, false, news);
    if (behind.length < 5)
        return false;
    memmove(reader->held, behind.bytes, behind.length);
    reader->held_bytes--;
    return pass_held(reader, false, news);
}

static bool decide_line(struct mbox_reader *reader, struct mbox_news *news)
{
    struct span line = held_line(reader);
    if (line.bytes[line.length - 1] == '\n')
        return decide_complete_line(reader, news);
    char first = line.bytes[0];
    if (first == '\r')
        return line.length > 1 && pass_held(reader, false, news);
    if (first == 'F' ? !is_from_so_far(line) : reader->place == MBOX_BEFORE_FIRST)
        return pass_held(reader, false, news);
    if (first == '>')
        return decide_quote(reader, news);
    return line.length == MBOX_FROM_LINE_MAX + 2 && pass_held(reader, false, news);
}

/* Puts more of a line that has to be looked at into `held`: byte by byte, until it is known which
 * of the long ones it is, then up to its end. */
static void hold_more(struct mbox_reader *reader, struct span *input)
{
    struct span line = held_line(reader);
    size_t wanted = 1;
    bool is_header = line.length > 0 && (line.bytes[0] == 'C' || line.bytes[0] == 'c');
    if (is_header || (line.length >= 5 && line.bytes[0] == 'F')) {
        const char *end = memchr(input->bytes, '\n', input->length);
        wanted = end != NULL ? (size_t)(end - input->bytes) + 1 : input->length;
    }
    size_t room = MBOX_FROM_LINE_MAX + 2 - line.length;
    struct span taken = take(input, wanted < room ? wanted : room);
    memcpy(reader->held + reader->held_bytes, taken.bytes, taken.length);
    reader->held_bytes += (uint32_t)taken.length;
}

static bool mbox_start_line(struct mbox_reader *reader, struct span *input, struct mbox_news *news)
{
    struct span line = held_line(reader);
    char first = input->bytes[0];
    if (line.length == 1 && line.bytes[0] == '>' && first == '>' && reader->dialect == MBOX_RD)
        return say_bytes(news, take(input, 1));
    if (line.length == 0) {
        bool may_follow_separator = first == 'F' || first == '\r' || first == '\n';
        if (reader->blank_bytes > 0 && !may_follow_separator)
            return say_held(reader, news);
        if (is_ordinary(reader, first))
            return mbox_pass_lines(reader, input, news);
    }
    hold_more(reader, input);
    return decide_line(reader, news);
}

/* The first byte only shows that the file does not end before the message does. */
void mbox_looked(struct mbox_reader *reader, bool inside, struct span bytes)
{
    must(reader->place == MBOX_ASKING && bytes.length <= MBOX_LOOK_BYTES);
    bool right = inside && bytes.length == 1;
    size_t end = bytes.length > 1 && bytes.bytes[1] == '\r' ? 2 : 1;
    if (inside && end < bytes.length && bytes.bytes[end] == '\n') {
        struct span behind = {bytes.bytes + end + 1, bytes.length - end - 1};
        right = behind.length == 0 || (behind.length >= 5 && is_from_so_far(behind));
    }
    reader->place = right ? MBOX_IN_CLAIM : MBOX_LINE_START;
}

struct mbox_news mbox_read_end(struct mbox_reader *reader)
{
    struct mbox_news news = {.event = MBOX_FINISHED};
    must(reader->place != MBOX_ASKING);
    struct span line = held_line(reader);
    if (line.length > 0 && reader->place != MBOX_AT_FROM && reader->place != MBOX_STRANGE) {
        if (mbox_parse_from(without_end(line), &news.from))
            reader->place = MBOX_AT_FROM;
        else if (pass_held(reader, false, &news))
            return news;
    }
    if (reader->place == MBOX_AT_FROM) {
        say_from(reader, &news);
    } else if (reader->place == MBOX_STRANGE) {
        news.event = MBOX_FOREIGN;
    } else if (reader->in_message) {
        reader->in_message = false;
        news.event = MBOX_END;
    }
    return news;
}
