/* maildir_uids: lines by storage/dovecot_uidlist and storage/courier_sizelist; see maildir_uids.h.
 *
 * An unfinished last line is one that a server is writing at this moment, and is left out.
 */
#include "tools/maildir_uids.h"

#include "core/text_file.h"
#include "storage/courier_sizelist.h"
#include "storage/dovecot_uidlist.h"
#include "storage/maildir_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOVECOT_NAME "dovecot-uidlist"
#define COURIER_NAME "courierpop3dsizelist"

/* Ten million messages with long names. */
#define LIST_BYTES_MAX (1024u * 1024 * 1024)

static enum ending read_text(struct maildir_uids *list, int root, const char *source,
                             const char *name, size_t *out_bytes);
static enum ending read_dovecot(struct maildir_uids *list, const char *source, struct span text);
static enum ending read_courier(struct maildir_uids *list, const char *source, struct span text);
static int compare_bases(const void *a, const void *b);

enum ending maildir_uids_read(struct maildir_uids *list, int root, const char *source,
                              enum maildir_uids_kind wanted)
{
    size_t bytes = 0;
    enum ending ending = ENDING_DONE;
    *list = (struct maildir_uids){.kind = MAILDIR_UIDS_NONE};
    const bool has_courier = faccessat(root, COURIER_NAME, F_OK, 0) == 0;
    if (wanted != MAILDIR_UIDS_COURIER && faccessat(root, DOVECOT_NAME, F_OK, 0) == 0) {
        if (wanted == MAILDIR_UIDS_NONE && has_courier)
            command_say("%s has a %s and a %s: the first is taken; --uidl-format courier takes the "
                        "other",
                        source, DOVECOT_NAME, COURIER_NAME);
        list->kind = MAILDIR_UIDS_DOVECOT;
        ending = read_text(list, root, source, DOVECOT_NAME, &bytes);
        if (ending == ENDING_DONE)
            ending = read_dovecot(list, source, (struct span){list->text, bytes});
    } else if (wanted != MAILDIR_UIDS_DOVECOT && has_courier) {
        list->kind = MAILDIR_UIDS_COURIER;
        ending = read_text(list, root, source, COURIER_NAME, &bytes);
        if (ending == ENDING_DONE)
            ending = read_courier(list, source, (struct span){list->text, bytes});
    }
    if (ending != ENDING_DONE)
        maildir_uids_free(list);
    else if (list->count > 0)
        qsort(list->entries, list->count, sizeof list->entries[0], compare_bases);
    return ending;
}

void maildir_uids_free(struct maildir_uids *list)
{
    free(list->entries);
    free(list->uidls);
    free(list->text);
    *list = (struct maildir_uids){.kind = MAILDIR_UIDS_NONE};
}

const struct maildir_uids_entry *maildir_uids_find(const struct maildir_uids *list,
                                                   struct span base)
{
    const struct maildir_uids_entry wanted = {.base = base};
    return list->count == 0 ? NULL
                            : bsearch(&wanted, list->entries, list->count, sizeof list->entries[0],
                                      compare_bases);
}

static enum ending read_text(struct maildir_uids *list, int root, const char *source,
                             const char *name, size_t *out_bytes)
{
    char path[4096 + 64], error[4096 + 512];
    snprintf(path, sizeof path, "%s/%s", source, name);
    const int file = openat(root, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return command_fail(ENDING_FAILED, "%s cannot be opened: %s", path, strerror(errno));
    list->text = text_file_read_open(file, path, LIST_BYTES_MAX, out_bytes, error, sizeof error);
    close(file);
    return list->text != NULL ? ENDING_DONE : command_fail(ENDING_FAILED, "%s", error);
}

static enum ending refuse_line(const char *source, const char *name, size_t line)
{
    return command_fail(ENDING_FAILED,
                        "%s/%s is damaged in line %zu, so the UIDLs are not known: mend or remove "
                        "that line, or give --uidl-format made to let all mail be new",
                        source, name, line);
}

static size_t count_lines(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.length; i++)
        count += text.bytes[i] == '\n';
    return count;
}

static struct span base_of(struct span file_name)
{
    struct maildir_name parts;
    return maildir_name_parse(file_name, &parts) ? parts.base : file_name;
}

static enum ending read_dovecot(struct maildir_uids *list, const char *source, struct span text)
{
    struct dovecot_uidlist reader;
    struct dovecot_uidlist_entry line;
    list->entries = calloc(count_lines(text) + 1, sizeof list->entries[0]);
    if (list->entries == NULL)
        return command_fail(ENDING_FAILED, "no memory for %s/%s", source, DOVECOT_NAME);
    size_t number = 1;
    enum dovecot_uidlist_result result = dovecot_uidlist_read_header(&text, &reader);
    if (result != DOVECOT_UIDLIST_DONE)
        return refuse_line(source, DOVECOT_NAME, number);
    for (;;) {
        number++;
        result = dovecot_uidlist_read_entry(&reader, &text, &line);
        if (result == DOVECOT_UIDLIST_BAD)
            return refuse_line(source, DOVECOT_NAME, number);
        if (result == DOVECOT_UIDLIST_MORE)
            break;
        list->entries[list->count++] = (struct maildir_uids_entry){
            .base = base_of(line.file_name),
            .uid = line.uid,
            .order = line.has_order ? line.order : UINT32_MAX,
            .guid = line.guid,
            .uidl = line.uidl,
        };
    }
    list->uid_validity = reader.uid_validity;
    list->next_uid = reader.next_uid;
    return ENDING_DONE;
}

/* A UIDL that is too long for the room is left to be found out by whoever uses it: the name. */
static enum ending read_courier(struct maildir_uids *list, const char *source, struct span text)
{
    struct courier_sizelist reader;
    struct courier_sizelist_entry line;
    const size_t lines = count_lines(text) + 1;
    list->entries = calloc(lines, sizeof list->entries[0]);
    list->uidls = calloc(lines, MAIL_UIDL_MAX);
    if (list->entries == NULL || list->uidls == NULL)
        return command_fail(ENDING_FAILED, "no memory for %s/%s", source, COURIER_NAME);
    size_t number = 1;
    enum courier_sizelist_result result = courier_sizelist_read_header(&text, &reader);
    if (result != COURIER_SIZELIST_DONE)
        return refuse_line(source, COURIER_NAME, number);
    list->uid_validity = (uint32_t)reader.uid_validity;
    list->next_uid = (uint32_t)reader.next_uid;
    for (;;) {
        number++;
        result = courier_sizelist_read_entry(&text, &line);
        if (result == COURIER_SIZELIST_BAD)
            return refuse_line(source, COURIER_NAME, number);
        if (result == COURIER_SIZELIST_MORE)
            break;
        char *uidl = list->uidls + list->count * MAIL_UIDL_MAX;
        const size_t length = courier_sizelist_uidl(&line, uidl, MAIL_UIDL_MAX);
        list->entries[list->count++] = (struct maildir_uids_entry){
            .base = base_of(line.file_name),
            .order = UINT32_MAX,
            .uidl = length > 0 ? (struct span){uidl, length} : line.file_name,
        };
    }
    return ENDING_DONE;
}

static int compare_bases(const void *a, const void *b)
{
    const struct span one = ((const struct maildir_uids_entry *)a)->base;
    const struct span other = ((const struct maildir_uids_entry *)b)->base;
    const size_t shared = one.length < other.length ? one.length : other.length;
    const int order = shared > 0 ? memcmp(one.bytes, other.bytes, shared) : 0;
    return order != 0 ? order : (one.length > other.length) - (one.length < other.length);
}
