/* maildir_update: see maildir_update.h. */
#include "storage/maildir_update.h"

#include "storage/maildir_name.h"

#include <errno.h>
#include <string.h>

static enum mail_result remove_one(struct maildir_session *session,
                                   const struct disk_access *access, uint32_t index,
                                   bool *out_removed);
static enum mail_result sync_folders(const struct maildir_session *session,
                                     const struct disk_access *access);

enum mail_result maildir_update(struct maildir_session *session, const struct disk_access *access,
                                const uint64_t *marks)
{
    uint32_t removed_count = 0;
    enum mail_result result = MAIL_DONE;
    for (uint32_t i = 0; i < session->header.view.count && result == MAIL_DONE; i++) {
        bool is_removed = false;
        if ((marks[i / 64] >> i % 64 & 1) != 0)
            result = remove_one(session, access, i, &is_removed);
        removed_count += is_removed;
    }
    if (removed_count == 0)
        return result;
    enum mail_result durable = sync_folders(session, access);
    return result == MAIL_DONE && durable == MAIL_DONE ? MAIL_DONE : MAIL_PARTLY;
}

static enum mail_result remove_one(struct maildir_session *session,
                                   const struct disk_access *access, uint32_t index,
                                   bool *out_removed)
{
    struct maildir_record record;
    enum mail_result result = maildir_record_read(session, access, index, &record);
    if (result != MAIL_DONE)
        return result;
    char name[MAILDIR_NAME_MAX];
    struct span text = {name, record.name.length};
    memcpy(name, record.name.bytes, record.name.length);
    char path[MAILDIR_FILE_BYTES];
    maildir_path(session->path, (record.flags & MAILDIR_RECORD_IN_NEW) != 0 ? "new" : "cur", text,
                 path);
    int error = disk_remove(access->disk, path);
    for (int tries = 0; error == -ENOENT && tries < 2; tries++) {
        bool is_gone;
        result = maildir_follow(session, access, text, tries > 0, path, &is_gone);
        if (is_gone)
            return MAIL_DONE;
        if (result != MAIL_DONE)
            return result;
        error = disk_remove(access->disk, path);
    }
    *out_removed = error == 0;
    return error < 0 ? maildir_result(error) : MAIL_DONE;
}

static enum mail_result sync_folders(const struct maildir_session *session,
                                     const struct disk_access *access)
{
    char path[MAILDIR_FILE_BYTES];
    /* A file that moved from one to the other must not come back by the first sync. */
    maildir_path(session->path, "", SPAN_LITERAL("new"), path);
    int error = disk_sync_folder(access->disk, path);
    maildir_path(session->path, "", SPAN_LITERAL("cur"), path);
    if (error == 0)
        error = disk_sync_folder(access->disk, path);
    return error < 0 ? maildir_result(error) : MAIL_DONE;
}

/* The header is spoilt with the record: the next session lists anew, and believes what was counted
 * before what anybody says. */
enum mail_result maildir_correct(struct maildir_session *session, const struct disk_access *access,
                                 uint32_t index, uint32_t octets)
{
    struct maildir_record record;
    if (session->index < 0 || maildir_record_read(session, access, index, &record) != MAIL_DONE)
        return MAIL_TEMPORARY;
    record.octets = octets;
    record.flags |= MAILDIR_RECORD_COUNTED;
    char bytes[MAILDIR_RECORD_MAX];
    uint32_t length = maildir_record_encode(&record, index, bytes);
    uint64_t records = ((uint64_t)session->header.view.count + 1) * MAILDIR_INDEX_ENTRY_BYTES;
    uint64_t offset =
        MAILDIR_INDEX_HEADER_BYTES + records + maildir_index_entry(access->scratch, 0);
    if (disk_write(access->disk, session->index, bytes, length, offset) < 0)
        return MAIL_TEMPORARY;
    session->header.is_settled = false;
    session->header.body_crc = 0;
    char header[MAILDIR_INDEX_HEADER_BYTES];
    maildir_index_encode_header(&session->header, header);
    (void)disk_write(access->disk, session->index, header, sizeof header, 0);
    return MAIL_TEMPORARY;
}

/* Flags stand in the order of their letters. */
static size_t put_flags(unsigned flags, char *out)
{
    static const char letters[] = "DFPRST";
    static const unsigned of_letters[] = {MAILDIR_DRAFT,   MAILDIR_FLAGGED, MAILDIR_PASSED,
                                          MAILDIR_REPLIED, MAILDIR_SEEN,    MAILDIR_TRASHED};
    size_t count = 0;
    for (size_t i = 0; i < sizeof letters - 1; i++)
        if ((flags & of_letters[i]) != 0)
            out[count++] = letters[i];
    return count;
}

enum mail_result maildir_mark_seen(struct maildir_session *session,
                                   const struct disk_access *access, const char *path)
{
    struct maildir_name name;
    struct span text = span_of(path);
    size_t folder = strlen(session->path) + sizeof "/cur";
    text = (struct span){text.bytes + folder, text.length - folder};
    if (!maildir_name_parse(text, &name) || (name.flags & MAILDIR_SEEN) != 0)
        return MAIL_DONE;
    char to[MAILDIR_NAME_MAX];
    size_t info = name.base.length + sizeof ":2," - 1;
    /* Flags that we do not know, and info that is none, are others' business. */
    bool has_other = text.length > name.base.length &&
                     (text.length < info || memcmp(text.bytes + name.base.length, ":2,", 3) != 0);
    if (has_other || info + 6 > sizeof to)
        return MAIL_DONE;
    char flags[6];
    if (text.length > info && put_flags(name.flags, flags) != text.length - info)
        return MAIL_DONE;
    if (access->patience == DISK_NOW)
        return MAIL_LATER;
    memcpy(to, name.base.bytes, name.base.length);
    memcpy(to + name.base.length, ":2,", 3);
    size_t length = info + put_flags(name.flags | MAILDIR_SEEN, to + info);
    char to_path[MAILDIR_FILE_BYTES];
    maildir_path(session->path, "cur", (struct span){to, length}, to_path);
    (void)disk_rename(access->disk, path, to_path);
    return MAIL_DONE;
}
