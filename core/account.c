/* account: the table of users.
 *
 * Owns the file's bytes as they were read, the offset of each user's line in the order of the file,
 * and a hash table over the names: 8 bytes a slot, with linear probing, two cache misses for a user
 * among ten millions. A line is checked once when the table is made and cut up anew each time it is
 * found. Immutable from then on, so any number of threads may look. Knows nothing of maildrops.
 */
#include "core/account.h"

#include "core/account_quota.h"
#include "core/text_file.h"
#include "proto/must.h"
#include "storage/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A slot is the offset of a line plus one, and above it the upper bits of the name's hash, so that
 * other names in the way are passed over without a look at their lines. 0 is an empty slot. */
#define SLOT_OFFSET_BITS 40
#define SLOT_OFFSET_MASK ((UINT64_C(1) << SLOT_OFFSET_BITS) - 1)
#define FILE_BYTES_MAX   ((size_t)SLOT_OFFSET_MASK - 1)

/* Slots are a power of two, so that there are 1 1/3 to 2 2/3 of them for each user. */
#define SLOTS_MIN 8

/* Costs of checking that are told apart when the commonest is looked for. */
#define COSTS_MAX 8

/* One kind of cost: the scheme, and the begin of the hash up to where its salt starts. */
struct cost {
    enum password_scheme scheme;
    struct span settings;
    struct span example; /* a whole hash */
    uint64_t votes;
};

struct accounts {
    char *bytes;
    size_t byte_count;
    uint64_t *lines; /* offset of each account's line */
    uint64_t *slots;
    uint64_t slot_mask;
    uint64_t seed; /* of the names' hash: whoever chooses user names cannot make them collide */
    uint32_t count;
    struct cost costs[COSTS_MAX];
    enum password_scheme stranger_scheme;
    size_t stranger_length;
    char stranger_hash[PASSWORD_HASH_BYTES];
};

/* Where a mistake goes. */
struct report {
    const char *path;
    char *error;
    size_t error_bytes;
};

static struct accounts *make(char *bytes, size_t count, const struct report *report);
static bool take_lines(struct accounts *accounts, const struct report *report);
static const char *cut_line(struct span line, struct account *out_account);
static struct span line_at(const struct accounts *accounts, uint64_t offset);

struct accounts *accounts_read(const char *path, char *out_error, size_t error_bytes)
{
    struct report report = {path, out_error, error_bytes};
    size_t count;
    char *bytes = text_file_read(path, FILE_BYTES_MAX, &count, out_error, error_bytes);
    return bytes == NULL ? NULL : make(bytes, count, &report);
}

struct accounts *accounts_parse(const char *path, struct span text, char *out_error,
                                size_t error_bytes)
{
    struct report report = {path, out_error, error_bytes};
    char *bytes = malloc(text.length + 1);
    if (bytes == NULL) {
        snprintf(out_error, error_bytes, "%s: there is not enough memory for it", path);
        return NULL;
    }
    if (text.length > 0)
        memcpy(bytes, text.bytes, text.length);
    bytes[text.length] = '\0';
    return make(bytes, text.length, &report);
}

void accounts_free(struct accounts **accounts)
{
    if (*accounts == NULL)
        return;
    password_wipe((*accounts)->bytes, (*accounts)->byte_count);
    password_wipe((*accounts)->stranger_hash, sizeof(*accounts)->stranger_hash);
    free((*accounts)->bytes);
    free((*accounts)->lines);
    free((*accounts)->slots);
    free(*accounts);
    *accounts = NULL;
}

static bool is_locked(const struct account *account)
{
    return account->hash.length == 0 ||
           (account->scheme != PASSWORD_PLAIN &&
            (account->hash.bytes[0] == '!' || account->hash.bytes[0] == '*'));
}

/* Eight bytes a step: multiply, fold the upper half onto the lower. */
static uint64_t hash_name(uint64_t seed, struct span name)
{
    uint64_t hash = seed ^ name.length;
    for (size_t at = 0; at < name.length; at += sizeof hash) {
        uint64_t word = 0;
        size_t rest = name.length - at;
        memcpy(&word, name.bytes + at, rest < sizeof word ? rest : sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    hash *= UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

/* The slot of the name, or the empty one where it would be. */
static uint64_t *find_slot(const struct accounts *accounts, struct span name, uint64_t hash,
                           struct account *out_account)
{
    for (uint64_t i = hash & accounts->slot_mask;; i = (i + 1) & accounts->slot_mask) {
        uint64_t slot = accounts->slots[i];
        if (slot == 0)
            return &accounts->slots[i];
        if (((slot ^ hash) & ~SLOT_OFFSET_MASK) != 0)
            continue;
        cut_line(line_at(accounts, (slot & SLOT_OFFSET_MASK) - 1), out_account);
        if (span_equal(out_account->name, name))
            return &accounts->slots[i];
    }
}

bool accounts_find(const struct accounts *accounts, struct span name, struct account *out_account)
{
    uint64_t hash = hash_name(accounts->seed, name);
    if (*find_slot(accounts, name, hash, out_account) == 0)
        return false;
    if (is_locked(out_account)) {
        struct account stranger = accounts_stranger(accounts);
        out_account->scheme = stranger.scheme;
        out_account->hash = stranger.hash;
    }
    return true;
}

uint32_t accounts_count(const struct accounts *accounts)
{
    return accounts->count;
}

struct account accounts_at(const struct accounts *accounts, uint32_t index)
{
    must(index < accounts->count);
    struct account account;
    cut_line(line_at(accounts, accounts->lines[index]), &account);
    return account;
}

struct account accounts_stranger(const struct accounts *accounts)
{
    return (struct account){
        .name = {"", 0},
        .scheme = accounts->stranger_scheme,
        .hash = {accounts->stranger_hash, accounts->stranger_length},
    };
}

static struct span line_at(const struct accounts *accounts, uint64_t offset)
{
    const char *begin = accounts->bytes + offset;
    size_t rest = accounts->byte_count - (size_t)offset;
    const char *end = memchr(begin, '\n', rest);
    struct span line = {begin, end == NULL ? rest : (size_t)(end - begin)};
    if (line.length > 0 && line.bytes[line.length - 1] == '\r')
        line.length--;
    return line;
}

bool account_name_is_valid(struct span name)
{
    if (name.length == 0 || name.length > USERS_NAME_MAX || name.bytes[0] == '#')
        return false;
    for (size_t i = 0; i < name.length; i++) {
        unsigned char byte = (unsigned char)name.bytes[i];
        if (byte < ' ' || byte == 0x7F || byte == ':')
            return false;
    }
    return true;
}

/* The fields of a line that count; NULL, or what is wrong with the line. */
static const char *cut_line(struct span line, struct account *out_account)
{
    const char *colon = memchr(line.bytes, ':', line.length);
    if (colon == NULL)
        return "there is no ':' behind the name; write name:{SCHEME}hash";
    struct span name = {line.bytes, (size_t)(colon - line.bytes)};
    struct span field = {colon + 1, line.length - name.length - 1};
    const char *end = field.length == 0 ? NULL : memchr(field.bytes, ':', field.length);
    if (end != NULL)
        field.length = (size_t)(end - field.bytes);
    *out_account = (struct account){.name = name, .scheme = PASSWORD_CRYPT, .hash = field};
    if (!account_name_is_valid(name))
        return "the name must have 1 to 248 characters, and no control characters";
    if (field.length > 0 && field.bytes[0] == '{') {
        const char *brace = memchr(field.bytes, '}', field.length);
        if (brace == NULL)
            return "the name of the scheme does not end; write name:{SCHEME}hash";
        size_t taken = (size_t)(brace + 1 - field.bytes);
        if (!password_scheme_named((struct span){field.bytes + 1, taken - 2}, &out_account->scheme))
            return "the scheme in the braces is not known; known are PLAIN, CRYPT, BLF-CRYPT, "
                   "SHA256-CRYPT, SHA512-CRYPT, YESCRYPT, MD5-CRYPT, ARGON2ID and ARGON2I";
        out_account->hash = (struct span){field.bytes + taken, field.length - taken};
    }
    struct span rest = line;
    for (int fields = 1; fields < 8 && rest.length > 0; fields++) {
        const char *next = memchr(rest.bytes, ':', rest.length);
        size_t taken = next == NULL ? rest.length : (size_t)(next - rest.bytes) + 1;
        if (fields == 6)
            out_account->home = (struct span){rest.bytes, taken - (next != NULL)};
        rest = (struct span){rest.bytes + taken, rest.length - taken};
    }
    out_account->extra = rest;
    size_t most = out_account->scheme == PASSWORD_PLAIN ? PASSWORD_MAX : PASSWORD_HASH_BYTES - 1;
    return out_account->hash.length > most ? "the hash is too long" : NULL;
}

/* The part of a hash that says what a check costs: all before the salt. crypt(3) writes
 * $id[$parameters]$salt$digest, bcrypt $2b$cost$saltdigest, Argon2
 * $argon2id$version$parameters$salt$digest; the old DES form has neither '$' nor parameters. */
static struct span cost_settings(struct span hash)
{
    size_t fields = hash.length > 1 && hash.bytes[0] == '$' && hash.bytes[1] == '2' ? 1 : 2;
    size_t length = hash.length;
    while (length > 0 && fields > 0)
        if (hash.bytes[--length] == '$')
            fields--;
    return (struct span){hash.bytes, length};
}

/* Counts a user's vote for what he costs. Where there are more kinds than places, each vote for a
 * new kind takes one from all others, so that one that most have is found in any case (Misra and
 * Gries's counting). */
static void vote(struct accounts *accounts, const struct account *account)
{
    if (is_locked(account))
        return;
    struct span settings = {"", 0};
    if (account->scheme != PASSWORD_PLAIN)
        settings = cost_settings(account->hash);
    struct cost *empty = NULL;
    for (struct cost *cost = accounts->costs; cost < accounts->costs + COSTS_MAX; cost++) {
        if (cost->votes == 0) {
            empty = empty == NULL ? cost : empty;
        } else if (cost->scheme == account->scheme && span_equal(cost->settings, settings)) {
            cost->votes++;
            return;
        }
    }
    if (empty != NULL) {
        *empty = (struct cost){account->scheme, settings, account->hash, 1};
        return;
    }
    for (size_t i = 0; i < COSTS_MAX; i++)
        accounts->costs[i].votes--;
}

/* The stranger's hash is one of the commonest cost with another digest: its first character is
 * exchanged. To find a password for it is as hard as for any digest. With PLAIN it stays empty,
 * which never fits. */
static void choose_stranger(struct accounts *accounts)
{
    const struct cost *most = &accounts->costs[0];
    for (size_t i = 1; i < COSTS_MAX; i++)
        if (accounts->costs[i].votes > most->votes)
            most = &accounts->costs[i];
    accounts->stranger_scheme = PASSWORD_PLAIN;
    if (most->votes == 0 || most->scheme == PASSWORD_PLAIN)
        return;
    struct span hash = most->example;
    size_t digest = hash.length;
    while (digest > 0 && hash.bytes[digest - 1] != '$')
        digest--;
    if (hash.length > 1 && hash.bytes[0] == '$' && hash.bytes[1] == '2')
        digest += 22; /* bcrypt's salt stands right before the digest */
    else if (digest == 0)
        digest = hash.length - 1; /* DES: salt in front, so take the other end */
    accounts->stranger_scheme = most->scheme;
    accounts->stranger_length = hash.length;
    memcpy(accounts->stranger_hash, hash.bytes, hash.length);
    if (digest < hash.length)
        accounts->stranger_hash[digest] = hash.bytes[digest] == 'A' ? 'B' : 'A';
}

/* Takes `bytes` over, also where it fails. */
static struct accounts *make(char *bytes, size_t count, const struct report *report)
{
    struct accounts *accounts = calloc(1, sizeof *accounts);
    if (accounts == NULL) {
        snprintf(report->error, report->error_bytes, "%s: there is not enough memory for it",
                 report->path);
        password_wipe(bytes, count);
        free(bytes);
        return NULL;
    }
    accounts->bytes = bytes;
    accounts->byte_count = count;
    if (take_lines(accounts, report)) {
        choose_stranger(accounts);
        return accounts;
    }
    accounts_free(&accounts);
    return NULL;
}

/* Whether a line holds a user; else it is empty or a comment. */
static bool line_counts(struct span line)
{
    return line.length > 0 && line.bytes[0] != '#' &&
           strspn(line.bytes, " \t") < line.length; /* a NUL stands behind the text's last line */
}

/* Memory for as many users as there are lines at most. */
static const char *reserve(struct accounts *accounts)
{
    size_t lines = 0;
    for (uint64_t at = 0; at < accounts->byte_count; lines++) {
        const char *end = memchr(accounts->bytes + at, '\n', accounts->byte_count - (size_t)at);
        at = end == NULL ? accounts->byte_count : (uint64_t)(end - accounts->bytes) + 1;
    }
    if (lines > UINT32_MAX)
        return "there are more lines than can be counted";
    uint64_t slots = SLOTS_MIN;
    while (slots * 3 / 4 < lines)
        slots *= 2;
    accounts->slot_mask = slots - 1;
    accounts->slots = calloc(slots, sizeof *accounts->slots);
    accounts->lines = malloc((lines + 1) * sizeof *accounts->lines);
    if (accounts->slots == NULL || accounts->lines == NULL)
        return "there is not enough memory for it";
    ssize_t drawn;
    do
        drawn = getrandom(&accounts->seed, sizeof accounts->seed, 0);
    while (drawn < 0 && errno == EINTR);
    return drawn == sizeof accounts->seed ? NULL : "the kernel gives no random numbers";
}

/* NULL, or what is wrong with the line. */
static const char *take_line(struct accounts *accounts, uint64_t offset, struct span line)
{
    struct account account, other;
    const char *fault = cut_line(line, &account);
    if (fault != NULL)
        return fault;
    fault = account_quota_take(account.extra, &(struct account_quota){0, 0});
    if (fault != NULL)
        return fault;
    uint64_t hash = hash_name(accounts->seed, account.name);
    uint64_t *slot = find_slot(accounts, account.name, hash, &other);
    if (*slot != 0)
        return "this name stands in the file a second time; keep one of the lines";
    *slot = (hash & ~SLOT_OFFSET_MASK) | (offset + 1);
    accounts->lines[accounts->count++] = offset;
    vote(accounts, &account);
    return NULL;
}

static bool take_lines(struct accounts *accounts, const struct report *report)
{
    struct span text = {accounts->bytes, accounts->byte_count};
    if (!text_file_is_text(report->path, text, report->error, report->error_bytes))
        return false;
    const char *fault = reserve(accounts);
    if (fault != NULL) {
        snprintf(report->error, report->error_bytes, "%s: %s", report->path, fault);
        return false;
    }
    uint64_t next;
    size_t number = 1;
    for (uint64_t at = 0; at < text.length; at = next, number++) {
        struct span line = line_at(accounts, at);
        const char *end = memchr(line.bytes + line.length, '\n', text.length - at - line.length);
        next = end == NULL ? text.length : (uint64_t)(end - text.bytes) + 1;
        if (!line_counts(line))
            continue;
        fault = take_line(accounts, at, line);
        if (fault != NULL) {
            snprintf(report->error, report->error_bytes, "%s:%zu: %s", report->path, number, fault);
            return false;
        }
    }
    return true;
}
