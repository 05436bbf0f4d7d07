/* dovecot_uidlist: see dovecot_uidlist.h.
 *
 * Reading is as forgiving as Dovecot's own, with one difference: a bad line costs that line only.
 * Numbers of the file have 32 bits; sizes have 64.
 */
#include "storage/dovecot_uidlist.h"

#include "storage/decimal.h"

#include <string.h>

static bool read_fields(struct span *line, struct dovecot_uidlist_entry *entry);
static bool is_visible(struct span text);

/* Lower than UINT32_MAX, which Dovecot never gives. */
static bool number_32(struct span digits, uint32_t *out_number)
{
    uint64_t number;
    if (!span_number(digits, &number) || number >= UINT32_MAX)
        return false;
    *out_number = (uint32_t)number;
    return true;
}

static bool is_guid(struct span text)
{
    if (text.length != DOVECOT_UIDLIST_GUID_BYTES)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        char letter = text.bytes[i];
        if (!(letter >= '0' && letter <= '9') && !(letter >= 'a' && letter <= 'f') &&
            !(letter >= 'A' && letter <= 'F'))
            return false;
    }
    return true;
}

static bool header_fields(struct span line, struct dovecot_uidlist *list)
{
    while (line.length > 0) {
        struct span field = span_take_word(&line);
        if (field.length == 0)
            continue;
        struct span value = {field.bytes + 1, field.length - 1};
        switch (field.bytes[0]) {
        case 'V':
            if (!number_32(value, &list->uid_validity))
                return false;
            break;
        case 'N':
            if (!number_32(value, &list->next_uid))
                return false;
            break;
        case 'G':
            list->has_guid = is_guid(value);
            if (!list->has_guid)
                return false;
            memcpy(list->guid, value.bytes, sizeof list->guid);
            break;
        }
    }
    return true;
}

enum dovecot_uidlist_result dovecot_uidlist_read_header(struct span *input,
                                                        struct dovecot_uidlist *out_list)
{
    struct span line;
    *out_list = (struct dovecot_uidlist){0};
    if (!span_take_line(input, &line))
        return DOVECOT_UIDLIST_MORE;
    struct span version = span_take_word(&line);
    bool good = false;
    if (span_equal(version, SPAN_LITERAL("1"))) {
        out_list->version = 1;
        struct span validity = span_take_word(&line);
        good = number_32(validity, &out_list->uid_validity) && number_32(line, &out_list->next_uid);
    } else if (span_equal(version, SPAN_LITERAL("3"))) {
        out_list->version = 3;
        good = header_fields(line, out_list);
    }
    good = good && out_list->uid_validity > 0 && out_list->next_uid > 0;
    return good ? DOVECOT_UIDLIST_DONE : DOVECOT_UIDLIST_BAD;
}

enum dovecot_uidlist_result dovecot_uidlist_read_entry(struct dovecot_uidlist *list,
                                                       struct span *input,
                                                       struct dovecot_uidlist_entry *out_entry)
{
    struct span line;
    if (!span_take_line(input, &line))
        return DOVECOT_UIDLIST_MORE;
    *out_entry = (struct dovecot_uidlist_entry){0};
    struct span uid = span_take_word(&line);
    if (!number_32(uid, &out_entry->uid) || out_entry->uid <= list->last_uid)
        return DOVECOT_UIDLIST_BAD;
    list->last_uid = out_entry->uid;
    if (list->next_uid <= list->last_uid)
        list->next_uid = list->last_uid + 1;
    if (list->version == 3 && !read_fields(&line, out_entry))
        return DOVECOT_UIDLIST_BAD;
    out_entry->file_name = line;
    if (line.length == 0 || memchr(line.bytes, '/', line.length) != NULL ||
        memchr(line.bytes, 0, line.length) != NULL)
        return DOVECOT_UIDLIST_BAD;
    return DOVECOT_UIDLIST_DONE;
}

/* The fields up to the colon, and the colon. False where there is none. */
static bool read_fields(struct span *line, struct dovecot_uidlist_entry *entry)
{
    uint64_t number;
    while (line->length > 0 && line->bytes[0] != ':') {
        struct span field = span_take_word(line);
        if (field.length == 0)
            continue;
        struct span value = {field.bytes + 1, field.length - 1};
        switch (field.bytes[0]) {
        case 'S':
            entry->has_size = span_number(value, &entry->size) || entry->has_size;
            break;
        case 'W':
            entry->has_octets = span_number(value, &entry->octets) || entry->has_octets;
            break;
        case 'O':
            if (!span_number(value, &number) || number > UINT32_MAX)
                break;
            entry->has_order = true;
            entry->order = (uint32_t)number;
            break;
        case 'P':
            entry->uidl = value;
            break;
        case 'G':
            entry->guid = value;
            break;
        }
    }
    if (line->length == 0)
        return false;
    line->bytes++;
    line->length--;
    return true;
}

/* A line that is being written; `full` once something did not fit. */
struct line_writer {
    char *at;
    char *end;
    bool full;
};

static void put(struct line_writer *writer, struct span text)
{
    writer->full = writer->full || text.length > (size_t)(writer->end - writer->at);
    if (writer->full || text.length == 0)
        return;
    memcpy(writer->at, text.bytes, text.length);
    writer->at += text.length;
}

static void put_number(struct line_writer *writer, const char *before, uint64_t number)
{
    char digits[DECIMAL_BYTES_MAX];
    put(writer, span_of(before));
    put(writer, (struct span){digits, decimal_write(number, digits)});
}

size_t dovecot_uidlist_write_header(const struct dovecot_uidlist *list, char *out, size_t room)
{
    struct line_writer writer = {out, out + room, false};
    put_number(&writer, "3 V", list->uid_validity);
    put_number(&writer, " N", list->next_uid);
    if (list->has_guid) {
        put(&writer, SPAN_LITERAL(" G"));
        put(&writer, (struct span){list->guid, sizeof list->guid});
    }
    put(&writer, SPAN_LITERAL("\n"));
    return writer.full ? 0 : (size_t)(writer.at - out);
}

size_t dovecot_uidlist_write_entry(const struct dovecot_uidlist_entry *entry, char *out,
                                   size_t room)
{
    struct span name = entry->file_name;
    if (entry->uid == 0 || entry->uid == UINT32_MAX || name.length == 0 || span_holds(name, '/') ||
        span_holds(name, '\n') || span_holds(name, '\0') || !is_visible(entry->uidl) ||
        !is_visible(entry->guid))
        return 0;
    struct line_writer writer = {out, out + room, false};
    put_number(&writer, "", entry->uid);
    if (entry->has_size)
        put_number(&writer, " S", entry->size);
    if (entry->has_octets)
        put_number(&writer, " W", entry->octets);
    if (entry->uidl.length > 0) {
        put(&writer, SPAN_LITERAL(" P"));
        put(&writer, entry->uidl);
    }
    if (entry->has_order)
        put_number(&writer, " O", entry->order);
    if (entry->guid.length > 0) {
        put(&writer, SPAN_LITERAL(" G"));
        put(&writer, entry->guid);
    }
    put(&writer, SPAN_LITERAL(" :"));
    put(&writer, name);
    put(&writer, SPAN_LITERAL("\n"));
    return writer.full ? 0 : (size_t)(writer.at - out);
}

static bool is_visible(struct span text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.bytes[i] < 0x21 || text.bytes[i] > 0x7e)
            return false;
    return true;
}
