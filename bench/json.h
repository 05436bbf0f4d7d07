/* json: writes JSON (RFC 8259) to a stream, and reads it for those who compare.
 *
 * The writer keeps commas and nesting right; numbers that JSON cannot have become null. The reader
 * makes a tree of a whole text in memory, with the place of the first mistake. Escapes what peers
 * have sent; believes nothing about its input but its size.
 */
#ifndef RINGPOST_BENCH_JSON_H
#define RINGPOST_BENCH_JSON_H

#include "proto/span.h"

#include <stdio.h>

struct json {
    FILE *file;
    bool needs_comma;
};

/* Everything takes a key, or NULL inside an array and at the top. */
void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_end_array(struct json *json);
void json_text(struct json *json, const char *key, const char *text);
void json_count(struct json *json, const char *key, uint64_t number);
void json_real(struct json *json, const char *key, double number);
void json_bool(struct json *json, const char *key, bool value);

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    enum json_type type;
    bool boolean;
    double number;
    char *text;               /* JSON_TEXT */
    char *key;                /* where it stands in an object */
    struct json_value *first; /* of an array or object */
    struct json_value *next;  /* beside it */
};

#define JSON_DEPTH_MAX 32

/* Reads one value and nothing behind it; NULL with a sentence. Freed with json_free. */
struct json_value *json_read(struct span text, char *out_error, size_t error_bytes);
void json_free(struct json_value **value);

/* A whole file as text, for json_read; the caller frees it. NULL with a sentence. */
char *json_load(const char *path, size_t bytes_max, size_t *out_bytes, char *out_error,
                size_t error_bytes);

/* The member of an object, or NULL: also where `value` is NULL or no object. */
const struct json_value *json_member(const struct json_value *value, const char *key);

/* Whether both are the same text, number, boolean or null; either may be NULL, and is like nothing
 * then. Arrays and objects are never told to be equal. */
bool json_equal(const struct json_value *one, const struct json_value *other);

/* A member that is a number; `otherwise` where there is none. */
double json_member_number(const struct json_value *value, const char *key, double otherwise);

#endif
