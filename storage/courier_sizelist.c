/* courier_sizelist: see courier_sizelist.h.
 *
 * A line is read from its end, because a file name may hold anything but `/`, NUL and LF.
 */
#include "storage/courier_sizelist.h"

#include "storage/decimal.h"

#include <string.h>

static bool take_last_word(struct span *line, struct span *out_word);
static struct span take_number(struct span *text);

enum courier_sizelist_result courier_sizelist_read_header(struct span *input,
                                                          struct courier_sizelist *out_list)
{
    struct span line;
    *out_list = (struct courier_sizelist){0};
    if (!span_take_line(input, &line))
        return COURIER_SIZELIST_MORE;
    struct span version = span_take_word(&line);
    if (version.length != 2 || version.bytes[0] != '/' || version.bytes[1] < '1' ||
        version.bytes[1] > '3')
        return COURIER_SIZELIST_BAD;
    out_list->version = (uint32_t)(version.bytes[1] - '0');
    struct span next = span_take_word(&line);
    if (!span_number(next, &out_list->next_uid))
        return COURIER_SIZELIST_BAD;
    struct span validity = span_take_word(&line);
    if (validity.length > 0 && !span_number(validity, &out_list->uid_validity))
        return COURIER_SIZELIST_BAD;
    return COURIER_SIZELIST_DONE;
}

enum courier_sizelist_result courier_sizelist_read_entry(struct span *input,
                                                         struct courier_sizelist_entry *out_entry)
{
    struct span line, ids, octets;
    if (!span_take_line(input, &line))
        return COURIER_SIZELIST_MORE;
    *out_entry = (struct courier_sizelist_entry){0};
    if (!take_last_word(&line, &ids) || !take_last_word(&line, &octets) ||
        !span_number(octets, &out_entry->octets) ||
        !span_number(take_number(&ids), &out_entry->uid))
        return COURIER_SIZELIST_BAD;
    if (ids.length > 0 && !span_number(take_number(&ids), &out_entry->uid_validity))
        return COURIER_SIZELIST_BAD;
    out_entry->file_name = line;
    if (line.length == 0 || span_holds(line, '/') || span_holds(line, '\0'))
        return COURIER_SIZELIST_BAD;
    return COURIER_SIZELIST_DONE;
}

/* Up to the next colon, which is dropped. */
static struct span take_number(struct span *text)
{
    struct span number = *text;
    const char *colon = text->length > 0 ? memchr(text->bytes, ':', text->length) : NULL;
    if (colon == NULL) {
        text->length = 0;
        return number;
    }
    number.length = (size_t)(colon - number.bytes);
    text->bytes += number.length + 1;
    text->length -= number.length + 1;
    return number;
}

/* The bytes behind the last space. False where there is none. */
static bool take_last_word(struct span *line, struct span *out_word)
{
    size_t at = line->length;
    while (at > 0 && line->bytes[at - 1] != ' ')
        at--;
    if (at == 0)
        return false;
    *out_word = (struct span){line->bytes + at, line->length - at};
    line->length = at - 1;
    return true;
}

size_t courier_sizelist_uidl(const struct courier_sizelist_entry *entry, char *out, size_t room)
{
    if (entry->uid == 0)
        return courier_sizelist_name_uidl(entry->file_name, out, room);
    char text[sizeof "UID-" + 2 * DECIMAL_BYTES_MAX];
    size_t length = sizeof "UID" - 1;
    memcpy(text, "UID", length);
    length += decimal_write(entry->uid, text + length);
    if (entry->uid_validity != 0) {
        text[length++] = '-';
        length += decimal_write(entry->uid_validity, text + length);
    }
    if (length > room)
        return 0;
    memcpy(out, text, length);
    return length;
}

size_t courier_sizelist_name_uidl(struct span file_name, char *out, size_t room)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t length = 0;
    for (size_t i = 0; i < file_name.length && file_name.bytes[i] != ':'; i++) {
        char byte = file_name.bytes[i];
        bool plain = byte > 0x20 && byte < 0x7f && byte != '\'' && byte != '"' && byte != '+';
        if (room - length < (plain ? 1 : 3))
            return 0;
        if (plain) {
            out[length++] = byte;
        } else {
            out[length++] = '+';
            out[length++] = digits[(unsigned char)byte >> 4];
            out[length++] = digits[(unsigned char)byte & 15];
        }
    }
    return length;
}
