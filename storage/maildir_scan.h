/* maildir_scan: makes the list of a Maildir's messages from all that is known of them.
 *
 * The folders say what is there; our own index, the names, the other server's list and at last the
 * files themselves say how large it is; the list and the names give order and UIDLs. Needs
 * DISK_WAIT. Part of opening; private to the rooms `maildir*`.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_SCAN_H
#define RINGPOST_STORAGE_MAILDIR_SCAN_H

#include "storage/maildir_session.h"

/* Fills `list` in the order of message numbers, each item with octets and a UIDL, all of them
 * different. `old` is the index from before, or NULL; `old_file` its handle. `out_is_whole` is
 * false where messages had to be left out until a later session, or could not be read. */
enum mail_result maildir_scan(struct maildir_session *session, const struct disk_access *access,
                              const struct maildir_index_header *old, int old_file,
                              struct maildir_list *list, struct maildir_stamp *out_stamp,
                              bool *out_is_whole);

/* Lists `new` and `cur`, nothing else, as they are between two changes: what is there and is not
 * listed would count as gone. `out_stamp` is of that moment. */
enum mail_result maildir_scan_folders(struct maildir_session *session,
                                      const struct disk_access *access, struct maildir_list *list,
                                      struct maildir_stamp *out_stamp);

#endif
