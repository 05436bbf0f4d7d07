/* fuzz_index: a session on an index of any bytes.
 *
 * Open, facts, body, top, UPDATE: none may crash, read beyond an end, hand out a range outside the
 * wire file, or leave a handle open. The first byte says whether the records' checksums are put
 * right first, so that the fuzzer also gets at what they protect.
 */
#include "proto/must.h"
#include "storage/crc32c.h"
#include "storage/mailbox.h"
#include "storage/native_index.h"
#include "tests/support/fake_disk.h"

#include <stdlib.h>
#include <string.h>

#define PATH         "aa/bb/u"
#define INDEX_MAX    (64 * 1024)
#define MESSAGES_MAX 64

static const char wire[] =
    "+OK 5 octets\r\none\r\n.\r\n+OK 0 octets\r\n.\r\n+OK 9 octets\r\nA: b\r\n\r\nx\r\n.\r\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(char *bytes, size_t size)
{
    for (size_t place = 0; place + RECORD_BYTES <= size; place += RECORD_BYTES) {
        uint32_t crc = crc32c(0, bytes + place, RECORD_BYTES - 4);
        for (int i = 0; i < 4; i++)
            bytes[place + RECORD_BYTES - 4 + (size_t)i] = (char)(crc >> 8 * i & 0xFF);
    }
}

static void put_store(struct disk *disk, const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);
    must(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    if (data[0] % 2 == 1)
        seal(bytes, size - 1);
    fake_disk_put(disk, STORE_SENTINEL, "", 0);
    fake_disk_put(disk, PATH "/wire.1", wire, sizeof wire - 1);
    fake_disk_put(disk, PATH "/index", bytes, size - 1);
    free(bytes);
}

static void check_range(enum mail_result result, const struct mail_range *range)
{
    must(result != MAIL_LATER && result != MAIL_IN_USE);
    must(result != MAIL_DONE || range->offset + range->bytes <= sizeof wire - 1);
}

static void use(struct mailbox *mailbox, const struct disk_access *access, uint32_t count)
{
    struct mail_fact facts[MESSAGES_MAX];
    struct mail_range range;
    uint32_t got;
    count = count < MESSAGES_MAX ? count : MESSAGES_MAX;
    if (count > 0 && mailbox->driver->facts(mailbox, access, 1, count, facts, &got) == MAIL_DONE) {
        must(got >= 1 && got <= count);
        for (uint32_t i = 0; i < got; i++)
            must(facts[i].uidl_length >= 1 && facts[i].uidl_length <= MAIL_UIDL_MAX);
    }
    for (uint32_t number = 1; number <= count; number++) {
        check_range(mailbox->driver->body(mailbox, access, number, &range), &range);
        check_range(mailbox->driver->top(mailbox, access, number, number % 4, &range), &range);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INDEX_MAX)
        return 0;
    struct disk *disk = fake_disk_make();
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    struct mailbox mailbox = {.driver = &mailbox_native};
    struct mail_view view;
    put_store(disk, data, size);
    if (mailbox.driver->open(&mailbox, &access, PATH, &view) == MAIL_DONE) {
        uint64_t marks[INDEX_MAX / RECORD_BYTES / 64 + 1];
        must(view.count <= size / RECORD_BYTES);
        use(&mailbox, &access, view.count);
        memset(marks, data[0] % 4 < 2 ? 0x55 : 0xFF, sizeof marks);
        (void)mailbox.driver->commit(&mailbox, &access, marks);
        mailbox.driver->close(&mailbox, disk);
    }
    must(fake_disk_open_files(disk) == 0);
    fake_disk_free(&disk);
    return 0;
}
