/* dot_run: between dot.c and the block coders that it chooses from. Private to the room `dot`.
 *
 * A run is one call of dot_code: what is left of its input and of its output. A block coder moves
 * whole blocks as far as it can, and leaves the ends and the odd cases to the byte coder in dot.c.
 */
#ifndef RINGPOST_PROTO_DOT_RUN_H
#define RINGPOST_PROTO_DOT_RUN_H

#include "proto/span.h"

struct dot_run {
    const char *from;
    const char *from_end;
    char *to;
    char *to_end;
    uint64_t stuffed_dots; /* of this run */
    bool in_header;        /* a block with an empty line is not taken while this holds */
};

/* Whether processor and build have the instructions. */
bool dot_has_sse2(void);
bool dot_has_avx2(void);
bool dot_has_neon(void);

/* Each advances `from` and `to` over whole blocks, perhaps none; none where the instructions are
 * not there. The two bytes before `from` must be readable and of the same message. */
void dot_run_sse2(struct dot_run *run);
void dot_run_avx2(struct dot_run *run);
void dot_run_neon(struct dot_run *run);

/* Add what the coder would insert into `bytes` from the front, as far as whole blocks go, and the
 * dots among it; return how many bytes that were, 0 where the instructions are not there. The byte
 * before `from` must be readable and of the same message. */
size_t dot_count_sse2(const char *from, size_t bytes, uint64_t *inserted, uint64_t *stuffed_dots);
size_t dot_count_avx2(const char *from, size_t bytes, uint64_t *inserted, uint64_t *stuffed_dots);
size_t dot_count_neon(const char *from, size_t bytes, uint64_t *inserted, uint64_t *stuffed_dots);

#endif
