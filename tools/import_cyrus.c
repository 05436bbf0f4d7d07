/* import_cyrus: reads the spool of a Cyrus mailbox for the import: files `UID.` and cyrus.index.
 *
 * The index says which messages there are, their order, times and UIDLs; without it nothing is
 * taken, since files of messages that were removed stay in the folder for days. Where cyrus.index
 * lies in a metapartition, it must be copied beside the messages. Nothing is changed.
 */
#include "tools/import.h"

#include "core/text_file.h"
#include "storage/cyrus_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Seven million messages. */
#define INDEX_BYTES_MAX (1024u * 1024 * 1024)

struct import_cyrus {
    struct import import;
    const char *source;
    int folder;
    struct span format;
    bool makes; /* new UIDLs for all */
    struct cyrus_index index;
    char *bytes; /* of the file cyrus.index */
    size_t byte_count;
    char buffer[IMPORT_BUFFER_BYTES];
};

static enum ending open_spool(struct import_cyrus *cyrus);
static enum ending choose_format(struct import_cyrus *cyrus, const char *wanted);
static void import_record(struct import_cyrus *cyrus, uint32_t number);
static void import_one(struct import_cyrus *cyrus, const struct cyrus_record *record);

enum ending import_from_cyrus(struct run *run, const char *user, const char *path,
                              const char *source, const struct import_order *order)
{
    struct import_cyrus cyrus = {.source = source, .folder = -1};
    enum ending ending = open_spool(&cyrus);
    if (ending == ENDING_DONE)
        ending = choose_format(&cyrus, order->uidl_format);
    if (ending == ENDING_DONE)
        ending = import_begin(&cyrus.import, run, user, path, order);
    if (ending == ENDING_DONE) {
        import_expect(&cyrus.import, cyrus.index.record_count);
        for (uint32_t i = 0; i < cyrus.index.record_count && import_goes_on(&cyrus.import); i++) {
            import_record(&cyrus, i);
            import_step(&cyrus.import, i + 1);
        }
        ending = import_end(&cyrus.import);
    }
    if (cyrus.folder >= 0)
        close(cyrus.folder);
    free(cyrus.bytes);
    return ending;
}

static enum ending open_spool(struct import_cyrus *cyrus)
{
    char name[4096 + 64], error[4096 + 512];
    cyrus->folder = open(cyrus->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cyrus->folder < 0)
        return command_fail(ENDING_FAILED, "%s cannot be opened as a mailbox of Cyrus: %s",
                            cyrus->source, strerror(errno));
    snprintf(name, sizeof name, "%s/cyrus.index", cyrus->source);
    const int file = openat(cyrus->folder, "cyrus.index",
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0)
        return command_fail(ENDING_FAILED, "%s cannot be opened: %s; without it no UIDL is known",
                            name, strerror(errno));
    cyrus->bytes =
        text_file_read_open(file, name, INDEX_BYTES_MAX, &cyrus->byte_count, error, sizeof error);
    close(file);
    if (cyrus->bytes == NULL)
        return command_fail(ENDING_FAILED, "%s", error);
    if (!cyrus_index_read((struct span){cyrus->bytes, cyrus->byte_count}, &cyrus->index))
        return command_fail(ENDING_FAILED,
                            "%s is damaged, or of a version that is not known (6 to 20 are): let "
                            "Cyrus mend it with reconstruct(8), or use import pop3",
                            name);
    return ENDING_DONE;
}

/* A mailbox that never had another format has UIDLs of the UID alone, whatever imapd.conf says. */
static enum ending choose_format(struct import_cyrus *cyrus, const char *wanted)
{
    const struct uidl_parts any = {.uid = 1, .uid_validity = 1};
    char uidl[MAIL_UIDL_MAX];
    uint8_t length = 0;
    cyrus->makes = wanted != NULL && strcmp(wanted, "made") == 0;
    cyrus->format = uidl_format_named(span_of(wanted != NULL && !cyrus->makes ? wanted : "cyrus"));
    if (uidl_format_write(cyrus->format, &any, uidl, &length) != UIDL_FORMAT_DONE)
        return command_fail(ENDING_USAGE,
                            "--uidl-format %s is none for Cyrus: write cyrus (imapd.conf says "
                            "uidl_format: cyrus, or nothing), %%u (uidonly), dovecot, %%v-%%u "
                            "(courier), or made",
                            wanted);
    if (!cyrus->index.uidl_is_new)
        cyrus->format = SPAN_LITERAL("%u");
    return ENDING_DONE;
}

static void import_record(struct import_cyrus *cyrus, uint32_t number)
{
    struct cyrus_record record;
    char where[4096 + 64];
    const size_t offset = cyrus->index.header_bytes + (size_t)number * cyrus->index.record_bytes;
    const struct span bytes = {cyrus->bytes + offset,
                               offset < cyrus->byte_count ? cyrus->byte_count - offset : 0};
    if (!cyrus_record_read(&cyrus->index, bytes, &record)) {
        snprintf(where, sizeof where, "%s/cyrus.index", cyrus->source);
        import_refuse(&cyrus->import, where,
                      "a record is damaged, and its message is left out: let Cyrus mend it with "
                      "reconstruct(8)");
    } else if (record.is_gone ||
               (cyrus->index.show_after != 0 && record.time <= cyrus->index.show_after)) {
        cyrus->import.counts.skipped++;
    } else {
        import_one(cyrus, &record);
    }
}

static void import_one(struct import_cyrus *cyrus, const struct cyrus_record *record)
{
    struct import *import = &cyrus->import;
    char where[4096 + 64], name[16], uidl[MAIL_UIDL_MAX], key[48];
    uint8_t length = 0;
    struct stat status = {.st_mode = 0};
    snprintf(name, sizeof name, "%u.", record->uid);
    snprintf(where, sizeof where, "%s/%s", cyrus->source, name);
    snprintf(key, sizeof key, "%u.%u", cyrus->index.uid_validity, record->uid);
    const struct uidl_parts known = {.uid = record->uid, .uid_validity = cyrus->index.uid_validity};
    struct import_label label = {.key = span_of(key), .time = record->time, .where = where};
    if (!cyrus->makes &&
        uidl_format_write(cyrus->format, &known, uidl, &length) == UIDL_FORMAT_DONE)
        label.uidl = (struct span){uidl, length};
    if (import_is_known(import, &label))
        return;
    const int file =
        openat(cyrus->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    ssize_t count = file < 0 ? -errno : 0;
    if (count == 0 && (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)))
        count = -EINVAL;
    if (count == 0)
        count = import_file(import, file, cyrus->buffer);
    if (file >= 0)
        close(file);
    if (count < 0 && count != -EINTR) {
        char why[256];
        snprintf(why, sizeof why, "cannot be read and is left out: %s",
                 count == -ELOOP    ? "it is a symbolic link"
                 : count == -EINVAL ? "it is no regular file"
                                    : strerror((int)-count));
        import_refuse(import, where, why);
    }
    if (count == 0)
        import_message_end(import, &label);
    else
        import_message_cancel(import);
}
