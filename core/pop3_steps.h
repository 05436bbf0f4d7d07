/* pop3_steps: what a connection does, one step of its session after the other.
 *
 * A step hands in a line, finds the answer to an ask, or sends the plan. The session goes on until
 * there is no line, or a task, the socket or a handshake has to be waited for; one connection gets
 * a bounded share of a turn. Nothing here frees a connection: whoever calls ends with
 * conn_settle.
 */
#ifndef RINGPOST_CORE_POP3_STEPS_H
#define RINGPOST_CORE_POP3_STEPS_H

#include "core/pop3_conn.h"

/* As far as it goes, on pop3->conn.input. */
void pop3_steps_run(struct pop3_conn *pop3);

/* Hands an answer to the session; the connection has a plan. */
void pop3_steps_hand_over(struct pop3_conn *pop3, const struct pop3_answer *answer);

#endif
