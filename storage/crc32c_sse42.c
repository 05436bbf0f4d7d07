/* crc32c_sse42: the crc32 instruction of x86-64, three streams at once.
 *
 * The instruction takes eight bytes and has its result three cycles later, but can start each
 * cycle: so three neighbouring ranges are summed side by side and joined. Joining moves a sum over
 * the n bytes that follow it, a multiplication by x^(8n) modulo the polynomial. The carry-less
 * product of two reflected 32-bit values is one place short in 64 bits, and the crc32 instruction
 * that reduces it multiplies by x^32 again: the factor is therefore x^(8n - 33), reflected.
 */
#include "storage/crc32c_run.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define CRC32C_TARGET __attribute__((target("sse4.2,pclmul")))

/* Bytes of one of the three ranges, and the factors to move a sum over one and over two of them. */
#define LONG_RANGE      2048
#define LONG_OVER_ONE   0xa51b6135
#define LONG_OVER_TWO   0x82f89c77
#define MIDDLE_RANGE    256
#define MIDDLE_OVER_ONE 0xb9e02b86
#define MIDDLE_OVER_TWO 0xdd7e3b0c

static inline uint64_t load_word(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

CRC32C_TARGET static inline uint64_t carry_less_product(uint64_t sum, uint32_t factor)
{
    __m128i a = _mm_cvtsi64_si128((long long)sum);
    __m128i b = _mm_cvtsi64_si128((long long)factor);
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(a, b, 0));
}

/* Three ranges of `range` bytes from `bytes` on, joined. */
CRC32C_TARGET static inline uint64_t sum_three(uint64_t state, const unsigned char *bytes,
                                               size_t range, uint32_t over_one, uint32_t over_two)
{
    uint64_t first = state;
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t at = 0; at < range; at += 8) {
        first = _mm_crc32_u64(first, load_word(bytes + at));
        second = _mm_crc32_u64(second, load_word(bytes + range + at));
        third = _mm_crc32_u64(third, load_word(bytes + 2 * range + at));
    }
    uint64_t moved = carry_less_product(first, over_two) ^ carry_less_product(second, over_one);
    return third ^ _mm_crc32_u64(0, moved);
}

CRC32C_TARGET uint32_t crc32c_run_sse42(uint32_t state, const unsigned char *bytes, size_t count)
{
    uint64_t sum = state;
    for (; count >= 3 * LONG_RANGE; count -= 3 * LONG_RANGE, bytes += 3 * LONG_RANGE)
        sum = sum_three(sum, bytes, LONG_RANGE, LONG_OVER_ONE, LONG_OVER_TWO);
    for (; count >= 3 * MIDDLE_RANGE; count -= 3 * MIDDLE_RANGE, bytes += 3 * MIDDLE_RANGE)
        sum = sum_three(sum, bytes, MIDDLE_RANGE, MIDDLE_OVER_ONE, MIDDLE_OVER_TWO);
    for (; count >= 8; count -= 8, bytes += 8)
        sum = _mm_crc32_u64(sum, load_word(bytes));
    for (; count > 0; count--, bytes++)
        sum = _mm_crc32_u8((uint32_t)sum, *bytes);
    return (uint32_t)sum;
}

bool crc32c_has_sse42(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

#else

uint32_t crc32c_run_sse42(uint32_t state, const unsigned char *bytes, size_t count)
{
    return crc32c_run_table(state, bytes, count);
}

bool crc32c_has_sse42(void)
{
    return false;
}

#endif
