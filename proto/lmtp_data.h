/* lmtp_data: from DATA or BDAT to one answer for each recipient (RFC 2033 section 4, RFC 3030).
 *
 * The inside of the room lmtp. Two ways lead the bytes of a message in: DATA, dot-stuffed up to
 * CRLF.CRLF, and BDAT, counted. Both end in LMTP_ASK_DELIVER, or in a refusal for each recipient.
 */
#ifndef RINGPOST_PROTO_LMTP_DATA_H
#define RINGPOST_PROTO_LMTP_DATA_H

#include "proto/lmtp.h"
#include "proto/lmtp_command.h"

/* Said to MAIL with SIZE, to a chunk, and to each recipient. */
#define LMTP_DATA_TOO_BIG SPAN_LITERAL("552 5.3.4 The message is too big for this server.")

/* Handlers of commands. DATA is legal by the table; BDAT comes here in every state. */
struct lmtp_ask lmtp_data_data(struct lmtp *session, const struct lmtp_command *command,
                               struct plan *plan);
struct lmtp_ask lmtp_data_bdat(struct lmtp *session, const struct lmtp_command *command,
                               struct plan *plan);

/* The answers to LMTP_ASK_DATA, LMTP_ASK_DELIVER and LMTP_ASK_ROOM. */
struct lmtp_ask lmtp_data_came(struct lmtp *session, struct plan *plan);
struct lmtp_ask lmtp_data_delivered(struct lmtp *session, const struct lmtp_answer *answer,
                                    struct plan *plan);
struct lmtp_ask lmtp_data_room(struct lmtp *session, struct plan *plan);

#endif
