/* maildir_foreign: what the other server's list says of a Maildir's messages.
 *
 * `dovecot-uidlist`, or with the format `courier` `courierpop3dsizelist`. Read whole when it has
 * changed; written only where Dovecot's format of UIDLs needs UIDs for new messages: then they are
 * given as Dovecot gives them, under its lock. Needs DISK_WAIT. Private to the rooms `maildir*`.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_FOREIGN_H
#define RINGPOST_STORAGE_MAILDIR_FOREIGN_H

#include "storage/maildir_session.h"

/* The name of the list that the format needs. */
const char *maildir_foreign_name(const struct maildir_uidl_format *format);

/* Tells the items what the list says of them. A list that is not there says nothing, one whose
 * header is damaged neither. */
enum mail_result maildir_foreign_read(struct maildir_session *session,
                                      const struct disk_access *access, struct maildir_list *list);

/* Gives a UID to each item that has neither one nor a UIDL, durably. Where another holds the lock,
 * or where there is a control folder and the Maildir may not be written, those items are left out,
 * and `out_is_whole` is false. `stamp` learns what the list is like afterwards. Where the list is
 * damaged they keep none.
 */
enum mail_result maildir_foreign_assign(struct maildir_session *session,
                                        const struct disk_access *access, struct maildir_list *list,
                                        struct maildir_stamp *stamp, bool *out_is_whole);

#endif
