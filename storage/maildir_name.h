/* maildir_name: what the name of a file in a Maildir says.
 *
 * "TIME.UNIQUE.HOST[,S=octets][,W=octets][:2,FLAGS]": when it was delivered, how large it is, and
 * what its reader has done with it. Knows no folder and opens nothing.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_NAME_H
#define RINGPOST_STORAGE_MAILDIR_NAME_H

#include "proto/span.h"

/* The flags of ":2,". Letters that are none of these are passed over. */
enum maildir_flag {
    MAILDIR_PASSED = 1,   /* P: resent or forwarded */
    MAILDIR_REPLIED = 2,  /* R */
    MAILDIR_SEEN = 4,     /* S */
    MAILDIR_TRASHED = 8,  /* T: to be removed */
    MAILDIR_DRAFT = 16,   /* D */
    MAILDIR_FLAGGED = 32, /* F */
};

struct maildir_name {
    struct span base; /* up to the info; it stays the same for the message's life */
    bool has_size;
    uint64_t size; /* ,S= octets of the file */
    bool has_wire_size;
    uint64_t wire_size; /* ,W= octets with CRLF line ends */
    unsigned flags;     /* of enum maildir_flag */
};

/* Takes a name apart; spans are borrowed from it. False where it can be no message: empty, with a
 * leading dot, or with `/` or NUL in it. A size that is no number, or above UINT64_MAX, counts as
 * not given; of two the first counts. */
bool maildir_name_parse(struct span name, struct maildir_name *out_name);

/* Order of delivery: less than, equal to or greater than 0 as `a` comes before, with or after `b`.
 * First by the time in seconds, as a number of any length; then, among those that have one, by
 * the microseconds of UNIQUE ("M123456"), where those without come first; then byte by byte. A name
 * that does not begin with a digit comes after all that do. Never 0 for two different names. */
int maildir_name_compare(struct span a, struct span b);

#endif
