/* fake_disk: the port storage/disk.h on memory, for tests of what must survive.
 *
 * It owns names, handles, locks, faults and counters; the bytes are fake_file's. Changes of names
 * wait in a log until a sync of their folder, and what is still in the log when the power goes may
 * or may not have happened, each change by itself.
 */
#include "tests/support/fake_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES  512
#define NAMES_MAX   256
#define FILES_MAX   1024
#define HANDLES_MAX 64
#define CHANGES_MAX 1024
#define CHECKED_MAX 64

#define NO_FILE   (-1)
#define IS_FOLDER (-2)

struct name {
    char path[PATH_BYTES];
    int file; /* in `files`, or IS_FOLDER */
    int64_t modified_ns;
};

struct names {
    struct name items[NAMES_MAX];
    uint32_t count;
};

/* Takes the name `from` away (or none: ""), gives `to` to the file (or none: NO_FILE). */
struct change {
    char from[PATH_BYTES];
    char to[PATH_BYTES];
    int file;
};

struct handle {
    int file;        /* NO_FILE: the handle is free; IS_FOLDER: lists `folder` */
    uint32_t listed; /* names of it that have been looked at */
    char folder[PATH_BYTES];
    bool writable;
    bool holds_session, holds_delivery;
};

struct disk {
    struct names now;
    struct names durable;
    struct change changes[CHANGES_MAX];
    uint32_t change_count;
    struct fake_file files[FILES_MAX];
    uint32_t file_count;
    struct handle handles[HANDLES_MAX];
    uint64_t calls[FAKE_CALL_COUNT];
    uint64_t operations;
    uint64_t fail_in, crash_in; /* 0: never */
    int fail_error;
    uint64_t wait_every, now_operations;
    uint64_t random;
    bool crashed;
    bool refuses_punch;
    bool remembers_checks;
    uint64_t resident_bytes;
    uint64_t checked[CHECKED_MAX]; /* fingerprints */
    uint64_t file_bytes_max;       /* 0: none */
    int64_t time_ns;
    const char *moves_from, *moves_to; /* while a folder is listed */
    uint32_t blocks;
    _Alignas(16) char scratch[DISK_SCRATCH_BYTES];
};

static int begin(struct disk *disk, enum fake_call call);
static int take_handle(struct disk *disk, struct handle opened);
static void stamp_folder(struct disk *disk, const char *path);
static int begin_patiently(struct disk *disk, enum fake_call call, enum disk_patience patience);
static bool *lock_of(struct handle *handle, enum disk_lock lock);
static int open_handle(struct disk *disk, int file, bool writable);
static struct fake_file *file_of(struct disk *disk, int handle);
static struct name *find(struct names *names, const char *path);
static int new_file(struct disk *disk);
static void apply(struct names *names, const struct change *change);
static void change_names(struct disk *disk, const char *from, const char *to, int file);
static bool is_in_folder(const char *path, const char *folder);
static bool parent_is_there(struct names *names, const char *path);
static void require(bool condition);

int disk_open(struct disk *disk, const char *path, enum disk_mode mode, enum disk_patience patience)
{
    int result = begin_patiently(disk, FAKE_OPEN, patience);
    if (result < 0)
        return result;
    if (!parent_is_there(&disk->now, path))
        return -ENOENT;
    struct name *name = find(&disk->now, path);
    if (name && name->file == IS_FOLDER)
        return -EISDIR;
    if (name && mode == DISK_CREATE_LOCK)
        return -EEXIST;
    if (!name && (mode == DISK_READ || mode == DISK_READ_WRITE))
        return -ENOENT;
    if (!name) {
        change_names(disk, "", path, new_file(disk));
        name = find(&disk->now, path);
    } else if (mode == DISK_CREATE_NEW) {
        fake_file_truncate(&disk->files[name->file], 0);
    }
    return open_handle(disk, name->file, mode != DISK_READ);
}

static int open_handle(struct disk *disk, int file, bool writable)
{
    return take_handle(disk, (struct handle){.file = file, .writable = writable});
}

static int take_handle(struct disk *disk, struct handle opened)
{
    for (int handle = 0; handle < HANDLES_MAX; handle++) {
        if (disk->handles[handle].file == NO_FILE) {
            disk->handles[handle] = opened;
            return handle;
        }
    }
    return -EMFILE;
}

int disk_look(struct disk *disk, const char *path, enum disk_patience patience,
              struct disk_facts *out_facts)
{
    int result = begin_patiently(disk, FAKE_LOOK, patience);
    if (result < 0)
        return result;
    const struct name *name = find(&disk->now, path);
    if (!name)
        return -ENOENT;
    *out_facts = (struct disk_facts){.is_folder = name->file == IS_FOLDER,
                                     .modified_ns = name->modified_ns,
                                     .inode = (uint64_t)(name->file + 2)};
    if (!out_facts->is_folder)
        out_facts->bytes = disk->files[name->file].now_bytes;
    return 0;
}

int64_t disk_time_ns(struct disk *disk)
{
    return disk->time_ns;
}

int disk_open_folder(struct disk *disk, const char *path)
{
    int result = begin(disk, FAKE_OPEN);
    if (result < 0)
        return result;
    const struct name *name = find(&disk->now, path);
    if (!name)
        return -ENOENT;
    if (name->file != IS_FOLDER)
        return -ENOTDIR;
    struct handle folder = {.file = IS_FOLDER};
    strcpy(folder.folder, path);
    return take_handle(disk, folder);
}

int64_t disk_list(struct disk *disk, int folder, char *buffer, size_t bytes)
{
    int result = begin(disk, FAKE_LIST);
    if (result < 0)
        return result;
    struct handle *handle = &disk->handles[folder];
    require(handle->file == IS_FOLDER && bytes >= DISK_LIST_BYTES);
    size_t used = 0;
    for (; handle->listed < disk->now.count && used + PATH_BYTES <= bytes; handle->listed++) {
        const struct name *name = &disk->now.items[handle->listed];
        if (name->file == IS_FOLDER || !is_in_folder(name->path, handle->folder))
            continue;
        if (disk->moves_from != NULL && strcmp(name->path, disk->moves_from) == 0)
            continue;
        const char *last = name->path + strlen(handle->folder) + 1;
        strcpy(buffer + used, last);
        used += strlen(last) + 1;
    }
    if (disk->moves_from != NULL && is_in_folder(disk->moves_from, handle->folder)) {
        disk->time_ns++;
        change_names(disk, disk->moves_from, disk->moves_to,
                     find(&disk->now, disk->moves_from)->file);
        disk->moves_from = NULL;
    }
    return (int64_t)used;
}

void *disk_memory(struct disk *disk, void *old, size_t bytes)
{
    if (bytes == 0) {
        disk->blocks -= old != NULL;
        free(old);
        return NULL;
    }
    if (begin(disk, FAKE_MEMORY) < 0)
        return NULL;
    disk->blocks += old == NULL;
    return realloc(old, bytes);
}

void disk_close(struct disk *disk, int file)
{
    disk->calls[FAKE_CLOSE]++;
    if (disk->crashed)
        return;
    require(file >= 0 && file < HANDLES_MAX && disk->handles[file].file != NO_FILE);
    disk->handles[file] = (struct handle){.file = NO_FILE};
}

/* Its place in `files` is used up: tests make few of them. */
int disk_open_temporary(struct disk *disk)
{
    int result = begin(disk, FAKE_OPEN_TEMPORARY);
    return result < 0 ? result : open_handle(disk, new_file(disk), true);
}

int64_t disk_size(struct disk *disk, int file)
{
    int result = begin(disk, FAKE_SIZE);
    return result < 0 ? result : (int64_t)file_of(disk, file)->now_bytes;
}

int64_t disk_read(struct disk *disk, int file, void *buffer, size_t bytes, uint64_t offset,
                  enum disk_patience patience)
{
    int result = begin_patiently(disk, FAKE_READ, patience);
    if (result < 0)
        return result;
    return (int64_t)fake_file_read(file_of(disk, file), buffer, bytes, offset);
}

/* A change of the bytes is another state. */
int disk_state(struct disk *disk, int file, uint64_t *out_state)
{
    const struct fake_file *there = file_of(disk, file);
    uint64_t state = there->now_bytes + 1;
    for (size_t i = 0; i < there->now_bytes; i++)
        state = (state ^ (unsigned char)there->now[i]) * 0x100000001B3;
    *out_state = state;
    return 0;
}

bool disk_was_checked(struct disk *disk, uint64_t fingerprint)
{
    return disk->remembers_checks && disk->checked[fingerprint % CHECKED_MAX] == fingerprint;
}

bool disk_is_resident(struct disk *disk, int file, uint64_t offset, uint64_t bytes)
{
    require(bytes > 0);
    disk->calls[FAKE_RESIDENT]++;
    return offset + bytes <= file_of(disk, file)->now_bytes &&
           offset + bytes <= disk->resident_bytes;
}

void fake_disk_keep_resident(struct disk *disk, uint64_t bytes)
{
    disk->resident_bytes = bytes;
}

void disk_set_checked(struct disk *disk, uint64_t fingerprint)
{
    disk->checked[fingerprint % CHECKED_MAX] = fingerprint;
}

void fake_disk_remember_checks(struct disk *disk)
{
    disk->remembers_checks = true;
}

int disk_write(struct disk *disk, int file, const void *bytes, size_t count, uint64_t offset)
{
    bool was_crashed = disk->crashed;
    int result = begin(disk, FAKE_WRITE);
    if (was_crashed)
        return result;
    require(disk->handles[file].writable);
    if (result == 0 && disk->file_bytes_max > 0 && offset + count > disk->file_bytes_max)
        result = -ENOSPC;
    size_t part = result < 0 ? (size_t)(fake_random(&disk->random) % (count + 1)) : count;
    fake_file_write(file_of(disk, file), bytes, part, offset);
    return result;
}

int disk_sync(struct disk *disk, int file)
{
    bool was_crashed = disk->crashed;
    int result = begin(disk, FAKE_SYNC);
    if (was_crashed || disk->crashed)
        return result; /* what of it got through is for the restart to say */
    if (result < 0)
        fake_file_sync_in_vain(file_of(disk, file), &disk->random);
    else
        fake_file_sync(file_of(disk, file));
    return result;
}

int disk_truncate(struct disk *disk, int file, uint64_t bytes)
{
    int result = begin(disk, FAKE_TRUNCATE);
    if (result < 0)
        return result;
    require(disk->handles[file].writable);
    fake_file_truncate(file_of(disk, file), bytes);
    return 0;
}

int disk_punch(struct disk *disk, int file, uint64_t offset, uint64_t bytes)
{
    int result = begin(disk, FAKE_PUNCH);
    if (result < 0)
        return result;
    if (disk->refuses_punch)
        return -EOPNOTSUPP;
    require(disk->handles[file].writable && bytes > 0);
    fake_file_punch(file_of(disk, file), offset, bytes);
    return 0;
}

int disk_rename(struct disk *disk, const char *from, const char *to)
{
    int result = begin(disk, FAKE_RENAME);
    if (result < 0)
        return result;
    struct name *name = find(&disk->now, from);
    if (!name || !parent_is_there(&disk->now, to))
        return -ENOENT;
    struct name *replaced = find(&disk->now, to);
    if (name->file == IS_FOLDER || (replaced && replaced->file == IS_FOLDER))
        return -EISDIR;
    if (strcmp(from, to) != 0)
        change_names(disk, from, to, name->file);
    return 0;
}

int disk_remove(struct disk *disk, const char *path)
{
    int result = begin(disk, FAKE_REMOVE);
    if (result < 0)
        return result;
    struct name *name = find(&disk->now, path);
    if (!name)
        return -ENOENT;
    if (name->file == IS_FOLDER)
        return -EISDIR;
    change_names(disk, path, "", NO_FILE);
    return 0;
}

int disk_make_folder(struct disk *disk, const char *path)
{
    int result = begin(disk, FAKE_MAKE_FOLDER);
    if (result < 0)
        return result;
    if (!parent_is_there(&disk->now, path))
        return -ENOENT;
    struct name *name = find(&disk->now, path);
    if (name)
        return name->file == IS_FOLDER ? 0 : -EEXIST;
    change_names(disk, "", path, IS_FOLDER);
    return 0;
}

int disk_sync_folder(struct disk *disk, const char *path)
{
    int result = begin(disk, FAKE_SYNC_FOLDER);
    if (result < 0)
        return result;
    struct name *name = find(&disk->now, path);
    if (path[0] != '\0' && strcmp(path, ".") != 0 && (!name || name->file != IS_FOLDER))
        return -ENOENT;
    uint32_t left = 0;
    for (uint32_t i = 0; i < disk->change_count; i++) {
        const struct change *change = &disk->changes[i];
        if (is_in_folder(change->from[0] ? change->from : change->to, path))
            apply(&disk->durable, change);
        else
            disk->changes[left++] = *change;
    }
    disk->change_count = left;
    return 0;
}

int disk_lock(struct disk *disk, int file, enum disk_lock lock, enum disk_patience patience)
{
    int result = begin_patiently(disk, FAKE_LOCK, patience);
    if (result < 0)
        return result;
    require(disk->handles[file].file != NO_FILE && disk->handles[file].writable);
    for (int other = 0; other < HANDLES_MAX; other++) {
        struct handle *holder = &disk->handles[other];
        if (other == file || holder->file != disk->handles[file].file || !*lock_of(holder, lock))
            continue;
        if (lock == DISK_LOCK_SESSION)
            return -EBUSY;
        return patience == DISK_NOW || lock == DISK_LOCK_DELIVERY_NOW ? -EAGAIN : -EDEADLK;
    }
    *lock_of(&disk->handles[file], lock) = true;
    return 0;
}

static bool *lock_of(struct handle *handle, enum disk_lock lock)
{
    return lock == DISK_LOCK_SESSION ? &handle->holds_session : &handle->holds_delivery;
}

void disk_unlock(struct disk *disk, int file, enum disk_lock lock)
{
    disk->calls[FAKE_UNLOCK]++;
    if (!disk->crashed)
        *lock_of(&disk->handles[file], lock) = false;
}

struct disk *fake_disk_make(void)
{
    struct disk *disk = calloc(1, sizeof(*disk));
    require(disk != NULL);
    disk->resident_bytes = UINT64_MAX;
    for (int handle = 0; handle < HANDLES_MAX; handle++)
        disk->handles[handle].file = NO_FILE;
    return disk;
}

void fake_disk_free(struct disk **disk)
{
    if (!*disk)
        return;
    for (uint32_t i = 0; i < (*disk)->file_count; i++)
        fake_file_fini(&(*disk)->files[i]);
    free(*disk);
    *disk = NULL;
}

void fake_disk_fail_at(struct disk *disk, uint64_t countdown, int error)
{
    disk->fail_in = countdown;
    disk->fail_error = error;
    disk->random = countdown;
}

void fake_disk_crash_at(struct disk *disk, uint64_t countdown)
{
    disk->crash_in = countdown;
    disk->random = countdown;
}

bool fake_disk_has_crashed(const struct disk *disk)
{
    return disk->crashed;
}

void fake_disk_restart(struct disk *disk, enum fake_loss loss, uint64_t seed)
{
    uint64_t random = seed;
    for (uint32_t i = 0; i < disk->change_count; i++) {
        if (loss == FAKE_LOSE_NONE || (loss == FAKE_LOSE_SOME && fake_random(&random) % 2 == 0))
            apply(&disk->durable, &disk->changes[i]);
    }
    disk->change_count = 0;
    for (uint32_t i = 0; i < disk->file_count; i++)
        fake_file_lose(&disk->files[i], loss, &random);

    /* What lay in a folder that did not come back is gone with it. Repeated, for folders in it. */
    for (uint32_t i = 0; i < disk->durable.count; i++) {
        if (!parent_is_there(&disk->durable, disk->durable.items[i].path)) {
            disk->durable.items[i] = disk->durable.items[--disk->durable.count];
            i = (uint32_t)-1;
        }
    }
    disk->now = disk->durable;
    fake_disk_restart_process(disk);
}

void fake_disk_restart_process(struct disk *disk)
{
    for (int handle = 0; handle < HANDLES_MAX; handle++)
        disk->handles[handle] = (struct handle){.file = NO_FILE};
    disk->crashed = false;
    disk->crash_in = 0;
    disk->fail_in = 0;
}

void fake_disk_wait_every(struct disk *disk, uint64_t n)
{
    disk->wait_every = n;
    disk->now_operations = 0;
}

void fake_disk_refuse_punch(struct disk *disk, bool refuse)
{
    disk->refuses_punch = refuse;
}

void fake_disk_limit(struct disk *disk, uint64_t file_bytes_max)
{
    disk->file_bytes_max = file_bytes_max;
}

uint64_t fake_disk_calls(const struct disk *disk, enum fake_call call)
{
    return disk->calls[call];
}

void fake_disk_counts_reset(struct disk *disk)
{
    memset(disk->calls, 0, sizeof(disk->calls));
}

uint64_t fake_disk_operations(const struct disk *disk)
{
    return disk->operations;
}

void fake_disk_step_clock(struct disk *disk, int64_t ns)
{
    disk->time_ns += ns;
}

void fake_disk_move_while_listed(struct disk *disk, const char *from, const char *to)
{
    disk->moves_from = from;
    disk->moves_to = to;
}

uint32_t fake_disk_blocks(const struct disk *disk)
{
    return disk->blocks;
}

uint32_t fake_disk_open_files(const struct disk *disk)
{
    uint32_t count = 0;
    for (int handle = 0; handle < HANDLES_MAX; handle++)
        count += disk->handles[handle].file != NO_FILE;
    return count;
}

char *fake_disk_peek(struct disk *disk, const char *path, size_t *out_bytes)
{
    const struct name *name = find(&disk->now, path);
    if (!name || name->file == IS_FOLDER)
        return NULL;
    *out_bytes = disk->files[name->file].now_bytes;
    return disk->files[name->file].now;
}

void fake_disk_put(struct disk *disk, const char *path, const void *bytes, size_t count)
{
    char folder[PATH_BYTES];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = '\0';
        if (!find(&disk->now, folder))
            change_names(disk, "", folder, IS_FOLDER);
    }
    if (!find(&disk->now, path))
        change_names(disk, "", path, new_file(disk));
    struct fake_file *file = &disk->files[find(&disk->now, path)->file];
    fake_file_truncate(file, 0);
    fake_file_write(file, bytes, count, 0);
    fake_file_sync(file);
    for (uint32_t i = 0; i < disk->change_count; i++)
        apply(&disk->durable, &disk->changes[i]);
    disk->change_count = 0;
}

const char *fake_disk_path(const struct disk *disk, uint32_t index)
{
    return index < disk->now.count ? disk->now.items[index].path : NULL;
}

struct disk_access fake_disk_access(struct disk *disk, enum disk_patience patience)
{
    return (struct disk_access){disk, patience, disk->scratch};
}

/* Counts an operation; -errno where it is its turn to fail or to crash. */
static int begin(struct disk *disk, enum fake_call call)
{
    if (disk->crashed)
        return -EIO;
    disk->calls[call]++;
    disk->operations++;
    if (disk->crash_in > 0 && --disk->crash_in == 0) {
        disk->crashed = true;
        return -EIO;
    }
    if (disk->fail_in > 0 && --disk->fail_in == 0)
        return -disk->fail_error;
    return 0;
}

static int begin_patiently(struct disk *disk, enum fake_call call, enum disk_patience patience)
{
    int result = begin(disk, call);
    if (result < 0 || patience == DISK_WAIT || disk->wait_every == 0)
        return result;
    return ++disk->now_operations % disk->wait_every == 0 ? -EAGAIN : 0;
}

static struct fake_file *file_of(struct disk *disk, int handle)
{
    require(handle >= 0 && handle < HANDLES_MAX && disk->handles[handle].file != NO_FILE);
    return &disk->files[disk->handles[handle].file];
}

static struct name *find(struct names *names, const char *path)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i].path, path) == 0)
            return &names->items[i];
    }
    return NULL;
}

static int new_file(struct disk *disk)
{
    require(disk->file_count < FILES_MAX);
    fake_file_init(&disk->files[disk->file_count]);
    return (int)disk->file_count++;
}

static void apply(struct names *names, const struct change *change)
{
    struct name *from = find(names, change->from);
    if (from)
        *from = names->items[--names->count];
    if (change->file == NO_FILE)
        return;
    struct name *to = find(names, change->to);
    if (!to) {
        require(names->count < NAMES_MAX);
        to = &names->items[names->count++];
        memcpy(to->path, change->to, sizeof(to->path));
    }
    to->file = change->file;
}

static void change_names(struct disk *disk, const char *from, const char *to, int file)
{
    require(disk->change_count < CHANGES_MAX);
    require(strlen(from) < PATH_BYTES && strlen(to) < PATH_BYTES);
    struct change *change = &disk->changes[disk->change_count++];
    *change = (struct change){.file = file};
    strcpy(change->from, from);
    strcpy(change->to, to);
    apply(&disk->now, change);
    stamp_folder(disk, from);
    stamp_folder(disk, to);
    struct name *name = find(&disk->now, to);
    if (name != NULL)
        name->modified_ns = disk->time_ns;
}

static void stamp_folder(struct disk *disk, const char *path)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    struct name *name = find(&disk->now, folder);
    if (name != NULL)
        name->modified_ns = disk->time_ns;
}

static bool is_in_folder(const char *path, const char *folder)
{
    const char *slash = strrchr(path, '/');
    if (folder[0] == '\0' || strcmp(folder, ".") == 0)
        return slash == NULL;
    size_t length = strlen(folder);
    return slash == path + length && memcmp(path, folder, length) == 0;
}

static bool parent_is_there(struct names *names, const char *path)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (!slash)
        return true;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    const struct name *name = find(names, folder);
    return name && name->file == IS_FOLDER;
}

/* A test that uses the port wrongly ends here, with a core to look at. */
static void require(bool condition)
{
    if (!condition)
        abort();
}
