/* maildrop: making the files of a native maildrop, and opening its wire file.
 *
 * The order in which a maildrop is made: folders, an empty index under the delivery lock, an empty
 * wire file, sync of every folder that could have got a name, and last the header of the index.
 */
#include "storage/maildrop.h"

#include "proto/must.h"

#include <errno.h>
#include <string.h>

#define INDEX_NAME "index"

/* The first try finds the maildrop missing, the second may find it made by somebody else and
 * already replaced; more tries than this mean that something else is wrong. */
#define MAKE_TRIES_MAX 4

static enum mail_result make(const struct disk_access *access, const char *path,
                             enum disk_lock lock);
static enum mail_result finish(const struct disk_access *access, const char *path, int index);
static enum mail_result check_no_mail(const struct disk_access *access, const char *path);
static enum mail_result make_wire(const struct disk_access *access, const char *path);
static enum mail_result for_each_folder(const struct disk_access *access, const char *path,
                                        int (*action)(struct disk *disk, const char *folder));

enum mail_result maildrop_open_or_make(const struct disk_access *access, const char *path,
                                       enum disk_lock lock, int *out_index,
                                       struct native_tail *out_tail)
{
    must(access->patience == DISK_WAIT);
    for (int tries = 0; tries < MAKE_TRIES_MAX; tries++) {
        *out_index = -1;
        enum mail_result result = native_index_open(access, path, lock, out_index, out_tail);
        if (result == MAIL_DONE && *out_index >= 0)
            return MAIL_DONE;
        *out_index = -1;
        if (result == MAIL_DONE || result == MAIL_PERMANENT)
            result = make(access, path, lock);
        if (result != MAIL_DONE)
            return result;
    }
    return MAIL_PERMANENT;
}

enum mail_result maildrop_open_wire(const struct disk_access *access, const char *path, int index,
                                    enum disk_mode mode, int *out_wire, uint32_t *out_generation)
{
    struct record header;
    enum mail_result result = native_records_read(access, index, 0, 1);
    if (result != MAIL_DONE)
        return result;
    if (!record_decode(access->scratch, &header) || header.kind != RECORD_HEADER)
        return MAIL_PERMANENT;

    char wire_path[USERS_FILE_BYTES];
    native_wire_path(path, header.header.wire_generation, wire_path);
    int wire = disk_open(access->disk, wire_path, mode, access->patience);
    if (wire < 0)
        return wire == -ENOENT ? MAIL_PERMANENT : native_result(wire);
    *out_wire = wire;
    *out_generation = header.header.wire_generation;
    return MAIL_DONE;
}

enum mail_result maildrop_result(int64_t answer)
{
    return answer < 0 ? native_result(answer) : MAIL_DONE;
}

struct record maildrop_header(uint32_t generation, uint32_t record_count)
{
    return (struct record){
        .kind = RECORD_HEADER,
        .commit = true,
        .octets = record_count,
        .header.wire_generation = generation,
    };
}

uint64_t maildrop_wire_end(const struct record *record)
{
    return record->offset + (record->kind == RECORD_DELIVERY ? record->wire_bytes : 0);
}

int64_t maildrop_file_bytes(const struct disk_access *access, const char *path, const char *name)
{
    char file_path[USERS_FILE_BYTES];
    users_file(path, name, file_path);
    int file = disk_open(access->disk, file_path, DISK_READ, access->patience);
    if (file < 0)
        return file == -ENOENT ? 0 : file;
    int64_t bytes = disk_size(access->disk, file);
    disk_close(access->disk, file);
    return bytes;
}

void maildrop_wire_name(uint32_t generation, char out_name[MAILDROP_WIRE_NAME_BYTES])
{
    char wire_path[USERS_FILE_BYTES];
    native_wire_path("", generation, wire_path);
    const char *name = wire_path[0] == '/' ? wire_path + 1 : wire_path;
    size_t length = strlen(name);
    must(length < MAILDROP_WIRE_NAME_BYTES);
    memcpy(out_name, name, length + 1);
}

/* Makes what is missing. MAIL_DONE also where somebody else was quicker. */
static enum mail_result make(const struct disk_access *access, const char *path,
                             enum disk_lock lock)
{
    enum mail_result result = for_each_folder(access, path, disk_make_folder);
    if (result != MAIL_DONE)
        return result;

    char index_path[USERS_FILE_BYTES];
    users_file(path, INDEX_NAME, index_path);
    int index = disk_open(access->disk, index_path, DISK_CREATE, access->patience);
    if (index < 0)
        return native_result(index);
    if (lock == DISK_LOCK_SESSION)
        lock = DISK_LOCK_DELIVERY;
    int locked = disk_lock(access->disk, index, lock, access->patience);
    result = locked < 0 ? native_result(locked) : finish(access, path, index);
    disk_close(access->disk, index);
    return result;
}

/* With the lock: writes the header, unless there is one, or there could be mail without it. */
static enum mail_result finish(const struct disk_access *access, const char *path, int index)
{
    struct record header;
    char bytes[RECORD_BYTES];
    int64_t got = disk_read(access->disk, index, bytes, RECORD_BYTES, 0, access->patience);
    if (got == RECORD_BYTES && record_decode(bytes, &header))
        return header.kind == RECORD_HEADER ? MAIL_DONE : MAIL_PERMANENT;
    int64_t size = got < 0 ? got : disk_size(access->disk, index);
    if (size < 0)
        return native_result(size);
    if (size > RECORD_BYTES)
        return MAIL_PERMANENT;

    enum mail_result result = check_no_mail(access, path);
    if (result == MAIL_DONE)
        result = make_wire(access, path);
    if (result == MAIL_DONE)
        result = for_each_folder(access, path, disk_sync_folder);
    if (result != MAIL_DONE)
        return result;

    header = maildrop_header(MAILDROP_GENERATION_FIRST, 0);
    record_encode(&header, bytes);
    int written = disk_write(access->disk, index, bytes, RECORD_BYTES, 0);
    if (written == 0)
        written = disk_sync(access->disk, index);
    return maildrop_result(written);
}

static enum mail_result check_no_mail(const struct disk_access *access, const char *path)
{
    static const uint32_t generations[] = {MAILDROP_GENERATION_FIRST, MAILDROP_GENERATION_OTHER};
    for (size_t i = 0; i < 2; i++) {
        char name[MAILDROP_WIRE_NAME_BYTES];
        maildrop_wire_name(generations[i], name);
        int64_t bytes = maildrop_file_bytes(access, path, name);
        if (bytes != 0)
            return bytes < 0 ? native_result(bytes) : MAIL_PERMANENT;
    }
    return MAIL_DONE;
}

static enum mail_result make_wire(const struct disk_access *access, const char *path)
{
    char wire_path[USERS_FILE_BYTES];
    native_wire_path(path, MAILDROP_GENERATION_FIRST, wire_path);
    int wire = disk_open(access->disk, wire_path, DISK_CREATE, access->patience);
    if (wire < 0)
        return native_result(wire);
    disk_close(access->disk, wire);
    return MAIL_DONE;
}

/* Acts on each folder on the way from the root to `path`, the outermost first; for a sync the root
 * itself is one of them. */
static enum mail_result for_each_folder(const struct disk_access *access, const char *path,
                                        int (*action)(struct disk *disk, const char *folder))
{
    char folder[USERS_FOLDER_BYTES];
    size_t length = strlen(path);
    must(length < sizeof(folder));
    int result = action == disk_sync_folder ? action(access->disk, ".") : 0;
    for (size_t end = 1; end <= length && result >= 0; end++) {
        if (path[end] != '/' && path[end] != '\0')
            continue;
        memcpy(folder, path, end);
        folder[end] = '\0';
        result = action(access->disk, folder);
    }
    return maildrop_result(result);
}
