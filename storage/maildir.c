/* maildir: the driver of Maildirs, see maildir.h.
 *
 * Answers a session's requests from the records that maildir_open.c has found or made. Before a
 * message is sent its file is counted: the first line must say what comes, and a size that somebody
 * else told may be wrong.
 */
#include "storage/maildir.h"

#include "proto/dot_count.h"
#include "proto/must.h"
#include "storage/mailbox.h"
#include "storage/maildir_name.h"
#include "storage/maildir_open.h"
#include "storage/maildir_session.h"
#include "storage/maildir_top.h"
#include "storage/maildir_update.h"

#include <string.h>

static enum mail_result open_maildir(struct mailbox *mailbox, const struct disk_access *access,
                                     const char *path, struct mail_view *out_view);
static enum mail_result facts(struct mailbox *mailbox, const struct disk_access *access,
                              uint32_t first, uint32_t wanted, struct mail_fact *out_facts,
                              uint32_t *out_count);
static enum mail_result body(struct mailbox *mailbox, const struct disk_access *access,
                             uint32_t number, struct mail_range *out_range);
static enum mail_result top(struct mailbox *mailbox, const struct disk_access *access,
                            uint32_t number, uint64_t lines, struct mail_range *out_range);
static enum mail_result commit(struct mailbox *mailbox, const struct disk_access *access,
                               const uint64_t *marks);
static void sent(struct mailbox *mailbox);
static void close_maildir(struct mailbox *mailbox, struct disk *disk);

const struct mailbox_driver mailbox_maildir = {
    .name = "maildir",
    .open = open_maildir,
    .facts = facts,
    .body = body,
    .top = top,
    .commit = commit,
    .sent = sent,
    .close = close_maildir,
};

/* A message that is about to be sent. */
struct message {
    uint32_t octets;
    int file;
    uint8_t name_bytes;
    char name[MAILDIR_NAME_MAX];
    char path[MAILDIR_FILE_BYTES];
};

void maildir_init(struct mailbox *mailbox, const struct maildir_settings *settings)
{
    mailbox->driver = &mailbox_maildir;
    mailbox->maildir = (struct maildir){.settings = settings};
}

static enum mail_result open_maildir(struct mailbox *mailbox, const struct disk_access *access,
                                     const char *path, struct mail_view *out_view)
{
    struct maildir *maildir = &mailbox->maildir;
    enum mail_result result = maildir_open(maildir->settings, access, path, &maildir->session);
    if (result == MAIL_DONE)
        *out_view = maildir->session->header.view;
    return result;
}

static enum mail_result facts(struct mailbox *mailbox, const struct disk_access *access,
                              uint32_t first, uint32_t wanted, struct mail_fact *out_facts,
                              uint32_t *out_count)
{
    struct maildir_session *session = mailbox->maildir.session;
    must(first >= 1 && first <= session->header.view.count && wanted >= 1);
    uint32_t left = session->header.view.count - first + 1;
    uint32_t count;
    enum mail_result result =
        maildir_records_read(session, access, first - 1, wanted < left ? wanted : left, &count);
    for (uint32_t at = 0; at < count && result == MAIL_DONE; at++) {
        struct maildir_record record;
        /* All of them have just been looked at. */
        must(maildir_record_at(access, first - 1, at, count, &record));
        out_facts[at].octets = record.octets;
        out_facts[at].uidl_length = (uint8_t)record.uidl.length;
        memcpy(out_facts[at].uidl, record.uidl.bytes, record.uidl.length);
    }
    *out_count = count;
    return result;
}

/* Opens the file; where it answers MAIL_DONE, `file` is open. */
static enum mail_result find(struct maildir_session *session, const struct disk_access *access,
                             uint32_t number, struct message *out_message)
{
    struct maildir_record record;
    must(number >= 1 && number <= session->header.view.count);
    enum mail_result result = maildir_record_read(session, access, number - 1, &record);
    if (result != MAIL_DONE)
        return result;
    out_message->octets = record.octets;
    out_message->name_bytes = (uint8_t)record.name.length;
    memcpy(out_message->name, record.name.bytes, record.name.length);
    result = maildir_open_message(
        session, access, (struct span){out_message->name, out_message->name_bytes},
        (record.flags & MAILDIR_RECORD_IN_NEW) != 0, &out_message->file, out_message->path);
    if (result != MAIL_DONE)
        return result;
    int64_t bytes = disk_size(access->disk, out_message->file);
    if (bytes < 0 || bytes > UINT32_MAX)
        result = MAIL_PERMANENT; /* a pipe, a device, or more than LIST can say */
    else if (access->patience == DISK_NOW && bytes > NATIVE_CHECK_NOW_BYTES)
        result = MAIL_LATER;
    if (result != MAIL_DONE)
        disk_close(access->disk, out_message->file);
    return result;
}

/* The file stays open until all that has been asked for is sent. What has no bytes takes no piece
 * of a plan, so any number of them may be asked for before that. */
static void give(struct maildir_session *session, int file, const struct maildir_size *size,
                 struct mail_range *out_range)
{
    *out_range = (struct mail_range){.file = file,
                                     .raw_bytes = size->raw_bytes,
                                     .bytes = size->wire_bytes,
                                     .octets = (uint32_t)size->octets,
                                     .is_raw = true};
    if (size->wire_bytes == 0) {
        disk_close(session->disk, file);
        return;
    }
    must(session->sending_count < MAILDIR_SENDING_MAX);
    session->sending[session->sending_count++] = file;
}

static enum mail_result body(struct mailbox *mailbox, const struct disk_access *access,
                             uint32_t number, struct mail_range *out_range)
{
    struct maildir_session *session = mailbox->maildir.session;
    struct message message;
    struct maildir_size size = {0};
    enum mail_result result = find(session, access, number, &message);
    if (result != MAIL_DONE)
        return result;
    result = maildir_count(access, message.file, &size);
    if (result == MAIL_DONE && size.octets != message.octets)
        result = access->patience == DISK_NOW
                     ? MAIL_LATER
                     : maildir_correct(session, access, number - 1, (uint32_t)size.octets);
    if (result == MAIL_DONE && session->settings->mark_seen)
        result = maildir_mark_seen(session, access, message.path);
    if (result != MAIL_DONE) {
        disk_close(access->disk, message.file);
        return result;
    }
    give(session, message.file, &size, out_range);
    return MAIL_DONE;
}

static enum mail_result top(struct mailbox *mailbox, const struct disk_access *access,
                            uint32_t number, uint64_t lines, struct mail_range *out_range)
{
    struct maildir_session *session = mailbox->maildir.session;
    struct message message;
    struct maildir_size size;
    enum mail_result result = find(session, access, number, &message);
    if (result != MAIL_DONE)
        return result;
    result = maildir_top_count(access, message.file, lines, &size);
    if (result != MAIL_DONE) {
        disk_close(access->disk, message.file);
        return result;
    }
    give(session, message.file, &size, out_range);
    return MAIL_DONE;
}

static enum mail_result commit(struct mailbox *mailbox, const struct disk_access *access,
                               const uint64_t *marks)
{
    if (access->patience == DISK_NOW)
        return MAIL_LATER;
    return maildir_update(mailbox->maildir.session, access, marks);
}

static void sent(struct mailbox *mailbox)
{
    struct maildir_session *session = mailbox->maildir.session;
    while (session->sending_count > 0)
        disk_close(session->disk, session->sending[--session->sending_count]);
}

static void close_maildir(struct mailbox *mailbox, struct disk *disk)
{
    (void)disk; /* the session knows its own */
    sent(mailbox);
    maildir_close(&mailbox->maildir.session);
}
