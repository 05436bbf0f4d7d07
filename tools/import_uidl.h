/* import_uidl: whether a message came before, and the UIDL of one that has not.
 *
 * A UIDL of the old server is kept where it is valid and no other message has it; else one is made
 * of what is the same in each import. docs/decisions/0012-imports-remember-uidls.md has the why.
 */
#ifndef RINGPOST_TOOLS_IMPORT_UIDL_H
#define RINGPOST_TOOLS_IMPORT_UIDL_H

#include "tools/import.h"

/* What became of a message's UIDL; IMPORT_FAILED: there is no memory. */
enum import_choice { IMPORT_TAKE, IMPORT_KNOWN, IMPORT_FAILED };

/* Whether the message is known without its bytes; then it counts as met. */
bool import_uidl_is_known(struct import *import, const struct import_label *label);

/* The same for a message whose bytes are all there; with IMPORT_TAKE it is new, and this is its
 * UIDL. */
enum import_choice import_uidl_choose(struct import *import, const struct import_label *label,
                                      char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length);

/* A new message is in the batch: it is known, and noted for the next import. False where there is
 * no memory. */
bool import_uidl_remember(struct import *import, const struct import_label *label,
                          struct span uidl);

#endif
