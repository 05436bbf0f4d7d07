/* disk_folder: the part of the storage's port that looks at folders, see storage/disk.h.
 *
 * Beside disk_posix.c, which opens: here a path is looked at through a handle that reads nothing,
 * and a folder is listed by the kernel's own call, without a library's buffer in between.
 */
#include "core/disk_posix.h"

#include "proto/must.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

/* What getdents64(2) gives, by the kernel's layout. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

static int64_t to_ns(const struct timespec *time)
{
    return time->tv_sec * NS_PER_S + time->tv_nsec;
}

int disk_look(struct disk *disk, const char *path, enum disk_patience patience,
              struct disk_facts *out_facts)
{
    int handle = disk_posix_find(disk, path, patience);
    if (handle < 0)
        return handle;
    struct stat facts;
    int result = fstat(handle, &facts) < 0 ? -errno : 0;
    close(handle);
    if (result == 0)
        *out_facts = (struct disk_facts){
            .is_folder = S_ISDIR(facts.st_mode),
            .bytes = (uint64_t)facts.st_size,
            .modified_ns = to_ns(&facts.st_mtim),
            .inode = facts.st_ino,
        };
    return result;
}

int64_t disk_time_ns(struct disk *disk)
{
    (void)disk;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME_COARSE, &time);
    return to_ns(&time);
}

/* A name is shorter than the entry that it comes in: the names take the entries' place. */
int64_t disk_list(struct disk *disk, int folder, char *buffer, size_t bytes)
{
    (void)disk;
    must(bytes >= DISK_LIST_BYTES && (uintptr_t)buffer % _Alignof(struct entry) == 0);
    size_t used = 0;
    while (used == 0) {
        long got = syscall(SYS_getdents64, folder, buffer, bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        for (long at = 0; at < got;) {
            const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
            at += entry->bytes;
            size_t length = strlen(entry->name) + 1;
            if (entry->type != DT_REG && entry->type != DT_UNKNOWN)
                continue;
            if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
                continue;
            memmove(buffer + used, entry->name, length);
            used += length;
        }
    }
    return (int64_t)used;
}

void *disk_memory(struct disk *disk, void *old, size_t bytes)
{
    (void)disk;
    if (bytes > 0)
        return realloc(old, bytes);
    free(old);
    return NULL;
}
