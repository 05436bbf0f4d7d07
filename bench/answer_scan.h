/* answer_scan: passes over the bytes of a message that need no look.
 *
 * Most line ends of a message are CRLF with something else than a dot behind them. They are passed
 * over 64 bytes at a time where the processor can (SSE2), else byte by byte. Header only, pure.
 */
#ifndef RINGPOST_BENCH_ANSWER_SCAN_H
#define RINGPOST_BENCH_ANSWER_SCAN_H

#include <stddef.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__SSE2__)
/* In each of 16 bytes from `bytes` on: is it an LF that is not passed over? Reads one byte before
 * and one behind them. */
static inline __m128i answer_scan_odd(const char *bytes)
{
    __m128i here = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    __m128i before = _mm_loadu_si128((const __m128i *)(const void *)(bytes - 1));
    __m128i behind = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 1));
    __m128i good = _mm_andnot_si128(_mm_cmpeq_epi8(behind, _mm_set1_epi8('.')),
                                    _mm_cmpeq_epi8(before, _mm_set1_epi8('\r')));
    return _mm_andnot_si128(good, _mm_cmpeq_epi8(here, _mm_set1_epi8('\n')));
}
#endif

/* The place of the next LF at or behind `from` that has no CR before it or a dot behind it, or that
 * is the last byte; `count` where there is none. A byte before `from` is not looked at unless
 * `from` is above 0. */
static inline size_t answer_scan(const char *bytes, size_t from, size_t count)
{
    size_t at = from;
#if defined(__SSE2__)
    if (at == 0 && count > 0 && bytes[0] != '\n')
        at = 1;
    /* Four at once while there is nothing to see. */
    while (at > 0 && at + 65 <= count) {
        __m128i first = _mm_or_si128(answer_scan_odd(bytes + at), answer_scan_odd(bytes + at + 16));
        __m128i second =
            _mm_or_si128(answer_scan_odd(bytes + at + 32), answer_scan_odd(bytes + at + 48));
        if (_mm_movemask_epi8(_mm_or_si128(first, second)) != 0)
            break;
        at += 64;
    }
    while (at > 0 && at + 17 <= count) {
        unsigned mask = (unsigned)_mm_movemask_epi8(answer_scan_odd(bytes + at));
        if (mask != 0)
            return at + (size_t)__builtin_ctz(mask);
        at += 16;
    }
#endif
    for (; at < count; at++)
        if (bytes[at] == '\n' &&
            (at + 1 == count || at == 0 || bytes[at - 1] != '\r' || bytes[at + 1] == '.'))
            return at;
    return count;
}

#endif
