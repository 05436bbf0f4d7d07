/* specimen: mail that looks like mail, and comes again byte for byte with the same seed. */
#include "bench/specimen.h"

#include "bench/content.h"
#include "proto/dot.h"
#include "proto/must.h"
#include "storage/crc32c.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* From here on a letter is one with an attachment. */
#define ATTACHMENT_BYTES 20000

/* The times of letters lie in the four years from here on: 2022-01-01. */
#define FIRST_TIME_S 1640995200U
#define TIME_SPAN_S  126144000U

#define HEADER_ROOM 1024

static const char *const words[] = {
    "the",     "meeting", "is",      "moved",    "to",     "Thursday", "please", "send",
    "your",    "numbers", "before",  "noon",     "and",    "ask",      "Anna",   "about",
    "invoice", "which",   "we",      "have",     "not",    "received", "yet",    "thank",
    "you",     "for",     "report",  "on",       "new",    "line",     "there",  "are",
    "three",   "open",    "points",  "that",     "nobody", "has",      "looked", "at",
    "so",      "far",     "I",       "will",     "call",   "tomorrow", "from",   "train",
    "station", "with",    "regards", "attached", "find",   "draft",    "of",     "contract",
};
static const char *const names[] = {"Anna Berg",  "Jan Novak",   "Maria Rossi", "Li Wei",
                                    "Tom Becker", "Sara Jensen", "Ivan Petrov", "Eva Martin"};

static void append(struct specimen *letter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void reserve(struct specimen *letter, size_t more);
static void add_text(struct specimen *letter, struct random *random, size_t until);
static void add_html(struct specimen *letter, struct random *random, size_t until);
static void add_base64(struct specimen *letter, struct random *random, size_t until);
static void add_header(struct specimen *letter, struct random *random, uint64_t seed,
                       uint64_t number, struct span user, const char *type);

void specimen_init(struct specimen *letter)
{
    *letter = (struct specimen){0};
}

void specimen_fini(struct specimen *letter)
{
    free(letter->bytes);
    specimen_init(letter);
}

/* The body is made first, behind room for the header, which holds its checksum. */
void specimen_make(struct specimen *letter, uint64_t seed, uint64_t number, size_t bytes,
                   struct span user)
{
    struct random random = random_stream(seed, number);
    char boundary[32], type[128];
    size_t until = HEADER_ROOM + (bytes > SPECIMEN_BYTES_MIN ? bytes - SPECIMEN_BYTES_MIN : 1);
    letter->count = 0;
    reserve(letter, bytes + 2 * HEADER_ROOM);
    letter->count = HEADER_ROOM;
    snprintf(boundary, sizeof boundary, "=_%016llx", (unsigned long long)random_next(&random));
    bool has_attachment = bytes >= ATTACHMENT_BYTES;
    bool has_html = !has_attachment && bytes > 2000 && random_below(&random, 10) < 6;
    if (has_attachment || has_html) {
        snprintf(type, sizeof type, "multipart/%s; boundary=\"%s\"",
                 has_attachment ? "mixed" : "alternative", boundary);
        append(letter, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", boundary);
        size_t text = has_attachment ? 1500 : (until - HEADER_ROOM) / 3;
        add_text(letter, &random, HEADER_ROOM + text);
        append(letter, "--%s\r\n", boundary);
        if (has_attachment) {
            append(letter,
                   "Content-Type: application/pdf; name=\"draft-%llu.pdf\"\r\n"
                   "Content-Transfer-Encoding: base64\r\n"
                   "Content-Disposition: attachment; filename=\"draft-%llu.pdf\"\r\n\r\n",
                   (unsigned long long)number, (unsigned long long)number);
            add_base64(letter, &random, until);
        } else {
            append(letter, "Content-Type: text/html; charset=utf-8\r\n\r\n");
            add_html(letter, &random, until);
        }
        append(letter, "--%s--\r\n", boundary);
    } else {
        snprintf(type, sizeof type, "text/plain; charset=utf-8");
        add_text(letter, &random, until);
    }
    add_header(letter, &random, seed, number, user, type);
}

struct span specimen_wire(const struct specimen *letter)
{
    struct dot_coder coder;
    dot_init(&coder);
    struct span input = {letter->bytes, letter->count};
    size_t room = 2 * letter->count + DOT_END_MAX;
    char *bytes = malloc(room);
    must(bytes != NULL);
    size_t count = dot_code(&coder, &input, bytes, room);
    count += dot_finish(&coder, bytes + count);
    char *fitting = realloc(bytes, count);
    return (struct span){fitting != NULL ? fitting : bytes, count};
}

size_t specimen_size_draw(struct random *random)
{
    double size = 4096 * exp(2 * random_normal(random));
    return size < SPECIMEN_BYTES_MIN ? SPECIMEN_BYTES_MIN : size > 50e6 ? 50000000 : (size_t)size;
}

uint64_t specimen_mailbox_size_draw(struct random *random)
{
    static const struct {
        double share, bytes;
    } points[] = {{0.28, 1000}, {0.5, 9e3}, {0.9, 1.1e6}, {0.99, 12e6}, {1.0, 100e6}};
    double drawn = random_unit(random);
    if (drawn <= points[0].share)
        return 0;
    size_t i = 1;
    while (drawn > points[i].share)
        i++;
    double part = (drawn - points[i - 1].share) / (points[i].share - points[i - 1].share);
    return (uint64_t)(points[i - 1].bytes * pow(points[i].bytes / points[i - 1].bytes, part));
}

static void append(struct specimen *letter, const char *format, ...)
{
    reserve(letter, 512);
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(letter->bytes + letter->count, 512, format, arguments);
    va_end(arguments);
    must(count >= 0 && count < 512);
    letter->count += (size_t)count;
}

static void reserve(struct specimen *letter, size_t more)
{
    if (letter->count + more <= letter->room)
        return;
    letter->room = (letter->count + more) * 2;
    letter->bytes = realloc(letter->bytes, letter->room);
    must(letter->bytes != NULL);
}

/* Paragraphs; now and then a quote, and a line that begins with a dot. */
static void add_text(struct specimen *letter, struct random *random, size_t until)
{
    while (letter->count < until) {
        uint64_t drawn = random_below(random, 40);
        const char *before = drawn < 6 ? "> " : drawn == 6 ? ". " : drawn == 7 ? ".." : "";
        size_t line = letter->count;
        append(letter, "%s", before);
        while (letter->count - line < 60 && letter->count < until)
            append(letter, "%s ", words[random_below(random, sizeof words / sizeof words[0])]);
        append(letter, "%s\r\n", drawn > 35 ? "\r\n" : "");
    }
}

static void add_html(struct specimen *letter, struct random *random, size_t until)
{
    append(letter, "<html><body style=\"font-family:sans-serif\">\r\n");
    while (letter->count < until) {
        append(letter, "<p>");
        size_t line = letter->count;
        while (letter->count - line < 60 && letter->count < until)
            append(letter, "%s ", words[random_below(random, sizeof words / sizeof words[0])]);
        append(letter, "</p>\r\n");
    }
    append(letter, "</body></html>\r\n");
}

static void add_base64(struct specimen *letter, struct random *random, size_t until)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    while (letter->count < until) {
        reserve(letter, 80);
        char *line = letter->bytes + letter->count;
        for (size_t i = 0; i < 76; i += 10) {
            uint64_t bits = random_next(random);
            for (size_t j = i; j < i + 10 && j < 76; j++, bits >>= 6)
                line[j] = digits[bits & 63];
        }
        line[76] = '\r';
        line[77] = '\n';
        letter->count += 78;
    }
}

static void add_header(struct specimen *letter, struct random *random, uint64_t seed,
                       uint64_t number, struct span user, const char *type)
{
    char header[HEADER_ROOM], date[64];
    size_t body_bytes = letter->count - HEADER_ROOM;
    uint32_t sum = crc32c(0, letter->bytes + HEADER_ROOM, body_bytes);
    letter->time_s = FIRST_TIME_S + (uint32_t)random_below(random, TIME_SPAN_S);
    time_t seconds = (time_t)letter->time_s;
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &parts);
    const char *name = names[random_below(random, sizeof names / sizeof names[0])];
    unsigned long long mark = (unsigned long long)random_next(random);
    int count = snprintf(header, sizeof header,
                         "Return-Path: <sender%u@example.org>\r\n"
                         "Received: from relay.example.net (relay.example.net [192.0.2.17])\r\n"
                         "\tby mx.example.org with ESMTPS id %012llx; %s\r\n"
                         "Received: from desk.example.net (unknown [198.51.100.4])\r\n"
                         "\tby relay.example.net with ESMTPA id %08llx; %s\r\n"
                         "Date: %s\r\nFrom: %s <sender%u@example.org>\r\nTo: %.*s\r\n"
                         "Subject: %s %s %s\r\nMessage-ID: <%016llx.%llu@example.net>\r\n"
                         "MIME-Version: 1.0\r\nContent-Type: %s\r\n" CONTENT_HEADER
                         "%llu.%llu %08x\r\n\r\n",
                         (unsigned)(mark % 1000), mark >> 16, date, mark >> 32, date, date, name,
                         (unsigned)(mark % 1000), (int)(user.length < 200 ? user.length : 200),
                         user.bytes, words[mark % 50], words[mark / 64 % 50],
                         words[mark / 4096 % 50], mark, (unsigned long long)number, type,
                         (unsigned long long)seed, (unsigned long long)number, sum);
    must(count > 0 && (size_t)count < sizeof header);
    memmove(letter->bytes + count, letter->bytes + HEADER_ROOM, body_bytes);
    memcpy(letter->bytes, header, (size_t)count);
    letter->body_begin = (size_t)count;
    letter->count = (size_t)count + body_bytes;
}
