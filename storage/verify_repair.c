/* verify_repair: writes a maildrop's index anew from what is good of it, and from the mail itself.
 *
 * The old index is kept as `index.damaged-N`. Where records are damaged, the bytes between their
 * good neighbours are searched for whole messages, which get new UIDLs; other bytes there are kept
 * in `wire.damaged-N`, because a later compaction copies only what records name. The wire file is
 * not touched. All of it is durable before the new index takes the place of the old one.
 */
#include "proto/must.h"
#include "storage/decimal.h"
#include "storage/delivery.h"
#include "storage/maildrop.h"
#include "storage/uidl.h"
#include "storage/verify_pass.h"
#include "storage/wire.h"
#include "storage/wire_scan.h"

#include <errno.h>
#include <string.h>

/* So many damaged files are kept side by side; more repairs than that need an operator anyway. */
#define ASIDE_MAX 999

/* A repair on its way. */
struct repair {
    struct verify *verify;
    struct new_index new_index;
    struct wire_scan scan;
    int aside; /* wire.damaged-N, or -1 while nothing had to be set aside */
    uint64_t aside_bytes;
    uint64_t wire_end;      /* of the good records so far */
    uint32_t damaged_first; /* ordinal of the first damaged record since the last good delivery */
    uint32_t damaged_count;
    uint64_t random;
};

static enum mail_result write_all(struct repair *repair);
static enum mail_result take_slot(struct repair *repair, uint32_t ordinal);
static enum mail_result take_good(struct repair *repair, uint32_t ordinal, struct record *record);
static enum mail_result rebuild(struct repair *repair, uint64_t from, uint64_t to);
static enum mail_result put_rebuilt(struct repair *repair, const struct wire_message *message);
static enum mail_result set_aside(struct repair *repair, uint64_t from, uint64_t to);
static enum mail_result has_bytes(struct repair *repair, uint64_t from, uint64_t to, bool *out_has);
static enum mail_result keep_index(struct repair *repair);
static enum mail_result open_aside(struct repair *repair, const char *prefix, int *out_file);
static uint64_t next_random(struct repair *repair);

enum mail_result verify_rewrite(struct verify *verify)
{
    must(verify->index >= 0 && verify->wire >= 0);
    struct repair repair = {
        .verify = verify,
        .new_index.file = -1,
        .aside = -1,
        .random = verify->options->random,
    };
    const struct disk_access *access = verify->access;
    enum mail_result result = keep_index(&repair);
    if (result == MAIL_DONE)
        result = new_index_begin(&repair.new_index, access, verify->path, verify->generation,
                                 MAILDROP_RECORDS_UNKNOWN, access->scratch + LIVE_SCRATCH_BYTES);
    if (result == MAIL_DONE)
        result = write_all(&repair);
    if (result == MAIL_DONE && repair.aside >= 0)
        result = maildrop_result(disk_sync(access->disk, repair.aside));
    if (repair.aside >= 0)
        disk_close(access->disk, repair.aside);

    /* Without one good record and without one message, there is nothing that is better than before.
     */
    bool is_worth_it = verify->tail.record_count > 0 || repair.new_index.live_count > 0;
    if (result == MAIL_DONE && is_worth_it)
        result = new_index_finish(&repair.new_index);
    struct native_tail old_end = {.record = verify->tail.record,
                                  .record_count = verify->slot_count};
    bool durable;
    if (result == MAIL_DONE && is_worth_it)
        result = new_index_exchange(&repair.new_index, verify->index, &old_end, &durable);
    if (result != MAIL_DONE || !is_worth_it) {
        if (repair.new_index.path)
            new_index_cancel(&repair.new_index);
        return result;
    }
    verify->summary->message_count = repair.new_index.live_count;
    verify->summary->octets = repair.new_index.live_octets;
    verify->summary->repaired = true;
    return MAIL_DONE;
}

static enum mail_result write_all(struct repair *repair)
{
    struct verify *verify = repair->verify;
    wire_scan_init(&repair->scan, verify->access, verify->wire,
                   verify->access->scratch + VERIFY_BUFFER_PLACE, VERIFY_BUFFER_BYTES);
    for (uint32_t ordinal = 1; ordinal < verify->end; ordinal++) {
        enum mail_result result = take_slot(repair, ordinal);
        if (result != MAIL_DONE)
            return result;
    }
    /* Without a tail nobody knows what was behind the last good record. */
    if (repair->damaged_count > 0 || verify->tail.record_count == 0)
        return rebuild(repair, repair->wire_end, verify->wire_bytes);
    return MAIL_DONE;
}

static enum mail_result take_slot(struct repair *repair, uint32_t ordinal)
{
    struct verify *verify = repair->verify;
    enum native_slot slot;
    struct record record;
    bool expunged;
    enum mail_result result = verify_look(verify, ordinal, &slot, &record, &expunged);
    if (result != MAIL_DONE)
        return result;
    if (slot == NATIVE_SLOT_GOOD)
        return take_good(repair, ordinal, &record);
    if (!expunged) { /* else what the record said is of no interest any more */
        if (repair->damaged_count == 0)
            repair->damaged_first = ordinal;
        repair->damaged_count++;
    }
    return MAIL_DONE;
}

static enum mail_result take_good(struct repair *repair, uint32_t ordinal, struct record *record)
{
    struct verify *verify = repair->verify;
    bool follows_damage = repair->damaged_count > 0;
    if (follows_damage && record->last_expunge >= repair->damaged_first &&
        record->last_expunge < ordinal)
        verify_found(verify, VERIFY_MESSAGES_BACK, record->last_expunge, 0);
    if (record->kind != RECORD_DELIVERY)
        return MAIL_DONE;

    enum mail_result result = MAIL_DONE;
    if (follows_damage) {
        uint64_t end = record->offset < verify->wire_bytes ? record->offset : verify->wire_bytes;
        result = rebuild(repair, repair->wire_end, end);
        repair->damaged_count = 0;
    }
    bool expunged = false;
    if (result == MAIL_DONE)
        result = verify_is_expunged(verify, ordinal, &expunged);
    if (result == MAIL_DONE && !expunged)
        result = new_index_put(&repair->new_index, record);

    /* A record that reaches beyond the file says nothing about where the next one may begin. */
    bool is_inside = record->offset <= verify->wire_bytes &&
                     record->wire_bytes <= verify->wire_bytes - record->offset;
    if (is_inside && maildrop_wire_end(record) > repair->wire_end)
        repair->wire_end = maildrop_wire_end(record);
    return result;
}

/* Takes the messages that lie in from..to-1, and sets aside what lies between them. */
static enum mail_result rebuild(struct repair *repair, uint64_t from, uint64_t to)
{
    while (from < to) {
        struct wire_message message;
        bool found;
        enum mail_result result = wire_scan_next(&repair->scan, from, to, &message, &found);
        if (result == MAIL_DONE)
            result = set_aside(repair, from, found ? message.offset : to);
        if (result != MAIL_DONE || !found)
            return result;
        result = put_rebuilt(repair, &message);
        if (result != MAIL_DONE)
            return result;
        from = message.offset + message.wire_bytes;
    }
    return MAIL_DONE;
}

static enum mail_result put_rebuilt(struct repair *repair, const struct wire_message *message)
{
    uint32_t now_s = repair->verify->options->now_s;
    struct record record = {
        .kind = RECORD_DELIVERY,
        .offset = message->offset,
        .wire_bytes = message->wire_bytes,
        .octets = message->octets,
        .header_bytes = message->header_bytes,
        .wire_crc = message->wire_crc,
        .time_s = now_s,
        .uidl.length = UIDL_MADE_BYTES,
    };
    uidl_make(now_s, next_random(repair), record.uidl.bytes);
    verify_found(repair->verify, VERIFY_MESSAGE_REBUILT, repair->new_index.record_count,
                 message->offset);
    return new_index_put(&repair->new_index, &record);
}

/* Copies bytes that no record names any more, unless they are zero: a hole, or the room before the
 * first line of a large message. */
static enum mail_result set_aside(struct repair *repair, uint64_t from, uint64_t to)
{
    struct verify *verify = repair->verify;
    bool has;
    uint32_t crc;
    enum mail_result result = has_bytes(repair, from, to, &has);
    if (result != MAIL_DONE || !has)
        return result;
    if (repair->aside < 0)
        result = open_aside(repair, "wire.damaged-", &repair->aside);
    if (result != MAIL_DONE)
        return result;
    verify_found(verify, VERIFY_BYTES_SET_ASIDE, 0, from);
    result =
        wire_copy(verify->access, verify->wire, from, to - from, repair->aside, repair->aside_bytes,
                  verify->access->scratch + VERIFY_BUFFER_PLACE, VERIFY_BUFFER_BYTES, &crc);
    repair->aside_bytes += to - from;
    repair->scan.buffered = 0; /* its buffer has been used */
    return result;
}

static enum mail_result has_bytes(struct repair *repair, uint64_t from, uint64_t to, bool *out_has)
{
    const struct disk_access *access = repair->verify->access;
    char *buffer = access->scratch + VERIFY_BUFFER_PLACE;
    *out_has = false;
    repair->scan.buffered = 0;
    while (from < to && !*out_has) {
        size_t wanted = to - from < VERIFY_BUFFER_BYTES ? (size_t)(to - from) : VERIFY_BUFFER_BYTES;
        int64_t got =
            disk_read(access->disk, repair->verify->wire, buffer, wanted, from, DISK_WAIT);
        if (got <= 0)
            return got < 0 ? native_result(got) : MAIL_TEMPORARY;
        for (int64_t i = 0; i < got && !*out_has; i++)
            *out_has = buffer[i] != 0;
        from += (uint64_t)got;
    }
    return MAIL_DONE;
}

static enum mail_result keep_index(struct repair *repair)
{
    struct verify *verify = repair->verify;
    int64_t bytes = disk_size(verify->access->disk, verify->index);
    if (bytes <= 0)
        return maildrop_result(bytes);
    int copy;
    uint32_t crc;
    enum mail_result result = open_aside(repair, "index.damaged-", &copy);
    if (result != MAIL_DONE)
        return result;
    result = wire_copy(verify->access, verify->index, 0, (uint64_t)bytes, copy, 0,
                       verify->access->scratch + VERIFY_BUFFER_PLACE, VERIFY_BUFFER_BYTES, &crc);
    if (result == MAIL_DONE)
        result = maildrop_result(disk_sync(verify->access->disk, copy));
    disk_close(verify->access->disk, copy);
    return result;
}

/* Makes the file of the first number that is free. */
static enum mail_result open_aside(struct repair *repair, const char *prefix, int *out_file)
{
    struct disk *disk = repair->verify->access->disk;
    for (uint32_t number = 1; number <= ASIDE_MAX; number++) {
        char name[32], file_path[USERS_FILE_BYTES];
        size_t length = strlen(prefix);
        memcpy(name, prefix, length);
        name[length + decimal_write(number, name + length)] = '\0';
        users_file(repair->verify->path, name, file_path);
        int file = disk_open(disk, file_path, DISK_READ, DISK_WAIT);
        if (file >= 0)
            disk_close(disk, file);
        if (file >= 0)
            continue;
        if (file == -ENOENT)
            file = disk_open(disk, file_path, DISK_CREATE_NEW, DISK_WAIT);
        *out_file = file;
        return maildrop_result(file);
    }
    return MAIL_TEMPORARY;
}

/* The next number of a sequence (splitmix64), so that one random number is enough for a repair. */
static uint64_t next_random(struct repair *repair)
{
    uint64_t mixed = repair->random += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}
