/* option: the command line of ringbench, read by tables. */
#include "bench/option.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 64
#define WORD_MAX    31 /* longer words are never taken for a slip of the pen */

struct unit {
    const char *name;
    double factor;
};

static const struct unit plain_units[] = {{"", 1}, {NULL, 0}};
static const struct unit count_units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};
static const struct unit byte_units[] = {{"", 1},        {"k", 1024},       {"K", 1024},
                                         {"M", 1048576}, {"G", 1073741824}, {NULL, 0}};
static const struct unit time_units[] = {{"", 1e9}, {"s", 1e9},  {"ms", 1e6},   {"us", 1e3},
                                         {"ns", 1}, {"m", 60e9}, {"h", 3600e9}, {NULL, 0}};

static const struct option *find(const struct option *table, const char *word, size_t length);
static bool unknown(const char *command, const char *word, const struct option *table);
static bool store(const struct option *option, const char *text, void *settings);
static bool number(const char *text, const struct unit *units, uint64_t *out_number);
static bool fits(const struct option *option, uint64_t value, const struct unit *units);
static const char *show(uint64_t value, const struct unit *units, char out_text[24]);
static unsigned distance(const char *a, const char *b);

bool option_read(const char *command, char *const *words, const struct option *table,
                 void *settings, const char **out_words, size_t words_max, bool *out_help)
{
    size_t count = 0;
    bool only_words = false;
    *out_help = false;
    for (; *words != NULL; words++) {
        const char *word = *words;
        if (only_words || word[0] != '-' || word[1] == '\0') {
            if (count == words_max)
                return option_complain("%s: \"%s\" is one word too many; see ringbench %s --help",
                                       command, word, command);
            out_words[count++] = word;
            continue;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            *out_help = true;
            return true;
        }
        only_words = strcmp(word, "--") == 0;
        if (only_words)
            continue;
        const char *equals = strchr(word, '=');
        size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
        const struct option *option = find(table, word, length);
        if (option == NULL)
            return unknown(command, word, table);
        const char *value = equals != NULL ? equals + 1 : NULL;
        if (option->type == OPTION_FLAG && value != NULL)
            return option_complain("%s takes no value", option->name);
        if (option->type != OPTION_FLAG && value == NULL && (value = *++words) == NULL)
            return option_complain("%s needs a value: %s %s", option->name, option->name,
                                   option->value);
        if (!store(option, value, settings))
            return false;
    }
    out_words[count] = NULL;
    return true;
}

void option_print(const struct option *table)
{
    for (; table->name != NULL; table++)
        printf("  %s%s%-*s %s\n", table->name, table->value != NULL ? " " : "",
               26 - (int)strlen(table->name) - (table->value != NULL),
               table->value != NULL ? table->value : "", table->help);
}

bool option_count(const char *text, uint64_t *out_count)
{
    return number(text, count_units, out_count);
}

bool option_bytes(const char *text, uint64_t *out_bytes)
{
    return number(text, byte_units, out_bytes);
}

bool option_duration(const char *text, uint64_t *out_ns)
{
    return number(text, time_units, out_ns);
}

const char *option_nearest(const char *word, const char *const *choices)
{
    const char *best = NULL;
    unsigned least = (unsigned)strlen(word) / 3 + 1;
    for (; *choices != NULL; choices++) {
        unsigned far = distance(word, *choices);
        if (far <= least && (best == NULL || far < least)) {
            best = *choices;
            least = far;
        }
    }
    return best;
}

bool option_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("ringbench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

static const struct option *find(const struct option *table, const char *word, size_t length)
{
    for (; table->name != NULL; table++)
        if (strlen(table->name) == length && memcmp(table->name, word, length) == 0)
            return table;
    return NULL;
}

static bool unknown(const char *command, const char *word, const struct option *table)
{
    const char *names[OPTIONS_MAX + 1];
    size_t count = 0;
    for (; table->name != NULL && count < OPTIONS_MAX; table++)
        names[count++] = table->name;
    names[count] = NULL;
    const char *nearest = option_nearest(word, names);
    if (nearest != NULL)
        return option_complain("%s has no option %s; did you mean %s?", command, word, nearest);
    return option_complain("%s has no option %s; see ringbench %s --help", command, word, command);
}

static bool store(const struct option *option, const char *text, void *settings)
{
    void *place = (char *)settings + option->offset;
    uint64_t *value = place;
    switch (option->type) {
    case OPTION_FLAG:
        *(bool *)place = true;
        return true;
    case OPTION_TEXT:
        *(const char **)place = text;
        return true;
    case OPTION_COUNT:
        if (!option_count(text, value))
            return option_complain("%s: \"%s\" is no number; write 200, 10k or 2M", option->name,
                                   text);
        return fits(option, *value, plain_units);
    case OPTION_BYTES:
        if (!option_bytes(text, value))
            return option_complain("%s: \"%s\" is no size; write 9000, 10k, 2M or 1G", option->name,
                                   text);
        return fits(option, *value, byte_units);
    case OPTION_DURATION:
        if (!option_duration(text, value))
            return option_complain("%s: \"%s\" is no time; write 60s, 50ms, 2m or 1h", option->name,
                                   text);
        return fits(option, *value, time_units);
    }
    return false;
}

static bool fits(const struct option *option, uint64_t value, const struct unit *units)
{
    char least[24], most[24];
    if (value >= option->least && (option->most == 0 || value <= option->most))
        return true;
    show(option->least, units, least);
    if (option->most == 0)
        return option_complain("%s: %s or more", option->name, least);
    return option_complain("%s: from %s to %s", option->name, least,
                           show(option->most, units, most));
}

/* In the largest unit that leaves no rest. */
static const char *show(uint64_t value, const struct unit *units, char out_text[24])
{
    const struct unit *best = &units[0];
    for (; value > 0 && units->name != NULL; units++) {
        bool leaves_no_rest = value % (uint64_t)units->factor == 0;
        if (leaves_no_rest && (units->factor >= best->factor || value % (uint64_t)best->factor > 0))
            best = units;
    }
    snprintf(out_text, 24, "%" PRIu64 "%s", value / (uint64_t)best->factor, best->name);
    return out_text;
}

static bool number(const char *text, const struct unit *units, uint64_t *out_number)
{
    char *end;
    if (!isdigit((unsigned char)text[0]) && text[0] != '.')
        return false;
    double value = strtod(text, &end);
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) != 0)
            continue;
        value *= units->factor;
        if (!isfinite(value) || value > 9e18)
            return false;
        *out_number = (uint64_t)(value + 0.5);
        return true;
    }
    return false;
}

/* Letters to put in, take out or exchange (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    if (rows > WORD_MAX || columns > WORD_MAX)
        return WORD_MAX;
    unsigned line[WORD_MAX + 1];
    for (size_t j = 0; j <= columns; j++)
        line[j] = (unsigned)j;
    for (size_t i = 1; i <= rows; i++) {
        unsigned corner = line[0];
        line[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            unsigned exchanged = corner + (a[i - 1] != b[j - 1]);
            corner = line[j];
            unsigned least = exchanged < line[j] + 1 ? exchanged : line[j] + 1;
            line[j] = least < line[j - 1] + 1 ? least : line[j - 1] + 1;
        }
    }
    return line[columns];
}
