/* span: the questions of span.h, byte by byte.
 *
 * Spans of a command line are short, so nothing here is clever. Only ASCII letters have two cases:
 * a locale must never change what a command is. Owns nothing, and never writes to what it is shown.
 */
#include "proto/span.h"

#include <string.h>

static char lower(char letter);

struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

bool span_equal(struct span a, struct span b)
{
    if (a.length != b.length) {
        return false;
    }
    /* An empty span may have no address, which memcmp does not take. */
    return a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0;
}

bool span_equal_ignoring_case(struct span a, struct span b)
{
    if (a.length != b.length) {
        return false;
    }
    for (size_t i = 0; i < a.length; i++) {
        if (lower(a.bytes[i]) != lower(b.bytes[i])) {
            return false;
        }
    }
    return true;
}

bool span_holds(struct span span, char byte)
{
    return span.length > 0 && memchr(span.bytes, byte, span.length) != NULL;
}

struct span span_take_word(struct span *rest)
{
    struct span word = *rest;
    const char *space = NULL;
    if (word.length > 0) {
        space = memchr(word.bytes, ' ', word.length);
    }
    if (space == NULL) {
        *rest = (struct span){rest->bytes, 0};
        return word;
    }
    word.length = (size_t)(space - word.bytes);
    rest->bytes += word.length + 1;
    rest->length -= word.length + 1;
    return word;
}

bool span_take_line(struct span *rest, struct span *out_line)
{
    const char *end = rest->length > 0 ? memchr(rest->bytes, '\n', rest->length) : NULL;
    if (end == NULL) {
        return false;
    }
    *out_line = (struct span){rest->bytes, (size_t)(end - rest->bytes)};
    rest->bytes += out_line->length + 1;
    rest->length -= out_line->length + 1;
    return true;
}

bool span_number(struct span digits, uint64_t *out_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.bytes[i] < '0' || digits.bytes[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(digits.bytes[i] - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *out_number = number;
    return digits.length > 0;
}

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}
