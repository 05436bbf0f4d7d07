/* import_maildir: reads the messages of a Maildir, new/ and cur/ together, for the import.
 *
 * In the order of the file names, which is that of delivery. Messages with the flag T wait to be
 * removed and are not brought along. No symbolic link is followed, so nothing outside is read, and
 * nothing of the Maildir is changed.
 */
#include "tools/import.h"

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

struct entry {
    char *name;
    int folder; /* index */
};

struct import_maildir {
    struct import import;
    const char *source;
    int folders[FOLDERS]; /* handles, or -1 */
    struct entry *entries;
    size_t count, room;
    char buffer[IMPORT_BUFFER_BYTES];
};

static enum ending open_folders(struct import_maildir *maildir);
static enum ending scan(struct import_maildir *maildir, int folder);
static bool add_entry(struct import_maildir *maildir, int folder, const char *name);
static int compare(const void *a, const void *b);
static void import_entry(struct import_maildir *maildir, const struct entry *entry);
static void refuse(struct import_maildir *maildir, const struct entry *entry, const char *why);

enum ending import_from_maildir(struct run *run, const char *user, const char *path,
                                const char *source)
{
    struct import_maildir maildir = {.source = source, .folders = {-1, -1}};
    enum ending ending = open_folders(&maildir);
    for (int i = 0; ending == ENDING_DONE && i < FOLDERS; i++) {
        if (maildir.folders[i] >= 0)
            ending = scan(&maildir, i);
    }
    if (ending == ENDING_DONE) {
        if (maildir.count > 0)
            qsort(maildir.entries, maildir.count, sizeof maildir.entries[0], compare);
        ending = import_begin(&maildir.import, run, user, path);
    }
    if (ending == ENDING_DONE) {
        struct import *import = &maildir.import;
        progress_begin(&import->progress, "message", maildir.count);
        for (size_t i = 0; i < maildir.count && import_goes_on(import); i++) {
            import_entry(&maildir, &maildir.entries[i]);
            progress_step(&import->progress, import->done_count + import->batch_count,
                          import->done_bytes + import->batch_bytes, i + 1);
        }
        ending = import_end(import);
    }
    for (int i = 0; i < FOLDERS; i++) {
        if (maildir.folders[i] >= 0)
            close(maildir.folders[i]);
    }
    for (size_t i = 0; i < maildir.count; i++)
        free(maildir.entries[i].name);
    free(maildir.entries);
    return ending;
}

/* A Maildir that came out of an archive may lack one of the two, when it was empty. */
static enum ending open_folders(struct import_maildir *maildir)
{
    const int root = open(maildir->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
    close(root);
    if (error != 0)
        return command_fail(ENDING_FAILED, "%s: the folder new or cur cannot be opened: %s",
                            maildir->source, strerror(error));
    if (!any)
        return command_fail(ENDING_FAILED, "%s is no Maildir: it has neither a folder new nor cur",
                            maildir->source);
    return ENDING_DONE;
}

static enum ending scan(struct import_maildir *maildir, int folder)
{
    const int handle = fcntl(maildir->folders[folder], F_DUPFD_CLOEXEC, 3);
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
    maildir->entries[maildir->count++] = (struct entry){copy, folder};
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    const int order = maildir_name_compare(span_of(one->name), span_of(other->name));
    return order != 0 ? order : one->folder - other->folder;
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
    struct stat status;
    char where[4096 + 512];
    if (maildir_name_parse(span_of(entry->name), &parts) && (parts.flags & MAILDIR_TRASHED) != 0) {
        import->skipped_count++;
        return;
    }
    /* A pipe with a message's name must not keep us waiting. */
    const int file = openat(maildir->folders[entry->folder], entry->name,
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0) {
        refuse(maildir, entry, errno == ELOOP ? "it is a symbolic link" : strerror(errno));
        return;
    }
    ssize_t count = -1;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        refuse(maildir, entry, "it is no regular file");
    } else {
        do {
            count = command_read(import->run, file, maildir->buffer, sizeof maildir->buffer);
            if (count > 0)
                import_bytes(import, (struct span){maildir->buffer, (size_t)count});
        } while (count > 0 && import->result == MAIL_DONE);
        if (count < 0 && count != -EINTR)
            refuse(maildir, entry, strerror((int)-count));
    }
    close(file);
    if (count != 0) {
        import_message_cancel(import);
        return;
    }
    snprintf(where, sizeof where, "%s/%s/%s", maildir->source, folder_names[entry->folder],
             entry->name);
    import_message_end(import, entry_time(entry, &status), where);
}

static void refuse(struct import_maildir *maildir, const struct entry *entry, const char *why)
{
    progress_hide(&maildir->import.progress);
    command_say("%s/%s/%s cannot be read and is left out: %s", maildir->source,
                folder_names[entry->folder], entry->name, why);
    maildir->import.failed_count++;
}
