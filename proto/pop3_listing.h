/* pop3_listing: LIST and UIDL, for one message or for all (RFC 1939 sections 5 and 7).
 *
 * The inside of the room pop3. A listing may be far longer than a plan: it goes on in windows, asks
 * for the facts of as many messages as the plan has room for, and for room when there is none.
 */
#ifndef RINGPOST_PROTO_POP3_LISTING_H
#define RINGPOST_PROTO_POP3_LISTING_H

#include "proto/pop3.h"
#include "proto/pop3_command.h"

/* Handlers of commands; a message number that the command has is one of a message that is there. */
struct pop3_ask pop3_listing_list(struct pop3 *session, const struct pop3_command *command,
                                  struct plan *plan);
struct pop3_ask pop3_listing_uidl(struct pop3 *session, const struct pop3_command *command,
                                  struct plan *plan);

/* Facts that a LIST or UIDL has asked for. */
struct pop3_ask pop3_listing_facts(struct pop3 *session, const struct pop3_answer *answer,
                                   struct plan *plan);

/* The plan has been sent: there is room again. */
struct pop3_ask pop3_listing_room(struct pop3 *session, struct plan *plan);

#endif
