/* store: finds the store, or makes it where that is allowed; see store.h.
 *
 * Every step works on the opened folder, never again on its name, so that a mount which appears in
 * between cannot be mistaken for what was checked before.
 */
#include "core/store.h"

#include "storage/native_index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* For whoever finds the file and wonders. */
static const char sentinel_text[] =
    "This file marks the root of a Ringpost store. Without it no mail is served from here.\n";

static int open_root(const char *root, enum store_making making, bool *out_is_new);
static bool check_sentinel(int folder, const char *root, enum store_making making, bool is_new,
                           bool *out_made, char *out_error, size_t error_bytes);
static int is_empty(int folder, bool *out_empty);
static int make_sentinel(int folder);

struct disk *store_open(const char *root, enum store_making making, bool *out_made, char *out_error,
                        size_t error_bytes)
{
    struct disk *disk = NULL;
    bool is_new = false;
    *out_made = false;
    const int folder = open_root(root, making, &is_new);
    if (folder == -ENOENT && making == STORE_NEVER_MAKE) {
        snprintf(out_error, error_bytes,
                 "the store %s does not exist: mount it, or make a new one with `ringpost store "
                 "create`",
                 root);
        return NULL;
    }
    if (folder < 0) {
        snprintf(out_error, error_bytes,
                 "the store %s cannot be opened (%s): check the path in the configuration and its "
                 "permissions",
                 root, strerror(-folder));
        return NULL;
    }
    if (check_sentinel(folder, root, making, is_new, out_made, out_error, error_bytes)) {
        disk = disk_posix_open(root);
        if (disk == NULL)
            snprintf(out_error, error_bytes, "the store %s cannot be opened (%s)", root,
                     strerror(errno));
    }
    close(folder);
    return disk;
}

static int open_root(const char *root, enum store_making making, bool *out_is_new)
{
    int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT && making != STORE_NEVER_MAKE) {
        /* EEXIST: another has made it since; then it is for him to put the sentinel in. */
        if (mkdir(root, 0700) == 0)
            *out_is_new = true;
        else if (errno != EEXIST)
            return -errno;
        folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    return folder < 0 ? -errno : folder;
}

static bool check_sentinel(int folder, const char *root, enum store_making making, bool is_new,
                           bool *out_made, char *out_error, size_t error_bytes)
{
    struct stat status;
    if (fstatat(folder, STORE_SENTINEL, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISREG(status.st_mode))
            return true;
        snprintf(out_error, error_bytes, "%s/%s is not a regular file: put the real one back", root,
                 STORE_SENTINEL);
        return false;
    }
    bool empty = false;
    int error = errno == ENOENT ? is_empty(folder, &empty) : -errno;
    if (error == 0 && !is_new && !(empty && making == STORE_MAKE_IN_EMPTY)) {
        const char *sentence =
            empty
                ? "the store %s is an empty folder without the file %s: if its file system is not "
                  "mounted, mount it; if a new store is wanted here, run `ringpost store create`"
                : "%s is no store, for it has other files but no file %s: name another folder as "
                  "store in the configuration, or put the file back";
        snprintf(out_error, error_bytes, sentence, root, STORE_SENTINEL);
        return false;
    }
    if (error == 0)
        error = make_sentinel(folder);
    if (error < 0) {
        snprintf(out_error, error_bytes, "no store can be made in %s (%s)", root, strerror(-error));
        return false;
    }
    *out_made = true;
    return true;
}

/* A fresh ext4 file system holds `lost+found`, and is empty all the same. */
static int is_empty(int folder, bool *out_empty)
{
    const int scan = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = scan < 0 ? NULL : fdopendir(scan);
    if (entries == NULL) {
        const int error = -errno;
        if (scan >= 0)
            close(scan);
        return error;
    }
    *out_empty = true;
    errno = 0;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, "lost+found") != 0)
            *out_empty = false;
    }
    const int error = -errno;
    closedir(entries);
    return error;
}

/* The sentinel gets the owner of the folder, so that a store which root makes in the server's
 * folder is the server's. The sync of `..` makes a new folder's own name durable. */
static int make_sentinel(int folder)
{
    struct stat status;
    const int file =
        openat(folder, STORE_SENTINEL, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    const ssize_t length = (ssize_t)strlen(sentinel_text);
    errno = EIO;
    const bool written = fstat(folder, &status) == 0 &&
                         (geteuid() != 0 || fchown(file, status.st_uid, status.st_gid) == 0) &&
                         pwrite(file, sentinel_text, (size_t)length, 0) == length &&
                         fsync(file) == 0 && fsync(folder) == 0;
    int error = written ? 0 : -errno;
    if (error < 0)
        unlinkat(folder, STORE_SENTINEL, 0);
    close(file);
    const int parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent >= 0) {
        if (error == 0 && fsync(parent) != 0)
            error = -errno;
        close(parent);
    }
    return error;
}
