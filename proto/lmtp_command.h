/* lmtp_command: the commands of LMTP, and which of them a line is.
 *
 * Legality lives here, in one table: name, what may follow it, states in which a command may be
 * given. A command that is good by this table still may be refused by its handler, for what only
 * the session knows: whether an address is one, whether STARTTLS is offered.
 */
#ifndef RINGPOST_PROTO_LMTP_COMMAND_H
#define RINGPOST_PROTO_LMTP_COMMAND_H

#include "proto/span.h"

enum lmtp_command_kind {
    LMTP_COMMAND_BDAT,
    LMTP_COMMAND_DATA,
    LMTP_COMMAND_EHLO, /* known only to be refused with a hint (RFC 2033 section 4.1) */
    LMTP_COMMAND_HELO,
    LMTP_COMMAND_HELP,
    LMTP_COMMAND_LHLO,
    LMTP_COMMAND_MAIL,
    LMTP_COMMAND_NOOP,
    LMTP_COMMAND_QUIT,
    LMTP_COMMAND_RCPT,
    LMTP_COMMAND_RSET,
    LMTP_COMMAND_STARTTLS,
    LMTP_COMMAND_VRFY,
};
#define LMTP_COMMAND_KINDS (LMTP_COMMAND_VRFY + 1)

/* How far a mail transaction has come (RFC 5321 section 4.1.4). */
enum lmtp_state {
    LMTP_CONNECTED,  /* nobody has said LHLO, or TLS has just begun */
    LMTP_GREETED,    /* no transaction */
    LMTP_SENDER,     /* MAIL was good, no RCPT yet */
    LMTP_RECIPIENTS, /* at least one RCPT was good */
    LMTP_CHUNKS,     /* at least one BDAT was good, none of them the last */
    LMTP_SPOILED,    /* a BDAT has failed: the transaction can only be given up (RFC 3030 2) */
    LMTP_ENDED,
};

struct lmtp_command {
    enum lmtp_command_kind kind;
    struct span argument; /* all that follows the name and one space, without spaces at the end;
                           * for MAIL and RCPT what follows the colon and its spaces. Borrowed from
                           * the line */
};

enum lmtp_command_result {
    LMTP_COMMAND_GOOD,
    LMTP_COMMAND_HAS_NUL,
    LMTP_COMMAND_UNKNOWN,
    LMTP_COMMAND_OUT_OF_ORDER, /* known, but not in this state */
    LMTP_COMMAND_TOO_FEW,      /* an argument, or the FROM: or TO:, is missing */
    LMTP_COMMAND_TOO_MANY,     /* surplus arguments */
};

/* Parses a line without its end (RFC 5321 section 4.1.1). Names have any case; spaces at the end
 * are forgiven. `out_command->kind` is set unless the line has a NUL or the name is unknown;
 * `argument` only where the answer is LMTP_COMMAND_GOOD. BDAT is good in every state, because the
 * octets that follow it have to be swallowed before it can be refused. */
enum lmtp_command_result lmtp_command_parse(struct span line, enum lmtp_state state,
                                            struct lmtp_command *out_command);

#endif
