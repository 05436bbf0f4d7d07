/* line: cuts a stream of bytes into command lines.
 *
 * Lines may be cut anywhere across reads. A line that lies whole in the bytes handed in is borrowed
 * from them without a copy; only a line that a read cuts in two is put together in the reader's own
 * small buffer. LF ends a line, a CR before it belongs to the end, a lone CR does not end it
 * (RFC 1939 section 3, taken kindly). An overlong line is swallowed whole and reported once.
 */
#ifndef RINGPOST_PROTO_LINE_H
#define RINGPOST_PROTO_LINE_H

#include "proto/span.h"

/* RFC 2449 section 4: a command line has up to 255 octets with its CRLF. */
#define LINE_COMMAND_MAX 255

/* RFC 5034 section 4: lines of a SASL exchange have up to 12288 octets, and the CRLF. */
#define LINE_SASL_MAX (12288 + 2)

enum line_result {
    LINE_DONE,     /* a line is there */
    LINE_MORE,     /* all bytes are used, the line has not ended yet */
    LINE_TOO_LONG, /* a line longer than the limit has just ended */
};

/* The reader. `buffer` belongs to the owner and holds `limit` octets; it is touched only while a
 * line is in two halves (line_is_partial). */
struct line {
    char *buffer;
    uint32_t limit; /* octets of a line with its end */
    uint32_t used;
    bool swallowing;
};

/* `buffer` must hold `limit` octets and outlive the reader or the next line_lend. */
void line_init(struct line *line, char *buffer, uint32_t limit);

/* Exchanges the buffer and the limit, for a SASL line and back. Keeps a half line that it holds;
 * one that is longer than the new limit is swallowed. */
void line_lend(struct line *line, char *buffer, uint32_t limit);

/* Takes bytes from the front of `input` up to the end of the first line. On LINE_DONE `out_line` is
 * the line without its end, borrowed from `input` or from the reader's buffer until the next call.
 * What was not used stays in `input`. */
enum line_result line_take(struct line *line, struct span *input, struct span *out_line);

bool line_is_partial(const struct line *line);

/* Forgets a half line (STLS, PROTOCOL.md 16). */
void line_reset(struct line *line);

#endif
