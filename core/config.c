/* config: the configuration file, by libconfuse.
 *
 * One table names every key with its range and its default. libconfuse cuts the file into keys and
 * values and calls back for each value, with its line; what a value may be is decided here. The
 * file is read whole first, because libconfuse's scanner ends the process when a read fails. Prints
 * nothing, opens nothing but the one file.
 */
#include "core/config.h"

#include "core/text_file.h"
#include "proto/must.h"

#include <arpa/inet.h>
#include <confuse.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define FILE_BYTES_MAX (1024 * 1024)

/* Letters by which a key may differ from a known one to be called a slip of the pen. */
#define SLIP_MAX 3

enum kind {
    KIND_PATH,
    KIND_YES_NO,
    KIND_PLAINTEXT,
    KIND_NUMBER,
    KIND_LARGE_NUMBER, /* uint64_t */
    KIND_SECONDS,      /* in the file; the member has milliseconds */
};

/* A key outside of blocks, and the member of struct config that it sets. */
struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    uint64_t least, most, fallback; /* as the file says it; KIND_YES_NO, KIND_PLAINTEXT: fallback */
    const char *fallback_path;
};

#define AT(member) offsetof(struct config, member)
/* clang-format off */
static const struct key keys[] = {
    {"store", KIND_PATH, AT(store), 0, 0, 0, "/var/lib/ringpost"},
    {"passwd-file", KIND_PATH, AT(passwd_file), 0, 0, 0, "/etc/ringpost/passwd"},
    {"shards", KIND_NUMBER, AT(shards), 0, 1024, 0, NULL},
    {"plaintext-login", KIND_PLAINTEXT, AT(plaintext_login), 0, 0, CONFIG_PLAINTEXT_LOCAL, NULL},
    {"apop", KIND_YES_NO, AT(apop), 0, 0, false, NULL},
    {"last", KIND_YES_NO, AT(last), 0, 0, false, NULL},
    {"connections", KIND_NUMBER, AT(connections_max), 1, 10000000, 1000000, NULL},
    {"connections-per-address", KIND_NUMBER, AT(connections_per_address_max), 1, 10000000, 1000, NULL},
    {"login-timeout", KIND_SECONDS, AT(login_ms), 10, 3600, 60, NULL},
    {"idle-timeout", KIND_SECONDS, AT(idle_ms), 600, 86400, 600, NULL},
    {"shutdown-timeout", KIND_SECONDS, AT(shutdown_ms), 0, 3600, 30, NULL},
    {"refusals-before-login", KIND_NUMBER, AT(refusals_before_login_max), 3, 10, 5, NULL},
    {"refusals-after-login", KIND_NUMBER, AT(refusals_after_login_max), 3, 1000, 20, NULL},
    {"pipelined-bytes", KIND_NUMBER, AT(pipelined_bytes_max), 16384, 16777216, 65536, NULL},
    {"message-size", KIND_LARGE_NUMBER, AT(message_bytes_max), 1024, 4000000000, 67108864, NULL},
    {"messages", KIND_NUMBER, AT(messages_max), 1, 16000000, 1000000, NULL},
    {"login-cache-time", KIND_NUMBER, AT(login_cache_s), 0, 604800, 3600, NULL},
    {"login-cache-entries", KIND_NUMBER, AT(login_cache_entries), 0, 16777216, 65536, NULL},
    {"password-queue", KIND_NUMBER, AT(hash_queue_max), 1, 1000000, 1024, NULL},
    {"password-threads", KIND_NUMBER, AT(hash_threads), 0, 256, 0, NULL},
    {"disk-threads", KIND_NUMBER, AT(disk_threads), 1, 1024, 32, NULL},
};
/* clang-format on */
#define KEYS (sizeof keys / sizeof keys[0])

/* One reading of a file: where its values and its first mistake go. */
struct reader {
    struct config *config;
    char *error;
    size_t error_bytes;
    bool failed;
    bool given[KEYS];
    uint32_t block_addresses; /* in the listener block that is being read */
};

/* libconfuse hands its callbacks nothing that is ours, so the reading in progress is kept here, for
 * the length of one config_read of this thread. */
static _Thread_local struct reader *reading;

static void set_defaults(struct config *config);
static void copy(char *out_text, const char *text);
static bool prepare(struct reader *reader, char *text);
static bool parse(struct reader *reader, const char *text);
static int fail(struct reader *reader, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool config_read(const char *path, struct config *out_config, char *out_error, size_t error_bytes)
{
    memset(out_config, 0, sizeof *out_config);
    struct reader reader = {.config = out_config, .error = out_error, .error_bytes = error_bytes};
    if (strlen(path) >= sizeof out_config->path) {
        snprintf(out_error, error_bytes, "the name of the configuration file is too long");
        return false;
    }
    copy(out_config->path, path);
    set_defaults(out_config);

    size_t count;
    char *text = text_file_read(path, FILE_BYTES_MAX, &count, out_error, error_bytes);
    if (text == NULL)
        return false;
    bool good = text_file_is_text(path, (struct span){text, count}, out_error, error_bytes) &&
                prepare(&reader, text) && parse(&reader, text);
    free(text);
    if (good && out_config->listener_count == 0) {
        snprintf(out_error, error_bytes,
                 "%s: there is no address to listen on; write listener pop3 { address = "
                 "\"127.0.0.1:110\" }",
                 path);
        return false;
    }
    return good;
}

/* The caller has compared the length with the room. */
static void copy(char *out_text, const char *text)
{
    memcpy(out_text, text, strlen(text) + 1);
}

static void set_number(struct config *config, const struct key *key, uint64_t number)
{
    char *member = (char *)config + key->offset;
    uint32_t small = (uint32_t)number;
    switch (key->kind) {
    case KIND_PATH:
        must(false);
        break;
    case KIND_YES_NO:
        *(bool *)member = number != 0;
        break;
    case KIND_PLAINTEXT:
        *(enum config_plaintext *)(void *)member = (enum config_plaintext)number;
        break;
    case KIND_NUMBER:
        memcpy(member, &small, sizeof small);
        break;
    case KIND_LARGE_NUMBER:
        memcpy(member, &number, sizeof number);
        break;
    case KIND_SECONDS:
        small *= 1000;
        memcpy(member, &small, sizeof small);
        break;
    }
}

static void set_defaults(struct config *config)
{
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].kind == KIND_PATH)
            copy((char *)config + keys[i].offset, keys[i].fallback_path);
        else
            set_number(config, &keys[i], keys[i].fallback);
}

/* Writes the first mistake as a sentence; later ones are its consequences. Always -1. */
static int fail(struct reader *reader, int line, const char *format, ...)
{
    if (reader->failed)
        return -1;
    reader->failed = true;
    int used = snprintf(reader->error, reader->error_bytes, "%s:%d: ", reader->config->path, line);
    if (used < 0 || (size_t)used >= reader->error_bytes)
        return -1;
    va_list values;
    va_start(values, format);
    vsnprintf(reader->error + used, reader->error_bytes - (size_t)used, format, values);
    va_end(values);
    return -1;
}

static int take_path(struct reader *reader, int line, const struct key *key, const char *value)
{
    char *path = (char *)reader->config + key->offset;
    if (*value == '\0')
        return fail(reader, line, "%s is empty; write %s = \"%s\"", key->name, key->name,
                    key->fallback_path);
    if (strlen(value) >= sizeof reader->config->store)
        return fail(reader, line, "%s is too long; a path has at most %zu bytes", key->name,
                    sizeof reader->config->store - 1);
    copy(path, value);
    return 0;
}

static int take_yes_no(struct reader *reader, int line, const struct key *key, const char *value)
{
    int yes = cfg_parse_boolean(value);
    if (yes < 0)
        return fail(reader, line, "%s = \"%.40s\" is neither yes nor no; write %s = yes or %s = no",
                    key->name, value, key->name, key->name);
    set_number(reader->config, key, (uint64_t)yes);
    return 0;
}

static int take_plaintext(struct reader *reader, int line, const struct key *key, const char *value)
{
    static const char *const names[] = {
        [CONFIG_PLAINTEXT_NEVER] = "never",
        [CONFIG_PLAINTEXT_LOCAL] = "local",
        [CONFIG_PLAINTEXT_ALWAYS] = "always",
    };
    for (uint64_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(value, names[i]) == 0) {
            set_number(reader->config, key, i);
            return 0;
        }
    return fail(reader, line, "%s = \"%.40s\" is not known; write never, local or always",
                key->name, value);
}

static int take_number(struct reader *reader, int line, const struct key *key, const char *value)
{
    const char *unit = key->kind == KIND_SECONDS ? " seconds" : "";
    uint64_t number;
    if (!span_number(span_of(value), &number))
        return fail(reader, line,
                    "%s = \"%.40s\" is not a whole number; write one from %ju to %ju%s", key->name,
                    value, (uintmax_t)key->least, (uintmax_t)key->most, unit);
    if (number < key->least || number > key->most)
        return fail(reader, line, "%s = %.40s is out of range; write a number from %ju to %ju%s",
                    key->name, value, (uintmax_t)key->least, (uintmax_t)key->most, unit);
    set_number(reader->config, key, number);
    return 0;
}

/* libconfuse's callback for a value outside of blocks. */
static int take_value(cfg_t *file, cfg_opt_t *option, const char *value, void *result)
{
    struct reader *reader = reading;
    *(const char **)result = value;
    size_t i = 0;
    while (strcmp(keys[i].name, cfg_opt_name(option)) != 0)
        must(++i < KEYS);
    if (reader->given[i])
        return fail(reader, file->line, "%s is given a second time; keep one of them",
                    keys[i].name);
    reader->given[i] = true;
    switch (keys[i].kind) {
    case KIND_PATH:
        return take_path(reader, file->line, &keys[i], value);
    case KIND_YES_NO:
        return take_yes_no(reader, file->line, &keys[i], value);
    case KIND_PLAINTEXT:
        return take_plaintext(reader, file->line, &keys[i], value);
    case KIND_NUMBER:
    case KIND_LARGE_NUMBER:
    case KIND_SECONDS:
        return take_number(reader, file->line, &keys[i], value);
    }
    return -1;
}

/* The listener before that has the same address, or NULL. Port 0 is another one each time. */
static const struct config_listener *find_same(const struct config *config,
                                               const struct config_listener *listener)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&listener->socket_address;
    if (listener->socket_address.ss_family != AF_UNIX && v4->sin_port == 0)
        return NULL;
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (config->listeners[i].socket_address_bytes == listener->socket_address_bytes &&
            memcmp(&config->listeners[i].socket_address, &listener->socket_address,
                   listener->socket_address_bytes) == 0)
            return &config->listeners[i];
    return NULL;
}

/* libconfuse's callback for an address of a listener. It is kept here and not looked up in the tree
 * afterwards, where a second block of the same title would have replaced the first. */
static int take_address(cfg_t *block, cfg_opt_t *option, const char *value, void *result)
{
    (void)option;
    struct reader *reader = reading;
    struct config *config = reader->config;
    *(const char **)result = value;
    reader->block_addresses++;
    if (config->listener_count == CONFIG_LISTENERS_MAX)
        return fail(reader, block->line, "there are more than %d addresses to listen on",
                    CONFIG_LISTENERS_MAX);
    struct config_listener *listener = &config->listeners[config->listener_count];
    memset(listener, 0, sizeof *listener);
    if (strlen(cfg_title(block)) >= sizeof listener->name || *cfg_title(block) == '\0')
        return fail(reader, block->line, "the name of a listener has 1 to %zu characters",
                    sizeof listener->name - 1);
    if (strlen(value) >= sizeof listener->address ||
        !config_address(value, &listener->socket_address, &listener->socket_address_bytes))
        return fail(reader, block->line,
                    "address = \"%.120s\" is no address; write \"127.0.0.1:110\", \"[::]:110\" or "
                    "\"unix:/path\"",
                    value);
    const struct config_listener *same = find_same(config, listener);
    if (same != NULL)
        return fail(reader, block->line, "address \"%s\" is given in line %d already; keep one",
                    value, same->line);
    copy(listener->name, cfg_title(block));
    copy(listener->address, value);
    listener->line = block->line;
    config->listener_count++;
    return 0;
}

/* libconfuse's callback at the end of a listener block. */
static int end_block(cfg_t *file, cfg_opt_t *option)
{
    (void)option;
    uint32_t addresses = reading->block_addresses;
    reading->block_addresses = 0;
    if (addresses > 0)
        return 0;
    return fail(reading, file->line,
                "this listener has no address; write address = \"127.0.0.1:110\" in it");
}

/* How many letters must be put in, left out or exchanged to make one word of the other
 * (Levenshtein's distance); words of up to 39 letters. */
static size_t word_distance(const char *a, const char *b)
{
    size_t row[40];
    size_t b_length = strlen(b);
    if (b_length >= sizeof row / sizeof row[0])
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t exchanged = diagonal + (a[i - 1] != b[j - 1]);
            size_t longer = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = exchanged < longer ? exchanged : longer;
        }
    }
    return row[b_length];
}

/* The key that an unknown word was probably meant to be, or NULL. */
static const char *nearest_key(const char *word)
{
    const char *nearest = NULL;
    size_t least = SLIP_MAX + 1;
    if (strlen(word) <= SLIP_MAX) /* any word is near to a word as short as that */
        least = 2;
    for (size_t i = 0; i <= KEYS; i++) {
        const char *name = i < KEYS ? keys[i].name : "listener";
        size_t distance = word_distance(word, name);
        if (distance < least) {
            least = distance;
            nearest = name;
        }
    }
    return nearest;
}

static void refuse_key(struct reader *reader, const cfg_t *block, const char *word)
{
    bool in_listener = strcmp(block->name, "listener") == 0;
    const char *nearest = nearest_key(word);
    if (in_listener)
        fail(reader, block->line, "%.40s is not known in a listener; its only key is address",
             word);
    else if (nearest != NULL)
        fail(reader, block->line, "%.40s is not known; write %s, if that is what you mean", word,
             nearest);
    else
        fail(reader, block->line, "%.40s is not known; ringpost.conf(5) lists all keys", word);
}

/* libconfuse's own mistakes: what it cannot cut into keys and values. */
static void take_complaint(cfg_t *block, const char *format, va_list values)
{
    static const char unknown[] = "no such option '";
    char text[256];
    vsnprintf(text, sizeof text, format, values);
    char *end = strrchr(text, '\'');
    if (strncmp(text, unknown, sizeof unknown - 1) == 0 && end >= text + sizeof unknown - 1) {
        *end = '\0';
        refuse_key(reading, block, text + sizeof unknown - 1);
    } else {
        fail(reading, block->line,
             "%s; write key = value, or listener NAME { address = \"HOST:PORT\" }", text);
    }
}

/* The end of a string in quotes, or of the text. */
static char *skip_string(char *at, int *line)
{
    char quote = *at++;
    while (*at != '\0' && *at != quote) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        *line += *at++ == '\n';
    }
    return *at == quote ? at + 1 : at;
}

/* Overwrites a comment by spaces; NULL where it does not end. A '#' or "//" ends with its line. */
static char *blank_comment(char *at, int *line)
{
    char *end = at + strcspn(at, "\n");
    if (at[0] == '/' && at[1] == '*') {
        end = strstr(at + 2, "*/");
        if (end == NULL)
            return NULL;
        end += 2;
    }
    for (; at < end; at++)
        if (*at == '\n')
            ++*line;
        else
            *at = ' ';
    return end;
}

/* Blanks the comments, because libconfuse 3.3 counts the lines behind each of them wrong, and looks
 * for comments and blocks without an end, because it takes the rest of the file for a part of them
 * without a word. */
static bool prepare(struct reader *reader, char *text)
{
    int line = 1, block_line = 0, depth = 0;
    bool in_word = false;
    for (char *at = text; *at != '\0';) {
        bool slashes = *at == '/' && !in_word && (at[1] == '/' || at[1] == '*');
        if (*at == '#' || slashes) {
            at = blank_comment(at, &line);
            if (at == NULL)
                return fail(reader, line, "this comment has no end; write */ behind it") == 0;
            in_word = false;
        } else if (*at == '"' || *at == '\'') {
            at = skip_string(at, &line);
            in_word = false;
        } else {
            if (*at == '{' && depth++ == 0)
                block_line = line;
            depth -= *at == '}' && depth > 0;
            in_word = strchr(" \t\r\n={}(),+", *at) == NULL;
            line += *at++ == '\n';
        }
    }
    return depth == 0 || fail(reader, block_line, "this { has no end; write } behind it") == 0;
}

/* Takes the values of `text` into the reader's config; libconfuse's own memory is given back. */
static bool parse(struct reader *reader, const char *text)
{
    cfg_opt_t listener_options[] = {CFG_STR_LIST_CB("address", NULL, CFGF_NONE, take_address),
                                    CFG_END()};
    cfg_opt_t options[KEYS + 2];
    for (size_t i = 0; i < KEYS; i++)
        options[i] = (cfg_opt_t)CFG_STR_CB(keys[i].name, NULL, CFGF_NONE, take_value);
    options[KEYS] = (cfg_opt_t)CFG_SEC("listener", listener_options, CFGF_MULTI | CFGF_TITLE);
    options[KEYS + 1] = (cfg_opt_t)CFG_END();

    reading = reader;
    cfg_t *file = cfg_init(options, CFGF_NONE);
    if (file == NULL)
        return fail(reader, 0, "there is not enough memory to read it") == 0;
    cfg_set_error_function(file, take_complaint);
    cfg_set_validate_func(file, "listener", end_block);
    int result = cfg_parse_buf(file, text);
    int line = file->line;
    cfg_free(file);
    reading = NULL;
    if (result != CFG_SUCCESS)
        fail(reader, line, "this cannot be read; write key = value");
    return !reader->failed;
}

/* A port as decimal digits; 0 lets the kernel choose. */
static bool port_of(const char *text, in_port_t *out_port)
{
    uint64_t number;
    if (!span_number(span_of(text), &number) || number > UINT16_MAX)
        return false;
    *out_port = htons((uint16_t)number);
    return true;
}

static bool unix_address(const char *path, struct sockaddr_storage *out_address,
                         socklen_t *out_bytes)
{
    struct sockaddr_un *address = (struct sockaddr_un *)out_address;
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address->sun_path)
        return false;
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length + 1);
    *out_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return true;
}

bool config_address(const char *text, struct sockaddr_storage *out_address, socklen_t *out_bytes)
{
    memset(out_address, 0, sizeof *out_address);
    if (strncmp(text, "unix:", 5) == 0)
        return unix_address(text + 5, out_address, out_bytes);

    char host[INET6_ADDRSTRLEN + 2]; /* with brackets */
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return false;
    size_t length = (size_t)(colon - text);
    memcpy(host, text, length);
    host[length] = '\0';
    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out_address;
        host[length - 1] = '\0';
        v6->sin6_family = AF_INET6;
        *out_bytes = sizeof *v6;
        return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 &&
               port_of(colon + 1, &v6->sin6_port);
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)out_address;
    v4->sin_family = AF_INET;
    *out_bytes = sizeof *v4;
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1 && port_of(colon + 1, &v4->sin_port);
}
