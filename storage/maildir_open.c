/* maildir_open: see maildir_open.h.
 *
 * The index is written beside the old one and renamed over it, and never synced: whoever finds a
 * torn one learns it all again.
 */
#include "storage/maildir_open.h"

#include "proto/must.h"
#include "storage/crc32c.h"
#include "storage/maildir_scan.h"

#include <errno.h>
#include <string.h>

static enum mail_result take_lock(struct maildir_session *session,
                                  const struct disk_access *access);
static enum mail_result load(struct maildir_session *session, const struct disk_access *access);
static enum mail_result learn(struct maildir_session *session, const struct disk_access *access,
                              const struct maildir_index_header *old);
static bool is_same(const struct maildir_stamp *a, const struct maildir_stamp *b);
static enum mail_result make_body(struct maildir_session *session, struct maildir_list *list);
static void save(struct maildir_session *session, const struct disk_access *access,
                 const struct maildir_index_header *old, int old_file);

enum mail_result maildir_open(const struct maildir_settings *settings,
                              const struct disk_access *access, const char *path,
                              struct maildir_session **out_session)
{
    *out_session = NULL;
    size_t length = strlen(path);
    if (length >= MAILDIR_PATH_BYTES)
        return MAIL_PERMANENT;
    struct maildir_session *session = disk_memory(access->disk, NULL, sizeof *session);
    if (session == NULL)
        return MAIL_TEMPORARY;
    *session = (struct maildir_session){
        .settings = settings, .disk = access->disk, .lock = -1, .index = -1};
    memcpy(session->path, path, length + 1);
    maildir_list_init(&session->renamed, access->disk);
    enum mail_result result = take_lock(session, access);
    if (result == MAIL_DONE && session->lock >= 0)
        result = load(session, access);
    if (result == MAIL_DONE)
        *out_session = session;
    else
        maildir_close(&session);
    return result;
}

void maildir_close(struct maildir_session **session)
{
    struct maildir_session *closing = *session;
    if (closing == NULL)
        return;
    struct disk *disk = closing->disk;
    maildir_list_fini(&closing->renamed);
    disk_memory(disk, closing->image, 0);
    if (closing->index >= 0)
        disk_close(disk, closing->index);
    if (closing->lock >= 0)
        disk_close(disk, closing->lock);
    disk_memory(disk, closing, 0);
    *session = NULL;
}

/* Whether a Maildir that is not there is an empty one: only where something says that its file
 * system is mounted. Else `result` stands. */
static enum mail_result missing(const struct maildir_session *session,
                                const struct disk_access *access, enum mail_result result)
{
    struct disk_facts facts;
    char path[MAILDIR_FILE_BYTES];
    if (session->settings->mounted[0] == '\0' ||
        disk_look(access->disk, session->path, access->patience, &facts) != -ENOENT)
        return result;
    maildir_path(session->settings->mounted, "", SPAN_LITERAL(MAILDIR_SENTINEL), path);
    return disk_look(access->disk, path, access->patience, &facts) == 0 ? MAIL_DONE : result;
}

/* The handle of the lock's file, made where it is missing, or -errno. */
static int open_lock(const struct maildir_session *session, const struct disk_access *access)
{
    char path[MAILDIR_FILE_BYTES];
    maildir_own_path(session, MAILDIR_LOCK_NAME, path);
    if (access->patience == DISK_NOW)
        return disk_open(access->disk, path, DISK_READ_WRITE, DISK_NOW);
    int lock = disk_open(access->disk, path, DISK_CREATE, DISK_WAIT);
    if (lock != -ENOENT || session->settings->control[0] == '\0')
        return lock;
    char folder[MAILDIR_FILE_BYTES];
    memcpy(folder, path, sizeof folder);
    folder[strlen(session->settings->control) + sizeof "/xx" - 1] = '\0';
    int error = disk_make_folder(access->disk, folder);
    return error < 0 ? error : disk_open(access->disk, path, DISK_CREATE, DISK_WAIT);
}

/* Where it answers MAIL_DONE without a lock, there is no Maildir, and the user has no mail. */
static enum mail_result take_lock(struct maildir_session *session, const struct disk_access *access)
{
    int lock = open_lock(session, access);
    if (lock < 0 && access->patience == DISK_NOW)
        return MAIL_LATER;
    if (lock < 0) {
        /* The folder of a mount that is not there is often another's, too. */
        struct maildir_stamp stamp;
        enum mail_result result = maildir_look(session, access, &stamp);
        return result == MAIL_DONE ? maildir_result(lock) : missing(session, access, result);
    }
    session->lock = lock;
    int error = disk_lock(access->disk, lock, DISK_LOCK_SESSION, access->patience);
    return error < 0 ? maildir_result(error) : MAIL_DONE;
}

static enum mail_result load(struct maildir_session *session, const struct disk_access *access)
{
    struct maildir_stamp stamp;
    char path[MAILDIR_FILE_BYTES];
    char bytes[MAILDIR_INDEX_HEADER_BYTES];
    struct maildir_index_header header;
    enum mail_result result = maildir_look(session, access, &stamp);
    if (result != MAIL_DONE)
        return access->patience == DISK_NOW ? MAIL_LATER : missing(session, access, result);
    maildir_own_path(session, MAILDIR_INDEX_NAME, path);
    int index = disk_open(access->disk, path, DISK_READ_WRITE, access->patience);
    bool is_there = index >= 0 &&
                    disk_read(access->disk, index, bytes, sizeof bytes, 0, access->patience) ==
                        (int64_t)sizeof bytes &&
                    maildir_index_decode_header(bytes, &header);
    session->index = index >= 0 ? index : -1;
    if (is_there && header.is_settled && header.format_crc == session->settings->uidl.crc &&
        is_same(&header.stamp, &stamp) && header.view.count <= session->settings->messages_max) {
        session->header = header;
        return MAIL_DONE;
    }
    if (access->patience == DISK_NOW)
        return MAIL_LATER;
    return learn(session, access, is_there ? &header : NULL);
}

static bool is_same(const struct maildir_stamp *a, const struct maildir_stamp *b)
{
    return a->new_ns == b->new_ns && a->cur_ns == b->cur_ns && a->list_ns == b->list_ns &&
           a->list_bytes == b->list_bytes && a->list_inode == b->list_inode;
}

static enum mail_result learn(struct maildir_session *session, const struct disk_access *access,
                              const struct maildir_index_header *old)
{
    int old_file = session->index;
    session->index = -1;
    struct maildir_list list;
    maildir_list_init(&list, access->disk);
    struct maildir_stamp *stamp = &session->header.stamp;
    bool is_whole;
    int64_t settled_ns = disk_time_ns(access->disk) - MAILDIR_SETTLE_NS;
    enum mail_result result = maildir_scan(session, access, old, old_file, &list, stamp, &is_whole);
    if (result == MAIL_DONE) {
        session->header.is_settled =
            is_whole && stamp->new_ns < settled_ns && stamp->cur_ns < settled_ns;
        session->header.format_crc = session->settings->uidl.crc;
        result = make_body(session, &list);
    }
    maildir_list_fini(&list);
    if (result == MAIL_DONE)
        save(session, access, old, old_file);
    if (old_file >= 0 && session->index != old_file)
        disk_close(access->disk, old_file);
    return result;
}

/* The whole file in one block: room for the header, the table, the records. */
static enum mail_result make_body(struct maildir_session *session, struct maildir_list *list)
{
    uint64_t table_bytes = ((uint64_t)list->count + 1) * MAILDIR_INDEX_ENTRY_BYTES;
    uint64_t bytes = MAILDIR_INDEX_HEADER_BYTES + table_bytes;
    for (uint32_t i = 0; i < list->count; i++)
        bytes += MAILDIR_RECORD_FIXED_BYTES + (uint64_t)list->items[i].uidl_bytes +
                 list->items[i].name_bytes;
    if (bytes > UINT32_MAX)
        return MAIL_TOO_BIG;
    session->image = disk_memory(session->disk, NULL, bytes);
    if (session->image == NULL)
        return MAIL_TEMPORARY;
    char *table = session->image + MAILDIR_INDEX_HEADER_BYTES;
    char *records = table + table_bytes;
    uint32_t used = 0;
    struct mail_view view = {.count = list->count};
    for (uint32_t i = 0; i < list->count; i++) {
        const struct maildir_item *item = &list->items[i];
        struct maildir_record record = {
            .octets = item->octets,
            .uid = item->uid,
            .flags = (item->is_counted ? MAILDIR_RECORD_COUNTED : 0U) |
                     (item->in_new ? MAILDIR_RECORD_IN_NEW : 0U),
            .uidl = maildir_list_uidl(list, item),
            .name = maildir_list_name(list, item),
        };
        maildir_index_put_entry(table, i, used);
        used += maildir_record_encode(&record, i, records + used);
        view.octets += item->octets;
    }
    maildir_index_put_entry(table, list->count, used);
    must(MAILDIR_INDEX_HEADER_BYTES + table_bytes + used == bytes);
    session->header.view = view;
    session->header.body_bytes = (uint32_t)(table_bytes + used);
    session->header.body_crc = crc32c(0, table, session->header.body_bytes);
    maildir_index_encode_header(&session->header, session->image);
    return MAIL_DONE;
}

static bool has_changed(const struct maildir_index_header *a, const struct maildir_index_header *b)
{
    return a->body_crc != b->body_crc || a->body_bytes != b->body_bytes ||
           a->view.count != b->view.count;
}

/* Where it cannot be written, the session goes on with what it has in memory. */
static void save(struct maildir_session *session, const struct disk_access *access,
                 const struct maildir_index_header *old, int old_file)
{
    char path[MAILDIR_FILE_BYTES], new_path[MAILDIR_FILE_BYTES];
    maildir_own_path(session, MAILDIR_INDEX_NAME, path);
    maildir_own_path(session, MAILDIR_NEW_INDEX_NAME, new_path);
    int file = old_file;
    int error = 0;
    if (old != NULL && !has_changed(old, &session->header)) {
        char before[MAILDIR_INDEX_HEADER_BYTES];
        maildir_index_encode_header(old, before);
        if (memcmp(before, session->image, sizeof before) != 0)
            error = disk_write(access->disk, file, session->image, sizeof before, 0);
    } else {
        file = disk_open(access->disk, new_path, DISK_CREATE_NEW, access->patience);
        error = file < 0 ? file : 0;
        if (error == 0)
            error = disk_write(access->disk, file, session->image,
                               MAILDIR_INDEX_HEADER_BYTES + (size_t)session->header.body_bytes, 0);
        if (error == 0)
            error = disk_rename(access->disk, new_path, path);
        if (error < 0 && file >= 0) {
            disk_close(access->disk, file);
            (void)disk_remove(access->disk, new_path);
        }
    }
    if (error < 0)
        return;
    session->index = file;
    disk_memory(access->disk, session->image, 0);
    session->image = NULL;
}
