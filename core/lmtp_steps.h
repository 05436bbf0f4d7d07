/* lmtp_steps: what an LMTP connection does, one step of its session after the other.
 *
 * A step hands in a line or bytes of a message, answers an ask, or sends the plan. The session goes
 * on until there is no input, or a job, deliveries, the socket or a handshake have to be waited
 * for; one connection gets a bounded share of a turn. Nothing here frees a connection: whoever
 * calls ends with conn_settle.
 */
#ifndef RINGPOST_CORE_LMTP_STEPS_H
#define RINGPOST_CORE_LMTP_STEPS_H

#include "core/lmtp_conn.h"

/* As far as it goes, on lmtp->conn.input. */
void lmtp_steps_run(struct lmtp_conn *lmtp);

#endif
