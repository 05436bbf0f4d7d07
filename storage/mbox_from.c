/* mbox_from: understands the line that begins a message in an mbox.
 *
 * Nobody ever defined it. Seen in real files:
 *   From user@host Thu Jan  1 00:00:00 1970          From - Fri Jul  8 12:08:34 2005 +0200
 *   From user Thu Jan 1 00:00 EST 1970 remote from h From user@host Thu, 1 Jan 1970 00:00:00 +0000
 *   From MAILER-DAEMON 1970-01-01 00:00:00           From a b@host Thu Jan  1 00:00:00 1970
 * So the time of day is the anchor: without one the line begins nothing; the date is looked for
 * around it, and the sender is what stands before the date.
 */
#include "storage/calendar.h"
#include "storage/mbox.h"

#include <string.h>

/* The longest form seen has 11 words. */
#define WORDS_MAX 32

struct words {
    struct span word[WORDS_MAX];
    size_t count;
    size_t clock; /* which of them is the time of day */
};

static bool find_words(struct span rest, struct words *out_words);
static bool find_clock(struct words *words, struct calendar *date);
static bool find_date(const struct words *words, struct calendar *date, size_t *out_first);
static int64_t find_zone(const struct words *words);

bool mbox_parse_from(struct span line, struct mbox_from *out_from)
{
    struct words words;
    struct calendar date = {0};
    *out_from = (struct mbox_from){.sender = {line.bytes, 0}};
    if (line.length < 5 || line.length > MBOX_FROM_LINE_MAX || memcmp(line.bytes, "From ", 5) != 0)
        return false;
    struct span rest = {line.bytes + 5, line.length - 5};
    if (!find_words(rest, &words) || !find_clock(&words, &date))
        return false;
    size_t first_of_date;
    out_from->has_time = find_date(&words, &date, &first_of_date);
    if (out_from->has_time)
        out_from->time = calendar_to_seconds(&date) - find_zone(&words);
    if (first_of_date > 0) {
        const struct span *last = &words.word[first_of_date - 1];
        const char *begin = words.word[0].bytes;
        out_from->sender = (struct span){begin, (size_t)(last->bytes + last->length - begin)};
    }
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static bool find_words(struct span rest, struct words *out_words)
{
    size_t at = 0;
    out_words->count = 0;
    for (;;) {
        while (at < rest.length && is_blank(rest.bytes[at]))
            at++;
        if (at == rest.length)
            return true;
        if (out_words->count == WORDS_MAX)
            return false;
        size_t begin = at;
        while (at < rest.length && !is_blank(rest.bytes[at]))
            at++;
        out_words->word[out_words->count++] = (struct span){rest.bytes + begin, at - begin};
    }
}

/* A number of `fewest` to `most` digits and nothing else. */
static bool read_digits(struct span text, size_t fewest, size_t most, uint32_t *out_value)
{
    *out_value = 0;
    if (text.length < fewest || text.length > most)
        return false;
    for (size_t at = 0; at < text.length; at++) {
        if (text.bytes[at] < '0' || text.bytes[at] > '9')
            return false;
        *out_value = *out_value * 10 + (uint32_t)(text.bytes[at] - '0');
    }
    return true;
}

/* Takes what stands before the next `mark`, or all, off `rest`. */
static struct span take_until(struct span *rest, char mark)
{
    const char *end = rest->length > 0 ? memchr(rest->bytes, mark, rest->length) : NULL;
    struct span part = {rest->bytes, end != NULL ? (size_t)(end - rest->bytes) : rest->length};
    size_t used = end != NULL ? part.length + 1 : part.length;
    *rest = (struct span){rest->bytes + used, rest->length - used};
    return part;
}

/* hh:mm or hh:mm:ss. */
static bool read_clock(struct span word, struct calendar *date)
{
    if (!read_digits(take_until(&word, ':'), 1, 2, &date->hour) || date->hour > 23)
        return false;
    bool has_second = word.length > 2;
    if (!read_digits(take_until(&word, ':'), 2, 2, &date->minute) || date->minute > 59)
        return false;
    date->second = 0;
    return !has_second || (read_digits(word, 2, 2, &date->second) && date->second <= 60);
}

static bool find_clock(struct words *words, struct calendar *date)
{
    for (size_t at = words->count; at > 0; at--) {
        if (read_clock(words->word[at - 1], date)) {
            words->clock = at - 1;
            return true;
        }
    }
    return false;
}

static bool read_day(struct span word, struct calendar *date)
{
    return read_digits(word, 1, 2, &date->day) && date->day >= 1 && date->day <= 31;
}

static bool read_year(struct span word, struct calendar *date)
{
    uint32_t year;
    if (!read_digits(word, 4, 4, &year))
        return false;
    date->year = (int32_t)year;
    return true;
}

/* 1970-01-31 */
static bool read_iso_date(struct span word, struct calendar *date)
{
    return read_year(take_until(&word, '-'), date) &&
           read_digits(take_until(&word, '-'), 2, 2, &date->month) && date->month >= 1 &&
           date->month <= 12 && read_day(word, date);
}

/* Jan 31 00:00 1970, with up to two words between clock and year. */
static bool find_year_behind(const struct words *words, struct calendar *date)
{
    for (size_t at = words->clock + 1; at < words->count && at <= words->clock + 3; at++) {
        if (read_year(words->word[at], date))
            return true;
    }
    return false;
}

static bool is_weekday(struct span word)
{
    uint32_t weekday;
    if (word.length == 4 && word.bytes[3] == ',')
        word.length = 3;
    return calendar_find_weekday(word, &weekday);
}

/* Fills in the day and answers which word the date begins with; without a date the sender is the
 * first word, unless that is the clock. */
static bool find_date(const struct words *words, struct calendar *date, size_t *out_first)
{
    const struct span *word = words->word;
    size_t clock = words->clock;
    size_t first = clock;
    if (clock >= 1 && read_iso_date(word[clock - 1], date))
        first = clock - 1;
    else if (clock >= 2 && read_day(word[clock - 1], date) &&
             calendar_find_month(word[clock - 2], &date->month) && find_year_behind(words, date))
        first = clock - 2;
    else if (clock >= 3 && read_year(word[clock - 1], date) &&
             calendar_find_month(word[clock - 2], &date->month) && read_day(word[clock - 3], date))
        first = clock - 3;
    if (first == clock) {
        *out_first = clock > 0 ? 1 : 0;
        return false;
    }
    *out_first = first > 0 && is_weekday(word[first - 1]) ? first - 1 : first;
    return true;
}

/* Seconds east of Greenwich, of +hhmm behind the clock; names of zones are ambiguous and count 0.
 */
static int64_t find_zone(const struct words *words)
{
    for (size_t at = words->clock + 1; at < words->count; at++) {
        struct span word = words->word[at];
        uint32_t value;
        if (word.bytes[0] != '+' && word.bytes[0] != '-')
            continue;
        if (!read_digits((struct span){word.bytes + 1, word.length - 1}, 4, 4, &value))
            continue;
        int64_t seconds = (int64_t)(value / 100) * 3600 + (int64_t)(value % 100) * 60;
        return word.bytes[0] == '-' ? -seconds : seconds;
    }
    return 0;
}
