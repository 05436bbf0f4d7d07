/* pop3_login: the AUTHORIZATION state (RFC 1939 sections 4 and 7, RFC 2595, RFC 5034).
 *
 * The inside of the room pop3: the five ways to say who one is (USER and PASS, APOP, AUTH PLAIN,
 * AUTH LOGIN, AUTH EXTERNAL) all end in one ask, POP3_ASK_AUTH; when the world says that it is
 * right, the maildrop is opened, and only then the client hears +OK. Never keeps a password.
 */
#ifndef RINGPOST_PROTO_POP3_LOGIN_H
#define RINGPOST_PROTO_POP3_LOGIN_H

#include "proto/pop3.h"
#include "proto/pop3_command.h"

/* Enters the state, with nothing known of the client yet and nothing counted. */
void pop3_login_begin(struct pop3 *session, const struct pop3_settings *settings);

/* Handlers of commands; the table in pop3_command.c has found the command legal. */
struct pop3_ask pop3_login_user(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan);
struct pop3_ask pop3_login_pass(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan);
struct pop3_ask pop3_login_apop(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan);
struct pop3_ask pop3_login_auth(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan);
struct pop3_ask pop3_login_stls(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan);

/* Appends the names of the mechanisms that AUTH accepts now, each between the two texts. */
void pop3_login_name_mechanisms(const struct pop3 *session, struct span before, struct span after,
                                struct plan *plan);

/* A line that belongs to a SASL exchange under way; it is decoded in place. */
struct pop3_ask pop3_login_sasl_line(struct pop3 *session, struct span line, struct plan *plan);

/* Whether the next line does. */
bool pop3_login_is_sasl(const struct pop3 *session);

/* The answers to POP3_ASK_TLS, POP3_ASK_AUTH and POP3_ASK_OPEN. */
struct pop3_ask pop3_login_tls_began(struct pop3 *session, const struct pop3_answer *answer);
struct pop3_ask pop3_login_checked(struct pop3 *session, const struct pop3_answer *answer,
                                   struct plan *plan);
struct pop3_ask pop3_login_opened(struct pop3 *session, const struct pop3_answer *answer,
                                  struct plan *plan);

#endif
