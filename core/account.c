/* account: the table of users.
 *
 * Owns the file's bytes as they were read and a hash table over the names: 8 bytes a slot, with
 * linear probing, two cache misses for a user among ten millions. A line is checked once when the
 * table is made and cut up anew each time it is found. Immutable from then on, so any number of
 * threads may look. Knows nothing of maildrops.
 */
#include "core/account.h"

#include "core/account_quota.h"
#include "core/account_stranger.h"
#include "core/large.h"
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

struct accounts {
    char *bytes;
    size_t byte_count;
    uint64_t *slots;
    uint64_t slot_mask;
    uint64_t seed; /* of the names' hash: whoever chooses user names cannot make them collide */
    uint32_t count;
    struct stranger stranger;
};

/* A user of the file on the way into the table. */
struct entry {
    struct span name;
    uint64_t hash;
    size_t line_number;
};

/* Enough that a slot has come from memory when its turn is there. */
#define ENTRIES_WAITING 32
struct waiting {
    struct entry entries[ENTRIES_WAITING];
    uint64_t begin, end;
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
static struct span whole_line_at(const struct accounts *accounts, uint64_t offset);
static struct span without_return(struct span line);
static bool line_counts(struct span line);
static bool complain(const struct report *report, size_t line_number, const char *fault);

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
    password_wipe((*accounts)->stranger.hash, sizeof(*accounts)->stranger.hash);
    free((*accounts)->bytes);
    free((*accounts)->slots);
    free(*accounts);
    *accounts = NULL;
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
    if (account_is_locked(out_account)) {
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

bool accounts_next(const struct accounts *accounts, uint64_t *cursor, struct account *out_account)
{
    while (*cursor < accounts->byte_count) {
        const struct span whole = whole_line_at(accounts, *cursor);
        *cursor += whole.length + 1;
        if (line_counts(without_return(whole))) {
            cut_line(without_return(whole), out_account);
            return true;
        }
    }
    return false;
}

struct account accounts_stranger(const struct accounts *accounts)
{
    return (struct account){
        .name = {"", 0},
        .scheme = accounts->stranger.scheme,
        .hash = {accounts->stranger.hash, accounts->stranger.length},
    };
}

/* Without its end. */
static struct span whole_line_at(const struct accounts *accounts, uint64_t offset)
{
    const char *begin = accounts->bytes + offset;
    const size_t rest = accounts->byte_count - (size_t)offset;
    const char *end = memchr(begin, '\n', rest);
    return (struct span){begin, end == NULL ? rest : (size_t)(end - begin)};
}

static struct span without_return(struct span line)
{
    if (line.length > 0 && line.bytes[line.length - 1] == '\r')
        line.length--;
    return line;
}

static struct span line_at(const struct accounts *accounts, uint64_t offset)
{
    return without_return(whole_line_at(accounts, offset));
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

/* As memchr; most fields of most lines are empty. */
static const char *find_colon(struct span text)
{
    if (text.length == 0 || text.bytes[0] == ':')
        return text.length == 0 ? NULL : text.bytes;
    return memchr(text.bytes, ':', text.length);
}

/* The fields of a line that count; NULL, or what is wrong with the line. */
static const char *cut_line(struct span line, struct account *out_account)
{
    const char *colon = find_colon(line);
    if (colon == NULL)
        return "there is no ':' behind the name; write name:{SCHEME}hash";
    struct span name = {line.bytes, (size_t)(colon - line.bytes)};
    struct span field = {colon + 1, line.length - name.length - 1};
    const char *end = find_colon(field);
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
    size_t two_fields = name.length + 1 + field.length + (end != NULL);
    struct span rest = {line.bytes + two_fields, line.length - two_fields};
    for (int fields = 3; fields < 8 && rest.length > 0; fields++) {
        const char *next = find_colon(rest);
        size_t taken = next == NULL ? rest.length : (size_t)(next - rest.bytes) + 1;
        if (fields == 6)
            out_account->home = (struct span){rest.bytes, taken - (next != NULL)};
        rest = (struct span){rest.bytes + taken, rest.length - taken};
    }
    out_account->extra = rest;
    size_t most = out_account->scheme == PASSWORD_PLAIN ? PASSWORD_MAX : PASSWORD_HASH_BYTES - 1;
    return out_account->hash.length > most ? "the hash is too long" : NULL;
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
        stranger_choose(&accounts->stranger);
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
    const uint64_t lines =
        text_file_line_ends((struct span){accounts->bytes, accounts->byte_count}) + 1;
    if (lines > UINT32_MAX)
        return "there are more lines than can be counted";
    uint64_t slots = SLOTS_MIN;
    while (slots * 3 / 4 < lines)
        slots *= 2;
    accounts->slot_mask = slots - 1;
    accounts->slots = large_alloc(slots * sizeof *accounts->slots);
    if (accounts->slots == NULL)
        return "there is not enough memory for it";
    memset(accounts->slots, 0, slots * sizeof *accounts->slots);
    ssize_t drawn;
    do
        drawn = getrandom(&accounts->seed, sizeof accounts->seed, 0);
    while (drawn < 0 && errno == EINTR);
    return drawn == sizeof accounts->seed ? NULL : "the kernel gives no random numbers";
}

/* NULL, or what is wrong with the line; else its name's slot is on its way into the cache. */
static const char *look_at(struct accounts *accounts, struct span line, struct entry *entry)
{
    struct account account;
    const char *fault = cut_line(line, &account);
    if (fault == NULL)
        fault = account_quota_take(account.extra, &(struct account_quota){0, 0});
    if (fault != NULL)
        return fault;
    entry->name = account.name;
    entry->hash = hash_name(accounts->seed, account.name);
    __builtin_prefetch(&accounts->slots[entry->hash & accounts->slot_mask], 1);
    stranger_vote(&accounts->stranger, &account);
    return NULL;
}

/* NULL, or what is wrong with the line of the entry. */
static const char *enter(struct accounts *accounts, const struct entry *entry)
{
    struct account other;
    uint64_t *slot = find_slot(accounts, entry->name, entry->hash, &other);
    if (*slot != 0)
        return "this name stands in the file a second time; keep one of the lines";
    const uint64_t offset = (uint64_t)(entry->name.bytes - accounts->bytes);
    *slot = (entry->hash & ~SLOT_OFFSET_MASK) | (offset + 1);
    accounts->count++;
    return NULL;
}

/* Enters those that are waiting until `left` are; false at the first that cannot be. */
static bool settle(struct accounts *accounts, struct waiting *waiting, uint64_t left,
                   const struct report *report)
{
    for (; waiting->end - waiting->begin > left; waiting->begin++) {
        const struct entry *entry = &waiting->entries[waiting->begin % ENTRIES_WAITING];
        const char *fault = enter(accounts, entry);
        if (fault != NULL)
            return complain(report, entry->line_number, fault);
    }
    return true;
}

/* Lines are read a little ahead of what is entered, so that slots come from memory meanwhile. */
static bool take_lines(struct accounts *accounts, const struct report *report)
{
    const struct span text = {accounts->bytes, accounts->byte_count};
    struct waiting waiting = {.begin = 0, .end = 0};
    if (!text_file_is_text(report->path, text, report->error, report->error_bytes))
        return false;
    const char *fault = reserve(accounts);
    if (fault != NULL)
        return complain(report, 0, fault);
    size_t number = 1;
    for (uint64_t at = 0; at < text.length; number++) {
        const struct span whole = whole_line_at(accounts, at);
        const struct span line = without_return(whole);
        at += whole.length + 1;
        if (!line_counts(line))
            continue;
        struct entry *entry = &waiting.entries[waiting.end % ENTRIES_WAITING];
        fault = look_at(accounts, line, entry);
        /* A mistake that stands above this one is the one to say. */
        if (fault != NULL)
            return settle(accounts, &waiting, 0, report) && complain(report, number, fault);
        entry->line_number = number;
        waiting.end++;
        if (!settle(accounts, &waiting, ENTRIES_WAITING - 1, report))
            return false;
    }
    return settle(accounts, &waiting, 0, report);
}

/* Writes the sentence; always false. Line 0 is the file as a whole. */
static bool complain(const struct report *report, size_t line_number, const char *fault)
{
    if (line_number == 0)
        snprintf(report->error, report->error_bytes, "%s: %s", report->path, fault);
    else
        snprintf(report->error, report->error_bytes, "%s:%zu: %s", report->path, line_number,
                 fault);
    return false;
}
