/* lmtp_log: the lines that LMTP leaves in the log.
 *
 * One line for each recipient of a message with what became of it, and one for a recipient who was
 * refused. Others parse them: names and order are documented in ringpostd(8).
 */
#ifndef RINGPOST_CORE_LMTP_LOG_H
#define RINGPOST_CORE_LMTP_LOG_H

#include "core/lmtp_conn.h"

/* The result of a recipient's request is there; counts it, too. */
void lmtp_log_delivery(struct lmtp_conn *lmtp, const struct lmtp_recipient *recipient);

/* RCPT was refused; `address` is what the peer said. */
void lmtp_log_refusal(struct lmtp_conn *lmtp, struct span address,
                      enum lmtp_recipient_result result);

#endif
