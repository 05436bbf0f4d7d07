/* remote_login: with which name and password a user is logged in on another POP3 server.
 *
 * Passwords come from a file, from the environment or from standard input, never from the command
 * line, where every process can see them. Copies are wiped.
 */
#ifndef RINGPOST_TOOLS_REMOTE_LOGIN_H
#define RINGPOST_TOOLS_REMOTE_LOGIN_H

#include "tools/remote.h"

/* The options of a command with a remote, as its list of options and its help show them. */
#define REMOTE_LOGIN_OPTIONS                                                                       \
    {.name = "--user", .value = "LOGIN"}, {.name = "--master", .value = "NAME"},                   \
        {.name = "--password-file", .value = "FILE"}, {.name = "--password-env", .value = "NAME"}, \
        {.name = "--password-stdin"}, {.name = "--passwords", .value = "FILE"},                    \
        {.name = "--cacert", .value = "FILE"}, {.name = "--insecure"},                             \
    {                                                                                              \
        .name = "--plaintext"                                                                      \
    }
#define REMOTE_LOGIN_HELP                                                                          \
    "  --user LOGIN            the name at the old server, if it is not the user's: %u is his\n"   \
    "                          name, %n its part before the @, %d that behind it; with a master\n" \
    "                          user of Dovecot '%u*master'\n"                                      \
    "  --master NAME           logs in as NAME for the user, by SASL PLAIN\n"                      \
    "  --password-file FILE    the first line is the password, of the master or of all\n"          \
    "  --password-env NAME     the password is in this variable of the environment\n"              \
    "  --password-stdin        the password is one line of standard input\n"                       \
    "  --passwords FILE        a line NAME:PASSWORD for each user\n"                               \
    "  --cacert FILE           who may sign the server's certificate (PEM), not the system's\n"    \
    "  --insecure              any certificate is good\n"                                          \
    "  --plaintext             pop3:// without STLS\n"

/* Reads these options of `run`, and the password that they name. Without ENDING_DONE a sentence has
 * been said. What it has read is to be wiped with remote_order_wipe in any case. */
enum ending remote_order_read(const struct run *run, struct remote_order *out_order);
void remote_order_wipe(struct remote_order *order);

/* Writes login, authorization and password of `user` into `remote`. False with remote->error. */
bool remote_login_of(struct remote *remote, const char *user);

#endif
