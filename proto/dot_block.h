/* dot_block: the block coder, written once for all instruction sets. Private to the room `dot`.
 *
 * Not a header in the usual sense: the file that includes it has first defined, for its
 * instructions,
 * - DOT_TARGET, the attribute of its functions, perhaps nothing;
 * - DOT_BLOCK, the bytes in a block;
 * - dot_mask, an unsigned type with DOT_MASK_BITS bits for each byte of a block;
 * - dot_copy(to, from), which moves one block;
 * - dot_inserts(from): the bytes that need a CR or a dot before them, lowest bit of each set;
 * - dot_has_empty_line(from): whether the LF of an empty line is in the block.
 * The last two look at one and two bytes before the block as well.
 */
#ifndef RINGPOST_PROTO_DOT_BLOCK_H
#define RINGPOST_PROTO_DOT_BLOCK_H

#include "proto/dot_run.h"

/* A block is copied as a whole; then, for each insertion, the rest is copied once more, one byte
 * further on. That writes past the end what the next block overwrites, and needs no loop over
 * bytes. An insertion reads up to one block behind this one; a block full of them writes up to
 * three. Returns `to`, moved by the bytes inserted.
 *
 * Here and below all is kept in locals: through `run` the compiler would have to load it again
 * after each store of bytes. */
DOT_TARGET static inline char *dot_insert(const char *from, dot_mask inserts, char *to,
                                          uint64_t *stuffed_dots)
{
    do {
        size_t at = (size_t)__builtin_ctzll(inserts) / DOT_MASK_BITS;
        char next = from[at];
        to[at] = next == '\n' ? '\r' : '.';
        *stuffed_dots += next == '.';
        to++;
        dot_copy(to + at, from + at);
        inserts &= inserts - 1;
    } while (inserts != 0);
    return to;
}

DOT_TARGET static inline void dot_run_blocks(struct dot_run *run)
{
    const char *from = run->from;
    const char *from_end = run->from_end;
    char *to = run->to;
    char *to_end = run->to_end;
    bool in_header = run->in_header;
    uint64_t stuffed_dots = 0;
    while (from_end - from >= 2 * DOT_BLOCK && to_end - to >= 3 * DOT_BLOCK) {
        if (in_header && dot_has_empty_line(from))
            break;
        dot_mask inserts = dot_inserts(from);
        dot_copy(to, from);
        if (inserts != 0)
            to = dot_insert(from, inserts, to, &stuffed_dots);
        from += DOT_BLOCK;
        to += DOT_BLOCK;
    }
    run->from = from;
    run->to = to;
    run->stuffed_dots += stuffed_dots;
}

/* Counts the insertions that the coder would make in `blocks` blocks from `from` on, and the dots
 * among them. */
DOT_TARGET static inline void dot_count_blocks(const char *from, size_t blocks, uint64_t *inserted,
                                               uint64_t *stuffed_dots)
{
    uint64_t all = 0;
    uint64_t dots = 0;
    for (; blocks > 0; blocks--, from += DOT_BLOCK) {
        dot_mask inserts = dot_inserts(from);
        for (; inserts != 0; inserts &= inserts - 1) {
            all++;
            dots += from[(size_t)__builtin_ctzll(inserts) / DOT_MASK_BITS] == '.';
        }
    }
    *inserted += all;
    *stuffed_dots += dots;
}

#endif
