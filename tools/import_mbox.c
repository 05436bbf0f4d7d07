/* import_mbox: reads an mbox file, or standard input, for the import.
 *
 * storage/mbox.h says what is in the bytes; here they are read, and put into the maildrop. UIDLs
 * come from the header (X-UIDL), or from the UIDs there (X-UID, X-IMAPbase) by a format that
 * somebody has to name, for two servers that note the same have made different UIDLs of it. Else
 * the content makes them, so that the same message has the same UIDL in each import.
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

/* A delivery takes milliseconds, a POP3 server that writes a large file anew takes seconds. */
#define LOCK_TRIES    300
#define LOCK_SLEEP_US (100 * 1000)

struct import_mbox {
    struct import import;
    struct mbox_reader reader;
    const char *name; /* for sentences */
    int file;
    off_t start;   /* where in the file we began, or -1: it cannot be looked at out of turn */
    bool readable; /* as far as it has been read */
    bool foreign;
    bool is_unclear;    /* the UIDs say something, and no format says what */
    struct span format; /* of UIDLs; empty: only X-UIDL counts */
    bool makes;         /* nothing counts, all UIDLs are made */
    uint32_t uid_validity, next_uid;
    int64_t time; /* of the message */
    uint64_t message_number;
    uint64_t read_bytes;
    char buffer[IMPORT_BUFFER_BYTES];
};

/* In the order of `dialect_names`. */
static const enum mbox_dialect dialects[] = {MBOX_RD, MBOX_O, MBOX_CL, MBOX_CL2};
static const char *const dialect_names[] = {"mboxrd", "mboxo", "mboxcl", "mboxcl2", NULL};

static enum ending open_source(struct import_mbox *mbox, const char *source, off_t *out_bytes);
static enum ending lock_source(struct import_mbox *mbox, const struct run *run);
static void read_source(struct import_mbox *mbox);
static bool take_news(struct import_mbox *mbox, const struct mbox_news *news);
static void look(struct import_mbox *mbox, uint64_t offset);
static enum ending choose_format(struct import_mbox *mbox, const char *wanted);
static void end_message(struct import_mbox *mbox);
static enum ending finish(struct import_mbox *mbox);

enum ending import_from_mbox(struct run *run, const char *user, const char *path,
                             const char *source, const struct import_order *order)
{
    const char *dialect = order->dialect;
    struct import_mbox mbox = {.readable = true, .message_number = 0};
    off_t bytes = 0;
    const int choice =
        command_line_choice("dialect", dialect != NULL ? dialect : "mboxrd", dialect_names);
    if (choice < 0)
        return ENDING_USAGE;
    enum ending ending = choose_format(&mbox, order->uidl_format);
    if (ending == ENDING_DONE)
        ending = open_source(&mbox, source, &bytes);
    if (ending != ENDING_DONE)
        return ending;
    mbox_reader_init(&mbox.reader, dialects[choice]);
    command_watch_signals(run);
    if (mbox.start < 0 && (dialects[choice] == MBOX_CL || dialects[choice] == MBOX_CL2))
        ending = command_fail(ENDING_FAILED,
                              "%s needs a file, for Content-Length is checked against "
                              "what follows: save the mail to a file first",
                              dialect);
    if (ending == ENDING_DONE)
        ending = lock_source(&mbox, run);
    if (ending == ENDING_DONE)
        ending = import_begin(&mbox.import, run, user, path, order);
    if (ending == ENDING_DONE) {
        mbox.import.content_counts = true;
        import_expect(&mbox.import, (uint64_t)bytes);
        read_source(&mbox);
        ending = finish(&mbox);
    }
    close(mbox.file);
    return ending;
}

/* Nothing has been put in where the file is refused as a whole: that shows at its first message. */
static enum ending finish(struct import_mbox *mbox)
{
    mbox->import.source_is_cut = !mbox->readable || mbox->foreign || mbox->is_unclear;
    const enum ending ending = import_end(&mbox->import);
    if (mbox->foreign)
        return command_fail(ENDING_FAILED,
                            "%s is no mbox: its first line does not begin with `From `, a sender "
                            "and a date",
                            mbox->name);
    if (mbox->is_unclear)
        return command_fail(ENDING_FAILED,
                            "%s has UIDs in its headers (X-IMAPbase), of which Dovecot and UW have "
                            "made different UIDLs: say which server it was by --uidl-format "
                            "dovecot or uw, or --uidl-format made for new ones",
                            mbox->name);
    return mbox->readable ? ending : ENDING_FAILED;
}

static enum ending choose_format(struct import_mbox *mbox, const char *wanted)
{
    const struct uidl_parts any = {.uid = 1, .uid_validity = 1};
    char uidl[MAIL_UIDL_MAX];
    uint8_t length = 0;
    mbox->makes = wanted != NULL && strcmp(wanted, "made") == 0;
    if (wanted == NULL || mbox->makes)
        return ENDING_DONE;
    mbox->format = uidl_format_named(span_of(wanted));
    if (uidl_format_write(mbox->format, &any, uidl, &length) != UIDL_FORMAT_DONE)
        return command_fail(ENDING_USAGE,
                            "--uidl-format %s is none for an mbox: write dovecot, uw, made, or a "
                            "text with %%u and %%v in it",
                            wanted);
    return ENDING_DONE;
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

/* Those who deliver to the file or remove from it have this lock meanwhile: without it a message of
 * which half is there would come as it is, and count as there. A pipe has no lock, nor have some
 * file systems. It is held until the file is closed. */
static enum ending lock_source(struct import_mbox *mbox, const struct run *run)
{
    const struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    for (int tries = 0; mbox->start >= 0 && fcntl(mbox->file, F_SETLK, &lock) != 0; tries++) {
        if (errno != EAGAIN && errno != EACCES)
            break;
        if (command_is_interrupted(run))
            return command_fail(ENDING_FAILED, "interrupted before anything was read");
        if (tries == LOCK_TRIES)
            return command_fail(ENDING_FAILED,
                                "%s is locked by another program, and stays so: try again when "
                                "nobody delivers to it",
                                mbox->name);
        usleep(LOCK_SLEEP_US);
    }
    return ENDING_DONE;
}

static void read_source(struct import_mbox *mbox)
{
    struct mbox_news news = {.event = MBOX_MORE};
    struct span input = {mbox->buffer, 0};
    bool at_end = false;
    while (!mbox->foreign && !mbox->is_unclear && news.event != MBOX_FINISHED &&
           import_goes_on(&mbox->import)) {
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
        end_message(mbox);
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

static void end_message(struct import_mbox *mbox)
{
    struct import *import = &mbox->import;
    const struct mbox_header *header = import_header(import);
    char where[4096 + 64], uidl[MAIL_UIDL_MAX];
    uint8_t length = 0;
    snprintf(where, sizeof where, "message %llu of %s", (unsigned long long)mbox->message_number,
             mbox->name);
    if (header->uid_validity != 0 && mbox->message_number == 1) {
        mbox->uid_validity = header->uid_validity;
        mbox->next_uid = header->last_uid + 1;
        mbox->is_unclear = !mbox->makes && mbox->format.length == 0 && header->uidl.length == 0;
    }
    if (header->is_internal && mbox->message_number == 1)
        import->counts.skipped++;
    if (mbox->is_unclear || (header->is_internal && mbox->message_number == 1)) {
        import_message_cancel(import);
        return;
    }
    struct import_label label = {.time = mbox->time, .where = where};
    const struct uidl_parts known = {
        .uid = header->uid != 0 ? header->uid : mbox->next_uid,
        .uid_validity = mbox->uid_validity,
    };
    if (mbox->format.length > 0) {
        if (header->uid == 0 && mbox->next_uid != 0)
            mbox->next_uid++;
        if (uidl_format_write(mbox->format, &known, uidl, &length) == UIDL_FORMAT_DONE)
            label.uidl = (struct span){uidl, length};
    } else if (!mbox->makes) {
        label.uidl = header->uidl;
    }
    import_message_end(import, &label);
    import_step(import, mbox->read_bytes);
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
