/* fuzz_cyrus_index: any bytes as a cyrus.index, header and records.
 *
 * The checksums are put right first, else no fuzzer would get past them. Nothing is read beyond the
 * file, and what is accepted has the sizes of a known version.
 */
#include "proto/must.h"
#include "storage/cyrus_index.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(char *bytes, size_t count)
{
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i + 4 < count; i++) {
        sum ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (0xEDB88320U & (0U - (sum & 1)));
    }
    for (int i = 0; i < 4; i++)
        bytes[count - 4 + (size_t)i] = (char)(~sum >> (24 - 8 * i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cyrus_index index;
    struct cyrus_record record;
    char *bytes = malloc(size > 0 ? size : 1); /* of its own, so that a read beyond it is seen */
    must(bytes != NULL);
    memcpy(bytes, data, size);
    const size_t claimed = size >= 16 ? (uint8_t)bytes[15] : 0; /* of its header */
    (void)cyrus_index_read((struct span){bytes, size}, &index);
    if (claimed >= 4 && claimed <= size)
        seal(bytes, claimed);
    if (cyrus_index_read((struct span){bytes, size}, &index)) {
        must(index.header_bytes <= CYRUS_HEADER_BYTES_MAX && index.header_bytes <= size);
        must(index.record_bytes <= CYRUS_RECORD_BYTES_MAX && index.record_bytes >= 60);
        must(index.uid_validity != 0);
        for (size_t at = index.header_bytes; at < size; at += index.record_bytes) {
            const struct span rest = {bytes + at, size - at};
            (void)cyrus_record_read(&index, rest, &record);
            if (rest.length >= index.record_bytes)
                seal(bytes + at, index.record_bytes);
            if (cyrus_record_read(&index, rest, &record))
                must(record.uid != 0 && rest.length >= index.record_bytes);
        }
    }
    free(bytes);
    return 0;
}
