/* pop3_reply: how a session says +OK and -ERR, and what it then asks for.
 *
 * The inside of the room pop3, shared by pop3.c, pop3_login.c and pop3_listing.c. Each function
 * here ends a handler: it appends the answer to the plan and returns the ask to go on with.
 * Sentences are constants of ours, in printable ASCII and without CR LF; no octet of a client ever
 * comes in.
 */
#ifndef RINGPOST_PROTO_POP3_REPLY_H
#define RINGPOST_PROTO_POP3_REPLY_H

#include "proto/pop3.h"

/* Appends "+OK `sentence`" and asks for the next line. */
struct pop3_ask pop3_reply_ok(struct pop3 *session, struct span sentence, struct plan *plan);

/* Appends "-ERR `sentence`", where the sentence may begin with a response code, and counts it: asks
 * for the next line, or closes when there have been too many (PROTOCOL.md 20). */
struct pop3_ask pop3_reply_refusal(struct pop3 *session, struct span sentence, struct plan *plan);

/* The storage could not: appends -ERR with [SYS/TEMP] or [SYS/PERM] (RFC 3206) and the sentence.
 * Counted before login only, where every way to hold a connection for nothing must end. */
struct pop3_ask pop3_reply_failure(struct pop3 *session, enum mail_result result,
                                   struct span sentence, struct plan *plan);

/* An answer is complete, or needs none: asks for the next line. */
struct pop3_ask pop3_reply_next_line(struct pop3 *session);

/* Asks, and remembers what was asked. */
struct pop3_ask pop3_reply_ask(struct pop3 *session, struct pop3_ask ask);

/* Ends the session. */
struct pop3_ask pop3_reply_close(struct pop3 *session, enum pop3_end end);

#endif
