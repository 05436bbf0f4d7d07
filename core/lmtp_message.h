/* lmtp_message: the message under way on an LMTP connection, from its first recipient to the last
 * result.
 *
 * Recipients are looked up in the table of users and kept in order; bytes go into a letter, by way
 * of a worker where its block is full; at the end each recipient's delivery goes to the queue.
 * Deliveries that have begun are waited for whatever becomes of the peer.
 */
#ifndef RINGPOST_CORE_LMTP_MESSAGE_H
#define RINGPOST_CORE_LMTP_MESSAGE_H

#include "core/lmtp_conn.h"

void lmtp_message_init(struct lmtp_conn *lmtp);

/* The answer to LMTP_ASK_RECIPIENT; with LMTP_RECIPIENT_GOOD he is kept. */
enum lmtp_recipient_result lmtp_message_recipient(struct lmtp_conn *lmtp);

/* Begins the letter; where there is no memory for it, the message is refused at its end. */
void lmtp_message_begin(struct lmtp_conn *lmtp);

/* Takes up to LMTP_CONN_TAKE_BYTES of the message; all of them. Afterwards a spill may be pending.
 */
void lmtp_message_write(struct lmtp_conn *lmtp, struct span raw);

/* Ends the letter and sends it to all recipients. Afterwards deliveries are pending, or all results
 * are there already. */
void lmtp_message_deliver(struct lmtp_conn *lmtp);

/* Gives up letter and recipients; nothing of them may be pending. False: a job is pending now, and
 * then nothing is left. */
bool lmtp_message_forget(struct lmtp_conn *lmtp);

#endif
