/* maildir_open: begins and ends a session on a Maildir. Private to the rooms `maildir*`.
 *
 * Takes our lock, which excludes our own sessions and nobody else, and sees whether anything has
 * changed since the index was written. If not, its header is all that is read. Else the messages
 * are gathered (maildir_scan) and the index is written anew, at most once a session.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_OPEN_H
#define RINGPOST_STORAGE_MAILDIR_OPEN_H

#include "storage/maildir_session.h"

/* A folder's time says nothing about changes that came in the same tick of a clock. Two seconds
 * are the coarsest that file systems in use have. */
#define MAILDIR_SETTLE_NS INT64_C(2000000000)

/* Opens the Maildir `path`. MAIL_IN_USE where another session of ours has it; MAIL_TEMPORARY where
 * it or one of its folders is missing, MAIL_PERMANENT where they may not be read; MAIL_TOO_BIG
 * where it has more messages than the settings allow. On any failure *out_session is NULL and
 * nothing stays open. Else it is closed with maildir_close. */
enum mail_result maildir_open(const struct maildir_settings *settings,
                              const struct disk_access *access, const char *path,
                              struct maildir_session **out_session);

/* Frees the lock and everything held, and clears the pointer. Never waits. */
void maildir_close(struct maildir_session **session);

#endif
