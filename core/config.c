/* config: the configuration file, by libconfuse.
 *
 * One table names every key outside of blocks with its range and its default. libconfuse cuts the
 * file into keys and values and calls back for each value, with its line; what a value may be is
 * decided in config_key and config_block. The file is read whole first, because libconfuse's
 * scanner ends the process when a read fails. Prints nothing, opens nothing but the one file.
 */
#include "core/config.h"

#include "core/config_block.h"
#include "core/config_key.h"
#include "core/config_reader.h"
#include "core/config_text.h"
#include "core/maildir_place.h"
#include "core/text_file.h"
#include "proto/span.h"

#include <arpa/inet.h>
#include <confuse.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define FILE_BYTES_MAX (1024 * 1024)

/* Letters by which a key may differ from a known one to be called a slip of the pen. */
#define SLIP_MAX 3

#define AT(member) offsetof(struct config, member)
/* clang-format off */
static const struct config_key keys[] = {
    {"store", CONFIG_KEY_PATH, AT(store), 0, 0, 0, "/var/lib/ringpost"},
    {"passwd-file", CONFIG_KEY_PATH, AT(passwd_file), 0, 0, 0, "/etc/ringpost/passwd"},
    {"driver", CONFIG_KEY_CHOICE, AT(driver), 0, 0, CONFIG_DRIVER_NATIVE, "native maildir"},
    {"maildir", CONFIG_KEY_PATH, AT(maildir), 0, 0, 0, "~/Maildir"},
    {"maildir-mounted", CONFIG_KEY_PATH, AT(maildir_mounted), 0, 0, 0, ""},
    {"maildir-control", CONFIG_KEY_PATH, AT(maildir_control), 0, 0, 0, ""},
    {"maildir-move-new", CONFIG_KEY_YES_NO, AT(maildir_move_new), 0, 0, false, NULL},
    {"maildir-mark-seen", CONFIG_KEY_YES_NO, AT(maildir_mark_seen), 0, 0, false, NULL},
    {"uidl-format", CONFIG_KEY_PATH, AT(uidl_format), 0, 0, 0, "dovecot"},
    {"shards", CONFIG_KEY_NUMBER, AT(shards), 0, 1024, 0, NULL},
    {"plaintext-login", CONFIG_KEY_CHOICE, AT(plaintext_login), 0, 0, CONFIG_PLAINTEXT_LOCAL, "never local always"},
    {"apop", CONFIG_KEY_YES_NO, AT(apop), 0, 0, false, NULL},
    {"last", CONFIG_KEY_YES_NO, AT(last), 0, 0, false, NULL},
    {"connections", CONFIG_KEY_NUMBER, AT(connections_max), 1, 10000000, 1000000, NULL},
    {"connections-per-address", CONFIG_KEY_NUMBER, AT(connections_per_address_max), 1, 10000000, 1000, NULL},
    {"login-timeout", CONFIG_KEY_SECONDS, AT(login_ms), 10, 3600, 60, NULL},
    {"idle-timeout", CONFIG_KEY_SECONDS, AT(idle_ms), 600, 86400, 600, NULL},
    {"shutdown-timeout", CONFIG_KEY_SECONDS, AT(shutdown_ms), 0, 3600, 30, NULL},
    {"refusals-before-login", CONFIG_KEY_NUMBER, AT(refusals_before_login_max), 3, 10, 5, NULL},
    {"refusals-after-login", CONFIG_KEY_NUMBER, AT(refusals_after_login_max), 3, 1000, 20, NULL},
    {"pipelined-bytes", CONFIG_KEY_NUMBER, AT(pipelined_bytes_max), 16384, 16777216, 65536, NULL},
    {"message-size", CONFIG_KEY_LARGE_NUMBER, AT(message_bytes_max), 1024, 4000000000, 67108864, NULL},
    {"messages", CONFIG_KEY_NUMBER, AT(messages_max), 1, 16000000, 1000000, NULL},
    {"login-cache-time", CONFIG_KEY_NUMBER, AT(login_cache_s), 0, 604800, 3600, NULL},
    {"login-cache-entries", CONFIG_KEY_NUMBER, AT(login_cache_entries), 0, 16777216, 65536, NULL},
    {"check-cache-time", CONFIG_KEY_NUMBER, AT(check_cache_s), 0, 86400, 600, NULL},
    {"check-cache-entries", CONFIG_KEY_NUMBER, AT(check_cache_entries), 0, 268435456, 1048576, NULL},
    {"password-queue", CONFIG_KEY_NUMBER, AT(hash_queue_max), 1, 1000000, 1024, NULL},
    {"password-threads", CONFIG_KEY_NUMBER, AT(hash_threads), 0, 256, 0, NULL},
    {"disk-threads", CONFIG_KEY_NUMBER, AT(disk_threads), 1, 1024, 32, NULL},
    {"handshake-timeout", CONFIG_KEY_SECONDS, AT(handshake_ms), 5, 300, 30, NULL},
    {"handshakes-a-turn", CONFIG_KEY_NUMBER, AT(handshakes_per_turn), 1, 1024, 32, NULL},
    {"username-format", CONFIG_KEY_CHOICE, AT(user_name), 0, 0, CONFIG_USER_NAME_ADDRESS, "address local"},
    {"recipient-delimiter", CONFIG_KEY_CHARACTER, AT(recipient_delimiter), 0, 0, '+', "!#$%&*+-/=?^_`{|}~."},
    {"recipients", CONFIG_KEY_NUMBER, AT(recipients_max), 100, 100000, 1000, NULL},
    {"return-path", CONFIG_KEY_YES_NO, AT(return_path), 0, 0, true, NULL},
    {"delivered-to", CONFIG_KEY_YES_NO, AT(delivered_to), 0, 0, true, NULL},
    {"received", CONFIG_KEY_YES_NO, AT(received), 0, 0, true, NULL},
    {"quota-bytes", CONFIG_KEY_LARGE_NUMBER, AT(quota_octets), 0, INT64_MAX, 0, NULL},
    {"quota-messages", CONFIG_KEY_NUMBER, AT(quota_messages), 0, 16000000, 0, NULL},
    {"quota-full", CONFIG_KEY_CHOICE, AT(quota_full), 0, 0, CONFIG_QUOTA_REFUSE, "refuse defer"},
    {"lmtp-timeout", CONFIG_KEY_SECONDS, AT(lmtp_ms), 10, 3600, 300, NULL},
    {"delivery-threads", CONFIG_KEY_NUMBER, AT(delivery_threads), 1, 1024, 64, NULL},
    {"delivery-queue", CONFIG_KEY_NUMBER, AT(delivery_queue_max), 1, 1000000, 16384, NULL},
};
/* clang-format on */
#define KEYS (sizeof keys / sizeof keys[0])

static bool parse(struct config_reader *reader, const char *text);
static bool check_maildir(struct config_reader *reader);
static int take_value(cfg_t *file, cfg_opt_t *option, const char *value, void *result);
static void take_complaint(cfg_t *block, const char *format, va_list values);

/* Reads the text into the reader's config. */
static bool read_text(struct config_reader *reader, char *text)
{
    int line;
    const char *mistake = config_text_prepare(text, &line);
    if (mistake != NULL)
        return config_reader_fail(reader, line, "%s", mistake) == 0;
    if (!parse(reader, text) || !config_block_check_all(reader) || !check_maildir(reader))
        return false;
    if (reader->config->listener_count > 0)
        return true;
    snprintf(reader->error, reader->error_bytes,
             "%s: there is no address to listen on; write listener pop3 { address = "
             "\"127.0.0.1:110\" }",
             reader->config->path);
    return false;
}

bool config_read(const char *path, struct config *out_config, char *out_error, size_t error_bytes)
{
    memset(out_config, 0, sizeof *out_config);
    struct config_reader reader = {.config = out_config,
                                   .error = out_error,
                                   .error_bytes = error_bytes,
                                   .file = {keys, KEYS, out_config, {0}}};
    if (strlen(path) >= sizeof out_config->path) {
        snprintf(out_error, error_bytes, "the name of the configuration file is too long");
        return false;
    }
    memcpy(out_config->path, path, strlen(path) + 1);
    for (size_t i = 0; i < KEYS; i++)
        config_key_set_default(&keys[i], out_config);

    size_t count;
    char *text = text_file_read(path, FILE_BYTES_MAX, &count, out_error, error_bytes);
    if (text == NULL)
        return false;
    bool good = text_file_is_text(path, (struct span){text, count}, out_error, error_bytes) &&
                read_text(&reader, text);
    free(text);
    if (!good)
        config_free(out_config);
    return good;
}

void config_free(struct config *config)
{
    free(config->tls);
    config->tls = NULL;
    config->tls_count = 0;
}

/* Whether a path may name a folder outside of the store; an empty one names none. */
static bool is_folder(struct config_reader *reader, const struct config_key *key, const char *path)
{
    if (path[0] == '\0' || (path[0] == '/' && strlen(path) < MAILDIR_PATH_BYTES))
        return true;
    return config_reader_fail(reader, reader->file.lines[key - keys],
                              "%s = \"%.60s\" is no path of a folder; write one that begins with / "
                              "and has at most %d characters",
                              key->name, path, MAILDIR_PATH_BYTES - 1) == 0;
}

/* What a template may hold is known where it is used. */
static bool check_maildir(struct config_reader *reader)
{
    const struct config *config = reader->config;
    const struct config_key_group *file = &reader->file;
    const struct config_key *place = config_key_find(file, "maildir");
    const struct config_key *format = config_key_find(file, "uidl-format");
    const struct config_key *mounted = config_key_find(file, "maildir-mounted");
    const struct config_key *control = config_key_find(file, "maildir-control");
    struct maildir_uidl_format parsed;
    const char *mistake = maildir_place_check(config->maildir);
    if (mistake != NULL)
        return config_reader_fail(reader, file->lines[place - keys], "maildir = \"%.60s\" %s",
                                  config->maildir, mistake) == 0;
    mistake = maildir_uidl_parse(span_of(config->uidl_format), &parsed);
    if (mistake != NULL)
        return config_reader_fail(reader, file->lines[format - keys], "uidl-format = \"%.60s\" %s",
                                  config->uidl_format, mistake) == 0;
    return is_folder(reader, mounted, config->maildir_mounted) &&
           is_folder(reader, control, config->maildir_control);
}

/* Takes the values of `text` into the reader's config; libconfuse's own memory is given back. */
static bool parse(struct config_reader *reader, const char *text)
{
    _Static_assert(KEYS <= CONFIG_KEYS_MAX, "a group has a line for each key");
    struct config_block_options block_options;
    cfg_opt_t options[KEYS + CONFIG_BLOCK_KINDS + 1];
    for (size_t i = 0; i < KEYS; i++)
        options[i] = (cfg_opt_t)CFG_STR_CB(keys[i].name, NULL, CFGF_NONE, take_value);
    config_block_fill(&block_options, options + KEYS);
    options[KEYS + CONFIG_BLOCK_KINDS] = (cfg_opt_t)CFG_END();

    cfg_t *file = cfg_init(options, CFGF_NONE);
    if (file == NULL)
        return config_reader_fail(reader, 0, "there is not enough memory to read it") == 0;
    config_reader_begin(reader);
    cfg_set_error_function(file, take_complaint);
    config_block_watch(file);
    int result = cfg_parse_buf(file, text);
    config_reader_end();
    int line = file->line;
    cfg_free(file);
    if (result != CFG_SUCCESS)
        config_reader_fail(reader, line, "this cannot be read; write key = value");
    return !reader->failed;
}

/* libconfuse's callback for a value outside of blocks. */
static int take_value(cfg_t *file, cfg_opt_t *option, const char *value, void *result)
{
    struct config_reader *reader = config_reader_now();
    *(const char **)result = value;
    return config_key_take(reader, &reader->file,
                           config_key_find(&reader->file, cfg_opt_name(option)), file->line, value);
}

/* The key that an unknown word was probably meant to be, or NULL. */
static const char *nearest_key(const char *word)
{
    static const char *const blocks[CONFIG_BLOCK_KINDS] = {"listener", "tls"};
    const char *nearest = NULL;
    size_t least = SLIP_MAX + 1;
    if (strlen(word) <= SLIP_MAX) /* any word is near to a word as short as that */
        least = 2;
    for (size_t i = 0; i < KEYS + CONFIG_BLOCK_KINDS; i++) {
        const char *name = i < KEYS ? keys[i].name : blocks[i - KEYS];
        size_t distance = config_text_distance(word, name);
        if (distance < least && distance < strlen(name)) { /* not all of "tls" is exchanged */
            least = distance;
            nearest = name;
        }
    }
    return nearest;
}

static void refuse_key(struct config_reader *reader, const cfg_t *block, const char *word)
{
    if (config_block_refuse_key(reader, block, word))
        return;
    const char *nearest = nearest_key(word);
    if (nearest != NULL)
        config_reader_fail(reader, block->line,
                           "%.40s is not known; write %s, if that is what you mean", word, nearest);
    else
        config_reader_fail(reader, block->line,
                           "%.40s is not known; ringpost.conf(5) lists all keys", word);
}

/* libconfuse's own mistakes: what it cannot cut into keys and values. */
static void take_complaint(cfg_t *block, const char *format, va_list values)
{
    static const char unknown[] = "no such option '";
    struct config_reader *reader = config_reader_now();
    char text[256];
    vsnprintf(text, sizeof text, format, values);
    char *end = strrchr(text, '\'');
    if (strncmp(text, unknown, sizeof unknown - 1) == 0 && end >= text + sizeof unknown - 1) {
        *end = '\0';
        refuse_key(reader, block, text + sizeof unknown - 1);
    } else if (strstr(text, "'tls'") != NULL && strcmp(block->name, "listener") != 0) {
        config_reader_fail(reader, block->line,
                           "%s; write tls { certificate = \"FILE\" key = \"FILE\" }", text);
    } else {
        config_reader_fail(reader, block->line,
                           "%s; write key = value, or listener NAME { address = \"HOST:PORT\" }",
                           text);
    }
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
