/* dot_sse2: the block coder of `dot` with 16-byte vectors, which every x86-64 processor has.
 *
 * Bytes are compared with their neighbours by loading the block again one and two bytes earlier.
 */
#include "proto/dot_run.h"

#if defined(__x86_64__)

#include <emmintrin.h>

#define DOT_TARGET
#define DOT_BLOCK     16
#define DOT_MASK_BITS 1
#define dot_mask      uint32_t

static inline __m128i dot_load(const char *from)
{
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

static inline __m128i dot_equal(__m128i block, char byte)
{
    return _mm_cmpeq_epi8(block, _mm_set1_epi8(byte));
}

static inline void dot_copy(char *to, const char *from)
{
    _mm_storeu_si128((__m128i *)(void *)to, dot_load(from));
}

static inline dot_mask dot_inserts(const char *from)
{
    __m128i block = dot_load(from);
    __m128i before = dot_load(from - 1);
    __m128i bare = _mm_andnot_si128(dot_equal(before, '\r'), dot_equal(block, '\n'));
    __m128i dots = _mm_and_si128(dot_equal(before, '\n'), dot_equal(block, '.'));
    return (dot_mask)_mm_movemask_epi8(_mm_or_si128(bare, dots));
}

static inline bool dot_has_empty_line(const char *from)
{
    __m128i before = dot_load(from - 1);
    __m128i crlf = _mm_and_si128(dot_equal(before, '\r'), dot_equal(dot_load(from - 2), '\n'));
    __m128i begun = _mm_or_si128(dot_equal(before, '\n'), crlf);
    return _mm_movemask_epi8(_mm_and_si128(dot_equal(dot_load(from), '\n'), begun)) != 0;
}

#include "proto/dot_block.h"

void dot_run_sse2(struct dot_run *run)
{
    dot_run_blocks(run);
}

size_t dot_count_sse2(const char *from, size_t bytes, uint64_t *inserted, uint64_t *stuffed_dots)
{
    dot_count_blocks(from, bytes / DOT_BLOCK, inserted, stuffed_dots);
    return bytes - bytes % DOT_BLOCK;
}

bool dot_has_sse2(void)
{
    return true;
}

#else

void dot_run_sse2(struct dot_run *run)
{
    (void)run;
}

size_t dot_count_sse2(const char *from, size_t bytes, uint64_t *inserted, uint64_t *stuffed_dots)
{
    (void)from;
    (void)bytes;
    (void)inserted;
    (void)stuffed_dots;
    return 0;
}

bool dot_has_sse2(void)
{
    return false;
}

#endif
