/* seen: what a client keeps of one user's maildrop, during a session and between two.
 *
 * A listing holds the octets and the UIDLs (as 64-bit hashes) of one session; seen holds the UIDLs
 * that were there when the last session ended well, as a mail program that leaves mail on the
 * server does. Allocates; knows no socket and no clock.
 */
#ifndef RINGPOST_BENCH_SEEN_H
#define RINGPOST_BENCH_SEEN_H

#include "proto/span.h"

/* Messages of one maildrop that a session believes: 24 bytes each. */
#define LISTING_MESSAGES_MAX 4000000

struct listing {
    uint32_t stat_count; /* what STAT said */
    uint32_t room;
    uint32_t list_count, uidl_count; /* rows so far */
    uint64_t stat_octets, list_octets;
    uint64_t *octets; /* by index */
    uint64_t *uidls;
};

struct seen {
    bool is_known; /* a session has ended well and nothing has been in doubt since */
    bool are_gone; /* it has deleted these: nothing is there, and none of them may come again */
    uint32_t count;
    uint64_t *uidls;
};

void listing_init(struct listing *listing);
void listing_fini(struct listing *listing);

/* Appends a row of LIST or UIDL; false where there is no memory for it, or no such sum. */
bool listing_add_octets(struct listing *listing, uint64_t octets);
bool listing_add_uidl(struct listing *listing, struct span uidl);

/* Finds two messages with the same UIDL; false where there are none. */
bool listing_uidl_repeats(const struct listing *listing, uint32_t *out_number);

/* Walks a listing beside what was seen. Begin with a cursor of zeros and go up from index 0. */
struct seen_cursor {
    uint32_t next; /* in seen */
    uint32_t found;
    uint32_t misses;
};

/* Whether the message at `index` was there last time. */
bool seen_has(const struct seen *seen, const struct listing *listing, uint32_t index,
              struct seen_cursor *cursor);

/* Whether messages that were there have gone though there are no fewer of them: so their UIDLs have
 * changed. Costs a walk. */
bool seen_has_changed(const struct seen *seen, const struct listing *listing);

/* Whether a message that was deleted is there again: it was not deleted, or its UIDL is used again,
 * which RFC 1939 section 7 forbids as well. Costs a walk. */
bool seen_comes_again(const struct seen *seen, const struct listing *listing);

/* A session has seen that fewer messages are there: somebody else has removed some. */
void seen_shrink(struct seen *seen, uint32_t count);

/* A session has ended well: keeps the listing's UIDLs; `drained` where it removed them all. */
void seen_keep(struct seen *seen, const struct listing *listing, bool drained);

/* Nothing is certain any more. */
void seen_forget(struct seen *seen);

#endif
