/* lmtp_reply: how a session answers, and what it then asks for.
 *
 * The inside of the room lmtp, shared by lmtp.c, lmtp_envelope.c and lmtp_data.c. Answers are
 * constants of ours, whole but for their CRLF: the code of RFC 5321, the enhanced code of RFC 3463,
 * a sentence in printable ASCII. No octet of a client ever comes in.
 */
#ifndef RINGPOST_PROTO_LMTP_REPLY_H
#define RINGPOST_PROTO_LMTP_REPLY_H

#include "proto/lmtp.h"

/* Appends an answer, and no more. */
void lmtp_reply_say(struct span answer, struct plan *plan);

/* Appends an answer and asks for the next line. */
struct lmtp_ask lmtp_reply(struct lmtp *session, struct span answer, struct plan *plan);

/* The same, and counts a mistake; when there have been too many, appends 421 instead, and closes
 * (RFC 5321 section 3.8). */
struct lmtp_ask lmtp_reply_mistake(struct lmtp *session, struct span answer, struct plan *plan);

/* Asks for the next line. */
struct lmtp_ask lmtp_reply_next_line(struct lmtp *session);

/* Asks, and remembers what was asked. */
struct lmtp_ask lmtp_reply_ask(struct lmtp *session, struct lmtp_ask ask);

/* What is said of a full maildrop. */
struct span lmtp_reply_full(const struct lmtp *session);

/* Ends the session. */
struct lmtp_ask lmtp_reply_close(struct lmtp *session, enum lmtp_end end);

/* The transaction is over, for good or ill: nothing of it is left in the session. */
void lmtp_reply_end_transaction(struct lmtp *session);

/* Lets the world give up what it holds of the transaction, if anything, and asks for the next line.
 */
struct lmtp_ask lmtp_reply_forget(struct lmtp *session);

#endif
