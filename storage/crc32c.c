/* crc32c: the choice of a variant.
 *
 * The choice is made at each call: it is a load and two tests, and nothing has to be set up first.
 */
#include "storage/crc32c.h"

#include "proto/must.h"
#include "storage/crc32c_run.h"

static enum crc32c_variant crc32c_best_variant(void);

uint32_t crc32c(uint32_t seed, const void *bytes, size_t count)
{
    return crc32c_by(crc32c_best_variant(), seed, bytes, count);
}

uint32_t crc32c_by(enum crc32c_variant variant, uint32_t seed, const void *bytes, size_t count)
{
    switch (variant) {
    case CRC32C_TABLE:
        return ~crc32c_run_table(~seed, bytes, count);
    case CRC32C_SSE42:
        return ~crc32c_run_sse42(~seed, bytes, count);
    case CRC32C_ARMV8:
        return ~crc32c_run_armv8(~seed, bytes, count);
    }
    must(variant < CRC32C_VARIANTS);
    return 0;
}

static enum crc32c_variant crc32c_best_variant(void)
{
    if (crc32c_has_sse42())
        return CRC32C_SSE42;
    return crc32c_has_armv8() ? CRC32C_ARMV8 : CRC32C_TABLE;
}

bool crc32c_has_variant(enum crc32c_variant variant)
{
    switch (variant) {
    case CRC32C_TABLE:
        return true;
    case CRC32C_SSE42:
        return crc32c_has_sse42();
    case CRC32C_ARMV8:
        return crc32c_has_armv8();
    }
    return false;
}
