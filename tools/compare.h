/* compare: one user's maildrop in the store, message by message, with one on another POP3 server.
 *
 * What a client would notice after a move: messages that are missing, in another order, or with
 * another UIDL or size, and on request other bytes. Each difference is a line on stdout. It changes
 * nothing, and takes no lock.
 */
#ifndef RINGPOST_TOOLS_COMPARE_H
#define RINGPOST_TOOLS_COMPARE_H

#include "tools/command.h"
#include "tools/remote.h"

struct compare_order {
    struct remote_order remote;
    bool bytes; /* fetch and compare the messages, too */
};

/* ENDING_DONE: no client can tell the two apart. ENDING_DIFFERS: it can. Else it could not be found
 * out, and a sentence has been said. */
enum ending compare_maildrops(struct run *run, const char *user, const char *path, const char *url,
                              const struct compare_order *order);

#endif
