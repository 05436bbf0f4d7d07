/* native_wire: the wire file of an open native maildrop, as a session reads it.
 *
 * Opens the file when the first message is asked for, checks a message against its record, and
 * finds the end of a TOP. Believes neither the record nor the file without the other.
 */
#ifndef RINGPOST_STORAGE_NATIVE_WIRE_H
#define RINGPOST_STORAGE_NATIVE_WIRE_H

#include "proto/mail.h"
#include "storage/native.h"
#include "storage/native_format.h"

/* What a delivery record says of its message's place, and whether its lengths can be those of one
 * message. */
struct native_place native_wire_place(const struct record *record);
bool native_wire_lengths_fit(const struct native_place *place);

/* Opens the wire file of the generation that the index names, if it is not open yet. Uses scratch.
 * MAIL_PERMANENT where the header record is damaged or the file is missing. */
enum mail_result native_wire_open(struct native *native, const struct disk_access *access);

/* So many bytes of messages that follow one another are looked for in memory at once: who asks for
 * one mostly asks for the next. */
#define NATIVE_AHEAD_BYTES (256 * 1024)

/* Checks a message whose lengths fit and which native->places holds: inside the file, first line,
 * end, checksum. Once passed, it is not read again as long as its neighbours are asked for, nor
 * where another session has checked it lately (disk_was_checked) and it is in memory still; its
 * neighbours are then looked at with it. MAIL_PERMANENT where it is damaged; MAIL_LATER for a large
 * one with DISK_NOW. `out_resident_bytes`: so many bytes, from the message's first on, this call
 * has found in memory. Uses scratch. */
enum mail_result native_wire_check(struct native *native, const struct disk_access *access,
                                   uint32_t number, const struct native_place *message,
                                   uint64_t *out_resident_bytes);

/* How many bytes behind the first line TOP sends: header, blank line and `lines` lines of the body,
 * never the end. The message must have been checked. Uses scratch. */
enum mail_result native_wire_top(struct native *native, const struct disk_access *access,
                                 const struct native_place *message, uint64_t lines,
                                 uint64_t *out_bytes);

#endif
