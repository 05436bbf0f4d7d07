/* specimen: mail that looks like mail, and comes again byte for byte with the same seed.
 *
 * Headers as they are after two hops, plain text with quotes and lines that begin with dots, HTML
 * beside it, and attachments in base64 for the large ones. Each letter carries the checksum of its
 * body (bench/content.h), so that whoever gets it back can tell whether it is whole. Line ends are
 * CRLF. Pure, but for the memory of the letter.
 */
#ifndef RINGPOST_BENCH_SPECIMEN_H
#define RINGPOST_BENCH_SPECIMEN_H

#include "bench/random.h"
#include "proto/span.h"

#include <stdbool.h>

/* No letter is smaller: headers have to be somewhere. */
#define SPECIMEN_BYTES_MIN 700

struct specimen {
    char *bytes;
    size_t count, room;
    size_t body_begin; /* behind the empty line */
    uint32_t time_s;   /* when it was delivered */
};

void specimen_init(struct specimen *letter);
void specimen_fini(struct specimen *letter);

/* Makes letter `number` of a seed, with about `bytes` octets (within 200, never below
 * SPECIMEN_BYTES_MIN), to the user of this name. Replaces what the letter was. */
void specimen_make(struct specimen *letter, uint64_t seed, uint64_t number, size_t bytes,
                   struct span user);

/* The same letter as POP3 and LMTP send it: dots doubled, and the end behind it. Allocated. */
struct span specimen_wire(const struct specimen *letter);

/* The size of a letter as people send them: median 4 KB, one in a hundred above 400 KB. */
size_t specimen_size_draw(struct random *random);

/* Octets of a whole mailbox as published for an ISP: 28 % are empty, the median is 9 KB, 10 % are
 * above 1.1 MB and 1 % above 12 MB; none is above 100 MB. */
uint64_t specimen_mailbox_size_draw(struct random *random);

#endif
