/* json: writes JSON (RFC 8259) to a stream. */
#include "bench/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void begin(struct json *json, const char *key);
static void write_text(FILE *file, const char *text);

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

/* Also what would end a script element in a page is escaped. */
static void write_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(file, "\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7F || byte == '<')
            fprintf(file, "\\u%04x", byte);
        else
            fputc(byte, file);
    }
    fputc('"', file);
}
