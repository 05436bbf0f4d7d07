/* export: all messages of one maildrop into an mbox file or a Maildir.
 *
 * The session lock is held meanwhile, so that nothing is removed halfway; a session that runs is
 * waited for a moment. A damaged message is named and left out. Nothing that is there is
 * overwritten. Exported and imported again, a message has the same octets on the wire, and out of a
 * Maildir the same UIDL.
 */
#ifndef RINGPOST_TOOLS_EXPORT_H
#define RINGPOST_TOOLS_EXPORT_H

#include "tools/command.h"

/* `path` is the maildrop's folder, `target` a new file or `-` for standard output, respectively a
 * folder that is missing or empty. All is durable when they answer ENDING_DONE. `x_uidl` puts the
 * UIDL before each header, which changes the octets of the messages. A Maildir gets a
 * dovecot-uidlist with the UIDLs. */
enum ending export_to_mbox(struct run *run, const char *user, const char *path, const char *target,
                           bool x_uidl);
enum ending export_to_maildir(struct run *run, const char *user, const char *path,
                              const char *target);

#endif
