/* lmtp_user: whose maildrop a recipient's address means.
 *
 * One rule for a listener: the local part or the whole address, in lower-case ASCII, and without
 * what follows the recipient delimiter ("joe+lists@example.org" is joe's). Decides on a name only;
 * whether somebody has it is the world's to say. Owns nothing.
 */
#ifndef RINGPOST_PROTO_LMTP_USER_H
#define RINGPOST_PROTO_LMTP_USER_H

#include "proto/lmtp_path.h"
#include "proto/span.h"

/* POP3_USER_NAME_MAX: mail for a name that cannot log in would lie there for ever. */
#define LMTP_USER_NAME_MAX 248

enum lmtp_user_format {
    LMTP_USER_LOCAL_PART,    /* "joe" */
    LMTP_USER_WHOLE_ADDRESS, /* "joe@example.org"; "joe" where the address has no domain */
};

struct lmtp_user_rule {
    enum lmtp_user_format format;
    char delimiter; /* '\0': there is none. One printable ASCII octet, neither '@' nor a letter */
};

/* Writes the user's name into `out_name`, 1..LMTP_USER_NAME_MAX octets, and its length. A quoted
 * local part is unquoted first: "joe" and joe are one user (RFC 5321 section 4.1.2). ASCII letters
 * become small, other octets stay. A delimiter that is the local part's first octet cuts nothing.
 * False, and nothing of use in `out_name`, where no user can have such a name: it is empty or too
 * long, or an '@' in a local part would read as a whole address. */
bool lmtp_user_name(const struct lmtp_user_rule *rule, const struct lmtp_path *path,
                    char out_name[LMTP_USER_NAME_MAX], size_t *out_length);

#endif
