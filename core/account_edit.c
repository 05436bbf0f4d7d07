/* account_edit: users added, changed and deleted in a passwd-file.
 *
 * Owns the file's lock while it works: a flock(2) on the file itself. Whoever waited for it finds
 * that the name meanwhile means another file, and begins anew with that one. The new text is always
 * the old one with a single stretch of it replaced.
 */
#include "core/account_edit.h"

#include "core/account.h"
#include "core/account_line.h"
#include "core/password.h"
#include "core/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What stands behind the hash of a new user: the six fields that other readers of such files may
 * want to fill in. */
#define OTHER_FIELDS "::::::"

enum change { CHANGE_ADD, CHANGE_HASH, CHANGE_DELETE };

/* One change under way. */
struct edit {
    enum change change;
    const char *path;
    struct span name, hash;
    int file; /* the old file, locked */
    struct stat facts;
    char real_path[PATH_MAX]; /* without symbolic links, so that a link stays one */
    char new_path[PATH_MAX + 4];
    char *old_bytes, *new_bytes;
    size_t old_count, new_count;
    char *error;
    size_t error_bytes;
};

static bool run(struct edit *edit);

bool account_edit_add(const char *path, struct span name, struct span hash, char *out_error,
                      size_t error_bytes)
{
    struct edit edit = {.change = CHANGE_ADD,
                        .path = path,
                        .name = name,
                        .hash = hash,
                        .error = out_error,
                        .error_bytes = error_bytes};
    return run(&edit);
}

bool account_edit_change(const char *path, struct span name, struct span hash, char *out_error,
                         size_t error_bytes)
{
    struct edit edit = {.change = CHANGE_HASH,
                        .path = path,
                        .name = name,
                        .hash = hash,
                        .error = out_error,
                        .error_bytes = error_bytes};
    return run(&edit);
}

bool account_edit_delete(const char *path, struct span name, char *out_error, size_t error_bytes)
{
    struct edit edit = {.change = CHANGE_DELETE,
                        .path = path,
                        .name = name,
                        .error = out_error,
                        .error_bytes = error_bytes};
    return run(&edit);
}

static bool fail(struct edit *edit, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the sentence; always false. */
static bool fail(struct edit *edit, const char *format, ...)
{
    int used = snprintf(edit->error, edit->error_bytes, "%s: ", edit->path);
    if (used < 0 || (size_t)used >= edit->error_bytes)
        return false;
    va_list values;
    va_start(values, format);
    vsnprintf(edit->error + used, edit->error_bytes - (size_t)used, format, values);
    va_end(values);
    return false;
}

static bool check_request(struct edit *edit)
{
    if (!account_name_is_valid(edit->name))
        return fail(edit, "this name cannot be a user's: it needs 1 to 248 characters, no ':', no "
                          "control characters, and no '#' in front");
    for (size_t i = 0; i < edit->hash.length; i++)
        if (edit->hash.bytes[i] == '\0' || strchr(":\r\n", edit->hash.bytes[i]) != NULL)
            return fail(edit, "a hash may not hold ':', a line end or a NUL");
    return true;
}

/* Opens and locks the file that the path means once the lock is held. */
static bool lock_file(struct edit *edit)
{
    int flags = O_RDWR | O_CLOEXEC | (edit->change == CHANGE_ADD ? O_CREAT : 0);
    for (;;) {
        edit->file = open(edit->path, flags, 0600);
        if (edit->file < 0)
            return fail(edit, "cannot be opened: %s", strerror(errno));
        while (flock(edit->file, LOCK_EX) < 0)
            if (errno != EINTR)
                return fail(edit, "cannot be locked: %s", strerror(errno));
        struct stat named;
        if (fstat(edit->file, &edit->facts) < 0 || realpath(edit->path, edit->real_path) == NULL ||
            stat(edit->real_path, &named) < 0) {
            if (errno != ENOENT)
                return fail(edit, "cannot be looked at: %s", strerror(errno));
        } else if (named.st_dev == edit->facts.st_dev && named.st_ino == edit->facts.st_ino) {
            break;
        }
        close(edit->file);
    }
    snprintf(edit->new_path, sizeof edit->new_path, "%s.new", edit->real_path);
    return true;
}

/* Replaces `length` bytes of the old text from `offset` on by the spans of `with`. */
static bool replace(struct edit *edit, size_t offset, size_t length, const struct span *with,
                    size_t with_count)
{
    size_t room = edit->old_count - length;
    for (size_t i = 0; i < with_count; i++)
        room += with[i].length;
    edit->new_bytes = malloc(room + 1);
    if (edit->new_bytes == NULL)
        return fail(edit, "there is not enough memory for it");
    char *at = mempcpy(edit->new_bytes, edit->old_bytes, offset);
    for (size_t i = 0; i < with_count; i++)
        if (with[i].length > 0)
            at = mempcpy(at, with[i].bytes, with[i].length);
    memcpy(at, edit->old_bytes + offset + length, edit->old_count - offset - length);
    edit->new_count = room;
    return true;
}

/* The user's line, with its end; false where there is none. */
static bool find_line(const struct edit *edit, struct span *out_line)
{
    const char *end = edit->old_bytes + edit->old_count;
    for (const char *at = edit->old_bytes; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline == NULL ? end : newline + 1;
        if ((size_t)(next - at) > edit->name.length &&
            memcmp(at, edit->name.bytes, edit->name.length) == 0 && at[edit->name.length] == ':') {
            *out_line = (struct span){at, (size_t)(next - at)};
            return true;
        }
        at = next;
    }
    return false;
}

static bool make_text(struct edit *edit)
{
    struct span line;
    bool found = find_line(edit, &line);
    if (found != (edit->change != CHANGE_ADD))
        return fail(edit, found ? "the user %.*s is there already" : "there is no user %.*s",
                    (int)edit->name.length, edit->name.bytes);
    size_t offset = found ? (size_t)(line.bytes - edit->old_bytes) : edit->old_count;
    if (edit->change == CHANGE_DELETE)
        return replace(edit, offset, line.length, NULL, 0);
    if (edit->change == CHANGE_HASH) {
        size_t before = edit->name.length + 1;
        size_t field = 0;
        while (before + field < line.length && strchr(":\r\n", line.bytes[before + field]) == NULL)
            field++;
        return replace(edit, offset + before, field, &edit->hash, 1);
    }
    bool open_line = offset > 0 && edit->old_bytes[offset - 1] != '\n';
    const struct span with[] = {
        {"\n", open_line},
        edit->name,
        SPAN_LITERAL(":"),
        edit->hash,
        SPAN_LITERAL(OTHER_FIELDS "\n"),
    };
    return replace(edit, offset, 0, with, sizeof with / sizeof with[0]);
}

/* Whether the server will be able to read what is about to be written. */
static bool check_text(struct edit *edit)
{
    struct accounts *accounts =
        accounts_parse(edit->path, (struct span){edit->new_bytes, edit->new_count}, edit->error,
                       edit->error_bytes);
    bool good = accounts != NULL;
    accounts_free(&accounts);
    return good;
}

static bool write_all(int file, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t put = write(file, bytes, count);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        count -= (size_t)put;
    }
    return true;
}

/* Makes the new file beside the old one, durable, with its owner and mode. */
static bool write_new(struct edit *edit)
{
    /* Only who holds the lock gets here, so what stands here is left from a crash. */
    unlink(edit->new_path);
    int file = open(edit->new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return fail(edit, "%s cannot be made: %s", edit->new_path, strerror(errno));
    struct stat made;
    bool good = fstat(file, &made) == 0;
    if (good && (made.st_uid != edit->facts.st_uid || made.st_gid != edit->facts.st_gid))
        good = fchown(file, edit->facts.st_uid, edit->facts.st_gid) == 0;
    good = good && fchmod(file, edit->facts.st_mode & 07777) == 0 &&
           write_all(file, edit->new_bytes, edit->new_count) && fsync(file) == 0;
    int error = errno;
    close(file);
    if (good)
        return true;
    unlink(edit->new_path);
    return fail(edit, "%s cannot be written: %s", edit->new_path, strerror(error));
}

static bool exchange(struct edit *edit)
{
    if (rename(edit->new_path, edit->real_path) < 0) {
        int error = errno;
        unlink(edit->new_path);
        return fail(edit, "cannot be replaced: %s", strerror(error));
    }
    *strrchr(edit->real_path, '/') = '\0';
    int folder =
        open(*edit->real_path == '\0' ? "/" : edit->real_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool durable = folder >= 0 && fsync(folder) == 0;
    int error = errno;
    if (folder >= 0)
        close(folder);
    if (durable)
        return true;
    return fail(edit, "is changed, but a crash may undo it: %s", strerror(error));
}

static bool run(struct edit *edit)
{
    edit->file = -1;
    bool done = check_request(edit) && lock_file(edit);
    if (done)
        edit->old_bytes = text_file_read_open(edit->file, edit->path, SIZE_MAX / 4,
                                              &edit->old_count, edit->error, edit->error_bytes);
    done = done && edit->old_bytes != NULL && make_text(edit) && check_text(edit) &&
           write_new(edit) && exchange(edit);
    if (edit->old_bytes != NULL)
        password_wipe(edit->old_bytes, edit->old_count);
    if (edit->new_bytes != NULL)
        password_wipe(edit->new_bytes, edit->new_count);
    free(edit->old_bytes);
    free(edit->new_bytes);
    if (edit->file >= 0)
        close(edit->file);
    return done;
}
