/* test_mbox: folders as text, read at every split of their bytes, and written and read again.
 *
 * A trace is the folder as the reader told it: `{sender time}` where a message begins, its bytes,
 * and
 * `{end}`; `{foreign}` where the file is none. Input lies before a guard page.
 */
#include "storage/calendar.h"
#include "storage/mbox.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TRACE_MAX 16384

struct trace {
    char text[TRACE_MAX];
    size_t bytes;
};

static struct guarded guarded;

static void setup(void)
{
    guarded_init(&guarded, TRACE_MAX);
}

static void teardown(void)
{
    guarded_fini(&guarded);
}

TestSuite(mbox, .init = setup, .fini = teardown);

static void trace_bytes(struct trace *trace, struct span bytes)
{
    cr_assert(trace->bytes + bytes.length < TRACE_MAX);
    memcpy(trace->text + trace->bytes, bytes.bytes, bytes.length);
    trace->bytes += bytes.length;
}

static void trace_begin(struct trace *trace, const struct mbox_from *from)
{
    char time[32] = "?";
    if (from->has_time)
        snprintf(time, sizeof(time), "%" PRId64, from->time);
    trace_bytes(trace, SPAN_LITERAL("{"));
    trace_bytes(trace, from->sender);
    trace_bytes(trace, SPAN_LITERAL(" "));
    trace_bytes(trace, span_of(time));
    trace_bytes(trace, SPAN_LITERAL("}"));
}

/* As pread(2) does it: nothing from behind the end. */
static void look(struct mbox_reader *reader, struct span file, uint64_t offset)
{
    uint64_t from = offset < file.length ? offset : file.length;
    size_t left = file.length - (size_t)from;
    size_t count = left < MBOX_LOOK_BYTES ? left : MBOX_LOOK_BYTES;
    mbox_looked(reader, true, (struct span){file.bytes + from, count});
}

/* Writes news into the trace; false where there is no more to come by now. */
static bool take_news(struct mbox_reader *reader, const struct mbox_news *news, struct span file,
                      struct trace *trace)
{
    switch (news->event) {
    case MBOX_BEGIN:
        trace_begin(trace, &news->from);
        return true;
    case MBOX_BYTES:
        cr_assert(news->bytes.length > 0);
        trace_bytes(trace, news->bytes);
        return true;
    case MBOX_END:
        trace_bytes(trace, SPAN_LITERAL("{end}"));
        return true;
    case MBOX_LOOK:
        look(reader, file, news->look_offset);
        return true;
    case MBOX_FOREIGN:
        trace_bytes(trace, SPAN_LITERAL("{foreign}"));
        return false;
    case MBOX_MORE:
    case MBOX_FINISHED:
        return false;
    }
    return false;
}

/* Reads all of `file`: `first` bytes, then pieces of `piece_bytes`. */
static void read_in_pieces(struct span file, enum mbox_dialect dialect, size_t first,
                           size_t piece_bytes, struct trace *trace)
{
    struct mbox_reader reader;
    struct mbox_news news = {.event = MBOX_MORE};
    mbox_reader_init(&reader, dialect);
    trace->bytes = 0;
    for (size_t at = 0; at < file.length && news.event != MBOX_FOREIGN;) {
        size_t left = file.length - at;
        size_t count = at == 0 && first > 0 ? first : piece_bytes;
        count = count < left ? count : left;
        struct span input = {guarded_copy(&guarded, file.bytes + at, count), count};
        do
            news = mbox_read(&reader, &input);
        while (take_news(&reader, &news, file, trace));
        cr_assert(input.length == 0 || news.event == MBOX_FOREIGN);
        at += count;
    }
    if (news.event == MBOX_FOREIGN)
        return;
    do
        news = mbox_read_end(&reader);
    while (take_news(&reader, &news, file, trace));
}

static void expect_trace(const struct trace *trace, struct span expected, struct span file)
{
    bool same = trace->bytes == expected.length &&
                memcmp(trace->text, expected.bytes, expected.length) == 0;
    cr_assert(same, "file:\n%.*s\ntrace:\n%.*s\nexpected:\n%.*s", (int)file.length, file.bytes,
              (int)trace->bytes, trace->text, (int)expected.length, expected.bytes);
}

static void expect_read(struct span file, enum mbox_dialect dialect, struct span expected)
{
    static struct trace trace;
    for (size_t first = 0; first <= file.length && first < 300; first++) {
        read_in_pieces(file, dialect, first, file.length, &trace);
        expect_trace(&trace, expected, file);
    }
    for (size_t piece_bytes = 1; piece_bytes < 20; piece_bytes++) {
        read_in_pieces(file, dialect, 0, piece_bytes, &trace);
        expect_trace(&trace, expected, file);
    }
}

#define EXPECT_READ(dialect, file, expected)                                                       \
    expect_read(SPAN_LITERAL(file), dialect, SPAN_LITERAL(expected))

#define A "From a@x Thu Jan  1 00:00:00 1970\n"
#define B "From b@y Thu Jan  1 00:01:00 1970\n"

Test(mbox, messages_are_cut_at_from_lines_after_empty_lines)
{
    EXPECT_READ(MBOX_RD, "", "");
    EXPECT_READ(MBOX_RD, "\n\r\n\n", "");
    EXPECT_READ(MBOX_RD, A "h: 1\n\nbody\n\n" B "h: 2\n\nbody\n\n",
                "{a@x 0}h: 1\n\nbody\n{end}{b@y 60}h: 2\n\nbody\n{end}");
    EXPECT_READ(MBOX_RD, "\n\n" A "x\n", "{a@x 0}x\n{end}");
    EXPECT_READ(MBOX_RD, A "x\n" B "y\n", "{a@x 0}x\n" B "y\n{end}");
    EXPECT_READ(MBOX_RD, A "x\n\n\n\n" B "y\n\n\n", "{a@x 0}x\n\n\n{end}{b@y 60}y\n\n{end}");
    EXPECT_READ(MBOX_RD, A "x\n\nFrom me to you\n\nFro\n\nFrom \n\nF\n",
                "{a@x 0}x\n\nFrom me to you\n\nFro\n\nFrom \n\nF\n{end}");
    EXPECT_READ(MBOX_RD, A "x\n\nfrom b 12:00\n", "{a@x 0}x\n\nfrom b 12:00\n{end}");
}

Test(mbox, messages_may_be_empty_or_cut_off)
{
    EXPECT_READ(MBOX_RD, A, "{a@x 0}{end}");
    EXPECT_READ(MBOX_RD, A "\n", "{a@x 0}{end}");
    EXPECT_READ(MBOX_RD, A "\n" B, "{a@x 0}{end}{b@y 60}{end}");
    EXPECT_READ(MBOX_RD, A "no end", "{a@x 0}no end{end}");
    EXPECT_READ(MBOX_RD, A "x\n\nFrom b 12:3", "{a@x 0}x\n\nFrom b 12:3{end}");
    EXPECT_READ(MBOX_RD, A "x\n\nFrom b 12:34", "{a@x 0}x\n{end}{b ?}{end}");
    EXPECT_READ(MBOX_RD, A "x\n\n>Fr", "{a@x 0}x\n\n>Fr{end}");
    EXPECT_READ(MBOX_RD, A "x\n\r", "{a@x 0}x\n\r{end}");
}

Test(mbox, line_ends_may_be_crlf_and_bytes_anything)
{
    EXPECT_READ(MBOX_RD,
                "From a Thu Jan  1 00:00:00 1970\r\nh: 1\r\n\r\nx\r\n\r\nFrom b 00:00\r\n\r\ny\r\n",
                "{a 0}h: 1\r\n\r\nx\r\n{end}{b ?}\r\ny\r\n{end}");
    EXPECT_READ(MBOX_RD, A "x\r\n\r\n\n\r\n" B "y", "{a@x 0}x\r\n\r\n\n{end}{b@y 60}y{end}");
    EXPECT_READ(MBOX_RD, A "x\r\n\n" B "y\n\r\n" A,
                "{a@x 0}x\r\n{end}{b@y 60}y\n{end}{a@x 0}{end}");
    EXPECT_READ(MBOX_RD, A "\0\n\0\xff\r\r\n\rFrom\n\r\rx\n\0\n",
                "{a@x 0}\0\n\0\xff\r\r\n\rFrom\n\r\rx\n\0\n{end}");
}

Test(mbox, each_dialect_takes_its_own_quotes_away)
{
#define QUOTED                                                                                     \
    ">From a\n>>From b\n>>>>>>From c\n> From\n>from\n>Fromx\n>\n>>\n\n>From d\n>>From e\n"
    EXPECT_READ(MBOX_RD, A QUOTED,
                "{a@x 0}From a\n>From b\n>>>>>From c\n> From\n>from\n>Fromx\n>\n>>\n\nFrom d\n"
                ">From e\n{end}");
    EXPECT_READ(MBOX_O, A QUOTED,
                "{a@x 0}From a\n>>From b\n>>>>>>From c\n> From\n>from\n>Fromx\n>\n>>\n\nFrom d\n"
                ">>From e\n{end}");
    EXPECT_READ(MBOX_CL2, A QUOTED, "{a@x 0}" QUOTED "{end}");
}

Test(mbox, foreign_files_are_told)
{
    EXPECT_READ(MBOX_RD, "h: 1\n\nbody\n\n" A "x\n", "{foreign}");
    EXPECT_READ(MBOX_RD, "\n\nx", "{foreign}");
    EXPECT_READ(MBOX_RD, ">" A, "{foreign}");
    EXPECT_READ(MBOX_RD, ">>>", "{foreign}");
    EXPECT_READ(MBOX_RD, "From nobody at no time\n", "{foreign}");
    EXPECT_READ(MBOX_RD, "\r" A, "{foreign}");
    EXPECT_READ(MBOX_CL, "Content-Length: 3\n", "{foreign}");
}

Test(mbox, content_length_counts_where_it_is_right)
{
#define INSIDE "one\n\n" B "two\n"
    EXPECT_READ(MBOX_CL2, A "Content-Length: 43\n\n" INSIDE "\n" B "x\n",
                "{a@x 0}Content-Length: 43\n\n" INSIDE "{end}{b@y 60}x\n{end}");
    EXPECT_READ(MBOX_CL2, A "content-LENGTH:43 \r\n\r\n" INSIDE "\r\n" B "x\n",
                "{a@x 0}content-LENGTH:43 \r\n\r\n" INSIDE "{end}{b@y 60}x\n{end}");
    EXPECT_READ(MBOX_CL, A "h: 1\nContent-Length: 43\n\n" INSIDE,
                "{a@x 0}h: 1\nContent-Length: 43\n\n" INSIDE "{end}");
    EXPECT_READ(MBOX_CL, A "Content-Length: 43\n\n" INSIDE "\n",
                "{a@x 0}Content-Length: 43\n\n" INSIDE "{end}");
    EXPECT_READ(MBOX_CL, A "Content-Length: 0\n\n\n" B "x\n",
                "{a@x 0}Content-Length: 0\n\n{end}{b@y 60}x\n{end}");
    EXPECT_READ(MBOX_CL, A "Content-Length: 3\n\nabc", "{a@x 0}Content-Length: 3\n\nabc{end}");
}

Test(mbox, content_length_is_ignored_elsewhere)
{
    EXPECT_READ(MBOX_RD, A "Content-Length: 43\n\n" INSIDE,
                "{a@x 0}Content-Length: 43\n\none\n{end}{b@y 60}two\n{end}");
#define WRONG(number)                                                                              \
    EXPECT_READ(MBOX_CL2, A "Content-Length: " number "\n\n" INSIDE,                               \
                "{a@x 0}Content-Length: " number "\n\none\n{end}{b@y 60}two\n{end}")
    WRONG("3");
    WRONG("38");
    WRONG("41");
    WRONG("44");
    WRONG("5");
    WRONG("99999999999");
    WRONG("18446744073709551615");
    WRONG("18446744073709551617");
    WRONG("-1");
    WRONG("43 43");
    WRONG("");
    EXPECT_READ(MBOX_CL2, A "h: 1\n\nContent-Length: 9\n\n" B "x\n",
                "{a@x 0}h: 1\n\nContent-Length: 9\n{end}{b@y 60}x\n{end}");
    /* The length of one message is not that of the next. */
    EXPECT_READ(
        MBOX_CL2, A "Content-Length: 43\n\nx\n\n" B "h: 1\n\n" INSIDE,
        "{a@x 0}Content-Length: 43\n\nx\n{end}{b@y 60}h: 1\n\none\n{end}{b@y 60}two\n{end}");
    /* 2^64 - 73: once around, back to the empty line before this message. */
    EXPECT_READ(
        MBOX_CL2, A "x\n\n" B "Content-Length: 18446744073709551543\n\nx\n\n" A "y\n",
        "{a@x 0}x\n{end}{b@y 60}Content-Length: 18446744073709551543\n\nx\n{end}{a@x 0}y\n{end}");
}

/* The right length of a line that begins a message is at most MBOX_FROM_LINE_MAX. */
Test(mbox, long_lines_pass)
{
    static char file[4096];
    static char expected[4096];
    for (size_t length = MBOX_FROM_LINE_MAX - 3; length < MBOX_FROM_LINE_MAX + 6; length++) {
        for (int has_cr = 0; has_cr < 2; has_cr++) {
            memset(file, ' ', sizeof(file));
            memcpy(file, A "x\n\nFrom b 12:00", sizeof(A "x\n\nFrom b 12:00") - 1);
            size_t begin = sizeof(A "x\n\n") - 1;
            size_t used = begin + length;
            const char *end = has_cr ? "\r\ny\n" : "\ny\n";
            memcpy(file + used, end, strlen(end));
            used += strlen(end);
            bool begins = length <= MBOX_FROM_LINE_MAX;
            int bytes = begins
                            ? snprintf(expected, sizeof(expected), "{a@x 0}x\n{end}{b ?}y\n{end}")
                            : snprintf(expected, sizeof(expected), "{a@x 0}%.*s{end}",
                                       (int)(used - sizeof(A) + 1), file + sizeof(A) - 1);
            static struct trace trace;
            struct span span = {file, used};
            for (size_t piece_bytes = 1; piece_bytes <= used; piece_bytes = piece_bytes * 2 + 1) {
                read_in_pieces(span, MBOX_RD, 0, piece_bytes, &trace);
                expect_trace(&trace, (struct span){expected, (size_t)bytes}, span);
            }
        }
    }
}

struct from_line {
    const char *line, *sender;
    bool is_one, has_time;
    int64_t time;
};

static const struct from_line from_lines[] = {
    {"From a@b Thu Jan  1 00:00:00 1970", "a@b", true, true, 0},
    {"From a@b Sat Nov 21 23:06:42 2026\r", "a@b", true, true, 1795302402},
    {"From - Fri Jul 08 12:08:34 2005", "-", true, true, 1120824514},
    {"From ???@??? Mon Feb 29 18:42:18 2016", "???@???", true, true, 1456771338},
    {"From a Thu Jan 1 00:00 EST 1970 remote from host", "a", true, true, 0},
    {"From a Thu Jan 1 01:00:00 +0100 1970", "a", true, true, 0},
    {"From a Thu Jan 1 01:00:00 1970 -0130", "a", true, true, 9000},
    {"From a@b Thu, 1 Jan 1970 00:00:07 +0000", "a@b", true, true, 7},
    {"From MAILER-DAEMON 1970-01-02 00:00:00", "MAILER-DAEMON", true, true, 86400},
    {"From two words@b Thu Jan  1 00:00:00 1970", "two words@b", true, true, 0},
    {"From  Thu Jan  1 00:00:00 1970", "", true, true, 0},
    {"From Thu Jan  1 00:00:00 1970", "", true, true, 0},
    {"From a 12:34", "a", true, false, 0},
    {"From 12:34", "", true, false, 0},
    {"From a Thu Jan 32 00:00:00 1970", "a", true, false, 0},
    {"From a Thu Jax  1 00:00:00 1970", "a", true, false, 0},
    {"From a Thu Jan  1 00:00:00", "a", true, false, 0},
    {"From a Thu Jan  1 24:00:00 1970", "", false, false, 0},
    {"From a 1:2", "", false, false, 0},
    {"From a 12:60", "", false, false, 0},
    {"From a 12:34:", "", false, false, 0},
    {"From a 12:34:5", "", false, false, 0},
    {"From a x12:34", "", false, false, 0},
    {"From a at noon", "", false, false, 0},
    {"From ", "", false, false, 0},
    {"From", "", false, false, 0},
    {"from a 12:34", "", false, false, 0},
};

Test(mbox, from_lines_are_understood)
{
    for (size_t at = 0; at < sizeof(from_lines) / sizeof(from_lines[0]); at++) {
        const struct from_line *line = &from_lines[at];
        size_t length = strlen(line->line);
        struct mbox_from from;
        struct span span = {guarded_copy(&guarded, line->line, length), length};
        cr_expect(mbox_parse_from(span, &from) == line->is_one, "%s", line->line);
        if (!line->is_one)
            continue;
        cr_expect(span_equal(from.sender, span_of(line->sender)), "%s", line->line);
        cr_expect(from.has_time == line->has_time, "%s", line->line);
        cr_expect(!from.has_time || from.time == line->time, "%s", line->line);
    }
}

Test(mbox, calendar_goes_there_and_back)
{
    struct calendar date;
    for (int64_t seconds = -62167219200; seconds < 253402300800; seconds += 86400 * 17 + 4711) {
        cr_assert(calendar_from_seconds(seconds, &date));
        cr_assert(date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= 31);
        cr_assert(date.year >= 0 && date.year <= 9999 && date.weekday < 7);
        cr_assert(calendar_to_seconds(&date) == seconds);
    }
    cr_expect(!calendar_from_seconds(-62167219201, &date));
    cr_expect(!calendar_from_seconds(253402300800, &date));
    cr_expect(!calendar_from_seconds(INT64_MIN, &date));
    cr_expect(!calendar_from_seconds(INT64_MAX, &date));
    cr_expect(calendar_from_seconds(951782400, &date));
    cr_expect(date.year == 2000 && date.month == 2 && date.day == 29 && date.weekday == 2);
}

/* Codes `message`, writes it as an mbox in pieces, and answers the bytes. */
static size_t write_folder(struct span message, int64_t time, size_t piece_bytes, size_t out_bytes,
                           char *out)
{
    static char wire[TRACE_MAX];
    struct dot_coder coder;
    struct span input = message;
    dot_init(&coder);
    size_t wire_bytes = dot_code(&coder, &input, wire, TRACE_MAX - DOT_END_MAX);
    wire_bytes += dot_finish(&coder, wire + wire_bytes);
    struct mbox_writer writer;
    mbox_writer_init(&writer, time);
    size_t used = 0;
    for (size_t at = 0; at < wire_bytes || !mbox_writer_is_done(&writer);) {
        size_t left = wire_bytes - at;
        size_t count = left < piece_bytes ? left : piece_bytes;
        struct span piece = {guarded_copy(&guarded, wire + at, count), count};
        size_t written = mbox_write(&writer, &piece, out + used, out_bytes);
        cr_assert(written > 0 || piece.length < count, "no progress");
        used += written;
        at += count - piece.length;
        cr_assert(at == wire_bytes || !mbox_writer_is_done(&writer));
    }
    return used;
}

Test(mbox, writer_quotes_and_separates)
{
    static const char message[] = ".a\nFrom b\n>From c\n>>From d\nFro\n>x\nFromx\n\nFrom e";
    static const char folder[] =
        "From ringpost@localhost Sat Nov 21 23:06:42 2026\n.a\n>From b\n>>From c\n>>>From d\nFro\n"
        ">x\nFromx\n\n>From e\n\n";
    static char out[TRACE_MAX];
    for (size_t piece_bytes = 1; piece_bytes < 80; piece_bytes++) {
        for (size_t out_bytes = 1; out_bytes < 80; out_bytes += 3) {
            size_t used =
                write_folder(SPAN_LITERAL(message), 1795302402, piece_bytes, out_bytes, out);
            cr_assert(used == sizeof(folder) - 1 && memcmp(out, folder, used) == 0);
        }
    }
    size_t used = write_folder(SPAN_LITERAL(""), INT64_MAX, 9, 99, out);
    static const char empty[] = "From ringpost@localhost Thu Jan  1 00:00:00 1970\n\n";
    cr_expect(used == sizeof(empty) - 1 && memcmp(out, empty, used) == 0);
}

Test(mbox, a_cut_off_message_is_never_done)
{
    struct mbox_writer writer;
    char out[256];
    mbox_writer_init(&writer, 0);
    struct span wire = SPAN_LITERAL("body\r\n.\r");
    size_t used = mbox_write(&writer, &wire, out, sizeof(out));
    cr_expect(used > 0 && wire.length == 0);
    cr_expect(mbox_write(&writer, &wire, out, sizeof(out)) == 0);
    cr_expect(!mbox_writer_is_done(&writer));
}

/* Two messages of random words; what is read again is what was written. */
Test(mbox, what_is_written_is_read_again)
{
    static const char *const words[] = {"From ", ">", "\n", "\n", ".", "F", "From b 12:00\n", "x"};
    static char folder[TRACE_MAX];
    static struct trace trace;
    uint32_t random = 7;
    for (int round = 0; round < 400; round++) {
        char message[256];
        char expected[512];
        size_t used = 0;
        while (used < (size_t)(round % 100)) {
            random = random * 1664525U + 1013904223U;
            const char *word = words[random >> 29];
            memcpy(message + used, word, strlen(word));
            used += strlen(word);
        }
        if (used > 0)
            message[used++] = '\n';
        size_t bytes = write_folder((struct span){message, used}, 5, 1 + used, 50, folder);
        bytes += write_folder((struct span){message, used}, 6, 1 + used, 50, folder + bytes);
        int length = snprintf(expected, sizeof(expected),
                              "{ringpost@localhost 5}%.*s{end}{ringpost@localhost 6}%.*s{end}",
                              (int)used, message, (int)used, message);
        struct span file = {folder, bytes};
        read_in_pieces(file, MBOX_RD, 0, 1 + (size_t)round % 50, &trace);
        expect_trace(&trace, (struct span){expected, (size_t)length}, file);
    }
}
