/* maildir_foreign: see maildir_foreign.h.
 *
 * Dovecot appends to its list under a lock file beside it, and takes a line for valid as soon as it
 * ends. A list of version 1, or none, is written anew: into the lock file, which then takes the
 * list's name, as Dovecot does it.
 */
#include "storage/maildir_foreign.h"

#include "storage/courier_sizelist.h"
#include "storage/dovecot_uidlist.h"
#include "storage/uidl.h"

#include <errno.h>
#include <string.h>

#define DOVECOT_NAME "dovecot-uidlist"
#define LOCK_NAME    "dovecot-uidlist.lock"
#define COURIER_NAME "courierpop3dsizelist"

/* Dovecot itself takes a lock away that nobody has touched for so long. */
#define LOCK_STALE_NS INT64_C(120000000000)
#define NS_PER_S      1000000000

/* A line: UID, fields, name. */
#define LINE_MAX 1024

/* A list that is read through scratch, line by line. */
struct reader {
    const struct disk_access *access;
    int file;
    uint64_t offset; /* of the file, behind what is in the window */
    uint32_t filled; /* bytes of the window */
    struct span rest;
    bool is_damaged; /* a line was none */
};

/* What dovecot-uidlist is like. */
struct found {
    struct dovecot_uidlist list;
    bool is_there;
    bool is_damaged;
    uint64_t end; /* of its last whole line */
};

/* Lines on their way into a file. */
struct writer {
    const struct disk_access *access;
    int file;
    uint64_t offset;
    uint32_t used; /* of scratch */
};

static enum mail_result read_dovecot(struct maildir_session *session,
                                     const struct disk_access *access, struct maildir_list *list,
                                     struct found *out_found);
static enum mail_result read_courier(struct maildir_session *session,
                                     const struct disk_access *access, struct maildir_list *list);
static bool tell(struct maildir_list *list, const struct dovecot_uidlist_entry *entry);
static enum mail_result take_lock(struct maildir_session *session, const struct disk_access *access,
                                  int *out_lock);
static enum mail_result give_uids(struct maildir_session *session, const struct disk_access *access,
                                  struct maildir_list *list, struct found *found, int lock,
                                  bool *out_renamed);

const char *maildir_foreign_name(const struct maildir_uidl_format *format)
{
    return format->is_courier ? COURIER_NAME : DOVECOT_NAME;
}

enum mail_result maildir_foreign_read(struct maildir_session *session,
                                      const struct disk_access *access, struct maildir_list *list)
{
    struct found found;
    if (session->settings->uidl.is_courier)
        return read_courier(session, access, list);
    return read_dovecot(session, access, list, &found);
}

static bool needs_uid(const struct maildir_item *item)
{
    return item->uid == 0 && item->uidl_bytes == 0;
}

static uint32_t count_needy(const struct maildir_list *list)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++)
        count += needs_uid(&list->items[i]);
    return count;
}

static void leave_needy_out(struct maildir_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        list->items[i].is_left_out = needs_uid(&list->items[i]);
}

enum mail_result maildir_foreign_assign(struct maildir_session *session,
                                        const struct disk_access *access, struct maildir_list *list,
                                        struct maildir_stamp *stamp, bool *out_is_whole)
{
    if (count_needy(list) == 0)
        return MAIL_DONE;
    int lock;
    enum mail_result result = take_lock(session, access, &lock);
    /* Where we are not meant to write, they come when Dovecot has seen them. */
    bool is_read_only = result == MAIL_PERMANENT && session->settings->control[0] != '\0';
    if (result == MAIL_IN_USE || is_read_only) {
        *out_is_whole = false;
        leave_needy_out(list);
        return MAIL_DONE;
    }
    if (result != MAIL_DONE)
        return result;
    /* Dovecot may have been faster since it was read. */
    struct found found;
    bool is_renamed = false;
    result = read_dovecot(session, access, list, &found);
    if (result == MAIL_DONE && !found.is_damaged && count_needy(list) > 0)
        result = give_uids(session, access, list, &found, lock, &is_renamed);
    disk_close(access->disk, lock);
    if (!is_renamed) {
        char path[MAILDIR_FILE_BYTES];
        struct disk_facts facts;
        maildir_path(session->path, "", SPAN_LITERAL(DOVECOT_NAME), path);
        if (result == MAIL_DONE && disk_look(access->disk, path, access->patience, &facts) == 0) {
            stamp->list_ns = facts.modified_ns;
            stamp->list_bytes = facts.bytes;
            stamp->list_inode = facts.inode;
        }
        maildir_path(session->path, "", SPAN_LITERAL(LOCK_NAME), path);
        (void)disk_remove(access->disk, path);
    }
    return result;
}

/* Makes room in the window and reads on. False at the end of the file, or where a line is longer
 * than the window, which none is. */
static bool reader_fill(struct reader *reader, enum mail_result *out_result)
{
    char *window = reader->access->scratch;
    if (reader->rest.length > 0)
        memmove(window, reader->rest.bytes, reader->rest.length);
    reader->filled = (uint32_t)reader->rest.length;
    reader->rest.bytes = window;
    if (reader->filled == DISK_SCRATCH_BYTES) {
        reader->is_damaged = true;
        return false;
    }
    int64_t got =
        disk_read(reader->access->disk, reader->file, window + reader->filled,
                  DISK_SCRATCH_BYTES - reader->filled, reader->offset, reader->access->patience);
    if (got < 0)
        *out_result = maildir_result(got);
    if (got <= 0)
        return false;
    reader->offset += (uint64_t)got;
    reader->filled += (uint32_t)got;
    reader->rest.length = reader->filled;
    return true;
}

/* Opens the list; *out_there is false, and nothing is open, where there is none. */
static enum mail_result reader_open(struct reader *reader, struct maildir_session *session,
                                    const struct disk_access *access, bool *out_there)
{
    char path[MAILDIR_FILE_BYTES];
    maildir_path(session->path, "", span_of(maildir_foreign_name(&session->settings->uidl)), path);
    *reader = (struct reader){.access = access, .rest = {access->scratch, 0}};
    reader->file = disk_open(access->disk, path, DISK_READ, access->patience);
    *out_there = reader->file >= 0;
    return reader->file >= 0 || reader->file == -ENOENT ? MAIL_DONE : maildir_result(reader->file);
}

static enum mail_result read_dovecot(struct maildir_session *session,
                                     const struct disk_access *access, struct maildir_list *list,
                                     struct found *out_found)
{
    struct reader reader;
    *out_found = (struct found){.is_there = false};
    enum mail_result result = reader_open(&reader, session, access, &out_found->is_there);
    if (result != MAIL_DONE || !out_found->is_there)
        return result;
    bool has_header = false;
    while (result == MAIL_DONE && reader_fill(&reader, &result)) {
        enum dovecot_uidlist_result line = DOVECOT_UIDLIST_DONE;
        if (!has_header) {
            line = dovecot_uidlist_read_header(&reader.rest, &out_found->list);
            has_header = line == DOVECOT_UIDLIST_DONE;
            if (line == DOVECOT_UIDLIST_BAD) {
                reader.is_damaged = true;
                break;
            }
        }
        struct dovecot_uidlist_entry entry;
        while (line != DOVECOT_UIDLIST_MORE && result == MAIL_DONE) {
            line = dovecot_uidlist_read_entry(&out_found->list, &reader.rest, &entry);
            if (line == DOVECOT_UIDLIST_BAD)
                reader.is_damaged = true;
            if (line == DOVECOT_UIDLIST_DONE && !tell(list, &entry))
                result = MAIL_TEMPORARY;
        }
    }
    disk_close(access->disk, reader.file);
    /* An empty file is one that somebody has made and not written: as good as none. */
    out_found->is_there = has_header || reader.offset > 0;
    out_found->is_damaged = reader.is_damaged || (out_found->is_there && !has_header);
    out_found->end = reader.offset - reader.rest.length;
    list->uid_validity = has_header ? out_found->list.uid_validity : 0;
    return result;
}

static bool tell(struct maildir_list *list, const struct dovecot_uidlist_entry *entry)
{
    struct maildir_item *item = maildir_list_find(list, entry->file_name);
    if (item == NULL)
        return true;
    item->uid = entry->uid;
    item->order = entry->has_order ? entry->order : UINT32_MAX;
    if (!item->has_octets && entry->has_octets && entry->octets <= UINT32_MAX) {
        item->octets = (uint32_t)entry->octets;
        item->has_octets = true;
    }
    if (entry->guid.length > 0 && entry->guid.length <= MAIL_UIDL_MAX &&
        !maildir_list_set_guid(list, item, entry->guid))
        return false;
    return item->uidl_bytes > 0 || !uidl_is_valid(entry->uidl) ||
           maildir_list_set_uidl(list, item, entry->uidl);
}

static enum mail_result read_courier(struct maildir_session *session,
                                     const struct disk_access *access, struct maildir_list *list)
{
    struct reader reader;
    bool is_there, has_header = false;
    enum mail_result result = reader_open(&reader, session, access, &is_there);
    if (result != MAIL_DONE || !is_there)
        return result;
    while (result == MAIL_DONE && reader_fill(&reader, &result)) {
        struct courier_sizelist header;
        enum courier_sizelist_result line = COURIER_SIZELIST_DONE;
        if (!has_header)
            line = courier_sizelist_read_header(&reader.rest, &header);
        if (!has_header && line == COURIER_SIZELIST_BAD)
            break;
        has_header = has_header || line == COURIER_SIZELIST_DONE;
        struct courier_sizelist_entry entry;
        while (line != COURIER_SIZELIST_MORE && result == MAIL_DONE) {
            line = courier_sizelist_read_entry(&reader.rest, &entry);
            struct maildir_item *item = NULL;
            if (line == COURIER_SIZELIST_DONE)
                item = maildir_list_find(list, entry.file_name);
            if (item == NULL)
                continue;
            if (!item->has_octets && entry.octets <= UINT32_MAX) {
                item->octets = (uint32_t)entry.octets;
                item->has_octets = true;
            }
            char uidl[MAIL_UIDL_MAX];
            struct span text = {uidl, courier_sizelist_uidl(&entry, uidl, sizeof uidl)};
            if (item->uidl_bytes == 0 && text.length > 0 &&
                !maildir_list_set_uidl(list, item, text))
                result = MAIL_TEMPORARY;
        }
    }
    disk_close(access->disk, reader.file);
    return result;
}

/* MAIL_IN_USE where another has it. */
static enum mail_result take_lock(struct maildir_session *session, const struct disk_access *access,
                                  int *out_lock)
{
    char path[MAILDIR_FILE_BYTES];
    maildir_path(session->path, "", SPAN_LITERAL(LOCK_NAME), path);
    int lock = disk_open(access->disk, path, DISK_CREATE_LOCK, access->patience);
    struct disk_facts facts;
    if (lock == -EEXIST && disk_look(access->disk, path, access->patience, &facts) == 0 &&
        facts.modified_ns < disk_time_ns(access->disk) - LOCK_STALE_NS) {
        (void)disk_remove(access->disk, path);
        lock = disk_open(access->disk, path, DISK_CREATE_LOCK, access->patience);
    }
    *out_lock = lock;
    if (lock == -EEXIST)
        return MAIL_IN_USE;
    return lock < 0 ? maildir_result(lock) : MAIL_DONE;
}

static int writer_flush(struct writer *writer)
{
    int error = disk_write(writer->access->disk, writer->file, writer->access->scratch,
                           writer->used, writer->offset);
    writer->offset += writer->used;
    writer->used = 0;
    return error;
}

/* Writes all items of `some`, in its order, giving UIDs to those without. */
static int write_entries(struct writer *writer, struct maildir_list *list,
                         const struct maildir_list *some, struct dovecot_uidlist *header)
{
    int error = 0;
    for (uint32_t i = 0; i < some->count && error == 0; i++) {
        struct span name = maildir_list_name(some, &some->items[i]);
        uint32_t uid = some->items[i].uid;
        if (uid == 0 && header->next_uid == UINT32_MAX)
            return -ERANGE;
        if (uid == 0)
            uid = header->next_uid++;
        struct dovecot_uidlist_entry entry = {.uid = uid, .file_name = name};
        size_t bytes = dovecot_uidlist_write_entry(&entry, writer->access->scratch + writer->used,
                                                   DISK_SCRATCH_BYTES - writer->used);
        if (bytes == 0)
            continue; /* a name that no line can hold: it has a line end */
        writer->used += (uint32_t)bytes;
        maildir_list_find(list, name)->uid = uid;
        if (DISK_SCRATCH_BYTES - writer->used < LINE_MAX)
            error = writer_flush(writer);
    }
    return error == 0 ? writer_flush(writer) : error;
}

/* The items that a list of their own is made of: all that have a UID or need one, or only those
 * that need one. In the order in which they get UIDs. */
static bool choose(const struct maildir_list *list, bool all, struct maildir_list *out_some)
{
    maildir_list_init(out_some, list->disk);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct maildir_item *item = &list->items[i];
        if (!needs_uid(item) && !(all && item->uid != 0))
            continue;
        struct span name = maildir_list_name(list, item);
        if (!maildir_list_add(out_some, name, item->in_new))
            return false;
        maildir_list_find(out_some, name)->uid = item->uid;
    }
    return maildir_list_sort(out_some);
}

/* Above all UIDs that messages have, also where the list that gave them is lost. */
static void raise_next_uid(const struct maildir_list *list, struct dovecot_uidlist *header)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].uid >= header->next_uid && list->items[i].uid < UINT32_MAX)
            header->next_uid = list->items[i].uid + 1;
}

/* Appends to the list, or writes it anew into the lock file. */
static enum mail_result give_uids(struct maildir_session *session, const struct disk_access *access,
                                  struct maildir_list *list, struct found *found, int lock,
                                  bool *out_renamed)
{
    char path[MAILDIR_FILE_BYTES], lock_path[MAILDIR_FILE_BYTES];
    maildir_path(session->path, "", SPAN_LITERAL(DOVECOT_NAME), path);
    maildir_path(session->path, "", SPAN_LITERAL(LOCK_NAME), lock_path);
    bool is_new = !found->is_there || found->list.version != 3;
    struct dovecot_uidlist *header = &found->list;
    if (!found->is_there)
        *header = (struct dovecot_uidlist){
            .uid_validity = (uint32_t)(disk_time_ns(access->disk) / NS_PER_S + 1), .next_uid = 1};
    raise_next_uid(list, header);
    if (count_needy(list) >= UINT32_MAX - header->next_uid)
        return MAIL_PERMANENT; /* there are no more UIDs */
    struct maildir_list some;
    struct writer writer = {.access = access, .file = is_new ? lock : -1};
    int error = choose(list, is_new, &some) ? 0 : -ENOMEM;
    if (error == 0 && is_new) {
        struct dovecot_uidlist above = *header;
        above.next_uid += count_needy(list);
        writer.used = (uint32_t)dovecot_uidlist_write_header(&above, access->scratch, LINE_MAX);
    } else if (error == 0) {
        writer.offset = found->end;
        writer.file = disk_open(access->disk, path, DISK_READ_WRITE, access->patience);
        error = writer.file < 0 ? writer.file : 0;
        if (error == 0)
            error = disk_truncate(access->disk, writer.file, found->end);
    }
    if (error == 0)
        error = write_entries(&writer, list, &some, header);
    if (error == 0)
        error = disk_sync(access->disk, writer.file);
    if (error < 0 && !is_new && writer.file >= 0)
        (void)disk_truncate(access->disk, writer.file, found->end);
    if (!is_new && writer.file >= 0)
        disk_close(access->disk, writer.file);
    if (error == 0 && is_new) {
        error = disk_rename(access->disk, lock_path, path);
        *out_renamed = error == 0;
    }
    if (error == 0 && is_new)
        error = disk_sync_folder(access->disk, session->path);
    maildir_list_fini(&some);
    list->uid_validity = header->uid_validity;
    return error == 0 ? MAIL_DONE : maildir_result(error);
}
