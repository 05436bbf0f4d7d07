/* maildir_top: how much of a raw message TOP sends.
 *
 * Looks for the end of the header and counts lines, as the coder sees them. Private to the rooms
 * `maildir*`; sends nothing and keeps nothing.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_TOP_H
#define RINGPOST_STORAGE_MAILDIR_TOP_H

#include "storage/maildir_session.h"

/* The size of the header, the empty line and `lines` lines of the body, read through scratch. */
enum mail_result maildir_top_count(const struct disk_access *access, int file, uint64_t lines,
                                   struct maildir_size *out_size);

#endif
