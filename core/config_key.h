/* config_key: what a key of the configuration file may hold, and the member that it sets.
 *
 * Tables of keys, with ranges and defaults, stand in the rooms that have the members; here a
 * value's text becomes a number, a choice or a path, or a sentence that says what to write instead.
 * Never looks whether a path exists.
 */
#ifndef RINGPOST_CORE_CONFIG_KEY_H
#define RINGPOST_CORE_CONFIG_KEY_H

#include <stddef.h>
#include <stdint.h>

#define CONFIG_KEYS_MAX 64 /* of one table */

#define CONFIG_PATH_BYTES 4096 /* of a member that has a path, with its NUL */

struct config_reader;

enum config_key_kind {
    CONFIG_KEY_PATH,
    CONFIG_KEY_YES_NO,
    CONFIG_KEY_CHOICE, /* an enum, by its words */
    CONFIG_KEY_NUMBER,
    CONFIG_KEY_LARGE_NUMBER, /* uint64_t */
    CONFIG_KEY_SECONDS,      /* in the file; the member has milliseconds */
    CONFIG_KEY_MODE,         /* of a file: octal digits */
    CONFIG_KEY_CHARACTER,    /* one of some characters, or none */
    CONFIG_KEY_LIST,         /* several values, which the block takes by itself */
};

struct config_key {
    const char *name;
    enum config_key_kind kind;
    size_t offset;                  /* of the member in the group's target */
    uint64_t least, most, fallback; /* as the file says it; of a choice, the fallback's index */
    const char *text; /* of a path: the default, or an example where it has none; of a choice: its
                         words with a space between, in the order of the enum; of a character: those
                         that it may be */
};

/* A table's keys in one place of the file: outside of blocks, or in one block. */
struct config_key_group {
    const struct config_key *keys;
    size_t key_count;
    void *target;               /* the struct that has the members */
    int lines[CONFIG_KEYS_MAX]; /* where keys[i] stands; 0: nowhere */
};

/* The key of that name, which the group has. */
const struct config_key *config_key_find(const struct config_key_group *group, const char *name);

/* Sets the member to the default; a path to its text. */
void config_key_set_default(const struct config_key *key, void *target);

/* Takes the value that stands in `line`: sets the member and returns 0, or fails the reader and
 * returns -1, for a value that does not fit and for a second one. `key` is none with a list. */
int config_key_take(struct config_reader *reader, struct config_key_group *group,
                    const struct config_key *key, int line, const char *value);

#endif
