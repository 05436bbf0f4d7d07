/* crc32c: the checksum of index records and of stored messages (Castagnoli, RFC 3720 section 12.1).
 *
 * Pure and without state; the fastest of the variants that the processor has is chosen at each
 * call. The values are stored on disk and therefore the same everywhere and for ever.
 */
#ifndef RINGPOST_STORAGE_CRC32C_H
#define RINGPOST_STORAGE_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum crc32c_variant {
    CRC32C_TABLE, /* eight bytes a step from tables, everywhere */
    CRC32C_SSE42, /* x86-64: three streams of the crc32 instruction, joined by PCLMULQDQ */
    CRC32C_ARMV8, /* AArch64 built with the crc extension */
};
#define CRC32C_VARIANTS 3

/* The sum of `count` bytes. `seed` is 0 for a new sum, or the sum of the bytes before: then the
 * result is the sum of both together. `bytes` may have any alignment; it is not read if `count` is
 * 0. */
uint32_t crc32c(uint32_t seed, const void *bytes, size_t count);

/* For tests and measurements: whether this processor and this build have a variant, and the sum by
 * that variant, which must be there. */
bool crc32c_has_variant(enum crc32c_variant variant);
uint32_t crc32c_by(enum crc32c_variant variant, uint32_t seed, const void *bytes, size_t count);

#endif
