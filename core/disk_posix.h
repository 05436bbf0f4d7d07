/* disk_posix: the storage's port (storage/disk.h) on the kernel.
 *
 * DISK_NOW never sleeps: open with RESOLVE_CACHED (kernel 5.12), reads with RWF_NOWAIT; where a
 * file system knows neither, they answer -EAGAIN and a worker does the same with DISK_WAIT. A
 * handle is a file descriptor, so that the sender can give a range to sendfile.
 */
#ifndef RINGPOST_CORE_DISK_POSIX_H
#define RINGPOST_CORE_DISK_POSIX_H

#include "storage/disk.h"

#include <stdbool.h>

/* Opens the store's root folder; NULL with errno where it cannot. Safe for use by many threads. */
struct disk *disk_posix_open(const char *root);
void disk_posix_close(struct disk **disk);

/* From now on no sync waits: for a store that can be made again, where a sync for each maildrop
 * would take hours (ringbench fill). Never for one that serves. The second waits for all at once;
 * 0 or -errno. */
void disk_posix_put_off_syncs(struct disk *disk);
int disk_posix_sync_all(struct disk *disk);

/* Remembers for `keep_s` seconds which messages have been checked, up to `entries` of them
 * (disk_set_checked); once, before threads use the disk. Without it, or where one of the two is 0
 * or there is no memory, nothing is remembered. */
void disk_posix_remember_checks(struct disk *disk, uint32_t entries, uint32_t keep_s);

/* disk_open_temporary on a file system that has no files without a name (O_TMPFILE), such as NFS: a
 * file beside the sentinel whose name is removed at once. */
int disk_posix_open_removed(struct disk *disk);

/* For disk_folder.c: a handle of a file or folder that only says what it is, or -errno. */
int disk_posix_find(const struct disk *disk, const char *path, enum disk_patience patience);

/* Whether `bytes` from `offset` on can be sent without waiting for a device: core/residency.h, else
 * a read with RWF_NOWAIT into `scratch`. */
bool disk_posix_is_resident(struct disk *disk, int file, uint64_t offset, uint64_t bytes,
                            char *scratch);

#endif
