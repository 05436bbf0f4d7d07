/* dot_avx2: the block coder of `dot` with 32-byte vectors.
 *
 * Compiled for AVX2 function by function, so that the rest of the program runs on every x86-64
 * processor; dot.c calls it only where the processor says that it has AVX2. Otherwise as
 * dot_sse2.c.
 */
#include "proto/dot_run.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define DOT_TARGET    __attribute__((target("avx2")))
#define DOT_BLOCK     32
#define DOT_MASK_BITS 1
#define dot_mask      uint32_t

DOT_TARGET static inline __m256i dot_load(const char *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

DOT_TARGET static inline __m256i dot_equal(__m256i block, char byte)
{
    return _mm256_cmpeq_epi8(block, _mm256_set1_epi8(byte));
}

DOT_TARGET static inline void dot_copy(char *to, const char *from)
{
    _mm256_storeu_si256((__m256i *)(void *)to, dot_load(from));
}

DOT_TARGET static inline dot_mask dot_inserts(const char *from)
{
    __m256i block = dot_load(from);
    __m256i before = dot_load(from - 1);
    __m256i bare = _mm256_andnot_si256(dot_equal(before, '\r'), dot_equal(block, '\n'));
    __m256i dots = _mm256_and_si256(dot_equal(before, '\n'), dot_equal(block, '.'));
    return (dot_mask)_mm256_movemask_epi8(_mm256_or_si256(bare, dots));
}

DOT_TARGET static inline bool dot_has_empty_line(const char *from)
{
    __m256i before = dot_load(from - 1);
    __m256i crlf = _mm256_and_si256(dot_equal(before, '\r'), dot_equal(dot_load(from - 2), '\n'));
    __m256i begun = _mm256_or_si256(dot_equal(before, '\n'), crlf);
    return _mm256_movemask_epi8(_mm256_and_si256(dot_equal(dot_load(from), '\n'), begun)) != 0;
}

#include "proto/dot_block.h"

DOT_TARGET void dot_run_avx2(struct dot_run *run)
{
    dot_run_blocks(run);
}

DOT_TARGET size_t dot_count_avx2(const char *from, size_t bytes, uint64_t *inserted,
                                 uint64_t *stuffed_dots)
{
    dot_count_blocks(from, bytes / DOT_BLOCK, inserted, stuffed_dots);
    return bytes - bytes % DOT_BLOCK;
}

bool dot_has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

#else

void dot_run_avx2(struct dot_run *run)
{
    (void)run;
}

size_t dot_count_avx2(const char *from, size_t bytes, uint64_t *inserted, uint64_t *stuffed_dots)
{
    (void)from;
    (void)bytes;
    (void)inserted;
    (void)stuffed_dots;
    return 0;
}

bool dot_has_avx2(void)
{
    return false;
}

#endif
