/* fuzz_verify: verification and repair of a maildrop of any bytes.
 *
 * Input: a byte of flags, two with the length of the wire file, the wire file, the index. Neither
 * may crash or leave a handle open; a look without repair may write nothing; a repair may not lose
 * a message that the look had counted, and the next look must find the structure whole.
 */
#include "proto/must.h"
#include "storage/crc32c.h"
#include "storage/native_index.h"
#include "storage/verify.h"
#include "tests/support/fake_disk.h"

#include <stdlib.h>
#include <string.h>

#define PATH      "aa/bb/u"
#define INPUT_MAX (64 * 1024)

/* Flags: put the records' checksums right; and their chain; leave the index away. */
#define FLAG_SEAL  1
#define FLAG_CHAIN 2
#define FLAG_LOST  4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put32(char *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (char)(value >> 8 * i & 0xFF);
}

/* docs/FORMAT.md: the checksum of the record before is at byte 50, its own at byte 124. */
static void seal(char *bytes, size_t size, bool chain)
{
    uint32_t crc = 0;
    for (size_t place = 0; place + RECORD_BYTES <= size; place += RECORD_BYTES) {
        if (chain)
            put32(bytes + place + 50, crc);
        crc = crc32c(0, bytes + place, RECORD_BYTES - 4);
        put32(bytes + place + RECORD_BYTES - 4, crc);
    }
}

static void put_store(struct disk *disk, const uint8_t *data, size_t size)
{
    size_t wire_bytes = (size_t)data[1] | (size_t)data[2] << 8;
    if (wire_bytes > size - 3)
        wire_bytes = size - 3;
    size_t index_bytes = size - 3 - wire_bytes;
    char *index = malloc(index_bytes + 1);
    must(index != NULL);
    memcpy(index, data + 3 + wire_bytes, index_bytes);
    if (data[0] & FLAG_SEAL)
        seal(index, index_bytes, (data[0] & FLAG_CHAIN) != 0);
    fake_disk_put(disk, STORE_SENTINEL, "", 0);
    fake_disk_put(disk, PATH "/wire.1", data + 3, wire_bytes);
    if (!(data[0] & FLAG_LOST))
        fake_disk_put(disk, PATH "/index", index, index_bytes);
    free(index);
}

static void take_finding(void *context, const struct verify_finding *finding)
{
    char text[VERIFY_TEXT_BYTES];
    (void)context;
    verify_text(finding, text);
}

static enum mail_result look(struct disk *disk, bool repair, struct verify_summary *out_summary)
{
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    const struct verify_options options = {.repair = repair, .now_s = 1, .random = 2};
    const struct verify_reader reader = {.found = take_finding};
    enum mail_result result = verify_maildrop(&access, PATH, &options, &reader, out_summary);
    must(fake_disk_open_files(disk) == 0);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > INPUT_MAX)
        return 0;
    struct disk *disk = fake_disk_make();
    struct verify_summary before, repair, after;
    put_store(disk, data, size);
    must(look(disk, false, &before) == MAIL_DONE);
    must(fake_disk_calls(disk, FAKE_WRITE) == 0 && fake_disk_calls(disk, FAKE_TRUNCATE) == 0);
    must(look(disk, true, &repair) == MAIL_DONE);
    must(look(disk, false, &after) == MAIL_DONE);
    must(!repair.repaired || after.structure_count == 0);
    must(repair.message_count >= before.message_count);
    must(after.message_count >= before.message_count);
    fake_disk_free(&disk);
    return 0;
}
