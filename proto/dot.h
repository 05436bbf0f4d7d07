/* dot: between a message as it came and its form on the wire (RFC 1939 section 3, RFC 5321 4.5.2).
 *
 * Coding: a bare LF becomes CRLF, a line that starts with a dot gets one more, and the end is
 * ".CRLF". CRLF, NUL, 8-bit bytes and a lone CR (one that no LF follows) stay as they are. Coding
 * also counts what LIST and TOP have to know. Decoding is the way back. Both take their input and
 * give their output in pieces of any size, and own no memory but their own struct. The work is
 * done in blocks by the best instructions that the processor has.
 */
#ifndef RINGPOST_PROTO_DOT_H
#define RINGPOST_PROTO_DOT_H

#include "proto/span.h"

/* The ways to find what must change. All give the same bytes. */
enum dot_variant {
    DOT_SCALAR, /* byte by byte, everywhere */
    DOT_SSE2,   /* x86-64, 16 bytes at once */
    DOT_AVX2,   /* x86-64, 32 bytes at once, asked of the processor at run time */
    DOT_NEON,   /* AArch64, 16 bytes at once */
};
#define DOT_VARIANTS 4

/* Where in a line the next byte stands. */
enum dot_place {
    DOT_LINE_START,
    DOT_LINE_START_CR, /* the line is a CR so far */
    DOT_IN_LINE,
    DOT_IN_LINE_CR, /* the last byte was a CR */
};

struct dot_coder {
    enum dot_variant variant;
    enum dot_place place;
    bool header_ended;
    uint64_t stuffed_dots;
    uint64_t octets;       /* with CRLF, without stuffing, without the end: what LIST says */
    uint64_t wire_bytes;   /* all that was written, after dot_finish with the end */
    uint64_t header_bytes; /* wire bytes up to and with the first empty line; valid after
                            * dot_finish, and before it once `header_ended` is set. A message
                            * without an empty line is all header */
};

/* The largest end: CRLF for an unfinished line, and ".CRLF". */
#define DOT_END_MAX 5

/* Whether this processor and this build have the variant, and the one that dot_init takes. */
bool dot_has_variant(enum dot_variant variant);
enum dot_variant dot_best_variant(void);

/* Begins a message, with the best variant. */
void dot_init(struct dot_coder *coder);

/* Exchanges the variant, for tests and measurements; the processor must have it. */
void dot_use_variant(struct dot_coder *coder, enum dot_variant variant);

/* Takes bytes off the front of `input` and writes their wire form, until the input is used up or
 * `out` is full. Returns how many bytes were written. What was not used stays in `input`: call
 * again with a new `out`. Any size of either is good, also 1; `out` of twice the input always holds
 * it. `input` and `out` must not overlap. Bytes of `out` beyond those returned may have been
 * overwritten. */
size_t dot_code(struct dot_coder *coder, struct span *input, char *out, size_t out_bytes);

/* Ends the message, once all input has been used: CRLF where the last line has none, then ".CRLF".
 * A message that ends in a lone CR keeps it (CR CR LF); an empty message stays empty. Returns the
 * bytes written, 3 or 5. `octets`, `wire_bytes` and `header_bytes` are final afterwards. */
size_t dot_finish(struct dot_coder *coder, char out[DOT_END_MAX]);

/* Begins in the middle of a message whose coder stood at `place`: nothing has been counted, and the
 * header is taken to be over. For a sender that keeps the place alone. */
void dot_resume(struct dot_coder *coder, enum dot_place place);

/* What a decoder makes of CRLF. */
enum dot_line_end { DOT_TO_CRLF, DOT_TO_LF };

/* What a decoder has seen last. Private to the room. */
enum dot_seen {
    DOT_SEEN_LINE_START,
    DOT_SEEN_BYTE,
    DOT_SEEN_CR,     /* for DOT_TO_LF it is held back until the next byte is there */
    DOT_SEEN_DOT,    /* the first byte of a line, dropped */
    DOT_SEEN_DOT_CR, /* after it a CR, held back */
    DOT_SEEN_END,
};

struct dot_decoder {
    enum dot_line_end line_end;
    enum dot_seen seen;
};

void dot_decoder_init(struct dot_decoder *decoder, enum dot_line_end line_end);

/* Takes bytes off the front of `input` and writes the message without stuffing, until the input is
 * used up, `out` is full, or ".CRLF" has been taken; nothing behind that is touched. Returns the
 * bytes written, never more than one above the bytes taken. Pieces may have any size; they must not
 * overlap. Only CRLF ends a line here; a line that starts with a dot loses it, whatever follows. */
size_t dot_decode(struct dot_decoder *decoder, struct span *input, char *out, size_t out_bytes);

/* Whether ".CRLF" was seen. Where the input is over and this is false, the message is cut off. */
bool dot_decoder_ended(const struct dot_decoder *decoder);

/* Goes over up to `*lines` line ends of `wire`, lowers `*lines` by those found, and returns the
 * offset behind the last line taken; without enough of them that is all of `wire`. For TOP: begin
 * at the body, and go on with the next bytes while `*lines` is not 0. `wire` is in wire form, so
 * that each LF ends a line. */
size_t dot_scan_lines(struct span wire, uint64_t *lines);

#endif
