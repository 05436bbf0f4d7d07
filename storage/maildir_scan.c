/* maildir_scan: see maildir_scan.h.
 *
 * A folder that others change while it is read may not show a file that is there all the time. So
 * it is read again until its time has stayed the same.
 */
#include "storage/maildir_scan.h"

#include "storage/maildir_foreign.h"
#include "storage/maildir_name.h"
#include "storage/uidl.h"

#include <errno.h>
#include <string.h>

/* Folders that never come to rest are taken as they are. */
#define LISTINGS_MAX 5

static enum mail_result list_folder(struct maildir_session *session,
                                    const struct disk_access *access, bool in_new,
                                    struct maildir_list *list);
static enum mail_result move_new(struct maildir_session *session, const struct disk_access *access,
                                 struct maildir_list *list);
static enum mail_result remember(struct maildir_session *session, const struct disk_access *access,
                                 const struct maildir_index_header *old, int old_file,
                                 struct maildir_list *list);
static enum mail_result learn_sizes(struct maildir_session *session,
                                    const struct disk_access *access, struct maildir_list *list,
                                    bool *out_is_whole);
static bool make_uidls(const struct maildir_session *session, struct maildir_list *list);

enum mail_result maildir_scan(struct maildir_session *session, const struct disk_access *access,
                              const struct maildir_index_header *old, int old_file,
                              struct maildir_list *list, struct maildir_stamp *out_stamp,
                              bool *out_is_whole)
{
    enum mail_result result = MAIL_DONE;
    *out_is_whole = true;
    if (session->settings->move_new)
        result = move_new(session, access, list);
    if (result == MAIL_DONE)
        result = maildir_scan_folders(session, access, list, out_stamp);
    if (result == MAIL_DONE && list->count > session->settings->messages_max)
        return MAIL_TOO_BIG;
    if (result == MAIL_DONE && old != NULL)
        result = remember(session, access, old, old_file, list);
    if (result == MAIL_DONE)
        result = maildir_foreign_read(session, access, list);
    if (result == MAIL_DONE && session->settings->uidl.needs_uid)
        result = maildir_foreign_assign(session, access, list, out_stamp, out_is_whole);
    if (result == MAIL_DONE)
        result = learn_sizes(session, access, list, out_is_whole);
    if (result != MAIL_DONE)
        return result;
    return make_uidls(session, list) && maildir_list_sort(list) ? MAIL_DONE : MAIL_TEMPORARY;
}

/* `new` comes first: what moves to `cur` meanwhile is seen there. */
enum mail_result maildir_scan_folders(struct maildir_session *session,
                                      const struct disk_access *access, struct maildir_list *list,
                                      struct maildir_stamp *out_stamp)
{
    enum mail_result result = maildir_look(session, access, out_stamp);
    for (int listings = 0; result == MAIL_DONE && listings < LISTINGS_MAX; listings++) {
        struct maildir_stamp before = *out_stamp;
        maildir_list_clear(list);
        result = list_folder(session, access, true, list);
        if (result == MAIL_DONE)
            result = list_folder(session, access, false, list);
        if (result == MAIL_DONE)
            result = maildir_look(session, access, out_stamp);
        if (before.new_ns == out_stamp->new_ns && before.cur_ns == out_stamp->cur_ns)
            break;
    }
    return result;
}

static enum mail_result list_folder(struct maildir_session *session,
                                    const struct disk_access *access, bool in_new,
                                    struct maildir_list *list)
{
    char path[MAILDIR_FILE_BYTES];
    maildir_path(session->path, "", in_new ? SPAN_LITERAL("new") : SPAN_LITERAL("cur"), path);
    int folder = disk_open_folder(access->disk, path);
    if (folder < 0)
        return maildir_result(folder);
    enum mail_result result = MAIL_DONE;
    while (result == MAIL_DONE) {
        int64_t bytes = disk_list(access->disk, folder, access->scratch, DISK_SCRATCH_BYTES);
        if (bytes <= 0) {
            result = bytes < 0 ? maildir_result(bytes) : MAIL_DONE;
            break;
        }
        for (int64_t at = 0; at < bytes && result == MAIL_DONE;) {
            struct span name = span_of(access->scratch + at);
            at += (int64_t)name.length + 1;
            if (!maildir_list_add(list, name, in_new))
                result = MAIL_TEMPORARY;
        }
    }
    disk_close(access->disk, folder);
    return result;
}

/* Another may move the same file at the same time: then it is there already. */
static enum mail_result move_new(struct maildir_session *session, const struct disk_access *access,
                                 struct maildir_list *list)
{
    char from[MAILDIR_FILE_BYTES], to[MAILDIR_FILE_BYTES];
    enum mail_result result = list_folder(session, access, true, list);
    for (uint32_t i = 0; i < list->count && result == MAIL_DONE; i++) {
        struct span name = maildir_list_name(list, &list->items[i]);
        bool has_info = memchr(name.bytes, ':', name.length) != NULL;
        if (!has_info && name.length + 3 > MAILDIR_NAME_MAX)
            continue;
        maildir_path(session->path, "new", name, from);
        maildir_path(session->path, "cur", name, to);
        if (!has_info)
            memcpy(to + strlen(to), ":2,", 4);
        int error = disk_rename(access->disk, from, to);
        if (error < 0 && error != -ENOENT)
            result = maildir_result(error);
    }
    return result;
}

static void say_octets(struct maildir_item *item, uint64_t octets, bool is_counted)
{
    if (octets > UINT32_MAX)
        return;
    item->octets = (uint32_t)octets;
    item->has_octets = true;
    item->is_counted = is_counted;
}

/* Octets and UIDLs from our index; a UIDL only where it was made by the same format. Where it is
 * damaged, what is left of it is as good as none. */
static enum mail_result remember(struct maildir_session *session, const struct disk_access *access,
                                 const struct maildir_index_header *old, int old_file,
                                 struct maildir_list *list)
{
    /* The session's reading functions read what the session sees: for now, the old index. */
    struct maildir_index_header header = session->header;
    int index = session->index;
    session->header = *old;
    session->index = old_file;
    bool same_format = old->format_crc == session->settings->uidl.crc;
    enum mail_result result = MAIL_DONE;
    uint32_t read;
    for (uint32_t first = 0; first < old->view.count && result == MAIL_DONE; first += read) {
        uint32_t left = old->view.count - first;
        if (maildir_records_read(session, access, first, left, &read) != MAIL_DONE)
            break;
        for (uint32_t at = 0; at < read && result == MAIL_DONE; at++) {
            struct maildir_record record;
            struct maildir_item *item = NULL;
            if (maildir_record_at(access, first, at, read, &record))
                item = maildir_list_find(list, record.name);
            if (item == NULL)
                continue;
            bool is_counted = (record.flags & MAILDIR_RECORD_COUNTED) != 0;
            if (is_counted || record.octets > 0)
                say_octets(item, record.octets, is_counted);
            item->uid = record.uid;
            if (same_format && !maildir_list_set_uidl(list, item, record.uidl))
                result = MAIL_TEMPORARY;
        }
    }
    session->header = header;
    session->index = index;
    return result;
}

/* What nobody has told yet: from the name, else from the file. A file that cannot be read counts
 * nothing, and is tried again by every session. */
static enum mail_result learn_sizes(struct maildir_session *session,
                                    const struct disk_access *access, struct maildir_list *list,
                                    bool *out_is_whole)
{
    char path[MAILDIR_FILE_BYTES];
    for (uint32_t i = 0; i < list->count; i++) {
        struct maildir_item *item = &list->items[i];
        if (item->has_octets || item->is_left_out)
            continue;
        struct span text = maildir_list_name(list, item);
        struct maildir_name name;
        if (maildir_name_parse(text, &name) && name.has_wire_size)
            say_octets(item, name.wire_size, false);
        if (item->has_octets)
            continue;
        int file;
        enum mail_result result =
            maildir_open_message(session, access, text, item->in_new, &file, path);
        if (path[0] == '\0') {
            item->is_left_out = true; /* it went away since the folder was listed */
            continue;
        }
        struct maildir_size size = {0};
        if (result == MAIL_DONE) {
            /* One with holes may be larger than its disk, and nobody could be told its size. */
            result = disk_size(access->disk, file) > UINT32_MAX
                         ? MAIL_PERMANENT
                         : maildir_count(access, file, &size);
            disk_close(access->disk, file);
        }
        say_octets(item, size.octets, result == MAIL_DONE);
        *out_is_whole = *out_is_whole && result == MAIL_DONE;
    }
    return MAIL_DONE;
}

/* Two messages with the same UIDL are one to a client: the later gets another. A UIDL is looked up
 * in a list of its own, whose names are the UIDLs. */
static bool make_unique(struct maildir_list *list, struct maildir_list *taken,
                        struct maildir_item *item, char uidl[MAIL_UIDL_MAX], uint8_t length)
{
    /* A name in that list ends before a colon, and must not begin with a dot. */
    char key[MAIL_UIDL_MAX + 1] = "=";
    struct span base = maildir_list_base(list, item);
    for (int tries = 0; tries < 3; tries++) {
        if (tries == 1)
            length = maildir_uidl_own(base, uidl);
        if (tries == 2)
            length = maildir_uidl_hash(base, uidl);
        for (uint8_t i = 0; i < length; i++)
            key[1 + i] = uidl[i] == ':' ? '\x01' : uidl[i] == '/' ? '\x02' : uidl[i];
        struct span name = {key, (size_t)length + 1};
        if (maildir_list_find(taken, name) == NULL)
            return maildir_list_add(taken, name, false) &&
                   maildir_list_set_uidl(list, item, (struct span){uidl, length});
    }
    item->is_left_out = true;
    return true;
}

/* First those that clients may know already, then those that are new. */
static bool make_uidls(const struct maildir_session *session, struct maildir_list *list)
{
    struct maildir_list taken;
    maildir_list_init(&taken, list->disk);
    bool done = true;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < list->count && done; i++) {
            struct maildir_item *item = &list->items[i];
            bool is_known = item->uidl_bytes > 0;
            if (item->is_left_out || is_known != (pass == 0))
                continue;
            char uidl[MAIL_UIDL_MAX];
            uint8_t length = item->uidl_bytes;
            if (is_known)
                memcpy(uidl, maildir_list_uidl(list, item).bytes, length);
            else
                length =
                    maildir_uidl_make(&session->settings->uidl,
                                      &(struct uidl_parts){.uid = item->uid,
                                                           .uid_validity = list->uid_validity,
                                                           .name = maildir_list_base(list, item),
                                                           .guid = maildir_list_guid(list, item)},
                                      uidl);
            done = make_unique(list, &taken, item, uidl, length);
        }
    }
    maildir_list_fini(&taken);
    return done;
}
