/* lmtp_envelope: who writes to whom (RFC 5321 sections 4.1.1.2 and 4.1.1.3, RFC 1870, 6152, 6531).
 *
 * The inside of the room lmtp: MAIL with its parameters, RCPT, and what the world says about a
 * recipient. Never looks into a message.
 */
#ifndef RINGPOST_PROTO_LMTP_ENVELOPE_H
#define RINGPOST_PROTO_LMTP_ENVELOPE_H

#include "proto/lmtp.h"
#include "proto/lmtp_command.h"

/* Handlers of commands; the table in lmtp_command.c has found the command legal. */
struct lmtp_ask lmtp_envelope_mail(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan);
struct lmtp_ask lmtp_envelope_rcpt(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan);

/* The answer to LMTP_ASK_RECIPIENT. */
struct lmtp_ask lmtp_envelope_judged(struct lmtp *session, const struct lmtp_answer *answer,
                                     struct plan *plan);

#endif
