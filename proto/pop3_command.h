/* pop3_command: the commands of POP3, and which of them a line is.
 *
 * Legality lives here, in one table: name, number of arguments, states in which a command may be
 * given. A command that is good by this table still may be refused by its handler, for what only
 * the session knows: whether message 7 is there, whether APOP is switched on.
 */
#ifndef RINGPOST_PROTO_POP3_COMMAND_H
#define RINGPOST_PROTO_POP3_COMMAND_H

#include "proto/span.h"

enum pop3_command_kind {
    POP3_COMMAND_APOP,
    POP3_COMMAND_AUTH,
    POP3_COMMAND_CAPA,
    POP3_COMMAND_DELE,
    POP3_COMMAND_LAST,
    POP3_COMMAND_LIST,
    POP3_COMMAND_NOOP,
    POP3_COMMAND_PASS,
    POP3_COMMAND_QUIT,
    POP3_COMMAND_RETR,
    POP3_COMMAND_RSET,
    POP3_COMMAND_STAT,
    POP3_COMMAND_STLS,
    POP3_COMMAND_TOP,
    POP3_COMMAND_UIDL,
    POP3_COMMAND_USER,
    POP3_COMMAND_UTF8,
};
#define POP3_COMMAND_KINDS (POP3_COMMAND_UTF8 + 1)

/* TOP and APOP have two. */
#define POP3_COMMAND_ARGUMENTS_MAX 2

struct pop3_command {
    enum pop3_command_kind kind;
    uint32_t argument_count;
    struct span arguments[POP3_COMMAND_ARGUMENTS_MAX]; /* borrowed from the line */
    uint64_t number; /* the message that the first argument names, from 1 on; 0: it names none */
};

enum pop3_command_result {
    POP3_COMMAND_GOOD,
    POP3_COMMAND_HAS_NUL,
    POP3_COMMAND_UNKNOWN,
    POP3_COMMAND_TOO_EARLY, /* only legal after login */
    POP3_COMMAND_TOO_LATE,  /* only legal before login */
    POP3_COMMAND_TOO_FEW,   /* an argument is missing */
    POP3_COMMAND_TOO_MANY,  /* surplus arguments */
    POP3_COMMAND_BAD_NUMBER,
};

/* Parses a line without its end (RFC 1939 section 3). Names have any case; one space comes before
 * each argument; one space at the end is forgiven, because old clients send it, but for PASS, whose
 * argument is all that follows the first space. `out_command` is whole only where the answer is
 * POP3_COMMAND_GOOD. */
enum pop3_command_result pop3_command_parse(struct span line, bool is_logged_in,
                                            struct pop3_command *out_command);

#endif
