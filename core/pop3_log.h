/* pop3_log: the lines that a POP3 session leaves in the log.
 *
 * One line for a login, right or refused, and one for a logout, with user, peer, counts, octets,
 * duration and reason. Others parse them: names and order are documented in ringpostd(8).
 */
#ifndef RINGPOST_CORE_POP3_LOG_H
#define RINGPOST_CORE_POP3_LOG_H

#include "core/pop3_conn.h"

/* The answer to POP3_ASK_OPEN: a login, or why the maildrop could not be opened. */
void pop3_log_login(struct pop3_conn *pop3, const struct pop3_answer *answer);

/* The password did not let him in, or could not be checked. `user` is what the peer said. */
void pop3_log_refusal(struct pop3_conn *pop3, struct span user, enum pop3_auth_result result);

/* The end of a session that had logged in; nothing for another. */
void pop3_log_logout(struct pop3_conn *pop3);

#endif
