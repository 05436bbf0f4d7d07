/* fuzz_record: index records of any bytes.
 *
 * Decoding reads nothing beyond the record and trusts no count; what it accepts comes back the same
 * when it is written again. The checksum is put right first, else no fuzzer would get past it.
 */
#include "proto/must.h"
#include "storage/crc32c.h"
#include "storage/native_format.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = calloc(1, RECORD_BYTES); /* of its own, so that a read beyond it is seen */
    must(bytes != NULL);
    if (size > 0)
        memcpy(bytes, data, size < RECORD_BYTES ? size : RECORD_BYTES);
    struct record record, again;
    (void)record_decode(bytes, &record);
    uint32_t crc = crc32c(0, bytes, RECORD_BYTES - 4);
    for (int i = 0; i < 4; i++)
        bytes[RECORD_BYTES - 4 + i] = (char)(crc >> 8 * i & 0xFF);
    if (record_decode(bytes, &record)) {
        char written[RECORD_BYTES];
        struct record copy = record;
        record_encode(&copy, written);
        must(record_decode(written, &again));
        must(again.kind == record.kind && again.commit == record.commit);
        must(again.offset == record.offset && again.wire_bytes == record.wire_bytes);
        must(again.live_count == record.live_count && again.live_octets == record.live_octets);
        must(again.last_expunge == record.last_expunge);
        must(record.kind != RECORD_DELIVERY ||
             (record.uidl.length >= 1 && record.uidl.length <= MAIL_UIDL_MAX));
        must(record.kind != RECORD_EXPUNGE || record.ranges.count <= RECORD_RANGES_MAX);
    }
    free(bytes);
    return 0;
}
