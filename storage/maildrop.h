/* maildrop: making the files of a native maildrop, and opening its wire file.
 *
 * What delivery, compaction and verification need before their own work. A maildrop is made so that
 * its names are durable before the header of its index is there: an index without a header is one
 * whose making was cut short, and is finished by the next delivery, unless there could be mail.
 */
#ifndef RINGPOST_STORAGE_MAILDROP_H
#define RINGPOST_STORAGE_MAILDROP_H

#include "storage/native_index.h"
#include "storage/users.h"

/* A full compaction changes between the two generations, so that the wire file of a maildrop whose
 * index is lost can be found without a look at the folder. */
#define MAILDROP_GENERATION_FIRST 1
#define MAILDROP_GENERATION_OTHER 2

/* native_index_open, but a maildrop that is missing is made. Safe against others that do the same
 * at the same time, and against a crash at any point. MAIL_PERMANENT where the index has no header
 * but mail may be there. Needs DISK_WAIT; uses the scratch. */
enum mail_result maildrop_open_or_make(const struct disk_access *access, const char *path,
                                       enum disk_lock lock, int *out_index,
                                       struct native_tail *out_tail);

/* Reads the header and opens the wire file that it names. MAIL_PERMANENT where that file is missing
 * or the header is damaged. Uses the front of the scratch. */
enum mail_result maildrop_open_wire(const struct disk_access *access, const char *path, int index,
                                    enum disk_mode mode, int *out_wire, uint32_t *out_generation);

/* native_result, but MAIL_DONE where the operation did not fail. */
enum mail_result maildrop_result(int64_t answer);

/* A header record for a new index, in which the rename of a compaction or a repair leaves
 * `record_count` records, the header included; MAILDROP_RECORDS_UNKNOWN where that is not known
 * when the header is written, and 0 for an index that is made at its name. See compact_settle. */
#define MAILDROP_RECORDS_UNKNOWN UINT32_MAX
struct record maildrop_header(uint32_t generation, uint32_t record_count);

/* Where the wire form ended when `record` was written. */
uint64_t maildrop_wire_end(const struct record *record);

/* The size of the file `name` in the maildrop, 0 where it is missing, or -errno. */
int64_t maildrop_file_bytes(const struct disk_access *access, const char *path, const char *name);

/* The name of a wire file, without the folder. */
#define MAILDROP_WIRE_NAME_BYTES 16 /* "wire.4294967295" and a NUL */
void maildrop_wire_name(uint32_t generation, char out_name[MAILDROP_WIRE_NAME_BYTES]);

#endif
