/* content: whether a message that ringbench made has come back as it was made. */
#include "bench/content.h"

#include "storage/crc32c.h"

#include <stdlib.h>
#include <string.h>

#define CRC_DIGITS 8

static size_t take_header(struct content *content, const char *bytes, size_t count);
static void read_line(struct content *content);

void content_init(struct content *content)
{
    *content = (struct content){0};
    dot_decoder_init(&content->decoder, DOT_TO_CRLF);
}

void content_take(struct content *content, struct span wire)
{
    char bytes[4096];
    while (wire.length > 0 && !dot_decoder_ended(&content->decoder)) {
        size_t count = dot_decode(&content->decoder, &wire, bytes, sizeof bytes);
        size_t header = content->in_body ? 0 : take_header(content, bytes, count);
        content->sum = crc32c(content->sum, bytes + header, count - header);
    }
}

bool content_is_good(const struct content *content)
{
    return !content->is_marked || content->sum == content->wanted;
}

/* Returns how many bytes belong to the header. */
static size_t take_header(struct content *content, const char *bytes, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (bytes[at] != '\n') {
            if (content->line_bytes < sizeof content->line)
                content->line[content->line_bytes++] = bytes[at];
            continue;
        }
        content->in_body = content->line_bytes == 1;
        read_line(content);
        content->line_bytes = 0;
        if (content->in_body)
            return at + 1;
    }
    return count;
}

static void read_line(struct content *content)
{
    size_t name = strlen(CONTENT_HEADER);
    uint32_t length = content->line_bytes;
    if (length < name + CRC_DIGITS + 1 || length == sizeof content->line ||
        memcmp(content->line, CONTENT_HEADER, name) != 0)
        return;
    char digits[CRC_DIGITS + 1] = "";
    memcpy(digits, content->line + length - 1 - CRC_DIGITS, CRC_DIGITS);
    content->wanted = (uint32_t)strtoul(digits, NULL, 16);
    content->is_marked = true;
}
