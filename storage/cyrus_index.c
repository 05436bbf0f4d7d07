/* cyrus_index: where in the bytes each version keeps what we want; see cyrus_index.h.
 *
 * The places were taken from what the format's own documentation says. It owns nothing.
 */
#include "storage/cyrus_index.h"

/* Places that all versions share. */
#define AT_VERSION      8
#define AT_HEADER_BYTES 12
#define AT_RECORD_BYTES 16
#define AT_RECORD_COUNT 20
#define COMMON_BYTES    24
#define AT_SHOW_AFTER   112
#define SHOW_AFTER_FROM 13
#define CHECKSUM_FROM   12
#define WIDE_FROM       20 /* times in nanoseconds, 64 bits; other places */
#define OPTIONS_FROM    19 /* moved in this version */

#define OPTION_NEW_UIDL 1U
#define FLAG_EXPUNGED   (1U << 31)
#define FLAG_UNLINKED   (1U << 30)
#define NANOSECONDS     1000000000U

/* Sizes by version; 0 where there is no such version. */
struct sizes {
    uint8_t header_bytes, record_bytes;
};
static const struct sizes sizes[] = {
    [6] = {76, 60},    [7] = {76, 72},    [8] = {92, 80},    [9] = {96, 80},    [10] = {96, 88},
    [12] = {128, 96},  [13] = {128, 104}, [14] = {160, 104}, [15] = {160, 104}, [16] = {160, 112},
    [17] = {160, 112}, [18] = {160, 112}, [19] = {160, 112}, [20] = {192, 144}};
#define VERSIONS (sizeof sizes / sizeof sizes[0])

static uint32_t read_32(const char *bytes);
static uint64_t read_64(const char *bytes);
static bool checksum_fits(const char *bytes, uint32_t count);

bool cyrus_index_read(struct span file, struct cyrus_index *out_index)
{
    *out_index = (struct cyrus_index){.version = 0};
    if (file.length < COMMON_BYTES)
        return false;
    const char *at = file.bytes;
    const uint32_t version = read_32(at + AT_VERSION);
    if (version >= VERSIONS || sizes[version].header_bytes == 0)
        return false;
    const uint32_t header_bytes = sizes[version].header_bytes;
    if (file.length < header_bytes || read_32(at + AT_HEADER_BYTES) != header_bytes ||
        read_32(at + AT_RECORD_BYTES) != sizes[version].record_bytes ||
        (version >= CHECKSUM_FROM && !checksum_fits(at, header_bytes)))
        return false;
    const bool is_wide = version >= WIDE_FROM;
    const uint32_t options = read_32(at + (version >= OPTIONS_FROM ? 64 : 60));
    int64_t show_after = 0;
    if (is_wide)
        show_after = (int64_t)(read_64(at + AT_SHOW_AFTER) / NANOSECONDS);
    else if (version >= SHOW_AFTER_FROM)
        show_after = read_32(at + AT_SHOW_AFTER);
    *out_index = (struct cyrus_index){
        .version = version,
        .header_bytes = header_bytes,
        .record_bytes = sizes[version].record_bytes,
        .record_count = read_32(at + AT_RECORD_COUNT),
        .uid_validity = read_32(at + (is_wide ? 92 : 44)),
        .uidl_is_new = (options & OPTION_NEW_UIDL) != 0,
        .show_after = show_after,
    };
    return out_index->uid_validity != 0;
}

bool cyrus_record_read(const struct cyrus_index *index, struct span bytes,
                       struct cyrus_record *out_record)
{
    *out_record = (struct cyrus_record){.uid = 0};
    if (bytes.length < index->record_bytes ||
        (index->version >= CHECKSUM_FROM && !checksum_fits(bytes.bytes, index->record_bytes)))
        return false;
    const char *at = bytes.bytes;
    const bool is_wide = index->version >= WIDE_FROM;
    const uint32_t flags = read_32(at + (is_wide ? 36 : 32));
    *out_record = (struct cyrus_record){
        .uid = read_32(at),
        .time = is_wide ? (int64_t)(read_64(at + 8) / NANOSECONDS) : (int64_t)read_32(at + 4),
        .bytes = is_wide ? read_64(at + 24) : read_32(at + 12),
        .is_gone = (flags & (FLAG_EXPUNGED | FLAG_UNLINKED)) != 0,
    };
    return out_record->uid != 0;
}

static uint32_t read_32(const char *bytes)
{
    uint32_t number = 0;
    for (int i = 0; i < 4; i++)
        number = number << 8 | (uint8_t)bytes[i];
    return number;
}

static uint64_t read_64(const char *bytes)
{
    return (uint64_t)read_32(bytes) << 32 | read_32(bytes + 4);
}

/* The last four bytes are the CRC-32 (IEEE 802.3) of those before them. */
static bool checksum_fits(const char *bytes, uint32_t count)
{
    uint32_t sum = UINT32_MAX;
    for (uint32_t i = 0; i + 4 < count; i++) {
        sum ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (0xEDB88320U & (0U - (sum & 1)));
    }
    return ~sum == read_32(bytes + count - 4);
}
