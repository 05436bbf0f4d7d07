/* import_memory: the file `imported`, and the UIDLs of a maildrop; see import_memory.h.
 *
 * A crash may leave the end of the file in pieces or as zeros: a line without an end is cut off,
 * and one with zeros in it is no key.
 */
#include "tools/import_memory.h"

#include "storage/maildrop.h"
#include "tools/snapshot.h"

#include <stdlib.h>
#include <string.h>

static enum mail_result read_maildrop(const struct disk_access *access, const char *path,
                                      struct known *known);
static enum mail_result read_file(struct import_memory *memory, struct known *known);
/* The line before the one that is read, whose state the next line may change. */
struct previous {
    size_t length;
    char bytes[IMPORT_MEMORY_LINE_MAX];
};

static bool read_lines(struct span *text, struct known *known, struct previous *previous);
static bool is_key(struct span key);

enum mail_result import_memory_open(struct import_memory *memory, const struct disk_access *access,
                                    const char *path, struct known *known)
{
    char file_path[USERS_FILE_BYTES];
    *memory = (struct import_memory){.access = access, .file = -1};
    enum mail_result result = read_maildrop(access, path, known);
    memory->lines = malloc(IMPORT_MEMORY_BYTES);
    if (result == MAIL_DONE && memory->lines == NULL)
        result = MAIL_TEMPORARY;
    if (result == MAIL_DONE) {
        users_file(path, "imported", file_path);
        memory->file = disk_open(access->disk, file_path, DISK_CREATE, DISK_WAIT);
        result = memory->file < 0 ? native_result(memory->file) : read_file(memory, known);
    }
    if (result != MAIL_DONE)
        import_memory_close(memory);
    return result;
}

void import_memory_close(struct import_memory *memory)
{
    if (memory->file >= 0)
        disk_close(memory->access->disk, memory->file);
    free(memory->lines);
    *memory = (struct import_memory){.file = -1};
}

void import_memory_note(struct import_memory *memory, struct span key)
{
    if (!is_key(key) || IMPORT_MEMORY_BYTES - memory->used < key.length + 1)
        return;
    memcpy(memory->lines + memory->used, key.bytes, key.length);
    memory->used += key.length;
    memory->lines[memory->used++] = '\n';
}

bool import_memory_is_full(const struct import_memory *memory)
{
    return IMPORT_MEMORY_BYTES - memory->used < 2 * IMPORT_MEMORY_LINE_MAX;
}

void import_memory_forget(struct import_memory *memory)
{
    memory->used = 0;
}

enum mail_result import_memory_write(struct import_memory *memory)
{
    struct disk *disk = memory->access->disk;
    if (memory->used == 0)
        return MAIL_DONE;
    int written = disk_write(disk, memory->file, memory->lines, memory->used, memory->file_bytes);
    if (written >= 0)
        written = disk_sync(disk, memory->file);
    if (written < 0)
        return native_result(written);
    memory->file_bytes += memory->used;
    memory->used = 0;
    return MAIL_DONE;
}

static enum mail_result read_maildrop(const struct disk_access *access, const char *path,
                                      struct known *known)
{
    struct snapshot snapshot;
    struct snapshot_message message;
    bool end = false;
    enum mail_result result = snapshot_open(&snapshot, access, path, false);
    if (result != MAIL_DONE)
        return result;
    while (result == MAIL_DONE && !end) {
        result = snapshot_next(&snapshot, &message, &end);
        if (result == MAIL_DONE && !end && !message.damaged &&
            !known_set(known, (struct span){message.record.uidl.bytes, message.record.uidl.length},
                       KNOWN_LIVE))
            result = MAIL_TEMPORARY;
    }
    snapshot_close(&snapshot);
    return result;
}

static enum mail_result read_file(struct import_memory *memory, struct known *known)
{
    const struct disk_access *access = memory->access;
    struct previous previous = {.length = 0};
    size_t kept = 0;
    uint64_t at = 0;
    for (;;) {
        const int64_t got = disk_read(access->disk, memory->file, access->scratch + kept,
                                      DISK_SCRATCH_BYTES - kept, at, DISK_WAIT);
        if (got < 0)
            return native_result(got);
        if (got == 0)
            break;
        at += (uint64_t)got;
        struct span text = {access->scratch, kept + (size_t)got};
        if (!read_lines(&text, known, &previous))
            return MAIL_TEMPORARY;
        /* A line that fills the scratch is none of ours. */
        kept = text.length < DISK_SCRATCH_BYTES ? text.length : 0;
        memmove(access->scratch, text.bytes, kept);
    }
    memory->file_bytes = at - kept;
    return kept > 0 ? maildrop_result(disk_truncate(access->disk, memory->file, memory->file_bytes))
                    : MAIL_DONE;
}

/* Takes whole lines off `text`. False where there is no memory. */
static bool read_lines(struct span *text, struct known *known, struct previous *previous)
{
    const char *end;
    while (text->length > 0 && (end = memchr(text->bytes, '\n', text->length)) != NULL) {
        const struct span line = {text->bytes, (size_t)(end - text->bytes)};
        *text = (struct span){end + 1, text->length - line.length - 1};
        /* A file's name behind a line that a crash has spoilt is not of the one before that. */
        if (!is_key(line)) {
            previous->length = 0;
            continue;
        }
        const struct span before = {previous->bytes, previous->length};
        const bool is_file = *line.bytes == ' ' && before.length > 0;
        if (!known_set(known, line, KNOWN_EARLIER) ||
            (is_file && !known_set(known, before, KNOWN_GUESSED)))
            return false;
        if (is_file)
            known_join(known, before, line);
        memcpy(previous->bytes, line.bytes, line.length);
        previous->length = line.length;
    }
    return true;
}

/* Names of files may hold more than UIDLs, but nothing that ends a line or that a crash leaves. */
static bool is_key(struct span key)
{
    if (key.length == 0 || key.length >= IMPORT_MEMORY_LINE_MAX)
        return false;
    return memchr(key.bytes, '\n', key.length) == NULL && memchr(key.bytes, 0, key.length) == NULL;
}
