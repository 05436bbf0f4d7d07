/* span: borrowed bytes, and the few questions that parsers ask of them.
 *
 * A span owns nothing and need not end in NUL. How long its bytes live is said where it is handed
 * over. Nothing here reads past `length`.
 */
#ifndef RINGPOST_PROTO_SPAN_H
#define RINGPOST_PROTO_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const char *bytes;
    size_t length;
};

#define SPAN_LITERAL(text) ((struct span){(text), sizeof(text) - 1})

/* The bytes of a NUL-terminated string, without the NUL. */
struct span span_of(const char *text);

/* Same length and bytes; the second form takes ASCII letters of either case as the same. */
bool span_equal(struct span a, struct span b);
bool span_equal_ignoring_case(struct span a, struct span b);

/* Whether `byte` is among the bytes; an empty span holds none. */
bool span_holds(struct span span, char byte);

/* Takes the bytes up to the first space off `rest` and returns them; that one space is dropped.
 * Without a space the word is all of it and `rest` becomes empty. Two spaces make an empty word. */
struct span span_take_word(struct span *rest);

/* Takes a line off `rest`, without its LF, which is dropped. False, and nothing is taken, where
 * there is no LF. */
bool span_take_line(struct span *rest, struct span *out_line);

/* A number of one or more decimal digits and nothing else; leading zeros are accepted (RFC 1939
 * leaves it open). False where it is anything else or above UINT64_MAX. */
bool span_number(struct span digits, uint64_t *out_number);

#endif
