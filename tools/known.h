/* known: which messages a maildrop has, or has had, by their UIDLs and other keys.
 *
 * A set of short texts with a mark: known from earlier, or met in this import. It owns its memory
 * and nothing else; it grows with what is put in.
 */
#ifndef RINGPOST_TOOLS_KNOWN_H
#define RINGPOST_TOOLS_KNOWN_H

#include "proto/span.h"

enum known_state {
    KNOWN_NOT,
    KNOWN_LIVE,    /* it is there, and nothing says that an import has brought it */
    KNOWN_EARLIER, /* an earlier import has brought it */
    KNOWN_SHARED,  /* so, and it shared the UIDL of one that was met: it may be that one */
    KNOWN_GUESSED, /* as EARLIER, and its UIDL is one that we have foretold, perhaps wrongly */
    KNOWN_NOW,     /* met in this import */
};

struct known_entry {
    uint64_t hash;
    size_t offset; /* of the text */
    uint32_t length;
    uint32_t partner_length; /* and the text of its partner */
    size_t partner;
    enum known_state state; /* KNOWN_NOT: the place is free */
};

struct known {
    struct known_entry *entries; /* `room` of them, a power of two */
    size_t count, room;
    char *texts;
    size_t text_bytes, text_room;
};

/* A set of zeros is empty. known_free makes it one again. */
void known_free(struct known *known);

/* What is known of `key`. */
enum known_state known_find(const struct known *known, struct span key);

/* Sets what is known of `key`; the text is copied. False where there is no memory. */
bool known_set(struct known *known, struct span key, enum known_state state);

/* Makes `partner`, which is known, that of `key`, which is known too; and gives it back, borrowed
 * until the next known_set. A key without a partner, or that is not known, has an empty one. */
void known_join(struct known *known, struct span key, struct span partner);
struct span known_partner(const struct known *known, struct span key);

#endif
