/* result_hdr: latencies as an HdrHistogram log, version 1.3, in its V2 encoding.
 *
 * The inside of the room result. The format wants zlib around its bytes; what is written here is
 * valid zlib without compression (RFC 1950, RFC 1951 section 3.2.4), which spares a library for
 * some kilobytes.
 */
#include "bench/result.h"

#include "proto/must.h"

#include <inttypes.h>
#include <string.h>

#define COOKIE             0x1c849313U
#define COOKIE_COMPRESSED  0x1c849314U
#define SIGNIFICANT_DIGITS 2
#define HALF_BITS          7 /* 128 counts for each power of two: what two digits take */
#define COUNTS             ((42 - HALF_BITS + 1) << HALF_BITS)
#define HEADER_BYTES       40
#define STORED_MAX         65535

/* Nine bytes a count at most, the header, and what zlib puts around it. */
#define ROOM (HEADER_BYTES + 9 * COUNTS + 1024)

struct bytes {
    size_t count;
    uint8_t bytes[ROOM];
};

static void write_second(FILE *file, const struct timeline_second *second, uint64_t after_s,
                         double length_s);
static void encode(const struct timeline_second *second, struct bytes *out);
static void wrap(const struct bytes *plain, struct bytes *out);
static void put(struct bytes *to, uint64_t number, uint32_t bytes);
static void put_zigzag(struct bytes *to, int64_t number);
static uint32_t place_of(uint64_t value);
static void write_base64(FILE *file, const struct bytes *bytes);

void result_write_hdr(FILE *file, const struct run_settings *settings, const struct result *results,
                      uint32_t count)
{
    uint64_t warmup_s = (settings->load.warmup_ns + 999999999U) / 1000000000U;
    fprintf(file,
            "#[ringbench " RINGPOST_VERSION ": latency of sessions in nanoseconds]\n"
            "#[Histogram log format version 1.3]\n"
            "#[StartTime: %" PRIu64 ".000 (seconds since epoch)]\n"
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
            "\"Interval_Compressed_Histogram\"\n",
            count > 0 ? results[0].begun_unix_s : 0);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < results[i].timeline.count; j++) {
            const struct timeline_second *second = &results[i].timeline.seconds[j];
            if (second->second < warmup_s)
                fprintf(file, "Tag=warmup,");
            else if (count > 1)
                fprintf(file, "Tag=run%u,", i + 1);
            write_second(file, second, results[i].begun_unix_s - results[0].begun_unix_s,
                         result_second_s(&results[i], second));
        }
}

static void write_second(FILE *file, const struct timeline_second *second, uint64_t after_s,
                         double length_s)
{
    static struct bytes plain, wrapped; /* too large for a careful stack */
    encode(second, &plain);
    wrap(&plain, &wrapped);
    fprintf(file, "%" PRIu64 ".000,%.3f,%.3f,", after_s + second->second, length_s,
            (double)second->max_ns / 1e6);
    write_base64(file, &wrapped);
    fputc('\n', file);
}

static void encode(const struct timeline_second *second, struct bytes *out)
{
    static uint64_t counts[COUNTS];
    memset(counts, 0, sizeof counts);
    uint32_t used = 0;
    for (uint32_t i = 0; i < second->bucket_count; i++) {
        uint32_t bucket = second->buckets[i].bucket;
        uint32_t place =
            place_of((histogram_bucket_lowest(bucket) + histogram_bucket_highest(bucket)) / 2);
        counts[place] += second->buckets[i].count;
        used = place + 1;
    }
    out->count = HEADER_BYTES;
    for (uint32_t i = 0; i < used;) {
        int64_t zeros = 0;
        while (counts[i] == 0) {
            zeros++;
            i++;
        }
        if (zeros > 0)
            put_zigzag(out, -zeros);
        put_zigzag(out, (int64_t)counts[i++]);
    }
    uint64_t payload = out->count - HEADER_BYTES;
    size_t end = out->count;
    out->count = 0;
    put(out, COOKIE, 4);
    put(out, payload, 4);
    put(out, 0, 4); /* offset of normalisation */
    put(out, SIGNIFICANT_DIGITS, 4);
    put(out, 1, 8); /* lowest value that is told apart */
    put(out, HISTOGRAM_VALUE_MAX, 8);
    put(out, 0x3FF0000000000000U, 8); /* 1.0: values are whole numbers */
    out->count = end;
}

static void wrap(const struct bytes *plain, struct bytes *out)
{
    uint32_t low = 1, high = 0; /* Adler-32 */
    out->count = 8;
    put(out, 0x7801, 2);
    for (size_t at = 0; at < plain->count;) {
        size_t left = plain->count - at;
        size_t block = left < STORED_MAX ? left : STORED_MAX;
        uint8_t head[5] = {block == left, (uint8_t)block, (uint8_t)(block >> 8), (uint8_t)~block,
                           (uint8_t)(~block >> 8)};
        must(out->count + block + 16 < ROOM);
        memcpy(out->bytes + out->count, head, 5);
        memcpy(out->bytes + out->count + 5, plain->bytes + at, block);
        out->count += 5 + block;
        at += block;
    }
    for (size_t i = 0; i < plain->count; i++) {
        low = (low + plain->bytes[i]) % 65521;
        high = (high + low) % 65521;
    }
    put(out, high << 16 | low, 4);
    size_t end = out->count;
    out->count = 0;
    put(out, COOKIE_COMPRESSED, 4);
    put(out, end - 8, 4);
    out->count = end;
}

static void put(struct bytes *to, uint64_t number, uint32_t bytes)
{
    while (bytes-- > 0)
        to->bytes[to->count++] = (uint8_t)(number >> (8 * bytes));
}

/* Seven bits a byte, the lowest first; the ninth byte has all eight. */
static void put_zigzag(struct bytes *to, int64_t number)
{
    must(to->count + 9 < ROOM);
    uint64_t left = (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
    uint32_t bytes = 1;
    for (; left >= 0x80 && bytes < 9; bytes++, left >>= 7)
        to->bytes[to->count++] = (uint8_t)(left | 0x80);
    to->bytes[to->count++] = (uint8_t)left;
}

static uint32_t place_of(uint64_t value)
{
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(value | 0xFF);
    uint32_t shift = bits - HALF_BITS - 1;
    return (shift << HALF_BITS) + (uint32_t)(value >> shift);
}

static void write_base64(FILE *file, const struct bytes *bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes->count; i += 3) {
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (i + j < bytes->count ? bytes->bytes[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            fputc(i + j > bytes->count ? '=' : digits[bits >> (18 - 6 * j) & 63], file);
    }
}
