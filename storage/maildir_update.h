/* maildir_update: what a session changes in a Maildir. Private to the rooms `maildir*`.
 *
 * Removed messages, and with the operator's leave the flag of those that were fetched; and the one
 * record of our index whose octets somebody had told wrongly. Needs DISK_WAIT.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_UPDATE_H
#define RINGPOST_STORAGE_MAILDIR_UPDATE_H

#include "storage/maildir_session.h"

/* Unlinks the messages whose bit is set, wherever they are now, and makes it durable. One that is
 * gone already counts as removed. MAIL_PARTLY where some are removed and others could not be, or
 * where nobody knows whether it is durable; else nothing was removed. */
enum mail_result maildir_update(struct maildir_session *session, const struct disk_access *access,
                                const uint64_t *marks);

/* Remembers the octets that were counted, so that the next session says them. Always answers
 * MAIL_TEMPORARY: in this one LIST has said something else. */
enum mail_result maildir_correct(struct maildir_session *session, const struct disk_access *access,
                                 uint32_t index, uint32_t octets);

/* Gives the file the flag S, in `cur`, where it has not. MAIL_LATER with DISK_NOW where that would
 * change something; else MAIL_DONE, whether it could be done or not. */
enum mail_result maildir_mark_seen(struct maildir_session *session,
                                   const struct disk_access *access, const char *path);

#endif
