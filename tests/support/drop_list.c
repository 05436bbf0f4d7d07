/* drop_list: what is live in a maildrop, on whatever disk the test is linked with. */
#include "tests/support/drop_list.h"

#include "proto/dot.h"
#include "storage/crc32c.h"
#include "storage/live.h"
#include "storage/maildrop.h"

#include <stdlib.h>
#include <string.h>

static enum mail_result read_messages(const struct disk_access *access, int index, int wire,
                                      const struct native_tail *tail, struct drop_list *list);
static bool read_message(const struct disk_access *access, int wire, const struct record *record,
                         struct drop_message *out_message);

enum mail_result drop_list_read(const struct disk_access *access, const char *path,
                                struct drop_list *out_list)
{
    struct native_tail tail;
    int index, wire;
    uint32_t generation;
    *out_list = (struct drop_list){0};
    enum mail_result result = native_index_open(access, path, DISK_LOCK_DELIVERY, &index, &tail);
    if (result != MAIL_DONE || index < 0)
        return result;
    result = maildrop_open_wire(access, path, index, DISK_READ, &wire, &generation);
    if (result == MAIL_DONE) {
        result = read_messages(access, index, wire, &tail, out_list);
        disk_close(access->disk, wire);
    }
    disk_close(access->disk, index);
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
