/* native_update: removes the marked messages of an open native maildrop.
 *
 * The UPDATE of RFC 1939 section 6: all of them durably, or none. What it does afterwards to give
 * space back may fail without a word, since the messages are gone by then.
 */
#ifndef RINGPOST_STORAGE_NATIVE_UPDATE_H
#define RINGPOST_STORAGE_NATIVE_UPDATE_H

#include "proto/mail.h"
#include "storage/native.h"

/* Removes the messages whose bit number - 1 is set. Needs DISK_WAIT; waits for a delivery that is
 * under way. MAIL_TEMPORARY where the log does not hold the session's snapshot any more,
 * MAIL_PERMANENT where a marked record or the end of the log is damaged, MAIL_TOO_BIG where the
 * ranges would need more than RECORD_GROUP_MAX records: then nothing is removed. The maildrop is
 * only to be closed afterwards. */
enum mail_result native_update(struct native *native, const struct disk_access *access,
                               const uint64_t *marks);

#endif
