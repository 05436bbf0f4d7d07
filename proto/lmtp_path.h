/* lmtp_path: the paths of MAIL and RCPT, and the parameters behind them (RFC 5321 section 4.1.2).
 *
 * Parsers on borrowed bytes: a path gives the address inside its angle brackets, cut into its
 * halves; a source route is checked and dropped. Judges syntax only, and no more of it than makes
 * an address safe to keep, to compare and to write into a header line. Owns nothing.
 */
#ifndef RINGPOST_PROTO_LMTP_PATH_H
#define RINGPOST_PROTO_LMTP_PATH_H

#include "proto/span.h"

/* Longest address: 64 octets of a local part, the '@', 255 of a domain (RFC 5321 section 4.5.3.1).
 * How they share this room is left to them, because real local parts (VERP, SRS) are longer. */
#define LMTP_ADDRESS_MAX (64 + 1 + 255)

struct lmtp_path {
    struct span address;    /* local part and domain as they came; empty: the null path <> */
    struct span local_part; /* with its quotes, where it has them */
    struct span domain;     /* a name, or an address literal with its brackets; empty: there was no
                             * '@', as in <postmaster> */
    bool is_utf8;           /* there are octets above 127 (RFC 6531); then they are valid UTF-8 */
};

enum lmtp_path_result {
    LMTP_PATH_GOOD,
    LMTP_PATH_BAD,      /* this is no path */
    LMTP_PATH_TOO_LONG, /* the address has more than LMTP_ADDRESS_MAX octets */
};

/* Takes a path off the front of `rest`: '<' to '>'. What may follow, a space and parameters, stays
 * in `rest`. `out_path` is borrowed from the bytes of `rest`, and valid where the answer is
 * LMTP_PATH_GOOD: no control characters, no spaces but in quotes, no '<' or '>' but in quotes. */
enum lmtp_path_result lmtp_path_take(struct span *rest, struct lmtp_path *out_path);

/* One `keyword=value` or `keyword` behind a path. */
struct lmtp_parameter {
    struct span keyword;
    struct span value; /* empty where there is none; "keyword=" is an error */
};

/* Takes a space and a parameter off the front of `rest`, which is not empty. False where it is
 * none. Both spans are borrowed from the bytes of `rest`. */
bool lmtp_parameter_take(struct span *rest, struct lmtp_parameter *out_parameter);

#endif
