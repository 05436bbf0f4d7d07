/* letters: the messages that a run of LMTP delivers, made once and kept in memory.
 *
 * A hundred look different enough; large ones are fewer. Owned by whoever made them.
 */
#ifndef RINGPOST_BENCH_LETTERS_H
#define RINGPOST_BENCH_LETTERS_H

#include "proto/span.h"

#define LETTERS_MAX      100
#define LETTER_BYTES_MAX (256U << 20) /* of all together, or one that is larger */

struct letters {
    struct span *each; /* in wire form, with the end */
    uint32_t count;
};

/* Makes them, `bytes` large each or, with 0, as people send them; the same for the same seed. */
void letters_init(struct letters *letters, uint64_t seed, uint64_t bytes);

/* Also of those that were never made, where all is zero. */
void letters_fini(struct letters *letters);

#endif
