/* drop: a maildrop on the fake disk, in one call a verb.
 *
 * Works on the files directly, without faults of its own; tests switch faults off before they look.
 */
#include "tests/support/drop.h"

#include "storage/crc32c.h"
#include "storage/live.h"
#include "storage/maildrop.h"

#include <stdlib.h>
#include <string.h>

const struct delivery_limits drop_limits = {.message_octets_max = 4000000000u,
                                            .messages_max = 4000000};

static enum mail_result read_messages(const struct disk_access *access, int index, int wire,
                                      const struct native_tail *tail, struct drop_list *list);
static bool read_message(const struct disk_access *access, int wire, const struct record *record,
                         struct drop_message *out_message);

enum mail_result drop_read(struct disk *disk, const char *path, struct drop_list *out_list)
{
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    struct native_tail tail;
    int index, wire;
    uint32_t generation;
    *out_list = (struct drop_list){0};
    enum mail_result result = native_index_open(&access, path, DISK_LOCK_DELIVERY, &index, &tail);
    if (result != MAIL_DONE || index < 0)
        return result;
    result = maildrop_open_wire(&access, path, index, DISK_READ, &wire, &generation);
    if (result == MAIL_DONE) {
        result = read_messages(&access, index, wire, &tail, out_list);
        disk_close(disk, wire);
    }
    disk_close(disk, index);
    return result;
}

struct disk *drop_store(void)
{
    struct disk *disk = fake_disk_make();
    fake_disk_put(disk, STORE_SENTINEL, "", 0);
    return disk;
}

enum mail_result drop_deliver(struct disk *disk, const char *path, const char *uidl,
                              struct span message)
{
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    struct delivery delivery;
    enum mail_result result = delivery_begin(&delivery, &access, path, &drop_limits);
    if (result != MAIL_DONE)
        return result;
    result = delivery_write(&delivery, message);
    if (result == MAIL_DONE)
        result = delivery_message_end(&delivery,
                                      (struct span){.bytes = uidl, .length = strlen(uidl)}, 1000);
    if (result == MAIL_DONE)
        result = delivery_commit(&delivery);
    delivery_end(&delivery);
    return result;
}

enum mail_result drop_expunge(struct disk *disk, const char *path, uint32_t first, uint32_t count)
{
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    struct native_tail tail;
    int index;
    enum mail_result result = native_index_open(&access, path, DISK_LOCK_DELIVERY, &index, &tail);
    if (result != MAIL_DONE || index < 0)
        return result;
    struct record expunge = {
        .kind = RECORD_EXPUNGE,
        .offset = maildrop_wire_end(&tail.record),
        .live_count = tail.record.live_count,
        .live_octets = tail.record.live_octets,
        .last_expunge = tail.record_count,
        .ranges = {.count = 1, .items = {{first, count}}},
    };
    result = native_records_read(&access, index, first, count);
    for (uint32_t i = 0; result == MAIL_DONE && i < count; i++) {
        struct record record;
        if (record_decode(access.scratch + i * RECORD_BYTES, &record) &&
            record.kind == RECORD_DELIVERY) {
            expunge.live_count--;
            expunge.live_octets -= record.octets;
        }
    }
    if (result == MAIL_DONE)
        result = native_append(&access, index, &tail, &expunge, 1);
    disk_close(disk, index);
    return result;
}

void drop_list_free(struct drop_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free((void *)(uintptr_t)list->messages[i].content.bytes);
    free(list->messages);
    *list = (struct drop_list){0};
}

static enum mail_result read_messages(const struct disk_access *access, int index, int wire,
                                      const struct native_tail *tail, struct drop_list *list)
{
    struct live live;
    uint64_t octets = 0;
    live_init(&live, access, index, tail);
    list->messages = calloc(DROP_MESSAGES_MAX, sizeof(*list->messages));
    for (;;) {
        struct record record;
        uint32_t ordinal;
        bool end;
        enum mail_result result = live_next(&live, &record, &ordinal, &end);
        if (result != MAIL_DONE)
            return result;
        if (end)
            break;
        if (list->count == DROP_MESSAGES_MAX ||
            !read_message(access, wire, &record, &list->messages[list->count]))
            return MAIL_PERMANENT;
        octets += record.octets;
        list->count++;
    }
    return list->count == tail->record.live_count && octets == tail->record.live_octets
               ? MAIL_DONE
               : MAIL_PERMANENT;
}

static bool read_message(const struct disk_access *access, int wire, const struct record *record,
                         struct drop_message *out_message)
{
    *out_message = (struct drop_message){
        .offset = record->offset, .wire_bytes = record->wire_bytes, .time_s = record->time_s};
    memcpy(out_message->uidl, record->uidl.bytes, record->uidl.length);

    char line[RECORD_FIRST_LINE_MAX];
    uint32_t line_bytes = record_first_line(record->octets, line);
    char *bytes = malloc((size_t)record->wire_bytes + 1);
    char *content = malloc((size_t)record->wire_bytes + 1);
    bool good = disk_read(access->disk, wire, bytes, record->wire_bytes, record->offset,
                          DISK_WAIT) == (int64_t)record->wire_bytes &&
                crc32c(0, bytes, record->wire_bytes) == record->wire_crc &&
                record->wire_bytes >= line_bytes + 3 && memcmp(bytes, line, line_bytes) == 0;
    if (good) {
        struct dot_decoder decoder;
        struct span input = {bytes + line_bytes, record->wire_bytes - line_bytes};
        dot_decoder_init(&decoder, DOT_TO_CRLF);
        size_t length = dot_decode(&decoder, &input, content, record->wire_bytes);
        good = dot_decoder_ended(&decoder) && input.length == 0 && length == record->octets;
        out_message->content = (struct span){content, length};
    }
    free(bytes);
    if (!good)
        free(content);
    return good;
}
