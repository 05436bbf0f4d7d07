/* import_maildir: reads the messages of a Maildir, new/ and cur/ together, for the import.
 *
 * In the order of the old server's list (tools/maildir_uids.h), then in that of the file names,
 * which is that of delivery. Messages with the flag T wait to be removed and are not brought along.
 * No symbolic link is followed, so nothing outside is read, and nothing of the Maildir is changed.
 */
#include "tools/import.h"
#include "tools/maildir_uids.h"

#include "storage/courier_sizelist.h"
#include "storage/maildir_name.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const folder_names[] = {"new", "cur"};
#define FOLDERS 2

/* A folder that others change while it is read may not show a file that is there. It is read again
 * until its time, whose ticks are 10 ms at most, says that nobody has. */
#define SCANS_MAX  10
#define SETTLED_NS 20000000
#define NS_PER_S   INT64_C(1000000000)

struct entry {
    char *name;
    int folder;                              /* index */
    const struct maildir_uids_entry *listed; /* or NULL */
    uint32_t uid; /* of the list, or the next one that it would give; 0: it knows no UIDs */
};

struct import_maildir {
    struct import import;
    const char *source;
    struct span format; /* of UIDLs; empty: they are made */
    struct maildir_uids list;
    int root;             /* handle, or -1 */
    int folders[FOLDERS]; /* handles, or -1 */
    struct entry *entries;
    size_t count, room;
    bool is_at_rest; /* all that is there has been seen */
    char buffer[IMPORT_BUFFER_BYTES];
};

static enum ending open_folders(struct import_maildir *maildir);
static enum ending scan_at_rest(struct import_maildir *maildir);
static enum ending scan(struct import_maildir *maildir, int folder);
static void forget_entries(struct import_maildir *maildir);
static bool add_entry(struct import_maildir *maildir, int folder, const char *name);
static int compare(const void *a, const void *b);
static void import_entry(struct import_maildir *maildir, const struct entry *entry);
static void refuse(struct import_maildir *maildir, const struct entry *entry, const char *why);
static enum ending choose_format(struct import_maildir *maildir, const char *wanted);
static void order_entries(struct import_maildir *maildir);
static struct import_label label_of(struct import_maildir *maildir, const struct entry *entry,
                                    char out_uidl[MAIL_UIDL_MAX]);

enum ending import_from_maildir(struct run *run, const char *user, const char *path,
                                const char *source, const struct import_order *order)
{
    struct import_maildir maildir = {.source = source, .root = -1, .folders = {-1, -1}};
    enum ending ending = open_folders(&maildir);
    if (ending == ENDING_DONE)
        ending = choose_format(&maildir, order->uidl_format);
    if (ending == ENDING_DONE)
        ending = scan_at_rest(&maildir);
    if (ending == ENDING_DONE) {
        order_entries(&maildir);
        ending = import_begin(&maildir.import, run, user, path, order);
    }
    if (ending == ENDING_DONE) {
        struct import *import = &maildir.import;
        import->source_is_cut = !maildir.is_at_rest;
        import_expect(import, maildir.count);
        for (size_t i = 0; i < maildir.count && import_goes_on(import); i++) {
            import_entry(&maildir, &maildir.entries[i]);
            import_step(import, i + 1);
        }
        ending = import_end(import);
    }
    for (int i = 0; i < FOLDERS; i++) {
        if (maildir.folders[i] >= 0)
            close(maildir.folders[i]);
    }
    if (maildir.root >= 0)
        close(maildir.root);
    forget_entries(&maildir);
    free(maildir.entries);
    maildir_uids_free(&maildir.list);
    return ending;
}

/* A Maildir that came out of an archive may lack one of the two, when it was empty. */
static enum ending open_folders(struct import_maildir *maildir)
{
    const int root = open(maildir->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    maildir->root = root;
    if (root < 0)
        return command_fail(ENDING_FAILED, "%s cannot be opened as a Maildir: %s", maildir->source,
                            strerror(errno));
    bool any = false;
    int error = 0;
    for (int i = 0; i < FOLDERS; i++) {
        maildir->folders[i] =
            openat(root, folder_names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        any = any || maildir->folders[i] >= 0;
        if (maildir->folders[i] < 0 && errno != ENOENT)
            error = errno;
    }
    if (error != 0)
        return command_fail(ENDING_FAILED, "%s: the folder new or cur cannot be opened: %s",
                            maildir->source, strerror(error));
    if (!any)
        return command_fail(ENDING_FAILED, "%s is no Maildir: it has neither a folder new nor cur",
                            maildir->source);
    return ENDING_DONE;
}

/* When each folder was changed, and whether that is so long ago that another change would show. */
static bool look(const struct import_maildir *maildir, int64_t out_changed_ns[FOLDERS])
{
    struct timespec now;
    bool is_settled = true;
    clock_gettime(CLOCK_REALTIME, &now);
    for (int i = 0; i < FOLDERS; i++) {
        struct stat status = {.st_mode = 0};
        if (maildir->folders[i] >= 0 && fstat(maildir->folders[i], &status) != 0)
            is_settled = false;
        out_changed_ns[i] = status.st_mtim.tv_sec * NS_PER_S + status.st_mtim.tv_nsec;
        const int64_t age_ns = now.tv_sec * NS_PER_S + now.tv_nsec - out_changed_ns[i];
        is_settled = is_settled && (age_ns > SETTLED_NS || age_ns < -SETTLED_NS);
    }
    return is_settled;
}

static enum ending scan_at_rest(struct import_maildir *maildir)
{
    enum ending ending = ENDING_DONE;
    for (int scans = 0; !maildir->is_at_rest && ending == ENDING_DONE && scans < SCANS_MAX;
         scans++) {
        int64_t before_ns[FOLDERS], after_ns[FOLDERS];
        if (scans > 0)
            usleep(SETTLED_NS / 1000);
        const bool is_settled = look(maildir, before_ns);
        forget_entries(maildir);
        for (int i = 0; ending == ENDING_DONE && i < FOLDERS; i++) {
            if (maildir->folders[i] >= 0)
                ending = scan(maildir, i);
        }
        (void)look(maildir, after_ns);
        maildir->is_at_rest = is_settled && memcmp(before_ns, after_ns, sizeof before_ns) == 0;
    }
    return ending;
}

static void forget_entries(struct import_maildir *maildir)
{
    for (size_t i = 0; i < maildir->count; i++)
        free(maildir->entries[i].name);
    maildir->count = 0;
}

static enum ending scan(struct import_maildir *maildir, int folder)
{
    const int handle = openat(maildir->folders[folder], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = handle < 0 ? NULL : fdopendir(handle);
    const struct dirent *entry = NULL;
    struct maildir_name parts;
    if (entries != NULL) {
        while (errno = 0, (entry = readdir(entries)) != NULL) {
            if (maildir_name_parse(span_of(entry->d_name), &parts) && entry->d_type != DT_DIR &&
                !add_entry(maildir, folder, entry->d_name))
                break;
        }
    }
    const int error = errno;
    if (entries != NULL)
        closedir(entries);
    else if (handle >= 0)
        close(handle);
    if (entries == NULL || error != 0)
        return command_fail(ENDING_FAILED, "%s/%s cannot be read: %s", maildir->source,
                            folder_names[folder], strerror(error));
    return ENDING_DONE;
}

/* False with errno ENOMEM. */
static bool add_entry(struct import_maildir *maildir, int folder, const char *name)
{
    if (maildir->count == maildir->room) {
        const size_t room = maildir->room > 0 ? maildir->room * 2 : 1024;
        struct entry *entries = reallocarray(maildir->entries, room, sizeof *entries);
        if (entries == NULL)
            return false;
        maildir->entries = entries;
        maildir->room = room;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return false;
    maildir->entries[maildir->count++] = (struct entry){.name = copy, .folder = folder};
    return true;
}

/* The list that is there says what its server has answered, unless somebody knows better. */
static enum ending choose_format(struct import_maildir *maildir, const char *wanted)
{
    const struct span text = wanted != NULL ? span_of(wanted) : (struct span){"", 0};
    const struct uidl_parts any = {
        .uid = 1, .uid_validity = 1, .name = SPAN_LITERAL("a"), .guid = SPAN_LITERAL("a")};
    char uidl[MAIL_UIDL_MAX];
    uint8_t length = 0;
    if (wanted != NULL && strcmp(wanted, "made") == 0)
        return ENDING_DONE;
    maildir->format = uidl_format_named(text);
    if (wanted != NULL &&
        uidl_format_write(maildir->format, &any, uidl, &length) == UIDL_FORMAT_WRONG)
        return command_fail(ENDING_USAGE,
                            "--uidl-format %s is none: write dovecot, courier, cyrus, uw, own, "
                            "made, or a text with %%u %%v %%f %%g in it",
                            wanted);
    const bool needs_uid = uidl_format_needs_uid(maildir->format);
    const bool is_courier = span_equal(text, SPAN_LITERAL("courier"));
    const enum ending ending = maildir_uids_read(&maildir->list, maildir->root, maildir->source,
                                                 is_courier  ? MAILDIR_UIDS_COURIER
                                                 : needs_uid ? MAILDIR_UIDS_DOVECOT
                                                             : MAILDIR_UIDS_NONE);
    if (ending != ENDING_DONE)
        return ending;
    if (needs_uid && maildir->list.kind == MAILDIR_UIDS_NONE)
        return command_fail(
            ENDING_FAILED, "%s has no %s, which alone knows the UIDLs of --uidl-format %s",
            maildir->source, is_courier ? "courierpop3dsizelist" : "dovecot-uidlist", wanted);
    if (wanted == NULL)
        maildir->format = uidl_format_named(
            span_of(maildir->list.kind == MAILDIR_UIDS_DOVECOT ? "dovecot" : "own"));
    return ENDING_DONE;
}

/* New mail that the old server has not seen yet gets the UIDs that it would give next. */
static void order_entries(struct import_maildir *maildir)
{
    for (size_t i = 0; i < maildir->count; i++) {
        struct maildir_name parts;
        struct entry *entry = &maildir->entries[i];
        if (maildir_name_parse(span_of(entry->name), &parts))
            entry->listed = maildir_uids_find(&maildir->list, parts.base);
        entry->uid = entry->listed != NULL ? entry->listed->uid : 0;
    }
    if (maildir->count > 0)
        qsort(maildir->entries, maildir->count, sizeof maildir->entries[0], compare);
    uint32_t next_uid = maildir->list.next_uid;
    for (size_t i = 0; i < maildir->count && maildir->list.kind != MAILDIR_UIDS_NONE; i++) {
        if (maildir->entries[i].listed == NULL)
            maildir->entries[i].uid = next_uid++;
    }
}

static int compare(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    if ((one->uid != 0) != (other->uid != 0))
        return one->uid != 0 ? -1 : 1;
    if (one->uid != 0 && one->listed->order != other->listed->order)
        return one->listed->order < other->listed->order ? -1 : 1;
    if (one->uid != other->uid)
        return one->uid < other->uid ? -1 : 1;
    const int order = maildir_name_compare(span_of(one->name), span_of(other->name));
    return order != 0 ? order : one->folder - other->folder;
}

/* Without time and place. What the list does not know yet is known by its file as well: the old
 * server may yet give it another UID than the one foretold. */
static struct import_label label_of(struct import_maildir *maildir, const struct entry *entry,
                                    char out_uidl[MAIL_UIDL_MAX])
{
    struct maildir_name parts = {.flags = 0};
    uint8_t length = 0;
    maildir_name_parse(span_of(entry->name), &parts);
    struct import_label label = {.key = parts.base};
    const struct maildir_uids_entry *listed = entry->listed;
    if (maildir->list.kind != MAILDIR_UIDS_NONE)
        label.file = parts.base;
    label.is_guess = listed == NULL && label.file.length > 0;
    if (maildir->format.length == 0)
        return label;
    if (listed != NULL && listed->uidl.length > 0) {
        label.uidl = listed->uidl;
        return label;
    }
    if (listed == NULL && maildir->list.kind == MAILDIR_UIDS_COURIER) {
        const struct courier_sizelist_entry foretold = {.uid = entry->uid,
                                                        .uid_validity = maildir->list.uid_validity};
        length = (uint8_t)courier_sizelist_uidl(&foretold, out_uidl, MAIL_UIDL_MAX);
        label.uidl = (struct span){out_uidl, length};
        return label;
    }
    const struct uidl_parts known = {
        .uid = entry->uid,
        .uid_validity = maildir->list.uid_validity,
        .name = parts.base,
        .guid = listed != NULL && listed->guid.length > 0 ? listed->guid : parts.base,
    };
    if (uidl_format_write(maildir->format, &known, out_uidl, &length) == UIDL_FORMAT_DONE)
        label.uidl = (struct span){out_uidl, length};
    else if (listed != NULL || maildir->list.kind == MAILDIR_UIDS_NONE)
        label.uidl = parts.base; /* for the sentence: it is no valid one */
    return label;
}

/* The seconds that the name begins with, else when the file was last changed. */
static int64_t entry_time(const struct entry *entry, const struct stat *status)
{
    char *end = entry->name;
    errno = 0;
    const long long time =
        isdigit((unsigned char)entry->name[0]) ? strtoll(entry->name, &end, 10) : 0;
    return end != entry->name && errno == 0 ? time : status->st_mtim.tv_sec;
}

static void import_entry(struct import_maildir *maildir, const struct entry *entry)
{
    struct import *import = &maildir->import;
    struct maildir_name parts;
    struct stat status = {.st_mode = 0};
    char where[4096 + 512], uidl[MAIL_UIDL_MAX];
    if (maildir_name_parse(span_of(entry->name), &parts) && (parts.flags & MAILDIR_TRASHED) != 0) {
        import->counts.skipped++;
        return;
    }
    struct import_label label = label_of(maildir, entry, uidl);
    if (import_is_known(import, &label))
        return;
    /* A pipe with a message's name must not keep us waiting. */
    const int file = openat(maildir->folders[entry->folder], entry->name,
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0) {
        refuse(maildir, entry, errno == ELOOP ? "it is a symbolic link" : strerror(errno));
        return;
    }
    ssize_t count = -1;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        refuse(maildir, entry, "it is no regular file");
    else
        count = import_file(import, file, maildir->buffer);
    if (count < 0 && count != -EINTR && S_ISREG(status.st_mode))
        refuse(maildir, entry, strerror((int)-count));
    close(file);
    if (count != 0) {
        import_message_cancel(import);
        return;
    }
    snprintf(where, sizeof where, "%s/%s/%s", maildir->source, folder_names[entry->folder],
             entry->name);
    label.where = where;
    label.time = entry_time(entry, &status);
    import_message_end(import, &label);
}

static void refuse(struct import_maildir *maildir, const struct entry *entry, const char *why)
{
    char where[4096 + 512], sentence[512];
    snprintf(where, sizeof where, "%s/%s/%s", maildir->source, folder_names[entry->folder],
             entry->name);
    snprintf(sentence, sizeof sentence, "cannot be read and is left out: %s", why);
    import_refuse(&maildir->import, where, sentence);
}
