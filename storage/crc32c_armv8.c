/* crc32c_armv8: the crc32c instruction of AArch64.
 *
 * Built where the compiler may use it (-march=armv8-a+crc; every ARMv8.1 processor has it): asking
 * the processor needs the kernel, which this room does not see. Otherwise the tables take its
 * place.
 */
#include "storage/crc32c_run.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

#include <arm_acle.h>
#include <string.h>

uint32_t crc32c_run_armv8(uint32_t state, const unsigned char *bytes, size_t count)
{
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof(word));
        state = __crc32cd(state, word);
    }
    for (; count > 0; count--, bytes++)
        state = __crc32cb(state, *bytes);
    return state;
}

bool crc32c_has_armv8(void)
{
    return true;
}

#else

uint32_t crc32c_run_armv8(uint32_t state, const unsigned char *bytes, size_t count)
{
    return crc32c_run_table(state, bytes, count);
}

bool crc32c_has_armv8(void)
{
    return false;
}

#endif
