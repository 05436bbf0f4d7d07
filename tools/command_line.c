/* command_line: reads the command line of `ringpost`; see command_line.h.
 *
 * A small reader of its own instead of getopt(3), because that prints its own words and knows
 * neither groups of commands nor suggestions. It owns nothing and keeps no state between calls.
 */
#include "tools/command_line.h"

#include <stdio.h>
#include <string.h>

/* Longer words are not compared with others; no command comes near it. */
#define NEAREST_WORD_MAX 24

#define COMMANDS_MAX 32

static const struct command *find_command(const struct command *const *commands,
                                          char *const **words, const char **out_group);
static enum command_wish read_option(char *const **words, struct run *run);
static bool check_words(const struct run *run);
static void refuse_command(const struct command *const *commands, const char *group,
                           const char *word);

enum command_wish command_line_read(const struct command *const *commands, char *const *words,
                                    struct run *run, const char **out_group)
{
    bool options_ended = false;
    *out_group = NULL;
    for (; *words != NULL; words++) {
        const char *word = *words;
        if (!options_ended && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && word[0] == '-' && word[1] != '\0') {
            const enum command_wish wish = read_option(&words, run);
            if (wish != COMMAND_RUN)
                return wish;
        } else if (run->command == NULL) {
            run->command = find_command(commands, &words, out_group);
            if (run->command == NULL)
                return *out_group != NULL ? COMMAND_HELP : COMMAND_REFUSED;
        } else if (run->word_count == run->command->words_max) {
            command_say("surplus word `%s`: try `ringpost %s%s%s --help`", word,
                        run->command->group != NULL ? run->command->group : "",
                        run->command->group != NULL ? " " : "", run->command->name);
            return COMMAND_REFUSED;
        } else {
            run->words[run->word_count++] = word;
        }
    }
    if (run->command == NULL) {
        command_say("a command is missing: try `ringpost --help`");
        return COMMAND_REFUSED;
    }
    return check_words(run) ? COMMAND_RUN : COMMAND_REFUSED;
}

/* On success `words` stands on the command's last word. */
static const struct command *find_command(const struct command *const *commands,
                                          char *const **words, const char **out_group)
{
    const char *group = NULL;
    const char *first = (*words)[0];
    for (const struct command *const *at = commands; *at != NULL; at++) {
        if ((*at)->group == NULL && strcmp((*at)->name, first) == 0)
            return *at;
        if ((*at)->group != NULL && strcmp((*at)->group, first) == 0)
            group = (*at)->group;
    }
    const char *second = group != NULL ? (*words)[1] : NULL;
    if (second != NULL && (strcmp(second, "--help") == 0 || strcmp(second, "-h") == 0)) {
        *out_group = group;
        return NULL;
    }
    for (const struct command *const *at = commands; second != NULL && *at != NULL; at++) {
        if ((*at)->group == group && strcmp((*at)->name, second) == 0) {
            ++*words;
            return *at;
        }
    }
    refuse_command(commands, group, group != NULL ? second : first);
    return NULL;
}

static void refuse_command(const struct command *const *commands, const char *group,
                           const char *word)
{
    const char *choices[COMMANDS_MAX + 1];
    size_t count = 0;
    for (const struct command *const *at = commands; *at != NULL && count < COMMANDS_MAX; at++) {
        if (group == NULL)
            choices[count++] = (*at)->group != NULL ? (*at)->group : (*at)->name;
        else if ((*at)->group != NULL && strcmp((*at)->group, group) == 0)
            choices[count++] = (*at)->name;
    }
    choices[count] = NULL;
    const char *space = group != NULL ? " " : "";
    group = group != NULL ? group : "";
    if (word == NULL) {
        command_say("`%s` needs one more word: try `ringpost %s --help`", group, group);
        return;
    }
    const char *nearest = command_line_nearest(word, choices);
    if (nearest != NULL)
        command_say("unknown command `%s%s%.80s`: did you mean `%s%s%s`?", group, space, word,
                    group, space, nearest);
    else
        command_say("unknown command `%s%s%.80s`: try `ringpost %s%s--help`", group, space, word,
                    group, space);
}

/* The value of the option at `words`: what follows `=`, else the next word; NULL where there is
 * none. */
static const char *option_value(char *const **words, size_t name_length)
{
    if ((**words)[name_length] == '=')
        return **words + name_length + 1;
    if ((*words)[1] == NULL)
        return NULL;
    return *++*words;
}

static void refuse_option(const struct command *command, const char *word)
{
    const char *choices[COMMAND_OPTIONS_MAX + 4];
    size_t count = 0;
    for (size_t i = 0; command != NULL && i < COMMAND_OPTIONS_MAX; i++) {
        if (command->options[i].name != NULL)
            choices[count++] = command->options[i].name;
    }
    choices[count++] = "--help";
    if (command == NULL)
        choices[count++] = "--version";
    choices[count] = NULL;
    const char *nearest = command_line_nearest(word, choices);
    if (nearest != NULL)
        command_say("unknown option `%.80s`: did you mean `%s`?", word, nearest);
    else
        command_say("unknown option `%.80s`: try --help, or put -- before a word that begins with "
                    "a dash",
                    word);
}

static enum command_wish read_option(char *const **words, struct run *run)
{
    const char *word = **words;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return COMMAND_HELP;
    if (run->command == NULL && (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0))
        return COMMAND_VERSION;
    const char **place = NULL;
    bool has_value = true, repeats = false;
    size_t length = strcspn(word, "=");
    if (strcmp(word, "-c") == 0)
        place = &run->config_path;
    for (size_t i = 0; run->command != NULL && i < COMMAND_OPTIONS_MAX; i++) {
        const struct command_option *option = &run->command->options[i];
        if (option->name != NULL && strlen(option->name) == length &&
            memcmp(option->name, word, length) == 0) {
            place = &run->options[i];
            has_value = option->value != NULL;
            repeats = option->repeats;
        }
    }
    if (place == NULL) {
        refuse_option(run->command, word);
        return COMMAND_REFUSED;
    }
    if (!has_value && word[length] == '=') {
        command_say("%.*s takes no value", (int)length, word);
        return COMMAND_REFUSED;
    }
    *place = has_value ? option_value(words, length) : "";
    if (*place == NULL) {
        command_say("%s needs a value behind it", word);
        return COMMAND_REFUSED;
    }
    if (repeats && run->repeat_count == COMMAND_REPEATS_MAX) {
        command_say("%.*s can be given %d times, no more", (int)length, word, COMMAND_REPEATS_MAX);
        return COMMAND_REFUSED;
    }
    if (repeats)
        run->repeats[run->repeat_count++] = *place;
    return COMMAND_RUN;
}

static bool check_words(const struct run *run)
{
    const struct command *command = run->command;
    if (run->word_count >= command->words_min)
        return true;
    const char *group = command->group != NULL ? command->group : "";
    command_say("a word is missing: ringpost %s%s%s %s", group, group[0] != '\0' ? " " : "",
                command->name, command->words);
    return false;
}

int command_line_choice(const char *what, const char *word, const char *const *choices)
{
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(word, choices[i]) == 0)
            return i;
    }
    char all[256] = "";
    size_t used = 0;
    for (int i = 0; choices[i] != NULL && used < sizeof all; i++)
        used +=
            (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", choices[i]);
    const char *nearest = command_line_nearest(word, choices);
    if (nearest != NULL)
        command_say("unknown %s `%.80s`: did you mean `%s`?", what, word, nearest);
    else
        command_say("unknown %s `%.80s`: it must be one of %s", what, word, all);
    return -1;
}

/* How many letters must be put in, left out or exchanged to make one word of the other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NEAREST_WORD_MAX + 1];
    const size_t width = strlen(b);
    for (size_t i = 0; i <= width; i++)
        row[i] = i;
    for (size_t y = 1; a[y - 1] != '\0'; y++) {
        size_t diagonal = row[0];
        row[0] = y;
        for (size_t x = 1; x <= width; x++) {
            const size_t exchanged = diagonal + (a[y - 1] != b[x - 1]);
            const size_t moved = (row[x] < row[x - 1] ? row[x] : row[x - 1]) + 1;
            diagonal = row[x];
            row[x] = exchanged < moved ? exchanged : moved;
        }
    }
    return row[width];
}

const char *command_line_nearest(const char *word, const char *const *choices)
{
    const char *nearest = NULL;
    const size_t length = strlen(word);
    /* Half of the letters may be wrong, and no more than three: else it is a guess, not a help. */
    size_t least = length < 6 ? length / 2 + 1 : 4;
    if (length > NEAREST_WORD_MAX)
        return NULL;
    for (; *choices != NULL; choices++) {
        if (strlen(*choices) > NEAREST_WORD_MAX)
            continue;
        const size_t letters = distance(word, *choices);
        if (letters < least) {
            least = letters;
            nearest = *choices;
        }
    }
    return nearest;
}
