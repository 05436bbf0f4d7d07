/* answer: reads one answer of a server off a stream of bytes, and does not believe a byte of it.
 *
 * The bytes may be cut anywhere. What lies whole in the input is borrowed from it; only a line that
 * a cut divides is put together in the reader's own buffer. Checks the framing of RFC 1939 section
 * 3 and RFC 5321 section 4.2, takes dot-stuffing away where lines are handed out, and counts the
 * octets that a message really has. Pure.
 */
#ifndef RINGPOST_BENCH_ANSWER_H
#define RINGPOST_BENCH_ANSWER_H

#include "bench/fault.h"
#include "proto/span.h"

/* A line of an answer, with CRLF (RFC 1939 section 3). */
#define ANSWER_LINE_MAX 512

/* Lines of a reply, or rows of CAPA: far more than any server has to say. */
#define ANSWER_LINES_MAX 1000

enum answer_form {
    ANSWER_LINE,    /* +OK or -ERR */
    ANSWER_ASKS,    /* the same, or "+ " and more of a SASL exchange (RFC 5034) */
    ANSWER_LISTING, /* after +OK rows, each handed out, up to a line with a dot */
    ANSWER_BODY,    /* after +OK a message, which is only counted */
    ANSWER_REPLY,   /* LMTP: lines "250-" and a last one "250 " */
};

enum answer_result {
    ANSWER_MORE,  /* the input is used up */
    ANSWER_HEAD,  /* +OK has come, rows or a message follow */
    ANSWER_ROW,   /* one row of a listing: `row` */
    ANSWER_DONE,  /* all of it has come */
    ANSWER_WRONG, /* `fault` says how; the stream cannot be read any more */
};

/* Where the next byte of a body stands. Private. */
enum answer_place {
    ANSWER_LINE_START,
    ANSWER_DOT,
    ANSWER_DOT_CR,
    ANSWER_IN_LINE,
    ANSWER_IN_LINE_CR,
};

struct answer {
    enum answer_form form;
    enum answer_place place;
    bool in_body;
    bool is_positive; /* +OK, "+ ", 2yz or 3yz; valid from ANSWER_HEAD or ANSWER_DONE on */
    enum fault fault;
    uint16_t held_bytes; /* in `line`: the begin of a line whose end has not come */
    uint16_t head_bytes; /* in `line`: the first line, or the last of a reply, without its end; 0
                          * once a row was put together in its place */
    uint32_t lines;      /* of a reply, or rows of a listing, so far */
    uint64_t octets;     /* of a message so far: without stuffing and without the end */
    struct span row;     /* borrowed until the next call, from the input or from `line` */
    char line[ANSWER_LINE_MAX];
};

/* Begins an answer of the given form. */
void answer_begin(struct answer *answer, enum answer_form form);

/* Takes bytes off the front of `input`, never more than belong to this answer. After ANSWER_DONE
 * or ANSWER_WRONG answer_begin comes next. */
enum answer_result answer_take(struct answer *answer, struct span *input);

/* Whether a byte of this answer has come already. */
bool answer_has_begun(const struct answer *answer);

/* The first line (of a reply the last), without its end; empty where rows have come that took its
 * place. */
struct span answer_head(const struct answer *answer);

#endif
