/* tls_tickets: the keys under which session tickets are sealed; see tls_tickets.h.
 *
 * A ticket is sealed with AES-256-GCM; the key's name is sealed with it, so that a ticket can only
 * be opened under the name that it came with. Owns the memory of the keys and wipes each copy that
 * it made. The file is replaced as a whole, under a lock on its folder, and never changed in place.
 */
#include "core/tls_tickets.h"

#include "proto/must.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/aes.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* "NAME KEY" in hexadecimal, with the end of the line. */
#define LINE_BYTES     (2 * TLS_TICKET_NAME_BYTES + 1 + 2 * TLS_TICKET_KEY_BYTES + 1)
#define FILE_BYTES_MAX (TLS_TICKET_KEYS_MAX * LINE_BYTES)

struct ticket_key {
    uint8_t name[TLS_TICKET_NAME_BYTES];
    uint8_t key[TLS_TICKET_KEY_BYTES];
};

struct tls_tickets {
    uint32_t count; /* at least one; the newest is the first */
    struct ticket_key keys[TLS_TICKET_KEYS_MAX];
};

/* What a sentence is about, and where it goes. */
struct complaint {
    const char *path;
    uint32_t line; /* of the file, or 0 */
    char *error;
    size_t error_bytes;
};

static bool cipher_begin(const struct ticket_key *key, Aes *out_aes);
static void cipher_end(Aes *aes);
static bool fill_randomly(void *out, size_t bytes);
static struct tls_tickets *read_open(int file, struct complaint *complaint);
static bool rotate_locked(int folder, const char *path, struct complaint *complaint);
static bool complain(struct complaint *complaint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The iv is random: 96 bits of it serve 2^32 tickets of one key (NIST SP 800-38D section 8.3), and
 * servers that share a key need not agree on a counter. */
bool tls_tickets_seal(const struct tls_tickets *tickets, uint8_t *ticket, size_t bytes,
                      uint8_t out_name[TLS_TICKET_NAME_BYTES], uint8_t out_iv[TLS_TICKET_IV_BYTES],
                      uint8_t out_tag[TLS_TICKET_TAG_BYTES])
{
    must(bytes <= UINT32_MAX);
    const struct ticket_key *key = &tickets->keys[0];
    Aes aes;
    if (!fill_randomly(out_iv, TLS_TICKET_IV_BYTES) || !cipher_begin(key, &aes))
        return false;
    memcpy(out_name, key->name, TLS_TICKET_NAME_BYTES);
    const bool done =
        wc_AesGcmEncrypt(&aes, ticket, ticket, (word32)bytes, out_iv, TLS_TICKET_IV_BYTES, out_tag,
                         TLS_TICKET_TAG_BYTES, key->name, TLS_TICKET_NAME_BYTES) == 0;
    cipher_end(&aes);
    return done;
}

bool tls_tickets_open(const struct tls_tickets *tickets, uint8_t *ticket, size_t bytes,
                      const uint8_t name[TLS_TICKET_NAME_BYTES],
                      const uint8_t iv[TLS_TICKET_IV_BYTES],
                      const uint8_t tag[TLS_TICKET_TAG_BYTES], bool *out_is_old)
{
    uint32_t index = 0;
    while (index < tickets->count &&
           memcmp(tickets->keys[index].name, name, TLS_TICKET_NAME_BYTES) != 0)
        index++;
    Aes aes;
    if (index == tickets->count || bytes > UINT32_MAX || !cipher_begin(&tickets->keys[index], &aes))
        return false;
    const bool done = wc_AesGcmDecrypt(&aes, ticket, ticket, (word32)bytes, iv, TLS_TICKET_IV_BYTES,
                                       tag, TLS_TICKET_TAG_BYTES, name, TLS_TICKET_NAME_BYTES) == 0;
    cipher_end(&aes);
    *out_is_old = index > 0;
    return done;
}

struct tls_tickets *tls_tickets_make(const struct tls_tickets *previous)
{
    struct tls_tickets *tickets = calloc(1, sizeof *tickets);
    if (tickets == NULL || !fill_randomly(&tickets->keys[0], sizeof tickets->keys[0])) {
        free(tickets);
        return NULL;
    }
    tickets->count = 1;
    for (uint32_t i = 0; previous != NULL && i < previous->count; i++) {
        if (tickets->count < TLS_TICKET_KEYS_MAX)
            tickets->keys[tickets->count++] = previous->keys[i];
    }
    return tickets;
}

void tls_tickets_free(struct tls_tickets **tickets)
{
    if (*tickets != NULL)
        explicit_bzero(*tickets, sizeof **tickets);
    free(*tickets);
    *tickets = NULL;
}

struct tls_tickets *tls_tickets_read(const char *path, char *out_error, size_t error_bytes)
{
    struct complaint complaint = {path, 0, out_error, error_bytes};
    /* Without O_NONBLOCK the open of a pipe would wait for its other end. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        complain(&complaint, "cannot be opened: %s", strerror(errno));
        return NULL;
    }
    struct tls_tickets *tickets = read_open(file, &complaint);
    close(file);
    return tickets;
}

bool tls_tickets_rotate_file(const char *path, char *out_error, size_t error_bytes)
{
    struct complaint complaint = {path, 0, out_error, error_bytes};
    char real_path[PATH_MAX], folder_path[PATH_MAX];
    /* Without symbolic links, so that a link stays one; a file that is not there yet has none. */
    if (realpath(path, real_path) == NULL) {
        if (errno != ENOENT || strlen(path) >= sizeof real_path)
            return complain(&complaint, "cannot be looked at: %s", strerror(errno));
        memcpy(real_path, path, strlen(path) + 1);
    }
    memcpy(folder_path, real_path, sizeof folder_path);
    char *slash = strrchr(folder_path, '/');
    if (slash != NULL)
        slash[slash == folder_path] = '\0';
    const int folder = open(slash == NULL ? "." : folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return complain(&complaint, "its folder cannot be opened: %s", strerror(errno));
    while (flock(folder, LOCK_EX) < 0) {
        if (errno == EINTR)
            continue;
        complain(&complaint, "its folder cannot be locked: %s", strerror(errno));
        close(folder);
        return false;
    }
    const bool done = rotate_locked(folder, real_path, &complaint);
    close(folder);
    return done;
}

/* ---- cipher */

/* A cipher of its own for each call: one that is shared would be written to by several threads. */
static bool cipher_begin(const struct ticket_key *key, Aes *out_aes)
{
    if (wc_AesInit(out_aes, NULL, INVALID_DEVID) != 0)
        return false;
    if (wc_AesGcmSetKey(out_aes, key->key, TLS_TICKET_KEY_BYTES) == 0)
        return true;
    cipher_end(out_aes);
    return false;
}

static void cipher_end(Aes *aes)
{
    wc_AesFree(aes);
    explicit_bzero(aes, sizeof *aes);
}

static bool fill_randomly(void *out, size_t bytes)
{
    ssize_t got;
    /* Up to 256 bytes come whole or, where a signal came before them, not at all. */
    must(bytes <= 256);
    do
        got = getrandom(out, bytes, 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)bytes;
}

/* ---- reading the file */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

static bool read_hex(const char *digits, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        const int high = hex_value(digits[2 * i]), low = hex_value(digits[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* `line` has LINE_BYTES bytes, with its end. */
static bool read_line(const char *line, struct ticket_key *out_key)
{
    const size_t name_digits = 2 * TLS_TICKET_NAME_BYTES;
    return read_hex(line, TLS_TICKET_NAME_BYTES, out_key->name) && line[name_digits] == ' ' &&
           read_hex(line + name_digits + 1, TLS_TICKET_KEY_BYTES, out_key->key) &&
           line[LINE_BYTES - 1] == '\n';
}

static bool is_named_before(const struct tls_tickets *tickets, const struct ticket_key *key)
{
    for (uint32_t i = 0; i < tickets->count; i++) {
        if (memcmp(tickets->keys[i].name, key->name, sizeof key->name) == 0)
            return true;
    }
    return false;
}

/* Nothing of a line is ever shown: it may be a key with a slip in it. */
static bool parse(const char *text, size_t bytes, struct complaint *complaint,
                  struct tls_tickets *out_tickets)
{
    if (bytes == 0)
        return complain(complaint, "is empty: remove it, and `ringpost tls-ticket-keys` makes it");
    for (size_t at = 0; at < bytes; at += LINE_BYTES) {
        struct ticket_key *key = &out_tickets->keys[out_tickets->count];
        complaint->line = out_tickets->count + 1;
        if (out_tickets->count == TLS_TICKET_KEYS_MAX)
            return complain(complaint, "there can be %d keys: remove the lines from here on",
                            TLS_TICKET_KEYS_MAX);
        if (bytes - at < LINE_BYTES || !read_line(text + at, key))
            return complain(complaint,
                            "this must be a name of %d hexadecimal digits, a space, a key of %d, "
                            "and the end of the line: let `ringpost tls-ticket-keys` make the file",
                            2 * TLS_TICKET_NAME_BYTES, 2 * TLS_TICKET_KEY_BYTES);
        if (is_named_before(out_tickets, key))
            return complain(complaint, "a key above has this name: remove the line");
        out_tickets->count++;
    }
    return true;
}

/* How many bytes, at most `room`; or -1 with errno. */
static ssize_t read_all(int file, char *out, size_t room)
{
    size_t used = 0;
    while (used < room) {
        const ssize_t got = read(file, out + used, room - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

static struct tls_tickets *read_open(int file, struct complaint *complaint)
{
    char text[FILE_BYTES_MAX + 1];
    struct stat facts;
    if (fstat(file, &facts) < 0) {
        complain(complaint, "cannot be looked at: %s", strerror(errno));
        return NULL;
    }
    if (!S_ISREG(facts.st_mode)) {
        complain(complaint, "is not a file of keys");
        return NULL;
    }
    if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        complain(complaint, "holds secret keys, and others than its owner may use it: chmod 600, "
                            "and make new keys if they may have been seen");
        return NULL;
    }
    struct tls_tickets *tickets = calloc(1, sizeof *tickets);
    const ssize_t bytes = read_all(file, text, sizeof text);
    if (tickets == NULL || bytes < 0) {
        complain(complaint, "cannot be read: %s", strerror(errno));
        tls_tickets_free(&tickets);
    } else if (!parse(text, (size_t)bytes, complaint, tickets)) {
        tls_tickets_free(&tickets);
    }
    explicit_bzero(text, sizeof text);
    return tickets;
}

/* ---- writing it */

/* Returns how many bytes; they need no NUL. */
static size_t format_keys(const struct tls_tickets *tickets, char out[FILE_BYTES_MAX])
{
    static const char digits[] = "0123456789abcdef";
    char *at = out;
    for (uint32_t i = 0; i < tickets->count; i++) {
        const struct ticket_key *key = &tickets->keys[i];
        for (size_t j = 0; j < sizeof key->name; j++) {
            *at++ = digits[key->name[j] >> 4];
            *at++ = digits[key->name[j] & 15];
        }
        *at++ = ' ';
        for (size_t j = 0; j < sizeof key->key; j++) {
            *at++ = digits[key->key[j] >> 4];
            *at++ = digits[key->key[j] & 15];
        }
        *at++ = '\n';
    }
    return (size_t)(at - out);
}

/* A new file, durable, of the same owner as the one that it will replace (NULL: there is none). */
static bool write_new(const char *new_path, const struct tls_tickets *tickets,
                      const struct stat *old, struct complaint *complaint)
{
    char text[FILE_BYTES_MAX];
    const size_t bytes = format_keys(tickets, text);
    /* Only who holds the lock gets here, so what stands here is left from a crash. */
    unlink(new_path);
    const int file = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = file >= 0;
    if (good && old != NULL && (old->st_uid != geteuid() || old->st_gid != getegid()))
        good = fchown(file, old->st_uid, old->st_gid) == 0;
    if (good) {
        /* So few bytes are written in one piece, or there is no room for them. */
        errno = ENOSPC;
        good = write(file, text, bytes) == (ssize_t)bytes && fsync(file) == 0;
    }
    const int error = errno;
    explicit_bzero(text, sizeof text);
    if (file >= 0)
        close(file);
    if (good)
        return true;
    if (file >= 0)
        unlink(new_path);
    return complain(complaint, "%s cannot be written: %s", new_path, strerror(error));
}

static bool rotate_locked(int folder, const char *path, struct complaint *complaint)
{
    char new_path[PATH_MAX + 4];
    struct stat facts;
    struct tls_tickets *previous = NULL;
    const bool is_there = stat(path, &facts) == 0;
    if (!is_there && errno != ENOENT)
        return complain(complaint, "cannot be looked at: %s", strerror(errno));
    if (is_there) {
        previous = tls_tickets_read(path, complaint->error, complaint->error_bytes);
        if (previous == NULL)
            return false;
    }
    struct tls_tickets *tickets = tls_tickets_make(previous);
    tls_tickets_free(&previous);
    if (tickets == NULL)
        return complain(complaint, "there is no memory or randomness for a key");
    snprintf(new_path, sizeof new_path, "%s.new", path);
    bool done = write_new(new_path, tickets, is_there ? &facts : NULL, complaint);
    tls_tickets_free(&tickets);
    if (done && rename(new_path, path) < 0) {
        done = complain(complaint, "cannot be replaced: %s", strerror(errno));
        unlink(new_path);
    }
    if (done && fsync(folder) < 0)
        done = complain(complaint, "is changed, but a crash may undo it: %s", strerror(errno));
    return done;
}

/* Writes the sentence; always false. */
static bool complain(struct complaint *complaint, const char *format, ...)
{
    char place[16] = "";
    if (complaint->line > 0)
        snprintf(place, sizeof place, ":%u", complaint->line);
    const int used =
        snprintf(complaint->error, complaint->error_bytes, "%s%s: ", complaint->path, place);
    if (used < 0 || (size_t)used >= complaint->error_bytes)
        return false;
    va_list values;
    va_start(values, format);
    vsnprintf(complaint->error + used, complaint->error_bytes - (size_t)used, format, values);
    va_end(values);
    return false;
}
