/* fake_disk: the port storage/disk.h on memory, for tests of what must survive.
 *
 * Any operation can fail with a chosen error, or be the last before a crash; afterwards
 * fake_disk_restart brings back what was durable, and as much of the rest as the test wants. Names
 * are durable only after a sync of their folder, data and sizes only after a sync of the file. One
 * thread; a lock that could only be waited for without end answers -EDEADLK. Everything is
 * deterministic: the same calls and seeds give the same bytes.
 */
#ifndef RINGPOST_TESTS_SUPPORT_FAKE_DISK_H
#define RINGPOST_TESTS_SUPPORT_FAKE_DISK_H

#include "storage/disk.h"
#include "tests/support/fake_file.h"

enum fake_call {
    FAKE_OPEN,
    FAKE_OPEN_TEMPORARY,
    FAKE_CLOSE,
    FAKE_SIZE,
    FAKE_READ,
    FAKE_WRITE,
    FAKE_SYNC,
    FAKE_TRUNCATE,
    FAKE_PUNCH,
    FAKE_RENAME,
    FAKE_REMOVE,
    FAKE_MAKE_FOLDER,
    FAKE_SYNC_FOLDER,
    FAKE_LOCK,
    FAKE_UNLOCK,
    FAKE_LOOK,
    FAKE_LIST,
    FAKE_MEMORY,
    FAKE_RESIDENT,
    FAKE_CALL_COUNT,
};

/* A new, empty store without a sentinel. Free takes the pointer's address and clears it. */
struct disk *fake_disk_make(void);
void fake_disk_free(struct disk **disk);

/* The `countdown`-th operation from now on (1: the next) fails with `error`, a positive errno,
 * once; 0 takes the fault back. Closing and unlocking cannot fail and do not count. A write that
 * fails may have written a part; a sync that fails may lose what it should have kept, silently. */
void fake_disk_fail_at(struct disk *disk, uint64_t countdown, int error);

/* The `countdown`-th operation happens in part or not at all, and it and all later ones answer -EIO
 * until fake_disk_restart. */
void fake_disk_crash_at(struct disk *disk, uint64_t countdown);
bool fake_disk_has_crashed(const struct disk *disk);

/* The machine comes back: all handles and locks are gone, and with them what the loss says. */
void fake_disk_restart(struct disk *disk, enum fake_loss loss, uint64_t seed);

/* Only the process died (kill -9) and comes back: handles and locks are gone, files are as they
 * were seen, and what was not synced still is not. */
void fake_disk_restart_process(struct disk *disk);

/* Every n-th operation with DISK_NOW answers -EAGAIN; 0: none does. */
void fake_disk_wait_every(struct disk *disk, uint64_t n);

/* Whether disk_punch answers -EOPNOTSUPP. */
void fake_disk_refuse_punch(struct disk *disk, bool refuse);

/* From now on disk_was_checked knows what was set; else it never does. */
void fake_disk_remember_checks(struct disk *disk);

/* Of each file, only the first `bytes` are in memory, as disk_is_resident sees it; else all. */
void fake_disk_keep_resident(struct disk *disk, uint64_t bytes);

/* A disk that is full as soon as one of its files has so many bytes; 0: never. */
void fake_disk_limit(struct disk *disk, uint64_t file_bytes_max);

/* Calls of one kind since the last fake_disk_counts_reset, and operations that a fault could hit
 * since the disk was made. */
uint64_t fake_disk_calls(const struct disk *disk, enum fake_call call);
void fake_disk_counts_reset(struct disk *disk);
uint64_t fake_disk_operations(const struct disk *disk);

/* Moves the disk's clock on. A change of a folder's names stamps the folder with the time that it
 * is, so that two changes without a step between them look like one. */
void fake_disk_step_clock(struct disk *disk, int64_t ns);

/* The next listing of the folder of `from` shows neither name: another renames the file meanwhile.
 * Both are borrowed until then. */
void fake_disk_move_while_listed(struct disk *disk, const char *from, const char *to);

/* Blocks of disk_memory that nobody has given back. */
uint32_t fake_disk_blocks(const struct disk *disk);

/* Handles that are open now. */
uint32_t fake_disk_open_files(const struct disk *disk);

/* Around the port, without faults and counters: a file's bytes as a reader sees them, or NULL,
 * borrowed until the file changes; and a file made or replaced, durable at once with its folders.
 */
char *fake_disk_peek(struct disk *disk, const char *path, size_t *out_bytes);
void fake_disk_put(struct disk *disk, const char *path, const void *bytes, size_t count);

/* The `index`-th path of all files and folders, in no order that means anything, or NULL. */
const char *fake_disk_path(const struct disk *disk, uint32_t index);

/* Access to the disk with `patience` and scratch memory that the disk owns. */
struct disk_access fake_disk_access(struct disk *disk, enum disk_patience patience);

#endif
