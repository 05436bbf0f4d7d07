/* mbox_header: decides for each line of a header by its name; see mbox_header.h.
 *
 * The front of a line is held until its name is known. A noted line is read when it is over.
 */
#include "storage/mbox_header.h"

#include <string.h>

/* The longest of the names below, and the colon. */
#define NAME_BYTES_MAX 18

static const char *const note_names[] = {
    "x-uidl",     "x-uid",          "x-imap", "x-imapbase",       "status",           "x-status",
    "x-keywords", "content-length", "lines",  "x-mozilla-status", "x-mozilla-status2"};

static bool is_note(struct span line);
static struct span decide(struct mbox_header *header);
static void read_note(struct mbox_header *header);

void mbox_header_init(struct mbox_header *header)
{
    *header = (struct mbox_header){.uidl = {"", 0}};
}

/* One byte at a time: headers are short, and the body is not looked at. */
struct span mbox_header_take(struct mbox_header *header, struct span *input)
{
    struct span out = {input->bytes, 0};
    if (header->in_body) {
        out = *input;
        *input = (struct span){input->bytes + input->length, 0};
        return out;
    }
    while (input->length > 0) {
        const char byte = *input->bytes;
        const bool continues = byte == ' ' || byte == '\t';
        if (!header->in_line && header->held_bytes == 0 && continues) {
            header->in_line = true; /* as the line before it */
        } else if (!header->in_line && header->held_bytes == 0) {
            header->is_note = false;
        }
        if (header->in_line && !header->is_note) {
            const char *end = memchr(input->bytes, '\n', input->length);
            out.bytes = input->bytes;
            out.length = end != NULL ? (size_t)(end - input->bytes) + 1 : input->length;
            header->in_line = end == NULL;
            *input = (struct span){input->bytes + out.length, input->length - out.length};
            return out;
        }
        input->bytes++;
        input->length--;
        if (header->held_bytes < sizeof header->held)
            header->held[header->held_bytes++] = byte;
        else
            header->is_overfull = true;
        if (header->is_note && header->in_line) {
            if (byte == '\n')
                read_note(header);
        } else if (byte == '\n' || byte == ':' || header->held_bytes == NAME_BYTES_MAX) {
            out = decide(header);
            if (out.length > 0)
                return out;
        }
    }
    return (struct span){input->bytes, 0};
}

struct span mbox_header_end(struct mbox_header *header)
{
    struct span out = {header->held, 0};
    if (header->is_note)
        read_note(header);
    else
        out.length = header->held_bytes;
    header->held_bytes = 0;
    return out;
}

/* The name is there, or cannot be one of ours. What is held is passed on, or stays. */
static struct span decide(struct mbox_header *header)
{
    const struct span line = {header->held, header->held_bytes};
    const char last = line.bytes[line.length - 1];
    header->is_note = last == ':' && is_note((struct span){line.bytes, line.length - 1});
    header->in_line = last != '\n';
    header->in_body =
        last == '\n' && (line.length == 1 || (line.length == 2 && *line.bytes == '\r'));
    if (header->is_note)
        return (struct span){header->held, 0};
    header->held_bytes = 0;
    return line;
}

static bool is_note(struct span name)
{
    for (size_t i = 0; i < sizeof note_names / sizeof note_names[0]; i++) {
        if (span_equal_ignoring_case(name, span_of(note_names[i])))
            return true;
    }
    return false;
}

static struct span take_token(struct span *rest)
{
    size_t skip = 0, length = 0;
    while (skip < rest->length && (rest->bytes[skip] <= ' ' && rest->bytes[skip] >= 0))
        skip++;
    while (skip + length < rest->length &&
           (rest->bytes[skip + length] > ' ' || rest->bytes[skip + length] < 0))
        length++;
    const struct span token = {rest->bytes + skip, length};
    *rest = (struct span){token.bytes + length, rest->length - skip - length};
    return token;
}

static uint32_t take_uid(struct span *rest)
{
    uint64_t number = 0;
    return span_number(take_token(rest), &number) && number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* A continued line is read by its first line: the values have no room for a fold. */
static void read_note(struct mbox_header *header)
{
    const struct span line = {header->held, header->held_bytes};
    const char *colon = line.length > 0 ? memchr(line.bytes, ':', line.length) : NULL;
    if (colon != NULL) {
        const struct span name = {line.bytes, (size_t)(colon - line.bytes)};
        struct span value = {colon + 1, line.length - name.length - 1};
        if (span_equal_ignoring_case(name, SPAN_LITERAL("x-uid"))) {
            header->uid = header->uid == 0 ? take_uid(&value) : header->uid;
        } else if (span_equal_ignoring_case(name, SPAN_LITERAL("x-uidl")) &&
                   header->uidl.length == 0) {
            const struct span uidl = take_token(&value);
            memcpy(header->uidl_bytes, uidl.bytes, uidl.length);
            header->uidl = (struct span){header->uidl_bytes, uidl.length};
            header->uidl_is_cut = header->is_overfull;
        } else if (span_equal_ignoring_case(name, SPAN_LITERAL("x-imapbase")) ||
                   span_equal_ignoring_case(name, SPAN_LITERAL("x-imap"))) {
            header->uid_validity = take_uid(&value);
            header->last_uid = take_uid(&value);
            header->is_internal = header->is_internal || name.length == 6;
        }
    }
    header->held_bytes = 0;
    header->in_line = false;
    header->is_overfull = false;
}
