/* config_key: from the text of a value to the member. */
#include "core/config_key.h"

#include "core/config_reader.h"
#include "proto/must.h"
#include "proto/span.h"

#include <confuse.h>
#include <stdio.h>
#include <string.h>

static int take_path(struct config_reader *reader, int line, const struct config_key *key,
                     const char *value, void *target);
static int take_yes_no(struct config_reader *reader, int line, const struct config_key *key,
                       const char *value, void *target);
static int take_choice(struct config_reader *reader, int line, const struct config_key *key,
                       const char *value, void *target);
static int take_number(struct config_reader *reader, int line, const struct config_key *key,
                       const char *value, void *target);
static int take_mode(struct config_reader *reader, int line, const struct config_key *key,
                     const char *value, void *target);
static int take_character(struct config_reader *reader, int line, const struct config_key *key,
                          const char *value, void *target);

int config_key_take(struct config_reader *reader, struct config_key_group *group,
                    const struct config_key *key, int line, const char *value)
{
    int *given = &group->lines[key - group->keys];
    if (*given != 0)
        return config_reader_fail(reader, line, "%s is given a second time; keep one of them",
                                  key->name);
    *given = line;
    switch (key->kind) {
    case CONFIG_KEY_PATH:
        return take_path(reader, line, key, value, group->target);
    case CONFIG_KEY_YES_NO:
        return take_yes_no(reader, line, key, value, group->target);
    case CONFIG_KEY_CHOICE:
        return take_choice(reader, line, key, value, group->target);
    case CONFIG_KEY_NUMBER:
    case CONFIG_KEY_LARGE_NUMBER:
    case CONFIG_KEY_SECONDS:
        return take_number(reader, line, key, value, group->target);
    case CONFIG_KEY_MODE:
        return take_mode(reader, line, key, value, group->target);
    case CONFIG_KEY_CHARACTER:
        return take_character(reader, line, key, value, group->target);
    case CONFIG_KEY_LIST:
        break;
    }
    must(false);
    return -1;
}

const struct config_key *config_key_find(const struct config_key_group *group, const char *name)
{
    size_t i = 0;
    while (strcmp(group->keys[i].name, name) != 0)
        must(++i < group->key_count);
    return &group->keys[i];
}

/* The caller has compared the length with the room. */
static void set_path(const struct config_key *key, void *target, const char *path)
{
    _Static_assert(sizeof((struct config *)0)->store == CONFIG_PATH_BYTES &&
                       sizeof((struct config_tls *)0)->certificate == CONFIG_PATH_BYTES,
                   "a path fits wherever one is kept");
    memcpy((char *)target + key->offset, path, strlen(path) + 1);
}

static void set_number(const struct config_key *key, void *target, uint64_t number)
{
    _Static_assert(sizeof(enum config_plaintext) == sizeof(uint32_t), "a choice is a small number");
    char *member = (char *)target + key->offset;
    uint32_t small = (uint32_t)number;
    bool yes = number != 0;
    switch (key->kind) {
    case CONFIG_KEY_YES_NO:
        memcpy(member, &yes, sizeof yes);
        return;
    case CONFIG_KEY_LARGE_NUMBER:
        memcpy(member, &number, sizeof number);
        return;
    case CONFIG_KEY_SECONDS:
        small *= 1000;
        memcpy(member, &small, sizeof small);
        return;
    case CONFIG_KEY_CHARACTER:
        *member = (char)number;
        return;
    case CONFIG_KEY_CHOICE:
    case CONFIG_KEY_NUMBER:
    case CONFIG_KEY_MODE:
        memcpy(member, &small, sizeof small);
        return;
    case CONFIG_KEY_PATH:
    case CONFIG_KEY_LIST:
        break;
    }
    must(false);
}

void config_key_set_default(const struct config_key *key, void *target)
{
    if (key->kind == CONFIG_KEY_PATH)
        set_path(key, target, key->text);
    else
        set_number(key, target, key->fallback);
}

static int take_path(struct config_reader *reader, int line, const struct config_key *key,
                     const char *value, void *target)
{
    if (*value == '\0')
        return config_reader_fail(reader, line, "%s is empty; write %s = \"%s\"", key->name,
                                  key->name, key->text);
    if (strlen(value) >= CONFIG_PATH_BYTES)
        return config_reader_fail(reader, line, "%s is too long; a path has at most %d bytes",
                                  key->name, CONFIG_PATH_BYTES - 1);
    set_path(key, target, value);
    return 0;
}

static int take_yes_no(struct config_reader *reader, int line, const struct config_key *key,
                       const char *value, void *target)
{
    int yes = cfg_parse_boolean(value);
    if (yes < 0)
        return config_reader_fail(reader, line,
                                  "%s = \"%.40s\" is neither yes nor no; write %s = yes or %s = no",
                                  key->name, value, key->name, key->name);
    set_number(key, target, (uint64_t)yes);
    return 0;
}

/* Writes the words as people do: "never, local or always". */
static void list_words(const char *words, char *out, size_t out_bytes)
{
    struct span rest = span_of(words);
    size_t used = 0;
    while (rest.length > 0) {
        struct span word = span_take_word(&rest);
        const char *before = used == 0 ? "" : rest.length == 0 ? " or " : ", ";
        int count =
            snprintf(out + used, out_bytes - used, "%s%.*s", before, (int)word.length, word.bytes);
        must(count > 0 && (size_t)count < out_bytes - used);
        used += (size_t)count;
    }
}

static int take_choice(struct config_reader *reader, int line, const struct config_key *key,
                       const char *value, void *target)
{
    struct span rest = span_of(key->text);
    for (uint64_t i = 0; rest.length > 0; i++)
        if (span_equal(span_take_word(&rest), span_of(value))) {
            set_number(key, target, i);
            return 0;
        }
    char words[80];
    list_words(key->text, words, sizeof words);
    return config_reader_fail(reader, line, "%s = \"%.40s\" is not known; write %s", key->name,
                              value, words);
}

static int take_number(struct config_reader *reader, int line, const struct config_key *key,
                       const char *value, void *target)
{
    const char *unit = key->kind == CONFIG_KEY_SECONDS ? " seconds" : "";
    uint64_t number;
    if (!span_number(span_of(value), &number))
        return config_reader_fail(
            reader, line, "%s = \"%.40s\" is not a whole number; write one from %ju to %ju%s",
            key->name, value, (uintmax_t)key->least, (uintmax_t)key->most, unit);
    if (number < key->least || number > key->most)
        return config_reader_fail(
            reader, line, "%s = %.40s is out of range; write a number from %ju to %ju%s", key->name,
            value, (uintmax_t)key->least, (uintmax_t)key->most, unit);
    set_number(key, target, number);
    return 0;
}

static int take_mode(struct config_reader *reader, int line, const struct config_key *key,
                     const char *value, void *target)
{
    size_t length = strlen(value);
    uint64_t mode = 0;
    bool good = length == 3 || (length == 4 && *value == '0');
    for (const char *at = value; good && *at != '\0'; at++) {
        good = *at >= '0' && *at <= '7';
        mode = mode * 8 + (uint64_t)(*at - '0');
    }
    if (!good)
        return config_reader_fail(reader, line,
                                  "%s = \"%.40s\" is no mode of a file; write %s = 0660, or other "
                                  "octal digits",
                                  key->name, value, key->name);
    set_number(key, target, mode);
    return 0;
}

static int take_character(struct config_reader *reader, int line, const struct config_key *key,
                          const char *value, void *target)
{
    if (*value != '\0' && (value[1] != '\0' || strchr(key->text, *value) == NULL))
        return config_reader_fail(reader, line,
                                  "%s = \"%.40s\" cannot be; write one of %s in quotes, or \"\"",
                                  key->name, value, key->text);
    set_number(key, target, (unsigned char)*value);
    return 0;
}
