/* import_mbox: reads an mbox file, or standard input, for the import.
 *
 * storage/mbox.h says what is in the bytes; here they are read, and put into the maildrop.
 */
#include "tools/import.h"

#include "storage/mbox.h"
#include "tools/command_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct import_mbox {
    struct import import;
    struct mbox_reader reader;
    const char *name; /* for sentences */
    int file;
    off_t start;   /* where in the file we began, or -1: it cannot be looked at out of turn */
    bool readable; /* as far as it has been read */
    bool foreign;
    int64_t time; /* of the message */
    uint64_t message_number;
    uint64_t read_bytes;
    char buffer[IMPORT_BUFFER_BYTES];
};

/* In the order of `dialect_names`. */
static const enum mbox_dialect dialects[] = {MBOX_RD, MBOX_O, MBOX_CL, MBOX_CL2};
static const char *const dialect_names[] = {"mboxrd", "mboxo", "mboxcl", "mboxcl2", NULL};

static enum ending open_source(struct import_mbox *mbox, const char *source, off_t *out_bytes);
static void read_source(struct import_mbox *mbox);
static bool take_news(struct import_mbox *mbox, const struct mbox_news *news);
static void look(struct import_mbox *mbox, uint64_t offset);

enum ending import_from_mbox(struct run *run, const char *user, const char *path,
                             const char *source, const char *dialect)
{
    struct import_mbox mbox = {.readable = true, .message_number = 0};
    off_t bytes = 0;
    const int choice =
        command_line_choice("dialect", dialect != NULL ? dialect : "mboxrd", dialect_names);
    if (choice < 0)
        return ENDING_USAGE;
    enum ending ending = open_source(&mbox, source, &bytes);
    if (ending != ENDING_DONE)
        return ending;
    mbox_reader_init(&mbox.reader, dialects[choice]);
    if (mbox.start < 0 && (dialects[choice] == MBOX_CL || dialects[choice] == MBOX_CL2))
        ending = command_fail(ENDING_FAILED,
                              "%s needs a file, for Content-Length is checked against "
                              "what follows: save the mail to a file first",
                              dialect);
    if (ending == ENDING_DONE)
        ending = import_begin(&mbox.import, run, user, path);
    if (ending == ENDING_DONE) {
        progress_begin(&mbox.import.progress, "message", (uint64_t)bytes);
        read_source(&mbox);
        if (mbox.foreign) {
            delivery_end(&mbox.import.delivery);
            ending = command_fail(ENDING_FAILED,
                                  "%s is no mbox: its first line does not begin with `From `, a "
                                  "sender and a date",
                                  mbox.name);
        } else {
            ending = import_end(&mbox.import);
        }
        if (!mbox.readable)
            ending = ENDING_FAILED;
    }
    close(mbox.file);
    return ending;
}

static enum ending open_source(struct import_mbox *mbox, const char *source, off_t *out_bytes)
{
    struct stat status;
    const bool is_stdin = strcmp(source, "-") == 0;
    mbox->name = is_stdin ? "standard input" : source;
    mbox->file = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                          : open(source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (mbox->file < 0)
        return command_fail(ENDING_FAILED, "%s cannot be opened: %s", mbox->name, strerror(errno));
    if (fstat(mbox->file, &status) != 0 || S_ISDIR(status.st_mode)) {
        close(mbox->file);
        return command_fail(ENDING_FAILED, "%s is a folder, an mbox is a file: is it a Maildir?",
                            mbox->name);
    }
    mbox->start = S_ISREG(status.st_mode) ? lseek(mbox->file, 0, SEEK_CUR) : -1;
    *out_bytes =
        mbox->start >= 0 && status.st_size > mbox->start ? status.st_size - mbox->start : 0;
    return ENDING_DONE;
}

static void read_source(struct import_mbox *mbox)
{
    struct mbox_news news = {.event = MBOX_MORE};
    struct span input = {mbox->buffer, 0};
    bool at_end = false;
    while (!mbox->foreign && news.event != MBOX_FINISHED && import_goes_on(&mbox->import)) {
        news = at_end ? mbox_read_end(&mbox->reader) : mbox_read(&mbox->reader, &input);
        if (!take_news(mbox, &news))
            continue;
        const ssize_t count =
            command_read(mbox->import.run, mbox->file, mbox->buffer, sizeof mbox->buffer);
        at_end = count == 0;
        input = (struct span){mbox->buffer, count > 0 ? (size_t)count : 0};
        mbox->read_bytes += input.length;
        if (count < 0 && count != -EINTR) {
            progress_hide(&mbox->import.progress);
            command_say("%s cannot be read any further: %s", mbox->name, strerror((int)-count));
            mbox->readable = false;
            break;
        }
    }
    if (news.event != MBOX_FINISHED)
        import_message_cancel(&mbox->import);
}

/* Answers whether more bytes are wanted. */
static bool take_news(struct import_mbox *mbox, const struct mbox_news *news)
{
    struct import *import = &mbox->import;
    char where[4096 + 64];
    switch (news->event) {
    case MBOX_MORE:
        return true;
    case MBOX_BEGIN:
        mbox->message_number++;
        mbox->time = news->from.has_time ? news->from.time : (int64_t)time(NULL);
        return false;
    case MBOX_BYTES:
        import_bytes(import, news->bytes);
        return false;
    case MBOX_END:
        snprintf(where, sizeof where, "message %llu of %s",
                 (unsigned long long)mbox->message_number, mbox->name);
        import_message_end(import, mbox->time, where);
        progress_step(&import->progress, import->done_count + import->batch_count, mbox->read_bytes,
                      mbox->read_bytes);
        return false;
    case MBOX_LOOK:
        look(mbox, news->look_offset);
        return false;
    case MBOX_FOREIGN:
        mbox->foreign = true;
        return false;
    case MBOX_FINISHED:
        return false;
    }
    return false;
}

static void look(struct import_mbox *mbox, uint64_t offset)
{
    char bytes[MBOX_LOOK_BYTES];
    struct stat status;
    ssize_t got = -1;
    const bool inside = mbox->start >= 0 && offset < INT64_MAX / 2 &&
                        fstat(mbox->file, &status) == 0 &&
                        mbox->start + (off_t)offset <= status.st_size;
    if (inside)
        got = pread(mbox->file, bytes, sizeof bytes, mbox->start + (off_t)offset);
    mbox_looked(&mbox->reader, got >= 0, (struct span){bytes, got > 0 ? (size_t)got : 0});
}
