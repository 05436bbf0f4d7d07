/* json: writes JSON (RFC 8259) to a stream. */
#include "bench/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void begin(struct json *json, const char *key);
static void write_text(FILE *file, const char *text);
static uint32_t take_point(const char **text);

void json_object(struct json *json, const char *key)
{
    begin(json, key);
    fputc('{', json->file);
    json->needs_comma = false;
}

void json_array(struct json *json, const char *key)
{
    begin(json, key);
    fputc('[', json->file);
    json->needs_comma = false;
}

void json_end_object(struct json *json)
{
    fputc('}', json->file);
    json->needs_comma = true;
}

void json_end_array(struct json *json)
{
    fputc(']', json->file);
    json->needs_comma = true;
}

void json_text(struct json *json, const char *key, const char *text)
{
    begin(json, key);
    write_text(json->file, text);
}

void json_count(struct json *json, const char *key, uint64_t number)
{
    begin(json, key);
    fprintf(json->file, "%" PRIu64, number);
}

void json_real(struct json *json, const char *key, double number)
{
    begin(json, key);
    if (isfinite(number))
        fprintf(json->file, "%.9g", number);
    else
        fputs("null", json->file);
}

void json_bool(struct json *json, const char *key, bool value)
{
    begin(json, key);
    fputs(value ? "true" : "false", json->file);
}

static void begin(struct json *json, const char *key)
{
    if (json->needs_comma)
        fputc(',', json->file);
    json->needs_comma = true;
    if (key != NULL) {
        write_text(json->file, key);
        fputc(':', json->file);
    }
}

/* All but ASCII is escaped, so that nothing depends on how a file is opened; also what would end a
 * script element in a page. */
static void write_text(FILE *file, const char *text)
{
    fputc('"', file);
    while (*text != '\0') {
        uint32_t point = take_point(&text);
        if (point == '"' || point == '\\')
            fprintf(file, "\\%c", (int)point);
        else if (point >= 0x10000)
            fprintf(file, "\\u%04x\\u%04x", 0xD800 + ((point - 0x10000) >> 10),
                    0xDC00 + (point & 0x3FF));
        else if (point < 0x20 || point >= 0x7F || point == '<')
            fprintf(file, "\\u%04x", point);
        else
            fputc((int)point, file);
    }
    fputc('"', file);
}

/* Takes a code point of UTF-8 off the front (RFC 3629); an octet that begins none is U+FFFD. */
static uint32_t take_point(const char **text)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *octets = (const unsigned char *)*text;
    uint32_t first = octets[0];
    uint32_t more = first < 0x80 ? 0 : first < 0xC2 ? 4 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    (*text)++;
    if (more == 0)
        return first;
    if (more == 4 || first > 0xF4)
        return 0xFFFD;
    uint32_t point = first & (0x3FU >> more);
    for (uint32_t i = 1; i <= more; i++) {
        if ((octets[i] & 0xC0) != 0x80) /* also at the end of the text */
            return 0xFFFD;
        point = point << 6 | (octets[i] & 0x3FU);
    }
    if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
        return 0xFFFD;
    *text += more;
    return point;
}
