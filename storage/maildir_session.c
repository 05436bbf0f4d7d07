/* maildir_session: see maildir_session.h.
 *
 * Reads records and opens messages for all parts of the driver. A file that others have renamed is
 * looked for once: the folders are listed and the list is kept, so that thousands of messages that
 * somebody flags during a session cost one listing.
 */
#include "storage/maildir_session.h"

#include "proto/must.h"
#include "storage/maildir_foreign.h"
#include "storage/maildir_scan.h"

#include <errno.h>
#include <string.h>

/* Records that are read at once, table and all. */
#define RECORDS_MAX 700
_Static_assert(RECORDS_MAX *MAILDIR_RECORD_MAX + (RECORDS_MAX + 1) * MAILDIR_INDEX_ENTRY_BYTES <=
                   DISK_SCRATCH_BYTES,
               "a window of records fits scratch");

static enum mail_result index_is_damaged(struct maildir_session *session,
                                         const struct disk_access *access);

void maildir_path(const char *path, const char *folder, struct span name,
                  char out_path[MAILDIR_FILE_BYTES])
{
    size_t length = strlen(path);
    size_t folder_length = strlen(folder);
    must(length < MAILDIR_PATH_BYTES && folder_length <= 3 && name.length <= MAILDIR_NAME_MAX);
    memcpy(out_path, path, length);
    out_path[length++] = '/';
    if (folder_length > 0) {
        memcpy(out_path + length, folder, folder_length);
        length += folder_length;
        out_path[length++] = '/';
    }
    memcpy(out_path + length, name.bytes, name.length);
    out_path[length + name.length] = '\0';
}

void maildir_own_path(const struct maildir_session *session, const char *name,
                      char out_path[MAILDIR_FILE_BYTES])
{
    const char *control = session->settings->control;
    if (control[0] == '\0') {
        maildir_path(session->path, "", span_of(name), out_path);
        return;
    }
    char own[MAILDIR_UIDL_HASH_BYTES + 1 + sizeof MAILDIR_NEW_INDEX_NAME];
    char hash[MAIL_UIDL_MAX], folder[3] = "";
    size_t length = maildir_uidl_hash(span_of(session->path), hash);
    size_t name_length = strlen(name);
    must(length + 1 + name_length <= sizeof own);
    memcpy(folder, hash, 2);
    memcpy(own, hash, length);
    own[length++] = '-';
    memcpy(own + length, name, name_length);
    maildir_path(control, folder, (struct span){own, length + name_length}, out_path);
}

enum mail_result maildir_result(int64_t error)
{
    switch (error) {
    case -EAGAIN:
        return MAIL_LATER;
    case -EBUSY:
        return MAIL_IN_USE;
    case -EACCES:
    case -EPERM:
    case -ELOOP:
    case -EROFS:
        return MAIL_PERMANENT;
    }
    return MAIL_TEMPORARY;
}

enum mail_result maildir_look(const struct maildir_session *session,
                              const struct disk_access *access, struct maildir_stamp *out_stamp)
{
    static const char *const folders[] = {"new", "cur"};
    char path[MAILDIR_FILE_BYTES];
    struct disk_facts facts[2], list;
    for (int i = 0; i < 2; i++) {
        maildir_path(session->path, "", span_of(folders[i]), path);
        int error = disk_look(access->disk, path, access->patience, &facts[i]);
        if (error < 0)
            return maildir_result(error);
        if (!facts[i].is_folder)
            return MAIL_PERMANENT;
    }
    *out_stamp =
        (struct maildir_stamp){.new_ns = facts[0].modified_ns, .cur_ns = facts[1].modified_ns};
    const char *name = maildir_foreign_name(&session->settings->uidl);
    maildir_path(session->path, "", span_of(name), path);
    int error = disk_look(access->disk, path, access->patience, &list);
    if (error == -ENOENT)
        return MAIL_DONE;
    out_stamp->list_ns = list.modified_ns;
    out_stamp->list_bytes = list.bytes;
    out_stamp->list_inode = list.inode;
    return error < 0 ? maildir_result(error) : MAIL_DONE;
}

/* Bytes of the body, wherever it is. */
static enum mail_result read_body(struct maildir_session *session, const struct disk_access *access,
                                  uint64_t offset, char *buffer, size_t bytes)
{
    if (offset > session->header.body_bytes || bytes > session->header.body_bytes - offset)
        return index_is_damaged(session, access);
    if (session->image != NULL) {
        memcpy(buffer, session->image + MAILDIR_INDEX_HEADER_BYTES + offset, bytes);
        return MAIL_DONE;
    }
    int64_t got = disk_read(access->disk, session->index, buffer, bytes,
                            MAILDIR_INDEX_HEADER_BYTES + offset, access->patience);
    if (got < 0)
        return maildir_result(got);
    return (uint64_t)got == bytes ? MAIL_DONE : index_is_damaged(session, access);
}

enum mail_result maildir_records_read(struct maildir_session *session,
                                      const struct disk_access *access, uint32_t index,
                                      uint32_t count, uint32_t *out_count)
{
    uint32_t all = session->header.view.count;
    must(index < all && count >= 1 && count <= all - index);
    count = count < RECORDS_MAX ? count : RECORDS_MAX;
    char *table = access->scratch;
    size_t table_bytes = ((size_t)count + 1) * MAILDIR_INDEX_ENTRY_BYTES;
    enum mail_result result =
        read_body(session, access, (uint64_t)index * MAILDIR_INDEX_ENTRY_BYTES, table, table_bytes);
    if (result != MAIL_DONE)
        return result;
    uint32_t before = maildir_index_entry(table, 0);
    for (uint32_t i = 1; i <= count; i++) {
        uint32_t entry = maildir_index_entry(table, i);
        if (entry < before || entry - before > MAILDIR_RECORD_MAX)
            return index_is_damaged(session, access);
        before = entry;
    }
    uint32_t first = maildir_index_entry(table, 0);
    uint64_t records = ((uint64_t)all + 1) * MAILDIR_INDEX_ENTRY_BYTES;
    *out_count = count;
    result = read_body(session, access, records + first, table + table_bytes, before - first);
    struct maildir_record record;
    for (uint32_t at = 0; at < count && result == MAIL_DONE; at++)
        if (!maildir_record_at(access, index, at, count, &record))
            result = index_is_damaged(session, access);
    return result;
}

bool maildir_record_at(const struct disk_access *access, uint32_t index, uint32_t at,
                       uint32_t count, struct maildir_record *out_record)
{
    const char *table = access->scratch;
    const char *records = table + ((size_t)count + 1) * MAILDIR_INDEX_ENTRY_BYTES;
    uint32_t first = maildir_index_entry(table, 0);
    uint32_t begin = maildir_index_entry(table, at) - first;
    uint32_t end = maildir_index_entry(table, at + 1) - first;
    return maildir_record_decode((struct span){records + begin, end - begin}, index + at,
                                 out_record);
}

enum mail_result maildir_record_read(struct maildir_session *session,
                                     const struct disk_access *access, uint32_t index,
                                     struct maildir_record *out_record)
{
    uint32_t count;
    enum mail_result result = maildir_records_read(session, access, index, 1, &count);
    if (result == MAIL_DONE && !maildir_record_at(access, index, 0, 1, out_record))
        result = index_is_damaged(session, access);
    return result;
}

/* It can all be learnt again, in a session that begins with it. */
static enum mail_result index_is_damaged(struct maildir_session *session,
                                         const struct disk_access *access)
{
    if (access->patience == DISK_NOW)
        return MAIL_LATER;
    char path[MAILDIR_FILE_BYTES];
    maildir_own_path(session, MAILDIR_INDEX_NAME, path);
    (void)disk_remove(access->disk, path);
    return MAIL_TEMPORARY;
}

enum mail_result maildir_open_message(struct maildir_session *session,
                                      const struct disk_access *access, struct span name,
                                      bool in_new, int *out_file, char out_path[MAILDIR_FILE_BYTES])
{
    maildir_path(session->path, in_new ? "new" : "cur", name, out_path);
    int file = disk_open(access->disk, out_path, DISK_READ, access->patience);
    for (int tries = 0; file == -ENOENT && tries < 2; tries++) {
        if (access->patience == DISK_NOW)
            return MAIL_LATER;
        bool is_gone;
        enum mail_result result =
            maildir_follow(session, access, name, tries > 0, out_path, &is_gone);
        if (is_gone)
            out_path[0] = '\0';
        if (result != MAIL_DONE)
            return result;
        file = disk_open(access->disk, out_path, DISK_READ, access->patience);
    }
    *out_file = file;
    return file < 0 ? maildir_result(file) : MAIL_DONE;
}

enum mail_result maildir_follow(struct maildir_session *session, const struct disk_access *access,
                                struct span name, bool is_stale, char out_path[MAILDIR_FILE_BYTES],
                                bool *out_is_gone)
{
    *out_is_gone = false;
    bool is_fresh = is_stale || !session->has_renamed;
    if (is_fresh) {
        session->has_renamed = false;
        struct maildir_stamp stamp;
        enum mail_result result = maildir_scan_folders(session, access, &session->renamed, &stamp);
        if (result != MAIL_DONE)
            return result;
        session->has_renamed = true;
    }
    const struct maildir_item *item = maildir_list_find(&session->renamed, name);
    if (item == NULL && !is_fresh)
        return maildir_follow(session, access, name, true, out_path, out_is_gone);
    *out_is_gone = item == NULL;
    if (item == NULL)
        return MAIL_TEMPORARY;
    maildir_path(session->path, item->in_new ? "new" : "cur",
                 maildir_list_name(&session->renamed, item), out_path);
    return MAIL_DONE;
}

enum mail_result maildir_count(const struct disk_access *access, int file,
                               struct maildir_size *out_size)
{
    struct dot_count count;
    dot_count_init(&count);
    uint64_t raw_bytes = 0;
    for (;;) {
        int64_t got = disk_read(access->disk, file, access->scratch, DISK_SCRATCH_BYTES, raw_bytes,
                                access->patience);
        if (got < 0)
            return maildir_result(got);
        dot_count_take(&count, (struct span){access->scratch, (size_t)got});
        raw_bytes += (uint64_t)got;
        if (got < DISK_SCRATCH_BYTES)
            break;
    }
    return maildir_size_of(&count, raw_bytes, out_size);
}

enum mail_result maildir_size_of(struct dot_count *count, uint64_t raw_bytes,
                                 struct maildir_size *out_size)
{
    dot_count_finish(count);
    /* LIST has 32 bits for it here. */
    if (count->octets > UINT32_MAX || raw_bytes > UINT32_MAX)
        return MAIL_PERMANENT;
    *out_size = (struct maildir_size){.raw_bytes = (uint32_t)raw_bytes,
                                      .octets = count->octets,
                                      .wire_bytes = count->octets + count->stuffed_dots};
    return MAIL_DONE;
}
