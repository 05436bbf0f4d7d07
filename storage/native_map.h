/* native_map: from message numbers to ordinals of an open native maildrop.
 *
 * Where nothing was ever expunged, the number is the ordinal. Else the expunges are read, once, and
 * the runs of live records are kept in struct native; only a maildrop with more runs than fit is
 * read again now and then. Checks what the index says against its own totals.
 */
#ifndef RINGPOST_STORAGE_NATIVE_MAP_H
#define RINGPOST_STORAGE_NATIVE_MAP_H

#include "proto/mail.h"
#include "storage/native.h"

/* A larger index with expunges is read by a worker, not on the loop. */
#define NATIVE_MAP_NOW_RECORDS 4096

/* The ordinal of message `number` (1..view.count), and how many messages from it on have ordinals
 * that follow one another. May use scratch. MAIL_PERMANENT where the expunges are damaged. */
enum mail_result native_map_locate(struct native *native, const struct disk_access *access,
                                   uint32_t number, uint32_t *out_ordinal, uint32_t *out_count);

/* How many runs of live records there are. Uses scratch. */
enum mail_result native_map_count_runs(struct native *native, const struct disk_access *access,
                                       uint32_t *out_runs);

#endif
