/* transcript_text: strict on purpose, as the transcripts are: a slip must not quietly test less. */
#include "tests/support/transcript_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void transcript_text_read(struct session_world_bytes *bytes, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    char block[4096];
    size_t count;
    while ((count = fread(block, 1, sizeof(block), file)) > 0) {
        session_world_append(bytes, (struct span){block, count});
    }
    fclose(file);
}

bool transcript_text_line(struct span *text, struct span *out_line)
{
    if (text->length == 0) {
        return false;
    }
    const char *end = memchr(text->bytes, '\n', text->length);
    size_t length = end != NULL ? (size_t)(end - text->bytes) : text->length;
    size_t used = end != NULL ? length + 1 : length;
    *out_line = (struct span){text->bytes, length};
    *text = (struct span){text->bytes + used, text->length - used};
    return true;
}

bool transcript_text_unescape(struct span text, struct session_world_bytes *out_bytes)
{
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.bytes[i];
        unsigned repeat = 1;
        if (byte == '\\') {
            char copy[16] = "";
            size_t length = text.length - i - 1;
            memcpy(copy, text.bytes + i + 1, length < 15 ? length : 15);
            int used = 0;
            unsigned value = 0;
            if (copy[0] == 'r' || copy[0] == 'n' || copy[0] == '\\') {
                byte = copy[0] == 'r' ? '\r' : copy[0] == 'n' ? '\n' : '\\';
                used = 1;
            } else if (copy[0] == 'x' && sscanf(copy, "x%2x%n", &value, &used) == 1 && used == 3) {
                byte = (char)value;
            } else if (sscanf(copy, "{%u*%c}%n", &repeat, &byte, &used) != 2 || used == 0) {
                return false;
            }
            i += (size_t)used;
        }
        for (; repeat > 0; repeat--) {
            session_world_append(out_bytes, (struct span){&byte, 1});
        }
    }
    return true;
}

bool transcript_text_number(struct span *rest, uint32_t *out_number)
{
    uint64_t number;
    if (!span_number(span_take_word(rest), &number) || number > UINT32_MAX) {
        return false;
    }
    *out_number = (uint32_t)number;
    return true;
}

bool transcript_text_choice(struct span *rest, const char *const *choices, uint32_t *out_index)
{
    struct span word = span_take_word(rest);
    for (uint32_t i = 0; choices[i] != NULL; i++) {
        if (span_equal(word, span_of(choices[i]))) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

void transcript_text_append(struct session_world_bytes *bytes, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    session_world_append(bytes, span_of(text));
}
