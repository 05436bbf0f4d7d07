/* delivery: messages into a native maildrop, in batches that are durable together.
 *
 * Wire form is gathered in a buffer whose first byte has a fixed place in the wire file: the end of
 * that file when the batch began. What a killed or refused delivery left behind is never written
 * over, it is dead space. The buffer goes out when it is full and when the batch is committed, so a
 * batch of small messages is one write, two syncs and one index append.
 */
#include "storage/delivery.h"

#include "proto/must.h"
#include "storage/compact.h"
#include "storage/crc32c.h"
#include "storage/maildrop.h"
#include "storage/uidl.h"
#include "storage/wire.h"

#include <errno.h>
#include <string.h>

/* Records at the end of the scratch; what lies before them is the buffer, and is free for
 * native_append and wire_crc once it has been written. */
#define RECORDS_BYTES (DELIVERY_BATCH_MAX * sizeof(struct record))
#define BUFFER_BYTES  ((uint32_t)(DISK_SCRATCH_BYTES - RECORDS_BYTES - _Alignof(struct record)))

_Static_assert(DISK_SCRATCH_BYTES / 2 >= RECORDS_BYTES, "the buffer gets most of the scratch");

static enum mail_result begin(struct delivery *delivery, const struct disk_access *access,
                              const char *path, const struct delivery_limits *limits,
                              enum disk_lock lock);
static enum mail_result open_files(struct delivery *delivery, enum disk_lock lock);
static enum mail_result begin_message(struct delivery *delivery);
static enum mail_result check_size(const struct delivery *delivery);
static enum mail_result make_room(struct delivery *delivery);
static enum mail_result write_out(struct delivery *delivery, uint32_t from, uint32_t to);
static bool is_within_quota(const struct delivery *delivery, uint64_t octets);
static struct record new_record(const struct delivery *delivery, uint32_t octets, struct span uidl,
                                uint32_t time_s);
static void take_record(struct delivery *delivery, const struct record *record);
static enum mail_result copy_letter(struct delivery *delivery, const struct letter *letter,
                                    struct span head, struct record *record);
static enum mail_result copy_bytes(struct delivery *delivery, struct span bytes, uint32_t *crc);
static enum mail_result pass_on(struct delivery *delivery);
static enum mail_result place_buffered(struct delivery *delivery, struct record *record);
static enum mail_result place_outgrown(struct delivery *delivery, struct record *record);
static struct record *records_of(const struct delivery *delivery);
static void begin_batch(struct delivery *delivery);
static void cut_back(struct delivery *delivery);

enum mail_result delivery_write(struct delivery *delivery, struct span raw)
{
    if (!delivery->in_message) {
        enum mail_result result = begin_message(delivery);
        if (result != MAIL_DONE)
            return result;
    }
    while (raw.length > 0 && delivery->failed == MAIL_DONE) {
        char *out = delivery->access->scratch + delivery->buffered;
        uint32_t room = BUFFER_BYTES - delivery->buffered;
        delivery->buffered += (uint32_t)dot_code(&delivery->coder, &raw, out, room);
        enum mail_result result = check_size(delivery);
        if (result == MAIL_DONE && raw.length > 0)
            result = make_room(delivery);
        if (result != MAIL_DONE)
            return result;
    }
    return delivery->failed;
}

enum mail_result delivery_begin(struct delivery *delivery, const struct disk_access *access,
                                const char *path, const struct delivery_limits *limits)
{
    return begin(delivery, access, path, limits, DISK_LOCK_DELIVERY);
}

enum mail_result delivery_try(struct delivery *delivery, const struct disk_access *access,
                              const char *path, const struct delivery_limits *limits)
{
    return begin(delivery, access, path, limits, DISK_LOCK_DELIVERY_NOW);
}

static enum mail_result begin(struct delivery *delivery, const struct disk_access *access,
                              const char *path, const struct delivery_limits *limits,
                              enum disk_lock lock)
{
    must(access->patience == DISK_WAIT);
    *delivery = (struct delivery){
        .access = access,
        .path = path,
        .limits = *limits,
        .index = -1,
        .wire = -1,
    };
    enum mail_result result = open_files(delivery, lock);
    if (result != MAIL_DONE) {
        delivery_end(delivery);
        return result;
    }
    begin_batch(delivery);
    return MAIL_DONE;
}

enum mail_result delivery_add(struct delivery *delivery, const struct letter *letter,
                              struct span head, struct span uidl, uint32_t time_s)
{
    must(uidl_is_valid(uidl) && head.length <= DELIVERY_HEAD_MAX && letter->ended);
    must(head.length == 0 || head.bytes[head.length - 1] == '\n');
    must(!delivery->in_message && delivery->batch_count < DELIVERY_BATCH_MAX);
    if (delivery->failed != MAIL_DONE)
        return delivery->failed;
    const uint32_t octets = (uint32_t)head.length + letter->octets;
    if (!is_within_quota(delivery, octets))
        return MAIL_FULL;

    struct record record = new_record(delivery, octets, uidl, time_s);
    record.header_bytes = (uint32_t)head.length + letter->header_bytes;
    delivery->in_message = true;
    delivery->outgrown = false;
    delivery->message_start = delivery->buffered;
    const enum mail_result result = copy_letter(delivery, letter, head, &record);
    if (result == MAIL_DONE)
        take_record(delivery, &record);
    else
        delivery_message_cancel(delivery);
    return result;
}

void delivery_use_limits(struct delivery *delivery, const struct delivery_limits *limits)
{
    must(!delivery->in_message);
    delivery->limits = *limits;
}

enum mail_result delivery_message_end(struct delivery *delivery, struct span uidl, uint32_t time_s)
{
    must(uidl_is_valid(uidl));
    enum mail_result result = delivery_write(delivery, (struct span){"", 0});
    if (result == MAIL_DONE && BUFFER_BYTES - delivery->buffered < DOT_END_MAX)
        result = make_room(delivery);
    if (result != MAIL_DONE)
        return result;

    char *end = delivery->access->scratch + delivery->buffered;
    delivery->buffered += (uint32_t)dot_finish(&delivery->coder, end);
    result = check_size(delivery);
    if (result != MAIL_DONE)
        return result;

    struct record record = new_record(delivery, (uint32_t)delivery->coder.octets, uidl, time_s);
    record.header_bytes = (uint32_t)delivery->coder.header_bytes;
    result =
        delivery->outgrown ? place_outgrown(delivery, &record) : place_buffered(delivery, &record);
    if (result == MAIL_DONE)
        take_record(delivery, &record);
    return result;
}

void delivery_message_cancel(struct delivery *delivery)
{
    if (!delivery->in_message)
        return;
    if (delivery->outgrown) { /* its place is used up: its front is in the file */
        delivery->wire_end += delivery->buffered;
        delivery->buffered = 0;
    } else {
        delivery->buffered = delivery->message_start;
    }
    delivery->in_message = false;
}

uint32_t delivery_batch_room(const struct delivery *delivery)
{
    return DELIVERY_BATCH_MAX - delivery->batch_count;
}

enum mail_result delivery_commit(struct delivery *delivery)
{
    must(!delivery->in_message);
    uint32_t count = delivery->batch_count;
    enum mail_result result = delivery->failed;
    if (count == 0 && result == MAIL_DONE)
        return MAIL_DONE;

    if (result == MAIL_DONE)
        result = write_out(delivery, 0, delivery->buffered);
    if (result == MAIL_DONE)
        result = maildrop_result(disk_sync(delivery->access->disk, delivery->wire));
    if (result != MAIL_DONE)
        cut_back(delivery);
    delivery->has_written = false;
    if (result == MAIL_DONE)
        result = compact_settle(delivery->access, delivery->path, delivery->index, &delivery->tail);
    if (result == MAIL_DONE)
        result = native_append(delivery->access, delivery->index, &delivery->tail,
                               records_of(delivery), count);
    begin_batch(delivery);
    return result;
}

void delivery_end(struct delivery *delivery)
{
    cut_back(delivery);
    if (delivery->wire >= 0)
        disk_close(delivery->access->disk, delivery->wire);
    if (delivery->index >= 0)
        disk_close(delivery->access->disk, delivery->index);
    *delivery = (struct delivery){.index = -1, .wire = -1};
}

enum mail_result delivery_check_quota(const struct disk_access *access, const char *path,
                                      const struct delivery_limits *limits, uint64_t octets)
{
    char name[USERS_FILE_BYTES];
    struct native_tail tail;
    users_file(path, "index", name);
    const int index = disk_open(access->disk, name, DISK_READ, access->patience);
    if (index < 0)
        return index == -EAGAIN ? MAIL_LATER : MAIL_DONE;
    const enum mail_result result = native_tail_read(access, index, &tail);
    disk_close(access->disk, index);
    if (result != MAIL_DONE)
        return result == MAIL_LATER ? MAIL_LATER : MAIL_DONE;
    const struct delivery delivery = {
        .limits = *limits,
        .live_count = tail.record.live_count,
        .live_octets = tail.record.live_octets,
    };
    return is_within_quota(&delivery, octets) ? MAIL_DONE : MAIL_FULL;
}

static enum mail_result open_files(struct delivery *delivery, enum disk_lock lock)
{
    const struct disk_access *access = delivery->access;
    uint32_t generation;
    enum mail_result result =
        maildrop_open_or_make(access, delivery->path, lock, &delivery->index, &delivery->tail);
    if (result != MAIL_DONE)
        return result;
    result = maildrop_open_wire(access, delivery->path, delivery->index, DISK_READ_WRITE,
                                &delivery->wire, &generation);
    if (result != MAIL_DONE)
        return result;

    int64_t wire_bytes = disk_size(access->disk, delivery->wire);
    if (wire_bytes < 0)
        return native_result(wire_bytes);

    /* A wire file that lost its end must not get new mail where the index means the old. */
    uint64_t logged = maildrop_wire_end(&delivery->tail.record);
    delivery->wire_end = (uint64_t)wire_bytes > logged ? (uint64_t)wire_bytes : logged;
    return MAIL_DONE;
}

/* No record names what this batch has written, so a full disk gets it back. Where it stays, it is
 * dead space. */
static void cut_back(struct delivery *delivery)
{
    if (!delivery->has_written)
        return;
    delivery->has_written = false;
    if (disk_truncate(delivery->access->disk, delivery->wire, delivery->batch_start) < 0)
        return;
    delivery->wire_end = delivery->batch_start;
    delivery->buffered = 0;
}

static void begin_batch(struct delivery *delivery)
{
    delivery->wire_end += delivery->buffered;
    delivery->buffered = 0;
    delivery->batch_start = delivery->wire_end;
    delivery->has_written = false;
    delivery->batch_count = 0;
    delivery->live_count = delivery->tail.record.live_count;
    delivery->live_octets = delivery->tail.record.live_octets;
    delivery->failed = MAIL_DONE;
}

/* Makes room for the first line, whose length only the end of the message tells. */
static enum mail_result begin_message(struct delivery *delivery)
{
    must(delivery->batch_count < DELIVERY_BATCH_MAX);
    if (delivery->failed != MAIL_DONE)
        return delivery->failed;
    if (!is_within_quota(delivery, 0))
        return MAIL_FULL;
    if (BUFFER_BYTES - delivery->buffered < RECORD_FIRST_LINE_MAX + DOT_END_MAX) {
        enum mail_result result = write_out(delivery, 0, delivery->buffered);
        if (result != MAIL_DONE)
            return result;
    }
    dot_init(&delivery->coder);
    delivery->message_start = delivery->buffered;
    delivery->buffered += RECORD_FIRST_LINE_MAX;
    delivery->in_message = true;
    delivery->outgrown = false;
    return MAIL_DONE;
}

static bool is_within_quota(const struct delivery *delivery, uint64_t octets)
{
    const struct delivery_limits *limits = &delivery->limits;
    return delivery->live_count < limits->messages_max &&
           (limits->octets_max == 0 || delivery->live_octets + octets <= limits->octets_max);
}

static struct record new_record(const struct delivery *delivery, uint32_t octets, struct span uidl,
                                uint32_t time_s)
{
    struct record record = {
        .kind = RECORD_DELIVERY,
        .octets = octets,
        .time_s = time_s,
        .live_count = delivery->live_count + 1,
        .live_octets = delivery->live_octets + octets,
        .last_expunge = delivery->tail.record.last_expunge,
        .uidl.length = (uint8_t)uidl.length,
    };
    memcpy(record.uidl.bytes, uidl.bytes, uidl.length);
    return record;
}

static void take_record(struct delivery *delivery, const struct record *record)
{
    records_of(delivery)[delivery->batch_count] = *record;
    delivery->batch_count++;
    delivery->live_count = record->live_count;
    delivery->live_octets = record->live_octets;
    delivery->in_message = false;
}

static enum mail_result check_size(const struct delivery *delivery)
{
    bool too_big = delivery->coder.octets > delivery->limits.message_octets_max ||
                   delivery->coder.octets > UINT32_MAX ||
                   delivery->coder.wire_bytes > UINT32_MAX - RECORD_FIRST_LINE_MAX;
    if (too_big)
        return MAIL_TOO_BIG;
    return is_within_quota(delivery, delivery->coder.octets) ? MAIL_DONE : MAIL_FULL;
}

/* Everything about a letter is known before its first byte is placed. */
static enum mail_result copy_letter(struct delivery *delivery, const struct letter *letter,
                                    struct span head, struct record *record)
{
    char line[RECORD_FIRST_LINE_MAX];
    const uint32_t line_bytes = record_first_line(record->octets, line);
    uint32_t crc = 0;
    record->offset = delivery->wire_end + delivery->buffered;
    record->wire_bytes = line_bytes + (uint32_t)head.length + letter->wire_bytes;
    enum mail_result result = copy_bytes(delivery, (struct span){line, line_bytes}, &crc);
    if (result == MAIL_DONE)
        result = copy_bytes(delivery, head, &crc);
    for (uint32_t at = 0; result == MAIL_DONE && at < letter->wire_bytes;) {
        const uint32_t left = letter->wire_bytes - at;
        const uint32_t room = BUFFER_BYTES - delivery->buffered;
        const uint32_t part = left < room ? left : room;
        char *out = delivery->access->scratch + delivery->buffered;
        result = letter_read(letter, delivery->access, at, out, part);
        if (result != MAIL_DONE)
            break;
        crc = crc32c(crc, out, part);
        delivery->buffered += part;
        at += part;
        if (delivery->buffered == BUFFER_BYTES)
            result = pass_on(delivery);
    }
    record->wire_crc = crc;
    return result;
}

/* A few bytes of a letter's front. */
static enum mail_result copy_bytes(struct delivery *delivery, struct span bytes, uint32_t *crc)
{
    *crc = crc32c(*crc, bytes.bytes, bytes.length);
    while (bytes.length > 0) {
        const size_t room = BUFFER_BYTES - delivery->buffered;
        const size_t part = bytes.length < room ? bytes.length : room;
        memcpy(delivery->access->scratch + delivery->buffered, bytes.bytes, part);
        delivery->buffered += (uint32_t)part;
        bytes = (struct span){bytes.bytes + part, bytes.length - part};
        const enum mail_result result =
            delivery->buffered == BUFFER_BYTES ? pass_on(delivery) : MAIL_DONE;
        if (result != MAIL_DONE)
            return result;
    }
    return MAIL_DONE;
}

/* A full buffer goes out, the front of a letter with it. */
static enum mail_result pass_on(struct delivery *delivery)
{
    delivery->outgrown = true;
    return write_out(delivery, 0, delivery->buffered);
}

/* Writes whole messages first; when the buffer holds nothing but the front of the message under
 * way, that goes out, and the room for its first line stays open in the file. */
static enum mail_result make_room(struct delivery *delivery)
{
    if (!delivery->outgrown && delivery->message_start > 0) {
        uint32_t start = delivery->message_start;
        uint32_t kept = delivery->buffered - start;
        enum mail_result result = write_out(delivery, 0, start);
        memmove(delivery->access->scratch, delivery->access->scratch + start, kept);
        delivery->message_start = 0;
        delivery->buffered = kept;
        return result;
    }
    if (delivery->outgrown)
        return write_out(delivery, 0, delivery->buffered);
    delivery->outgrown = true;
    delivery->message_offset = delivery->wire_end;
    return write_out(delivery, RECORD_FIRST_LINE_MAX, delivery->buffered);
}

/* Writes buffer bytes from..to-1 to their place and takes bytes 0..to-1 off the buffer's count. The
 * place is used up even where the write fails, and then the batch has failed with it. */
static enum mail_result write_out(struct delivery *delivery, uint32_t from, uint32_t to)
{
    int written = 0;
    delivery->has_written = true;
    if (to > from)
        written =
            disk_write(delivery->access->disk, delivery->wire, delivery->access->scratch + from,
                       to - from, delivery->wire_end + from);
    delivery->wire_end += to;
    delivery->buffered -= to;
    if (written < 0)
        delivery->failed = native_result(written);
    return delivery->failed;
}

/* The message is whole in the buffer: its first line goes directly behind the message before, and
 * the rest closes up to it. */
static enum mail_result place_buffered(struct delivery *delivery, struct record *record)
{
    char *start = delivery->access->scratch + delivery->message_start;
    uint32_t body_bytes = delivery->buffered - delivery->message_start - RECORD_FIRST_LINE_MAX;
    char line[RECORD_FIRST_LINE_MAX];
    uint32_t line_bytes = record_first_line(record->octets, line);

    memmove(start + line_bytes, start + RECORD_FIRST_LINE_MAX, body_bytes);
    memcpy(start, line, line_bytes);
    record->offset = delivery->wire_end + delivery->message_start;
    record->wire_bytes = line_bytes + body_bytes;
    record->wire_crc = crc32c(0, start, record->wire_bytes);
    delivery->buffered = delivery->message_start + record->wire_bytes;
    return MAIL_DONE;
}

/* The message is in the file but for its end: the first line goes into the room before it. The
 * checksum begins with the line that was known last, so the bytes are read once more, from memory.
 */
static enum mail_result place_outgrown(struct delivery *delivery, struct record *record)
{
    const struct disk_access *access = delivery->access;
    char line[RECORD_FIRST_LINE_MAX];
    uint32_t line_bytes = record_first_line(record->octets, line);

    record->offset = delivery->message_offset + RECORD_FIRST_LINE_MAX - line_bytes;
    record->wire_bytes = line_bytes + (uint32_t)delivery->coder.wire_bytes;
    enum mail_result result = write_out(delivery, 0, delivery->buffered);
    if (result != MAIL_DONE)
        return result;
    int written = disk_write(access->disk, delivery->wire, line, line_bytes, record->offset);
    result = written < 0 ? native_result(written)
                         : wire_crc(access, delivery->wire, record->offset, record->wire_bytes,
                                    access->scratch, BUFFER_BYTES, &record->wire_crc);
    return result;
}

/* Behind the buffer, at the next address where a record may stand. */
static struct record *records_of(const struct delivery *delivery)
{
    uintptr_t place = (uintptr_t)(delivery->access->scratch + BUFFER_BYTES);
    uintptr_t over = place % _Alignof(struct record);
    uintptr_t skip = over > 0 ? _Alignof(struct record) - over : 0;
    return (struct record *)(void *)(delivery->access->scratch + BUFFER_BYTES + skip);
}
