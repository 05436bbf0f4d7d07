/* maildir_place: see maildir_place.h. */
#include "core/maildir_place.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A path that grows; `bad` once something did not fit or was none. */
struct path {
    char *bytes;
    size_t length;
    bool bad;
};

static bool expand(struct span template, struct span user, struct span home, struct path *path);

/* The value of `key=value` among words with a space between; false where it is not there. */
static bool find_word(struct span words, const char *key, struct span *out_value)
{
    size_t length = strlen(key);
    while (words.length > 0) {
        struct span word = span_take_word(&words);
        if (word.length > length && memcmp(word.bytes, key, length) == 0 &&
            word.bytes[length] == '=') {
            *out_value = (struct span){word.bytes + length + 1, word.length - length - 1};
            return true;
        }
    }
    return false;
}

/* What stands behind "maildir:" up to Dovecot's options. */
static bool take_maildir(struct span location, struct span *out_template)
{
    static const char kind[] = "maildir:";
    if (location.length < sizeof kind || memcmp(location.bytes, kind, sizeof kind - 1) != 0)
        return false;
    *out_template =
        (struct span){location.bytes + sizeof kind - 1, location.length - (sizeof kind - 1)};
    const char *options = memchr(out_template->bytes, ':', out_template->length);
    if (options != NULL)
        out_template->length = (size_t)(options - out_template->bytes);
    return true;
}

enum maildir_place_result maildir_place(const struct config *config, struct span user,
                                        const struct account *account,
                                        char out_path[MAILDIR_PATH_BYTES])
{
    struct span template = span_of(config->maildir);
    struct span home = {NULL, 0}, word;
    bool has_maildir = config->driver == CONFIG_DRIVER_MAILDIR;
    if (account != NULL) {
        home = account->home;
        if (find_word(account->extra, "userdb_mail", &word) && take_maildir(word, &template))
            has_maildir = true;
        if (find_word(account->extra, "ringpost_driver", &word))
            has_maildir = span_equal(word, SPAN_LITERAL("maildir"));
    }
    if (!has_maildir)
        return MAILDIR_PLACE_NATIVE;
    struct path path = {.bytes = out_path};
    if (!expand(template, user, home, &path) || path.length == 0)
        return MAILDIR_PLACE_BAD;
    out_path[path.length] = '\0';
    return MAILDIR_PLACE_FOUND;
}

/* The slash in front is left out, as the root stands for it. */
static void add(struct path *path, struct span text)
{
    if (path->length == 0 && text.length > 0 && text.bytes[0] == '/') {
        text.bytes++;
        text.length--;
    }
    path->bad = path->bad || text.length >= MAILDIR_PATH_BYTES - path->length;
    if (path->bad || text.length == 0)
        return;
    memcpy(path->bytes + path->length, text.bytes, text.length);
    path->length += text.length;
}

/* A value that can be (a part of) one folder's name and nothing else. */
static void add_value(struct path *path, struct span value)
{
    if (value.length == 0 || value.bytes[0] == '.' || span_holds(value, '/') ||
        span_holds(value, '\0'))
        path->bad = true;
    else
        add(path, value);
}

static bool has_parent(struct span path)
{
    for (size_t i = 0; i + 2 < path.length; i++)
        if (memcmp(path.bytes + i, "/..", 3) == 0 &&
            (i + 3 == path.length || path.bytes[i + 3] == '/'))
            return true;
    return false;
}

static void add_home(struct path *path, struct span home)
{
    if (path->length > 0 || home.length < 2 || home.bytes[0] != '/' || has_parent(home))
        path->bad = true;
    else
        add(path, home);
}

static bool expand(struct span template, struct span user, struct span home, struct path *path)
{
    struct span local = user, domain = {user.bytes, 0};
    for (size_t i = user.length; i > 0 && domain.length == 0; i--) {
        if (user.bytes[i - 1] != '@')
            continue;
        local.length = i - 1;
        domain = (struct span){user.bytes + i, user.length - i};
        break;
    }
    bool is_absolute = template.length > 0 && template.bytes[0] == '/';
    for (size_t i = 0; i < template.length; i++) {
        struct span letter = {template.bytes + i, 1};
        if (i == 0 && letter.bytes[0] == '~') {
            add_home(path, home);
            is_absolute = true;
            continue;
        }
        if (letter.bytes[0] != '%' || i + 1 == template.length) {
            add(path, letter);
            continue;
        }
        i++;
        switch (template.bytes[i]) {
        case 'u':
            add_value(path, user);
            break;
        case 'n':
            add_value(path, local);
            break;
        case 'd':
            add_value(path, domain);
            break;
        case 'h':
            add_home(path, home);
            is_absolute = true;
            break;
        case '%':
            add(path, SPAN_LITERAL("%"));
            break;
        default:
            path->bad = true;
        }
    }
    return !path->bad && is_absolute && !has_parent(template);
}

const char *maildir_place_check(const char *template)
{
    if (template[0] != '/' && template[0] != '~' && strncmp(template, "%h", 2) != 0)
        return "must begin with /, ~ or %h; write maildir = \"/var/mail/%d/%n/Maildir\"";
    if (template[0] == '~' && template[1] != '/')
        return "has no / behind ~; write maildir = \"~/Maildir\"";
    if (has_parent(span_of(template)))
        return "has a folder .. in it; write the path without";
    bool tells_apart = template[0] == '~';
    for (const char *at = strchr(template, '%'); at != NULL; at = strchr(at + 2, '%')) {
        if (at[1] == '\0' || strchr("undh%", at[1]) == NULL)
            return "has a variable that is not known; known are %u, %n, %d, %h and %%";
        if (at[1] == 'h' && at != template)
            return "has %h behind something else; a home begins at the root, so %h comes first";
        tells_apart = tells_apart || at[1] != '%';
    }
    return tells_apart ? NULL : "is the same for every user; use %u, %n, %d or %h in it";
}

void maildir_place_resolve(char path[CONFIG_PATH_BYTES])
{
    char real[PATH_MAX];
    char fixed[CONFIG_PATH_BYTES];
    size_t length = strcspn(path, "%");
    if (path[0] != '/')
        return;
    while (path[length] != '\0' && length > 1 && path[length - 1] != '/')
        length--;
    memcpy(fixed, path, length);
    fixed[length] = '\0';
    if (realpath(fixed, real) == NULL)
        return;
    const char *rest = path + length;
    char whole[CONFIG_PATH_BYTES + PATH_MAX];
    int count = snprintf(whole, sizeof whole, "%s%s%s", strcmp(real, "/") == 0 ? "" : real,
                         rest[0] == '\0' ? "" : "/", rest);
    if (count > 0 && count < CONFIG_PATH_BYTES)
        memcpy(path, whole, (size_t)count + 1);
}
