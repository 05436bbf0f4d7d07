/* drop: a maildrop on the fake disk, in one call a verb.
 *
 * Works on the files directly, without faults of its own; tests switch faults off before they look.
 */
#include "tests/support/drop.h"

#include "storage/maildrop.h"

#include <string.h>

const struct delivery_limits drop_limits = {.message_octets_max = 4000000000u,
                                            .messages_max = 4000000};

enum mail_result drop_read(struct disk *disk, const char *path, struct drop_list *out_list)
{
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    return drop_list_read(&access, path, out_list);
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
