/* json_read: makes a tree of a JSON text (RFC 8259), for those who compare.
 *
 * The inside of the room json. Recursive, to a bounded depth; each value is a block of its own.
 * Never reads past the text.
 */
#include "bench/json.h"

#include "core/text_file.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    const char *begin, *at, *end;
    uint32_t depth;
};

static struct json_value *read_value(struct reader *reader);
static bool read_members(struct reader *reader, struct json_value *value, char close);
static char *read_text(struct reader *reader);
static bool read_escape(struct reader *reader, char *out_byte);
static bool read_number(struct reader *reader, double *out_number);
static bool read_word(struct reader *reader, const char *word);
static void skip_blanks(struct reader *reader);
static bool take(struct reader *reader, char byte);

struct json_value *json_read(struct span text, char *out_error, size_t error_bytes)
{
    struct reader reader = {text.bytes, text.bytes, text.bytes + text.length, 0};
    struct json_value *value = read_value(&reader);
    skip_blanks(&reader);
    if (value != NULL && reader.at == reader.end)
        return value;
    json_free(&value);
    size_t line = 1;
    for (const char *at = reader.begin; at < reader.at; at++)
        line += *at == '\n';
    snprintf(out_error, error_bytes, "line %zu, octet %zu of the file is no JSON", line,
             (size_t)(reader.at - reader.begin) + 1);
    return NULL;
}

char *json_load(const char *path, size_t bytes_max, size_t *out_bytes, char *out_error,
                size_t error_bytes)
{
    return text_file_read(path, bytes_max, out_bytes, out_error, error_bytes);
}

void json_free(struct json_value **value)
{
    while (*value != NULL) {
        struct json_value *next = (*value)->next;
        json_free(&(*value)->first);
        free((*value)->text);
        free((*value)->key);
        free(*value);
        *value = next;
    }
}

const struct json_value *json_member(const struct json_value *value, const char *key)
{
    if (value == NULL || value->type != JSON_OBJECT)
        return NULL;
    for (const struct json_value *at = value->first; at != NULL; at = at->next)
        if (strcmp(at->key, key) == 0)
            return at;
    return NULL;
}

bool json_equal(const struct json_value *one, const struct json_value *other)
{
    if (one == NULL || other == NULL || one->type != other->type)
        return false;
    switch (one->type) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return one->boolean == other->boolean;
    case JSON_NUMBER:
        return one->number == other->number;
    case JSON_TEXT:
        return strcmp(one->text, other->text) == 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return false;
}

double json_member_number(const struct json_value *value, const char *key, double otherwise)
{
    const struct json_value *member = json_member(value, key);
    return member != NULL && member->type == JSON_NUMBER ? member->number : otherwise;
}

static struct json_value *read_value(struct reader *reader)
{
    skip_blanks(reader);
    struct json_value *value = calloc(1, sizeof *value);
    if (value == NULL || reader->at == reader->end)
        goto fail;
    bool good;
    switch (*reader->at) {
    case '{':
    case '[':
        value->type = *reader->at == '{' ? JSON_OBJECT : JSON_ARRAY;
        good = read_members(reader, value, *reader->at == '{' ? '}' : ']');
        break;
    case '"':
        value->type = JSON_TEXT;
        value->text = read_text(reader);
        good = value->text != NULL;
        break;
    case 't':
    case 'f':
        value->type = JSON_BOOL;
        value->boolean = *reader->at == 't';
        good = read_word(reader, value->boolean ? "true" : "false");
        break;
    case 'n':
        good = read_word(reader, "null");
        break;
    default:
        value->type = JSON_NUMBER;
        good = read_number(reader, &value->number);
        break;
    }
    if (good)
        return value;
fail:
    json_free(&value);
    return NULL;
}

static bool read_members(struct reader *reader, struct json_value *value, char close)
{
    reader->at++;
    if (++reader->depth > JSON_DEPTH_MAX)
        return false;
    struct json_value **last = &value->first;
    while (!take(reader, close)) {
        if (value->first != NULL && !take(reader, ','))
            return false;
        char *key = NULL;
        if (close == '}') {
            skip_blanks(reader);
            key = read_text(reader);
            if (key == NULL || !take(reader, ':')) {
                free(key);
                return false;
            }
        }
        *last = read_value(reader);
        if (*last == NULL) {
            free(key);
            return false;
        }
        (*last)->key = key;
        last = &(*last)->next;
    }
    reader->depth--;
    return true;
}

static char *read_text(struct reader *reader)
{
    if (reader->at == reader->end || *reader->at != '"')
        return NULL;
    const char *close = ++reader->at;
    while (close < reader->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= reader->end)
        return NULL;
    char *text = malloc((size_t)(close - reader->at) + 1);
    size_t count = 0;
    while (text != NULL && reader->at < close) {
        char byte = *reader->at++;
        if ((unsigned char)byte < 0x20 || (byte == '\\' && !read_escape(reader, &byte))) {
            free(text);
            return NULL;
        }
        text[count++] = byte;
    }
    reader->at = close + 1;
    if (text != NULL)
        text[count] = '\0';
    return text;
}

/* What is not ASCII becomes a question mark: no file of ours needs more. */
static bool read_escape(struct reader *reader, char *out_byte)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    char name = *reader->at++;
    const char *place = name == '\0' ? NULL : strchr(names, name);
    if (place != NULL) {
        *out_byte = bytes[place - names];
        return true;
    }
    if (name != 'u' || reader->end - reader->at < 4)
        return false;
    char digits[5] = "", *end;
    memcpy(digits, reader->at, 4);
    unsigned long code = strtoul(digits, &end, 16);
    reader->at += 4;
    *out_byte = code > 0 && code < 0x80 ? (char)code : '?';
    return *end == '\0';
}

static bool read_number(struct reader *reader, double *out_number)
{
    char copy[64], *end;
    size_t count = 0;
    while (reader->at + count < reader->end && count < sizeof copy - 1 &&
           reader->at[count] != '\0' && strchr("+-.0123456789eE", reader->at[count]) != NULL) {
        copy[count] = reader->at[count];
        count++;
    }
    copy[count] = '\0';
    *out_number = strtod(copy, &end);
    if (count == 0 || *end != '\0' || copy[0] == '+' || copy[0] == '.')
        return false;
    reader->at += count;
    return true;
}

static bool read_word(struct reader *reader, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return false;
    reader->at += length;
    return true;
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t' ||
                                        *reader->at == '\n' || *reader->at == '\r'))
        reader->at++;
}

static bool take(struct reader *reader, char byte)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != byte)
        return false;
    reader->at++;
    return true;
}
