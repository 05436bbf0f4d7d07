/* config_block: addresses of listeners, certificates and their hosts. */
#include "core/config_block.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* RFC 1035 section 2.3.4 */
#define HOST_BYTES_MAX  253
#define LABEL_BYTES_MAX 63

enum { LISTENER_ADDRESS, LISTENER_TLS, LISTENER_PROTOCOL, LISTENER_MODE, LISTENER_KEYS };

#define SOCKET_MODE 0666

static const struct config_key listener_keys[LISTENER_KEYS] = {
    [LISTENER_ADDRESS] = {.name = "address", .kind = CONFIG_KEY_LIST},
    [LISTENER_TLS] = {.name = "tls",
                      .kind = CONFIG_KEY_CHOICE,
                      .offset = offsetof(struct config_reader, block_tls),
                      .text = "starttls implicit none"},
    [LISTENER_PROTOCOL] = {.name = "protocol",
                           .kind = CONFIG_KEY_CHOICE,
                           .offset = offsetof(struct config_reader, block_protocol),
                           .text = "pop3 lmtp"},
    [LISTENER_MODE] = {.name = "mode",
                       .kind = CONFIG_KEY_MODE,
                       .offset = offsetof(struct config_reader, block_mode),
                       .fallback = SOCKET_MODE},
};

/* From TLS_MIN_VERSION on they hold for all connections. */
enum {
    TLS_CERTIFICATE,
    TLS_KEY,
    TLS_OCSP,
    TLS_HOST,
    TLS_MIN_VERSION,
    TLS_TICKET_KEYS,
    TLS_VERIFY_CLIENT,
    TLS_CLIENT_CA,
    TLS_KEYS
};

#define AT(member) .offset = offsetof(struct config_tls, member)
/* clang-format off */
static const struct config_key tls_keys[TLS_KEYS] = {
    [TLS_CERTIFICATE] = {.name = "certificate", .kind = CONFIG_KEY_PATH, AT(certificate),
                         .text = "/etc/ringpost/certificate.pem"},
    [TLS_KEY] = {.name = "key", .kind = CONFIG_KEY_PATH, AT(key),
                 .text = "/etc/ringpost/key.pem"},
    [TLS_OCSP] = {.name = "ocsp", .kind = CONFIG_KEY_PATH, AT(ocsp),
                  .text = "/etc/ringpost/ocsp.der"},
    [TLS_HOST] = {.name = "host", .kind = CONFIG_KEY_LIST},
    [TLS_MIN_VERSION] = {.name = "min-version", .kind = CONFIG_KEY_CHOICE, AT(min_version),
                         .text = "1.2 1.3"},
    [TLS_TICKET_KEYS] = {.name = "ticket-keys", .kind = CONFIG_KEY_PATH, AT(ticket_keys),
                         .text = "/etc/ringpost/ticket-keys"},
    [TLS_VERIFY_CLIENT] = {.name = "verify-client", .kind = CONFIG_KEY_CHOICE, AT(verify_client),
                           .text = "no request require"},
    [TLS_CLIENT_CA] = {.name = "client-ca", .kind = CONFIG_KEY_PATH, AT(client_ca),
                       .text = "/etc/ringpost/client-ca.pem"},
};
/* clang-format on */

static int take_in_listener(cfg_t *block, cfg_opt_t *option, const char *value, void *result);
static int take_in_tls(cfg_t *block, cfg_opt_t *option, const char *value, void *result);
static int end_listener(cfg_t *file, cfg_opt_t *option);
static int end_tls(cfg_t *file, cfg_opt_t *option);

static void fill_options(cfg_opt_t *out, const struct config_key *keys, size_t count,
                         cfg_callback_t take)
{
    for (size_t i = 0; i < count; i++)
        if (keys[i].kind == CONFIG_KEY_LIST)
            out[i] = (cfg_opt_t)CFG_STR_LIST_CB(keys[i].name, NULL, CFGF_NONE, take);
        else
            out[i] = (cfg_opt_t)CFG_STR_CB(keys[i].name, NULL, CFGF_NONE, take);
    out[count] = (cfg_opt_t)CFG_END();
}

void config_block_fill(struct config_block_options *out_options,
                       cfg_opt_t out_blocks[CONFIG_BLOCK_KINDS])
{
    fill_options(out_options->listener, listener_keys, LISTENER_KEYS, take_in_listener);
    fill_options(out_options->tls, tls_keys, TLS_KEYS, take_in_tls);
    out_blocks[0] = (cfg_opt_t)CFG_SEC("listener", out_options->listener, CFGF_MULTI | CFGF_TITLE);
    out_blocks[1] = (cfg_opt_t)CFG_SEC("tls", out_options->tls, CFGF_MULTI);
}

void config_block_watch(cfg_t *file)
{
    cfg_set_validate_func(file, "listener", end_listener);
    cfg_set_validate_func(file, "tls", end_tls);
}

bool config_block_refuse_key(struct config_reader *reader, const cfg_t *block, const char *word)
{
    bool in_listener = strcmp(block->name, "listener") == 0;
    if (!in_listener && strcmp(block->name, "tls") != 0)
        return false;
    if (in_listener)
        config_reader_fail(
            reader, block->line,
            "%.40s is not known in a listener; its keys are address, protocol, tls and mode", word);
    else
        config_reader_fail(
            reader, block->line,
            "%.40s is not known in a tls block; its keys are certificate, key, ocsp, host, "
            "min-version, ticket-keys, verify-client and client-ca",
            word);
    return true;
}

bool config_block_check_all(struct config_reader *reader)
{
    const struct config *config = reader->config;
    for (uint32_t i = 0; i < config->listener_count && config->tls_count == 0; i++)
        if (config->listeners[i].tls == CONFIG_TLS_IMPLICIT)
            config_reader_fail(reader, config->listeners[i].line,
                               "tls = implicit of listener %s needs a certificate; write tls { "
                               "certificate = \"%s\" key = \"%s\" }",
                               config->listeners[i].name, tls_keys[TLS_CERTIFICATE].text,
                               tls_keys[TLS_KEY].text);
    return !reader->failed;
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

static int take_address(struct config_reader *reader, cfg_t *block, const char *value)
{
    struct config *config = reader->config;
    if (config->listener_count == CONFIG_LISTENERS_MAX)
        return config_reader_fail(reader, block->line,
                                  "there are more than %d addresses to listen on",
                                  CONFIG_LISTENERS_MAX);
    struct config_listener *listener = &config->listeners[config->listener_count];
    memset(listener, 0, sizeof *listener);
    if (strlen(cfg_title(block)) >= sizeof listener->name || *cfg_title(block) == '\0')
        return config_reader_fail(reader, block->line,
                                  "the name of a listener has 1 to %zu characters",
                                  sizeof listener->name - 1);
    if (strlen(value) >= sizeof listener->address ||
        !config_address(value, &listener->socket_address, &listener->socket_address_bytes))
        return config_reader_fail(
            reader, block->line,
            "address = \"%.120s\" is no address; write \"127.0.0.1:110\", \"[::]:110\" or "
            "\"unix:/path\"",
            value);
    const struct config_listener *same = find_same(config, listener);
    if (same != NULL)
        return config_reader_fail(reader, block->line,
                                  "address \"%s\" is given in line %d already; keep one", value,
                                  same->line);
    memcpy(listener->name, cfg_title(block), strlen(cfg_title(block)) + 1);
    memcpy(listener->address, value, strlen(value) + 1);
    listener->line = block->line;
    config->listener_count++;
    reader->block_values++;
    return 0;
}

static void begin_listener(struct config_reader *reader)
{
    reader->block = (struct config_key_group){listener_keys, LISTENER_KEYS, reader, {0}};
    config_key_set_default(&listener_keys[LISTENER_TLS], reader);
    config_key_set_default(&listener_keys[LISTENER_PROTOCOL], reader);
    config_key_set_default(&listener_keys[LISTENER_MODE], reader);
}

/* libconfuse's callback for a value in a listener. */
static int take_in_listener(cfg_t *block, cfg_opt_t *option, const char *value, void *result)
{
    struct config_reader *reader = config_reader_now();
    *(const char **)result = value;
    if (reader->block.target == NULL)
        begin_listener(reader);
    const struct config_key *key = config_key_find(&reader->block, cfg_opt_name(option));
    if (key->kind == CONFIG_KEY_LIST)
        return take_address(reader, block, value);
    return config_key_take(reader, &reader->block, key, block->line, value);
}

static void forget_block(struct config_reader *reader)
{
    reader->block = (struct config_key_group){0};
    reader->block_values = 0;
}

/* libconfuse's callback at the end of a listener: only now is it known what holds for all of its
 * addresses. */
static int end_listener(cfg_t *file, cfg_opt_t *option)
{
    (void)option;
    struct config_reader *reader = config_reader_now();
    if (reader->block_values == 0)
        return config_reader_fail(
            reader, file->line,
            "this listener has no address; write address = \"127.0.0.1:110\" in it");
    struct config *config = reader->config;
    bool has_file = false;
    for (uint32_t i = 1; i <= reader->block_values; i++) {
        struct config_listener *listener = &config->listeners[config->listener_count - i];
        listener->tls = reader->block_tls;
        listener->protocol = reader->block_protocol;
        listener->mode = reader->block_mode;
        has_file = has_file || listener->socket_address.ss_family == AF_UNIX;
    }
    if (reader->block.lines[LISTENER_MODE] != 0 && !has_file)
        return config_reader_fail(reader, reader->block.lines[LISTENER_MODE],
                                  "mode is of a unix socket's file, and this listener has none; "
                                  "write address = \"unix:/path\", or leave mode away");
    forget_block(reader);
    return 0;
}

/* Makes room for one more tls block, which counts only when it has ended well. */
static bool begin_tls(struct config_reader *reader, int line)
{
    struct config *config = reader->config;
    if (config->tls_count == CONFIG_TLS_MAX) {
        config_reader_fail(reader, line,
                           "there are more than %d tls blocks; up to %d names may share one",
                           CONFIG_TLS_MAX, CONFIG_TLS_HOSTS_MAX);
        return false;
    }
    struct config_tls *grown = realloc(config->tls, (config->tls_count + 1) * sizeof *config->tls);
    if (grown == NULL) {
        config_reader_fail(reader, line, "there is not enough memory for this tls block");
        return false;
    }
    config->tls = grown;
    struct config_tls *tls = &config->tls[config->tls_count];
    memset(tls, 0, sizeof *tls);
    tls->line = line;
    reader->block = (struct config_key_group){tls_keys, TLS_KEYS, tls, {0}};
    return true;
}

/* Copies the name of a host in lower case; false where it is none. Its last label has more than
 * digits in it, or it would be an address, which no client ever sends as a name (RFC 6066). */
static bool copy_host(const char *text, char *out_host)
{
    bool only_digits = true;
    size_t label = 0, length = strlen(text);
    if (length > HOST_BYTES_MAX)
        return false;
    memcpy(out_host, text, length + 1);
    for (char *at = strncmp(text, "*.", 2) == 0 ? out_host + 2 : out_host; *at != '\0'; at++) {
        bool digit = *at >= '0' && *at <= '9';
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
        if (*at == '.' && label > 0) {
            label = 0;
            only_digits = true;
        } else if (digit || (*at >= 'a' && *at <= 'z') || *at == '-' || *at == '_') {
            only_digits = only_digits && digit;
            if (++label > LABEL_BYTES_MAX)
                return false;
        } else {
            return false;
        }
    }
    return label > 0 && !only_digits;
}

/* An empty name stands for no name, as if the key were not there. */
static int take_host(struct config_reader *reader, int line, const char *value)
{
    struct config_tls *tls = reader->block.target;
    if (reader->block_values > 0 && (*value == '\0' || tls->host_count == 0))
        return config_reader_fail(reader, line,
                                  "host = \"\" is for clients that name no host; write the other "
                                  "names in a tls block of their own");
    reader->block_values++;
    if (*value == '\0')
        return 0;
    if (tls->host_count == CONFIG_TLS_HOSTS_MAX)
        return config_reader_fail(reader, line,
                                  "there are more than %d hosts in one tls block; write another "
                                  "block with the same certificate",
                                  CONFIG_TLS_HOSTS_MAX);
    if (!copy_host(value, tls->hosts[tls->host_count]))
        return config_reader_fail(reader, line,
                                  "host = \"%.80s\" is no name of a host; write "
                                  "\"mail.example.org\" or \"*.example.org\"",
                                  value);
    tls->host_count++;
    return 0;
}

/* libconfuse's callback for a value in a tls block. */
static int take_in_tls(cfg_t *block, cfg_opt_t *option, const char *value, void *result)
{
    struct config_reader *reader = config_reader_now();
    *(const char **)result = value;
    if (reader->block.target == NULL && !begin_tls(reader, block->line))
        return -1;
    const struct config_key *key = config_key_find(&reader->block, cfg_opt_name(option));
    if (key->kind == CONFIG_KEY_LIST)
        return take_host(reader, block->line, value);
    return config_key_take(reader, &reader->block, key, block->line, value);
}

/* What holds for all connections stands in one place, or somebody would believe that it holds where
 * it does not. */
static bool check_place(struct config_reader *reader, const struct config_tls *tls)
{
    const struct config_tls *first = reader->config->tls;
    while (first < tls && first->host_count > 0)
        first++;
    for (size_t i = TLS_MIN_VERSION; i < TLS_KEYS; i++) {
        int line = reader->block.lines[i];
        if (line != 0 && tls->host_count > 0)
            config_reader_fail(reader, line,
                               "%s holds for all hosts; write it in the tls block without a host",
                               tls_keys[i].name);
        else if (line != 0 && first != tls)
            config_reader_fail(reader, line,
                               "%s holds for all hosts; write it in the first tls block without a "
                               "host, in line %d",
                               tls_keys[i].name, first->line);
    }
    return !reader->failed;
}

static bool check_tls(struct config_reader *reader, const struct config_tls *tls)
{
    const int *lines = reader->block.lines;
    for (size_t i = TLS_CERTIFICATE; i <= TLS_KEY; i++)
        if (lines[i] == 0)
            config_reader_fail(reader, tls->line,
                               "this tls block has no %s; write %s = \"%s\" in it",
                               tls_keys[i].name, tls_keys[i].name, tls_keys[i].text);
    if (reader->failed || !check_place(reader, tls))
        return false;
    if (tls->verify_client != CONFIG_VERIFY_NO && lines[TLS_CLIENT_CA] == 0)
        config_reader_fail(reader, lines[TLS_VERIFY_CLIENT],
                           "verify-client needs to know whose certificates are good; write "
                           "client-ca = \"%s\"",
                           tls_keys[TLS_CLIENT_CA].text);
    if (lines[TLS_CLIENT_CA] != 0 && lines[TLS_VERIFY_CLIENT] == 0)
        config_reader_fail(reader, lines[TLS_CLIENT_CA],
                           "client-ca alone asks no client for a certificate; write verify-client "
                           "= request or verify-client = require");
    return !reader->failed;
}

/* libconfuse's callback at the end of a tls block. */
static int end_tls(cfg_t *file, cfg_opt_t *option)
{
    (void)option;
    struct config_reader *reader = config_reader_now();
    const struct config_tls *tls = reader->block.target;
    if (tls == NULL)
        return config_reader_fail(reader, file->line,
                                  "this tls block is empty; write certificate = \"%s\" and key = "
                                  "\"%s\" in it",
                                  tls_keys[TLS_CERTIFICATE].text, tls_keys[TLS_KEY].text);
    if (!check_tls(reader, tls))
        return -1;
    reader->config->tls_count++;
    forget_block(reader);
    return 0;
}
