/* import_gone: removes what an earlier import brought and what its source has no more.
 *
 * For the time between the first copy and the switch: what a customer removes at the old server
 * would be new to his mail program if it came back. It removes as a session does, all or nothing,
 * and never a message that no import has brought.
 */
#ifndef RINGPOST_TOOLS_IMPORT_GONE_H
#define RINGPOST_TOOLS_IMPORT_GONE_H

#include "tools/command.h"
#include "tools/known.h"

/* `known` as it is after the whole source was read: what was met is KNOWN_NOW. The maildrop must
 * not be locked; a session that runs is waited for a moment. Without ENDING_DONE a sentence has
 * been said and nothing is removed. */
enum ending import_gone_remove(struct run *run, const char *user, const char *path,
                               const struct known *known, uint64_t *out_removed);

#endif
