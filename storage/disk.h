/* disk: the few file operations that the storage needs, as a port.
 *
 * The storage owns this header; core/disk_posix.c implements it on the kernel and tests/fake_disk.c
 * on memory, where any operation can fail, or be the last before a crash. The two are exchanged
 * when the program is linked. Paths are relative to the store's root. Every function answers 0 or
 * more, or -errno.
 *
 * Patience: with DISK_NOW an operation that would have to wait for a device, or for another holder
 * of a lock, answers -EAGAIN and has changed nothing; the caller runs the same request once more on
 * a thread that may wait, with DISK_WAIT. Operations without a patience parameter may wait, and are
 * only called where waiting is allowed.
 */
#ifndef RINGPOST_STORAGE_DISK_H
#define RINGPOST_STORAGE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk; /* one store; made by whoever implements the port */

enum disk_patience { DISK_NOW, DISK_WAIT };

/* Locks of an open file, held by the open file itself: closing it, or the death of the process,
 * frees them (Linux: open file description locks, fcntl(2) F_OFD_SETLK, kernel 3.15). Two handles
 * exclude each other even within one process. */
enum disk_lock {
    DISK_LOCK_SESSION,      /* one session or one repair at a time (RFC 1939 section 4) */
    DISK_LOCK_DELIVERY,     /* one appender at a time */
    DISK_LOCK_DELIVERY_NOW, /* the same lock, for those who have other things to do meanwhile */
};

enum disk_mode {
    DISK_READ,
    DISK_READ_WRITE,
    DISK_CREATE,      /* read and write, made when missing */
    DISK_CREATE_NEW,  /* read and write, emptied when it was there */
    DISK_CREATE_LOCK, /* the same, but -EEXIST when it was there: the file is a lock of its maker */
};

/* Opens a file; answers its handle, 0 or more. -ENOENT where it or a folder above is missing. */
int disk_open(struct disk *disk, const char *path, enum disk_mode mode,
              enum disk_patience patience);
void disk_close(struct disk *disk, int file);

/* Makes an empty file without a name in the store, for reading and writing; closing it, or the
 * death of the process, frees its space. May wait. */
int disk_open_temporary(struct disk *disk);

/* The size in bytes, or -errno. */
int64_t disk_size(struct disk *disk, int file);

/* Reads up to `bytes` from `offset` on; answers how many, fewer only at the end of the file. With
 * DISK_NOW all that there is must be in memory, else -EAGAIN. */
int64_t disk_read(struct disk *disk, int file, void *buffer, size_t bytes, uint64_t offset,
                  enum disk_patience patience);

/* Writes all of it or answers -errno; what was written of it by then is undefined. */
int disk_write(struct disk *disk, int file, const void *bytes, size_t count, uint64_t offset);

/* Returns when the file's data and size are on stable storage (fdatasync). After a failure the
 * content since the last success is unknown. */
int disk_sync(struct disk *disk, int file);

/* Sets the size; what is cut off is gone, what is added reads as zero. */
int disk_truncate(struct disk *disk, int file, uint64_t bytes);

/* Gives the space of the whole blocks inside the range back; bytes there read as zero afterwards or
 * keep their value. -EOPNOTSUPP where the file system cannot. Never touches a byte outside, nor
 * changes a page in place that part of a range outside shares. */
int disk_punch(struct disk *disk, int file, uint64_t offset, uint64_t bytes);

/* A number that is another one as soon as the file's bytes or its size have been changed, as far as
 * the file system's clock tells. 0 or -errno. */
int disk_state(struct disk *disk, int file, uint64_t *out_state);

/* Bytes whose checksum was right a moment ago, over all sessions of the process. A fingerprint is
 * of the file's state, the place of the bytes and their checksum. disk_was_checked: it has been set
 * lately. A port may forget at any time; one that never knows anything is a good one. */
bool disk_was_checked(struct disk *disk, uint64_t fingerprint);
void disk_set_checked(struct disk *disk, uint64_t fingerprint);

/* Whether all these bytes, one or more, are in the file and in memory, so that reading them would
 * not wait. Reads none: false also where a port cannot tell without. */
bool disk_is_resident(struct disk *disk, int file, uint64_t offset, uint64_t bytes);

/* Names. Rename replaces; a name is durable after disk_sync_folder of its folder. */
int disk_rename(struct disk *disk, const char *from, const char *to);
int disk_remove(struct disk *disk, const char *path);
int disk_make_folder(struct disk *disk, const char *path); /* 0 also where it was there */
int disk_sync_folder(struct disk *disk, const char *path);

/* What a path leads to, without opening it. Links are not followed: -ELOOP. */
struct disk_facts {
    bool is_folder; /* else a file of any kind */
    uint64_t bytes;
    int64_t modified_ns; /* since 1970, as the file system keeps it */
    uint64_t inode;
};
int disk_look(struct disk *disk, const char *path, enum disk_patience patience,
              struct disk_facts *out_facts);

/* The time by which files are stamped, in nanoseconds since 1970. */
int64_t disk_time_ns(struct disk *disk);

/* The names of the files in a folder, in no order; links and folders are left out. Opens it and
 * answers a handle, which disk_close closes; disk_list then fills `buffer` with names that each end
 * in NUL and answers how many bytes that are, 0 at the end. `bytes` is at least DISK_LIST_BYTES.
 * What changes meanwhile may be listed or not. */
#define DISK_LIST_BYTES 4096
int disk_open_folder(struct disk *disk, const char *path);
int64_t disk_list(struct disk *disk, int folder, char *buffer, size_t bytes);

/* Memory for what is as large as a maildrop is: makes the block `old` as large as `bytes`, keeping
 * what is in it, or gives it back where `bytes` is 0. A new one for NULL. NULL where there is none;
 * then `old` is as it was. */
void *disk_memory(struct disk *disk, void *old, size_t bytes);

/* Takes a lock. DISK_LOCK_SESSION never waits: -EBUSY where another has it, whatever the patience.
 * DISK_LOCK_DELIVERY waits with DISK_WAIT, and answers -EAGAIN with DISK_NOW; with
 * DISK_LOCK_DELIVERY_NOW it never waits, and answers -EAGAIN. */
int disk_lock(struct disk *disk, int file, enum disk_lock lock, enum disk_patience patience);
void disk_unlock(struct disk *disk, int file, enum disk_lock lock);

/* How a request is to run: which store, whether it may wait, and memory for its own use during the
 * request. Shards run with DISK_NOW first; a worker thread runs again with DISK_WAIT. */
#define DISK_SCRATCH_BYTES (256 * 1024)
struct disk_access {
    struct disk *disk;
    enum disk_patience patience;
    char *scratch; /* DISK_SCRATCH_BYTES, nobody else's during the request */
};

#endif
