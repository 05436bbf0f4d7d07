/* dot_neon: the block coder of `dot` with 16-byte vectors of AArch64.
 *
 * NEON has no instruction that collects one bit of each byte; narrowing each pair of bytes by four
 * bits leaves four bits a byte, of which one is kept. Otherwise as dot_sse2.c.
 */
#include "proto/dot_run.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define DOT_TARGET
#define DOT_BLOCK     16
#define DOT_MASK_BITS 4
#define dot_mask      uint64_t

static inline uint8x16_t dot_load(const char *from)
{
    return vld1q_u8((const uint8_t *)from);
}

static inline uint8x16_t dot_equal(uint8x16_t block, char byte)
{
    return vceqq_u8(block, vdupq_n_u8((uint8_t)byte));
}

static inline void dot_copy(char *to, const char *from)
{
    vst1q_u8((uint8_t *)to, dot_load(from));
}

static inline dot_mask dot_collect(uint8x16_t bytes)
{
    uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(bytes), 4);
    return vget_lane_u64(vreinterpret_u64_u8(nibbles), 0) & UINT64_C(0x1111111111111111);
}

static inline dot_mask dot_inserts(const char *from)
{
    uint8x16_t block = dot_load(from);
    uint8x16_t before = dot_load(from - 1);
    uint8x16_t bare = vbicq_u8(dot_equal(block, '\n'), dot_equal(before, '\r'));
    uint8x16_t dots = vandq_u8(dot_equal(before, '\n'), dot_equal(block, '.'));
    return dot_collect(vorrq_u8(bare, dots));
}

static inline bool dot_has_empty_line(const char *from)
{
    uint8x16_t before = dot_load(from - 1);
    uint8x16_t crlf = vandq_u8(dot_equal(before, '\r'), dot_equal(dot_load(from - 2), '\n'));
    uint8x16_t begun = vorrq_u8(dot_equal(before, '\n'), crlf);
    return dot_collect(vandq_u8(dot_equal(dot_load(from), '\n'), begun)) != 0;
}

#include "proto/dot_block.h"

void dot_run_neon(struct dot_run *run)
{
    dot_run_blocks(run);
}

size_t dot_count_neon(const char *from, size_t bytes, uint64_t *inserted, uint64_t *stuffed_dots)
{
    dot_count_blocks(from, bytes / DOT_BLOCK, inserted, stuffed_dots);
    return bytes - bytes % DOT_BLOCK;
}

bool dot_has_neon(void)
{
    return true;
}

#else

void dot_run_neon(struct dot_run *run)
{
    (void)run;
}

size_t dot_count_neon(const char *from, size_t bytes, uint64_t *inserted, uint64_t *stuffed_dots)
{
    (void)from;
    (void)bytes;
    (void)inserted;
    (void)stuffed_dots;
    return 0;
}

bool dot_has_neon(void)
{
    return false;
}

#endif
