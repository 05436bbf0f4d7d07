/* export: writes a maildrop out again; see export.h.
 *
 * Lines end in LF, as other programs expect in files. Only a message that has a CR right before a
 * line end is written with CRLF, for an importer would take the CR for a part of the end.
 */
#include "tools/export.h"

#include "proto/dot.h"
#include "storage/dovecot_uidlist.h"
#include "storage/mbox.h"
#include "tools/progress.h"
#include "tools/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EXPORT_BUFFER_BYTES (256 * 1024)

/* A poll's session takes milliseconds, a fetch seconds. */
#define IN_USE_TRIES    50
#define IN_USE_SLEEP_US (100 * 1000)

/* UID, sizes, P and a UIDL, and the name of a file that we make. */
#define UIDLIST_LINE_BYTES 512

struct export
{
    struct run *run;
    const char *user;
    const char *target;
    int file;   /* the mbox, or the message that is being written */
    int folder; /* the Maildir */
    FILE *uidlist;
    bool x_uidl;
    struct snapshot snapshot;
    struct progress progress;
    uint32_t last_time_s; /* in the name of the file before */
    uint64_t done_count, done_bytes, damaged_count;
    size_t used; /* of the buffer */
    char buffer[EXPORT_BUFFER_BYTES];
};

static enum ending open_snapshot(struct export *export, const char *path);
static enum ending write_messages(struct export *export);
static enum mail_result write_message(struct export *export, const struct snapshot_message *message,
                                      int *out_error);
static int write_to_mbox(struct export *export, const struct snapshot_message *message,
                         enum dot_line_end line_end);
static int write_to_maildir(struct export *export, const struct snapshot_message *message,
                            enum dot_line_end line_end);
static enum ending make_maildir(struct export *export);
static int begin_uidlist(struct export *export);
static int add_to_uidlist(struct export *export, const struct snapshot_message *message,
                          const char *name, uint64_t bytes);
static enum ending finish(struct export *export, enum ending ending, int error);

enum ending export_to_mbox(struct run *run, const char *user, const char *path, const char *target,
                           bool x_uidl)
{
    struct export export = {
        .run = run, .user = user, .target = target, .folder = -1, .x_uidl = x_uidl};
    const bool is_stdout = strcmp(target, "-") == 0;
    enum ending ending = open_snapshot(&export, path);
    if (ending != ENDING_DONE)
        return ending;
    export.file = is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                            : open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (export.file < 0) {
        snapshot_close(&export.snapshot);
        return command_fail(ENDING_FAILED, "%s cannot be made: %s", target,
                            errno == EEXIST ? "it is there already, and is not overwritten"
                                            : strerror(errno));
    }
    ending = write_messages(&export);
    int error =
        ending != ENDING_FAILED ? -command_write(export.file, export.buffer, export.used) : 0;
    /* A pipe has nothing to sync, and says EINVAL. */
    if (error == 0 && fsync(export.file) != 0 && !is_stdout)
        error = errno;
    close(export.file);
    ending = finish(&export, ending, error);
    /* Half an mbox looks like a whole one. */
    if (ending == ENDING_FAILED && !is_stdout)
        unlink(target);
    return ending;
}

enum ending export_to_maildir(struct run *run, const char *user, const char *path,
                              const char *target)
{
    struct export export = {.run = run, .user = user, .target = target, .file = -1, .folder = -1};
    enum ending ending = open_snapshot(&export, path);
    if (ending != ENDING_DONE)
        return ending;
    ending = make_maildir(&export);
    if (ending != ENDING_DONE) {
        snapshot_close(&export.snapshot);
        return ending;
    }
    ending = write_messages(&export);
    int error = fclose(export.uidlist) != 0 ? errno : 0;
    /* One sync for all files and names, instead of one for each. */
    if (error == 0 && syncfs(export.folder) != 0)
        error = errno;
    close(export.folder);
    return finish(&export, ending, error);
}

static enum ending open_snapshot(struct export *export, const char *path)
{
    enum mail_result result = MAIL_IN_USE;
    command_watch_signals(export->run);
    for (int tries = 0; result == MAIL_IN_USE && tries < IN_USE_TRIES; tries++) {
        if (tries > 0)
            usleep(IN_USE_SLEEP_US);
        if (command_is_interrupted(export->run))
            return command_fail(ENDING_FAILED, "interrupted before anything was written");
        result = snapshot_open(&export->snapshot, &export->run->access, path, true);
    }
    if (result == MAIL_DONE && export->snapshot.index >= 0)
        progress_begin(&export->progress, "message", export->snapshot.tail.record.live_count);
    return command_fail_storage(result, export->user);
}

/* ENDING_DONE: all messages; ENDING_TRY_AGAIN: all that are not damaged; ENDING_FAILED: a sentence
 * about the rest has been said. */
static enum ending write_messages(struct export *export)
{
    struct snapshot_message message;
    bool end = false;
    for (;;) {
        enum mail_result result = snapshot_next(&export->snapshot, &message, &end);
        if (end && result == MAIL_DONE)
            return export->damaged_count > 0 ? ENDING_TRY_AGAIN : ENDING_DONE;
        if (command_is_interrupted(export->run))
            return command_fail(ENDING_FAILED, "interrupted: %s is incomplete", export->target);
        int error = 0;
        if (result == MAIL_DONE)
            result = write_message(export, &message, &error);
        if (result == MAIL_DONE && error == 0)
            continue;
        progress_hide(&export->progress);
        if (result == MAIL_DONE)
            return command_fail(ENDING_FAILED, "%s is incomplete, message %u cannot be written: %s",
                                export->target, message.number, strerror(-error));
        command_fail_storage(result, export->user);
        return command_fail(ENDING_FAILED, "%s is incomplete", export->target);
    }
}

/* A damaged message is named and counted, and is no failure. `out_error` is that of the target. */
static enum mail_result write_message(struct export *export, const struct snapshot_message *message,
                                      int *out_error)
{
    bool cr_ends_line = false;
    const enum mail_result result = snapshot_check(&export->snapshot, message, &cr_ends_line);
    if (result == MAIL_PERMANENT) {
        progress_hide(&export->progress);
        command_say("message %u of %s is damaged and is left out: `ringpost verify %s` says more",
                    message->number, export->user, export->user);
        export->damaged_count++;
        return MAIL_DONE;
    }
    if (result != MAIL_DONE)
        return result;
    const enum dot_line_end line_end = cr_ends_line ? DOT_TO_CRLF : DOT_TO_LF;
    *out_error = export->folder >= 0 ? write_to_maildir(export, message, line_end)
                                     : write_to_mbox(export, message, line_end);
    export->done_count++;
    export->done_bytes += message->record.octets;
    progress_step(&export->progress, export->done_count, export->done_bytes, export->done_count);
    return MAIL_DONE;
}

static int flush(struct export *export)
{
    const int error = command_write(export->file, export->buffer, export->used);
    export->used = 0;
    return error;
}

/* The writer has said its "From " line when it is given no wire. */
static int write_x_uidl(struct export *export, struct mbox_writer *writer,
                        const struct snapshot_message *message)
{
    const size_t room = MBOX_WRITER_TEXT + sizeof "X-UIDL: \n" + MAIL_UIDL_MAX;
    const int error = EXPORT_BUFFER_BYTES - export->used < room ? flush(export) : 0;
    struct span nothing = {"", 0};
    export->used += mbox_write(writer, &nothing, export->buffer + export->used,
                               EXPORT_BUFFER_BYTES - export->used);
    export->used +=
        (size_t)snprintf(export->buffer + export->used, EXPORT_BUFFER_BYTES - export->used,
                         "X-UIDL: %.*s\n", message->record.uidl.length, message->record.uidl.bytes);
    return error;
}

static int write_to_mbox(struct export *export, const struct snapshot_message *message,
                         enum dot_line_end line_end)
{
    struct mbox_writer writer;
    struct span wire = {"", 0};
    uint64_t at = 0;
    int error = 0;
    mbox_writer_init(&writer, message->record.time_s);
    dot_decoder_init(&writer.decoder, line_end);
    if (export->x_uidl)
        error = write_x_uidl(export, &writer, message);
    while (error == 0 && !mbox_writer_is_done(&writer)) {
        if (wire.length == 0 && snapshot_read(&export->snapshot, message, &at, &wire) != MAIL_DONE)
            return -EIO;
        const bool was_all = wire.length == 0;
        const size_t count = mbox_write(&writer, &wire, export->buffer + export->used,
                                        EXPORT_BUFFER_BYTES - export->used);
        if (count == 0 && was_all && !mbox_writer_is_done(&writer))
            return -EIO;
        export->used += count;
        if (export->used == EXPORT_BUFFER_BYTES)
            error = flush(export);
    }
    return error;
}

static int write_plain(struct export *export, const struct snapshot_message *message,
                       enum dot_line_end line_end, uint64_t *out_bytes)
{
    struct dot_decoder decoder;
    struct span wire = {"", 0};
    uint64_t at = 0;
    int error = 0;
    *out_bytes = 0;
    dot_decoder_init(&decoder, line_end);
    while (error == 0 && !dot_decoder_ended(&decoder)) {
        if (wire.length == 0 &&
            (snapshot_read(&export->snapshot, message, &at, &wire) != MAIL_DONE ||
             wire.length == 0))
            return -EIO;
        export->used = dot_decode(&decoder, &wire, export->buffer, EXPORT_BUFFER_BYTES);
        *out_bytes += export->used;
        error = flush(export);
    }
    return error;
}

/* Readers of a Maildir sort by the time in the name. Where a message is older than the one before
 * it, its name gets the other's time, so that the order stays; the file's own time is the true
 * one. The message's number, as microseconds, keeps the order within a second. */
static int write_to_maildir(struct export *export, const struct snapshot_message *message,
                            enum dot_line_end line_end)
{
    char draft[64], name[128];
    const struct timespec times[2] = {{.tv_sec = message->record.time_s},
                                      {.tv_sec = message->record.time_s}};
    uint64_t bytes = 0;
    if (message->record.time_s > export->last_time_s)
        export->last_time_s = message->record.time_s;
    snprintf(draft, sizeof draft, "tmp/%u.M%uP1.ringpost", export->last_time_s, message->number);
    export->file = openat(export->folder, draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (export->file < 0)
        return -errno;
    int error = write_plain(export, message, line_end, &bytes);
    snprintf(name, sizeof name, "cur/%s,S=%llu:2,S", draft + 4, (unsigned long long)bytes);
    if (error == 0 && (futimens(export->file, times) != 0 ||
                       renameat(export->folder, draft, export->folder, name) != 0))
        error = -errno;
    if (error == 0)
        error = add_to_uidlist(export, message, name + 4, bytes);
    close(export->file);
    if (error != 0)
        unlinkat(export->folder, draft, 0);
    return error;
}

/* Each UIDL is written out (P), so it stays whatever pop3_uidl_format says. The UIDVALIDITY is new,
 * so that what Dovecot makes for later mail is none of ours. */
static int begin_uidlist(struct export *export)
{
    static const char digits[] = "0123456789abcdef";
    const uint32_t count =
        export->snapshot.index >= 0 ? export->snapshot.tail.record.live_count : 0;
    struct dovecot_uidlist list = {.version = 3,
                                   .uid_validity = (uint32_t)time(NULL),
                                   .next_uid = count + 1,
                                   .has_guid = true};
    char line[DOVECOT_UIDLIST_HEADER_MAX];
    unsigned char random[sizeof list.guid];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return -errno;
    for (size_t i = 0; i < sizeof list.guid; i++)
        list.guid[i] = digits[random[i] & 15];
    const int file =
        openat(export->folder, "dovecot-uidlist", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    export->uidlist = file >= 0 ? fdopen(file, "w") : NULL;
    if (export->uidlist == NULL)
        return -errno;
    const size_t length = dovecot_uidlist_write_header(&list, line, sizeof line);
    return fwrite(line, 1, length, export->uidlist) == length ? 0 : -errno;
}

static int add_to_uidlist(struct export *export, const struct snapshot_message *message,
                          const char *name, uint64_t bytes)
{
    const struct record *record = &message->record;
    const struct dovecot_uidlist_entry entry = {
        .uid = message->number,
        .has_size = true,
        .size = bytes,
        .has_octets = true,
        .octets = record->octets,
        .uidl = {record->uidl.bytes, record->uidl.length},
        .file_name = {name, strcspn(name, ":")},
    };
    char line[UIDLIST_LINE_BYTES];
    const size_t length = dovecot_uidlist_write_entry(&entry, line, sizeof line);
    return fwrite(line, 1, length, export->uidlist) == length ? 0 : -errno;
}

static bool is_empty(int folder)
{
    const int scan = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = scan < 0 ? NULL : fdopendir(scan);
    bool empty = entries != NULL;
    for (const struct dirent *entry; empty && (entry = readdir(entries)) != NULL;)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (entries != NULL)
        closedir(entries);
    else if (scan >= 0)
        close(scan);
    return empty;
}

static enum ending make_maildir(struct export *export)
{
    static const char *const folders[] = {"cur", "new", "tmp"};
    if (mkdir(export->target, 0700) != 0 && errno != EEXIST)
        return command_fail(ENDING_FAILED, "the folder %s cannot be made: %s", export->target,
                            strerror(errno));
    export->folder = open(export->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (export->folder < 0)
        return command_fail(ENDING_FAILED, "the folder %s cannot be opened: %s", export->target,
                            strerror(errno));
    int error = is_empty(export->folder) ? 0 : ENOTEMPTY;
    for (size_t i = 0; error == 0 && i < sizeof folders / sizeof folders[0]; i++) {
        if (mkdirat(export->folder, folders[i], 0700) != 0)
            error = errno;
    }
    if (error == 0)
        error = -begin_uidlist(export);
    if (error == 0)
        return ENDING_DONE;
    close(export->folder);
    if (error == ENOTEMPTY)
        return command_fail(
            ENDING_FAILED, "the folder %s is not empty, and nothing is overwritten: name a new one",
            export->target);
    return command_fail(ENDING_FAILED, "no Maildir can be made in %s: %s", export->target,
                        strerror(error));
}

/* Closes the maildrop and says what has been done, or what `error` of the last writes means. */
static enum ending finish(struct export *export, enum ending ending, int error)
{
    char count[PROGRESS_TEXT_BYTES], bytes[PROGRESS_TEXT_BYTES];
    snapshot_close(&export->snapshot);
    progress_hide(&export->progress);
    if (ending == ENDING_FAILED)
        return ending;
    if (error != 0)
        return command_fail(ENDING_FAILED, "%s is incomplete: %s", export->target, strerror(error));
    progress_count_of(export->done_count, "message", count);
    progress_bytes(export->done_bytes, bytes);
    fprintf(stderr, "exported %s, %s\n", count, bytes);
    return ending;
}
