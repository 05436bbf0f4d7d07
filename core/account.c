/* account: the table of users.
 *
 * Owns the file's bytes as they were read and a hash table over the names: 8 bytes a slot, with
 * linear probing, two cache misses for a user among ten millions. A line is checked once when the
 * table is made and cut up anew each time it is found. Immutable from then on, so any number of
 * threads may look. Knows nothing of maildrops.
 */
#include "core/account.h"

#include "core/account_line.h"
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

#define NO_MEMORY "there is not enough memory for it"

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
    uint64_t hash;
    struct span name; /* in the file, where its line begins */
};

/* Users wait until there are many for the same part of the table. One by one each would touch a
 * page of memory that nothing has touched for long, and finding that page costs more than the user.
 */
#define PART_SLOTS    (LARGE_PAGE_BYTES / sizeof(uint64_t))
#define PART_ENTRIES  4096
#define ENTRIES_AHEAD 16 /* so that a slot has come from memory when its turn is there */
struct part {
    uint64_t count;
    struct entry entries[PART_ENTRIES];
};

#define NO_LINE UINT64_MAX
struct waiting {
    struct part *parts;
    uint64_t count;
    uint64_t second; /* the offset of the first line whose name stands above it, too; or NO_LINE */
};

/* Where a mistake goes. */
struct report {
    const char *path;
    char *error;
    size_t error_bytes;
};

static struct accounts *make(char *bytes, size_t count, const struct report *report);
static bool take_lines(struct accounts *accounts, const struct report *report);
static struct span line_at(const struct accounts *accounts, uint64_t offset);
static struct span whole_line_at(const struct accounts *accounts, uint64_t offset);
static struct span without_return(struct span line);
static bool line_counts(struct span line);
static bool complain(const struct accounts *accounts, const struct report *report, uint64_t offset,
                     const char *fault);

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
        snprintf(out_error, error_bytes, "%s: " NO_MEMORY, path);
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
        account_line_cut(line_at(accounts, (slot & SLOT_OFFSET_MASK) - 1), out_account);
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
            account_line_cut(without_return(whole), out_account);
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

/* Takes `bytes` over, also where it fails. */
static struct accounts *make(char *bytes, size_t count, const struct report *report)
{
    struct accounts *accounts = calloc(1, sizeof *accounts);
    if (accounts == NULL) {
        snprintf(report->error, report->error_bytes, "%s: " NO_MEMORY, report->path);
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
        return NO_MEMORY;
    memset(accounts->slots, 0, slots * sizeof *accounts->slots);
    ssize_t drawn;
    do
        drawn = getrandom(&accounts->seed, sizeof accounts->seed, 0);
    while (drawn < 0 && errno == EINTR);
    return drawn == sizeof accounts->seed ? NULL : "the kernel gives no random numbers";
}

/* NULL, or what is wrong with the line. */
static const char *look_at(struct accounts *accounts, struct span line, struct entry *out_entry)
{
    struct account account;
    const char *fault = account_line_cut(line, &account);
    if (fault == NULL)
        fault = account_quota_take(account.extra, &(struct account_quota){0, 0});
    if (fault != NULL)
        return fault;
    out_entry->hash = hash_name(accounts->seed, account.name);
    out_entry->name = account.name;
    stranger_vote(&accounts->stranger, &account);
    return NULL;
}

static void enter(struct accounts *accounts, const struct entry *entry, uint64_t *second)
{
    struct account other;
    uint64_t *slot = find_slot(accounts, entry->name, entry->hash, &other);
    const uint64_t offset = (uint64_t)(entry->name.bytes - accounts->bytes);
    if (*slot != 0) {
        *second = offset < *second ? offset : *second;
        return;
    }
    *slot = (entry->hash & ~SLOT_OFFSET_MASK) | (offset + 1);
    accounts->count++;
}

static void settle(struct accounts *accounts, struct part *part, uint64_t *second)
{
    for (uint64_t i = 0; i < part->count; i++) {
        if (i + ENTRIES_AHEAD < part->count)
            __builtin_prefetch(
                &accounts->slots[part->entries[i + ENTRIES_AHEAD].hash & accounts->slot_mask], 1);
        enter(accounts, &part->entries[i], second);
    }
    part->count = 0;
}

/* Reads lines and lets their users wait, until the end or a mistake, whose line is `*out_offset`.
 */
static const char *read_lines(struct accounts *accounts, struct waiting *waiting,
                              uint64_t *out_offset)
{
    for (uint64_t at = 0; at < accounts->byte_count;) {
        const struct span whole = whole_line_at(accounts, at);
        const struct span line = without_return(whole);
        *out_offset = at;
        at += whole.length + 1;
        if (!line_counts(line))
            continue;
        struct entry entry;
        const char *fault = look_at(accounts, line, &entry);
        if (fault != NULL)
            return fault;
        struct part *part = &waiting->parts[(entry.hash & accounts->slot_mask) / PART_SLOTS];
        part->entries[part->count++] = entry;
        if (part->count == PART_ENTRIES)
            settle(accounts, part, &waiting->second);
    }
    return NULL;
}

static bool take_lines(struct accounts *accounts, const struct report *report)
{
    const struct span text = {accounts->bytes, accounts->byte_count};
    if (!text_file_is_text(report->path, text, report->error, report->error_bytes))
        return false;
    const char *fault = reserve(accounts);
    if (fault != NULL)
        return complain(accounts, report, NO_LINE, fault);
    struct waiting waiting = {.count = accounts->slot_mask / PART_SLOTS + 1, .second = NO_LINE};
    waiting.parts = large_alloc(waiting.count * sizeof *waiting.parts);
    if (waiting.parts == NULL)
        return complain(accounts, report, NO_LINE, NO_MEMORY);
    for (uint64_t i = 0; i < waiting.count; i++)
        waiting.parts[i].count = 0;
    uint64_t offset = NO_LINE;
    fault = read_lines(accounts, &waiting, &offset);
    for (uint64_t i = 0; i < waiting.count; i++)
        settle(accounts, &waiting.parts[i], &waiting.second);
    free(waiting.parts);
    /* A mistake that stands above another is the one to say. */
    if (waiting.second != NO_LINE)
        return complain(accounts, report, waiting.second,
                        "this name stands in the file a second time; keep one of the lines");
    return fault == NULL || complain(accounts, report, offset, fault);
}

/* Writes the sentence; always false. NO_LINE is the file as a whole. */
static bool complain(const struct accounts *accounts, const struct report *report, uint64_t offset,
                     const char *fault)
{
    if (offset == NO_LINE)
        snprintf(report->error, report->error_bytes, "%s: %s", report->path, fault);
    else
        snprintf(report->error, report->error_bytes, "%s:%zu: %s", report->path,
                 text_file_line_ends((struct span){accounts->bytes, offset}) + 1, fault);
    return false;
}
