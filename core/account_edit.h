/* account_edit: users added, changed and deleted in a passwd-file, by the administrator's command.
 *
 * A change is a new file beside the old one, made durable and then renamed over it: readers see one
 * or the other. Comments, the order, fields that Ringpost does not know, the owner and the mode
 * stay as they are. Editors hold a lock meanwhile, so that two commands at once lose nothing. Never
 * runs in the server.
 */
#ifndef RINGPOST_CORE_ACCOUNT_EDIT_H
#define RINGPOST_CORE_ACCOUNT_EDIT_H

#include "proto/span.h"

/* `hash` is the whole field as password_make writes it, `{SCHEME}hash`. Each answers true when the
 * change is durable; else `out_error` is a sentence, and the file is as it was, unless the sentence
 * says that only the sync of its folder failed. A file that the server could not read before or
 * after the change is not touched. */

/* Appends a user; false where he is there already. A missing file is made, empty at first, with
 * mode 0600; its folder must be there. */
bool account_edit_add(const char *path, struct span name, struct span hash, char *out_error,
                      size_t error_bytes);

/* Gives a user another hash; false where there is no such user. */
bool account_edit_change(const char *path, struct span name, struct span hash, char *out_error,
                         size_t error_bytes);

/* Removes a user's line; false where there is no such user. */
bool account_edit_delete(const char *path, struct span name, char *out_error, size_t error_bytes);

#endif
