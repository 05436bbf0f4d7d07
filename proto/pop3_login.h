/* pop3_login: the AUTHORIZATION state (RFC 1939 sections 4 and 7, RFC 5034).
 *
 * The inside of the room pop3: the four ways to say who one is (USER and PASS, APOP, AUTH PLAIN,
 * AUTH LOGIN) all end in one ask, POP3_ASK_AUTH; when the world says that it is right, the maildrop
 * is opened, and only then the client hears +OK. Never keeps a password.
 */
#ifndef RINGPOST_PROTO_POP3_LOGIN_H
#define RINGPOST_PROTO_POP3_LOGIN_H

#include "proto/pop3.h"
#include "proto/pop3_command.h"

/* Handlers of commands; the table in pop3_command.c has found the command legal. */
struct pop3_ask pop3_login_user(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan);
struct pop3_ask pop3_login_pass(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan);
struct pop3_ask pop3_login_apop(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan);
struct pop3_ask pop3_login_auth(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan);

/* A line that belongs to a SASL exchange under way; it is decoded in place. */
struct pop3_ask pop3_login_sasl_line(struct pop3 *session, struct span line, struct plan *plan);

/* Whether the next line does. */
bool pop3_login_is_sasl(const struct pop3 *session);

/* The answers to POP3_ASK_AUTH and POP3_ASK_OPEN. */
struct pop3_ask pop3_login_checked(struct pop3 *session, const struct pop3_answer *answer,
                                   struct plan *plan);
struct pop3_ask pop3_login_opened(struct pop3 *session, const struct pop3_answer *answer,
                                  struct plan *plan);

#endif
