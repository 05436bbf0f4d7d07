/* disk_posix: the storage's port on Linux.
 *
 * Owns one handle of the store's root folder, and what was checked lately. Every path is resolved
 * beneath that folder and through no symbolic link, so that nothing in a store can lead out of it.
 * Whatever a shard asks with DISK_NOW is answered from memory or refused with -EAGAIN. Never looks
 * at what the bytes mean, never reports a failure to anybody but its caller.
 */
#include "core/disk_posix.h"

#include "core/check_cache.h"
#include "core/residency.h"
#include "proto/must.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FOLDER_MODE 0700
#define FILE_MODE   0600

/* The locked bytes lie where no file has data. Old and new programs meet at them during a restart:
 * the two numbers are for ever. */
#define LOCK_SESSION_OFFSET  ((off_t)1 << 62)
#define LOCK_DELIVERY_OFFSET (LOCK_SESSION_OFFSET + 1)

/* Longest path of a folder that a name is split from; a maildrop's folder has less than 300. */
#define PARENT_BYTES 1024

/* A change that follows another within a tick of the kernel's clock may leave the file's time as it
 * was, but not one that comes later; ticks are 10 ms at most. */
#define SETTLED_NS 20000000

struct disk {
    int root;
    struct check_cache *checks;  /* or NULL */
    atomic_uint temporary_count; /* names tried by disk_posix_open_removed */
    bool puts_off_syncs;
    struct residency residency;
};

static int open_beneath(const struct disk *disk, const char *path, int flags, uint64_t resolve);
static uint64_t steady_s(void);

int disk_open(struct disk *disk, const char *path, enum disk_mode mode, enum disk_patience patience)
{
    int flags = O_RDONLY;
    switch (mode) {
    case DISK_READ:
        break;
    case DISK_READ_WRITE:
        flags = O_RDWR;
        break;
    case DISK_CREATE:
        flags = O_RDWR | O_CREAT;
        break;
    case DISK_CREATE_NEW:
        flags = O_RDWR | O_CREAT | O_TRUNC;
        break;
    case DISK_CREATE_LOCK:
        flags = O_RDWR | O_CREAT | O_EXCL;
        break;
    }
    if (patience == DISK_WAIT)
        return open_beneath(disk, path, flags, 0);
    int file = open_beneath(disk, path, flags, RESOLVE_CACHED);
    /* A kernel before 5.12 does not know the flag; the one that waits finds any true mistake. */
    return file == -EINVAL ? -EAGAIN : file;
}

int disk_posix_find(const struct disk *disk, const char *path, enum disk_patience patience)
{
    uint64_t resolve = patience == DISK_NOW ? RESOLVE_CACHED : 0;
    int handle = open_beneath(disk, path, O_PATH, resolve);
    return handle == -EINVAL && patience == DISK_NOW ? -EAGAIN : handle;
}

int disk_open_folder(struct disk *disk, const char *path)
{
    return open_beneath(disk, path, O_RDONLY | O_DIRECTORY, 0);
}

static int open_beneath(const struct disk *disk, const char *path, int flags, uint64_t resolve)
{
    bool makes_file = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .mode = makes_file ? FILE_MODE : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve,
    };
    /* Times of access are worth nothing here and cost a look at the clock for each read. Only the
     * owner of a file may leave them out. */
    bool is_data = (flags & (O_PATH | O_DIRECTORY)) == 0;
    if (is_data)
        how.flags |=
            O_NOATIME | O_NONBLOCK; /* what turns out to be a pipe must not be waited for */
    long file = syscall(SYS_openat2, disk->root, path, &how, sizeof how);
    while (file < 0 && (errno == EINTR || (errno == EPERM && (how.flags & O_NOATIME) != 0))) {
        if (errno == EPERM)
            how.flags &= ~(uint64_t)O_NOATIME;
        file = syscall(SYS_openat2, disk->root, path, &how, sizeof how);
    }
    return file < 0 ? -errno : (int)file;
}

void disk_close(struct disk *disk, int file)
{
    (void)disk;
    close(file);
}

int disk_open_temporary(struct disk *disk)
{
    const int file = open_beneath(disk, ".", O_TMPFILE | O_RDWR | O_EXCL, 0);
    const bool has_none = file == -EOPNOTSUPP || file == -EISDIR || file == -EINVAL;
    return has_none ? disk_posix_open_removed(disk) : file;
}

/* The names are only for those that do the same in this instant, or did and were killed. */
int disk_posix_open_removed(struct disk *disk)
{
    int file;
    do {
        char name[64];
        snprintf(name, sizeof name, "temporary-%d-%u", (int)getpid(),
                 atomic_fetch_add_explicit(&disk->temporary_count, 1, memory_order_relaxed));
        file = open_beneath(disk, name, O_RDWR | O_CREAT | O_EXCL, 0);
        if (file >= 0)
            (void)unlinkat(disk->root, name, 0);
    } while (file == -EEXIST);
    return file;
}

int64_t disk_size(struct disk *disk, int file)
{
    (void)disk;
    /* A third of what fstat(2) costs; nobody uses the handle's position. */
    off_t end = lseek(file, 0, SEEK_END);
    return end < 0 ? -errno : end;
}

int64_t disk_read(struct disk *disk, int file, void *buffer, size_t bytes, uint64_t offset,
                  enum disk_patience patience)
{
    int flags = patience == DISK_NOW ? RWF_NOWAIT : 0;
    size_t done = 0;
    while (done < bytes) {
        struct iovec rest = {(char *)buffer + done, bytes - done};
        ssize_t got = preadv2(file, &rest, 1, (off_t)(offset + done), flags);
        if (got > 0)
            done += (size_t)got;
        else if (got == 0)
            break; /* only this is the end: a short result may also mean the end of what is cached
                    */
        else if (errno == EOPNOTSUPP && patience == DISK_NOW)
            return -EAGAIN;
        else if (errno == EAGAIN) {
            residency_miss(&disk->residency);
            return -EAGAIN;
        } else if (errno != EINTR)
            return -errno;
    }
    return (int64_t)done;
}

int disk_write(struct disk *disk, int file, const void *bytes, size_t count, uint64_t offset)
{
    (void)disk;
    size_t done = 0;
    while (done < count) {
        ssize_t put =
            pwrite(file, (const char *)bytes + done, count - done, (off_t)(offset + done));
        if (put > 0)
            done += (size_t)put;
        else if (put == 0)
            return -EIO;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int disk_sync(struct disk *disk, int file)
{
    if (disk->puts_off_syncs)
        return 0;
    while (fdatasync(file) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int disk_truncate(struct disk *disk, int file, uint64_t bytes)
{
    (void)disk;
    while (ftruncate(file, (off_t)bytes) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

/* The kernel zeroes a block that is only partly inside in place, also in a page that a send in
 * flight may still point at. So the range shrinks to whole blocks and whole pages first. */
int disk_punch(struct disk *disk, int file, uint64_t offset, uint64_t bytes)
{
    (void)disk;
    struct stat facts;
    if (fstat(file, &facts) < 0)
        return -errno;
    if (offset > INT64_MAX || bytes > INT64_MAX - offset)
        return -EINVAL;
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t block_bytes = (uint64_t)facts.st_blksize;
    uint64_t grain = block_bytes > page_bytes ? block_bytes : page_bytes;
    uint64_t past_block = offset % grain;
    uint64_t begin = past_block == 0 ? offset : offset - past_block + grain;
    uint64_t end = offset + bytes - (offset + bytes) % grain;
    if (begin >= end)
        return 0;
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    while (fallocate(file, mode, (off_t)begin, (off_t)(end - begin)) < 0)
        if (errno != EINTR)
            return errno == ENOSYS ? -EOPNOTSUPP : -errno;
    return 0;
}

/* The folder that `path` is a name in, as a handle for the *at calls, because those would follow
 * symbolic links on the way; and that name. A path without a folder is in the root itself, whose
 * handle must stay open: give the handle back with parent_close. */
static int parent_open(const struct disk *disk, const char *path, const char **out_name)
{
    const char *slash = strrchr(path, '/');
    *out_name = slash == NULL ? path : slash + 1;
    if (slash == NULL)
        return disk->root;
    size_t length = (size_t)(slash - path);
    char folder[PARENT_BYTES];
    if (length >= sizeof folder)
        return -ENAMETOOLONG;
    memcpy(folder, path, length);
    folder[length] = '\0';
    return open_beneath(disk, folder, O_PATH | O_DIRECTORY, 0);
}

static void parent_close(const struct disk *disk, int folder)
{
    if (folder != disk->root)
        close(folder);
}

int disk_rename(struct disk *disk, const char *from, const char *to)
{
    const char *from_name;
    int from_folder = parent_open(disk, from, &from_name);
    if (from_folder < 0)
        return from_folder;
    const char *to_name;
    int to_folder = parent_open(disk, to, &to_name);
    if (to_folder < 0) {
        parent_close(disk, from_folder);
        return to_folder;
    }
    int result = renameat(from_folder, from_name, to_folder, to_name) < 0 ? -errno : 0;
    parent_close(disk, from_folder);
    parent_close(disk, to_folder);
    return result;
}

int disk_remove(struct disk *disk, const char *path)
{
    const char *name;
    int folder = parent_open(disk, path, &name);
    if (folder < 0)
        return folder;
    int result = unlinkat(folder, name, 0) < 0 ? -errno : 0;
    parent_close(disk, folder);
    return result;
}

int disk_make_folder(struct disk *disk, const char *path)
{
    const char *name;
    int folder = parent_open(disk, path, &name);
    if (folder < 0)
        return folder;
    int result = mkdirat(folder, name, FOLDER_MODE) < 0 ? -errno : 0;
    parent_close(disk, folder);
    return result == -EEXIST ? 0 : result;
}

/* "" and "." are the root. */
int disk_sync_folder(struct disk *disk, const char *path)
{
    if (disk->puts_off_syncs)
        return 0;
    int folder = open_beneath(disk, *path == '\0' ? "." : path, O_RDONLY | O_DIRECTORY, 0);
    if (folder < 0)
        return folder;
    int result;
    do
        result = fsync(folder) < 0 ? -errno : 0;
    while (result == -EINTR);
    close(folder);
    return result;
}

/* One byte of an open file description lock (fcntl(2)); 0 or -errno. */
static int lock_byte(int file, enum disk_lock lock, short type, int command)
{
    struct flock range = {
        .l_type = type,
        .l_whence = SEEK_SET,
        .l_start = lock == DISK_LOCK_SESSION ? LOCK_SESSION_OFFSET : LOCK_DELIVERY_OFFSET,
        .l_len = 1,
    };
    while (fcntl(file, command, &range) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int disk_lock(struct disk *disk, int file, enum disk_lock lock, enum disk_patience patience)
{
    (void)disk;
    bool waits = lock == DISK_LOCK_DELIVERY && patience == DISK_WAIT;
    int result = lock_byte(file, lock, F_WRLCK, waits ? F_OFD_SETLKW : F_OFD_SETLK);
    if (result != -EAGAIN && result != -EACCES)
        return result;
    return lock == DISK_LOCK_SESSION ? -EBUSY : -EAGAIN;
}

void disk_unlock(struct disk *disk, int file, enum disk_lock lock)
{
    (void)disk;
    /* There is nobody to tell about a failure; disk_close frees the lock in any case. */
    (void)lock_byte(file, lock, F_UNLCK, F_OFD_SETLK);
}

void disk_posix_put_off_syncs(struct disk *disk)
{
    disk->puts_off_syncs = true;
}

int disk_posix_sync_all(struct disk *disk)
{
    return syncfs(disk->root) < 0 ? -errno : 0;
}

struct disk *disk_posix_open(const char *root)
{
    struct disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL)
        return NULL;
    residency_miss(&disk->residency); /* nobody knows what was read just now */
    disk->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (disk->root < 0) {
        free(disk);
        return NULL;
    }
    /* A kernel or a container without openat2(2) is found out now, not at the first login. */
    int probe = open_beneath(disk, ".", O_PATH | O_DIRECTORY, 0);
    if (probe < 0) {
        disk_posix_close(&disk);
        errno = -probe;
        return NULL;
    }
    close(probe);
    return disk;
}

void disk_posix_close(struct disk **disk)
{
    if (*disk == NULL)
        return;
    close((*disk)->root);
    check_cache_free(&(*disk)->checks);
    free(*disk);
    *disk = NULL;
}

int disk_state(struct disk *disk, int file, uint64_t *out_state)
{
    (void)disk;
    struct stat facts;
    struct timespec now;
    if (fstat(file, &facts) < 0)
        return -errno;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    const struct timespec *changed = &facts.st_mtim;
    if ((now.tv_sec - changed->tv_sec) * 1000000000 + now.tv_nsec - changed->tv_nsec < SETTLED_NS)
        return -EAGAIN;
    const uint64_t parts[] = {(uint64_t)facts.st_dev, (uint64_t)facts.st_ino,
                              (uint64_t)changed->tv_sec, (uint64_t)changed->tv_nsec,
                              (uint64_t)facts.st_size};
    uint64_t state = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        state = (state ^ parts[i]) * 0x9E3779B97F4A7C15;
        state ^= state >> 29;
    }
    *out_state = state;
    return 0;
}

bool disk_was_checked(struct disk *disk, uint64_t fingerprint)
{
    return disk->checks != NULL && check_cache_knows(disk->checks, fingerprint, steady_s());
}

bool disk_is_resident(struct disk *disk, int file, uint64_t offset, uint64_t bytes)
{
    bool is_resident;
    return residency_find(&disk->residency, file, offset, bytes, &is_resident) && is_resident;
}

void disk_set_checked(struct disk *disk, uint64_t fingerprint)
{
    if (disk->checks != NULL)
        check_cache_remember(disk->checks, fingerprint, steady_s());
}

void disk_posix_remember_checks(struct disk *disk, uint32_t entries, uint32_t keep_s)
{
    must(disk->checks == NULL);
    disk->checks = check_cache_make(entries, keep_s);
}

static uint64_t steady_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec;
}

bool disk_posix_is_resident(struct disk *disk, int file, uint64_t offset, uint64_t bytes,
                            char *scratch)
{
    must(bytes <= UINT64_MAX - offset);
    if (bytes == 0)
        return true;
    bool resident;
    if (residency_find(&disk->residency, file, offset, bytes, &resident))
        return resident;
    while (bytes > 0) {
        size_t part = bytes < DISK_SCRATCH_BYTES ? (size_t)bytes : DISK_SCRATCH_BYTES;
        if (disk_read(disk, file, scratch, part, offset, DISK_NOW) != (int64_t)part)
            return false;
        offset += part;
        bytes -= part;
    }
    return true;
}
