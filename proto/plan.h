/* plan: what there is to say, as a bounded list of pieces in order.
 *
 * A piece is text, whose bytes the plan holds, or a range of a maildrop, whose bytes stay where
 * they are until the sender moves them, or codes them where they are raw. Texts that follow each
 * other share a piece; so do ranges that follow each other in the same file: a pipelined RETR 1..n
 * of neighbours is one range and one send. A plan is lent to a session only while there is
 * something to say.
 */
#ifndef RINGPOST_PROTO_PLAN_H
#define RINGPOST_PROTO_PLAN_H

#include "proto/mail.h"
#include "proto/span.h"

/* A plan fills four pages: enough text for 150 lines of UIDL, and little for a slow reader to hold.
 */
#define PLAN_BYTES      16384
#define PLAN_PIECES_MAX 32
#define PLAN_TEXT_MAX   (PLAN_BYTES - PLAN_PIECES_MAX * sizeof(struct piece) - 2 * sizeof(uint32_t))

/* The largest single answer line (RFC 1939 section 3: 512 octets), and the pieces of a TOP. A
 * session looks for this much room before it acts on a line. */
#define PLAN_ANSWER_TEXT   512
#define PLAN_ANSWER_PIECES 3

enum piece_kind { PIECE_TEXT, PIECE_RANGE };

struct piece {
    enum piece_kind kind;
    struct mail_range range; /* PIECE_TEXT: `offset` is in `text`, `memory` is NULL */
};

struct plan {
    struct piece pieces[PLAN_PIECES_MAX];
    uint32_t piece_count;
    uint32_t text_bytes;
    char text[PLAN_TEXT_MAX];
};

/* Empties the plan; the texts that it held are gone. */
void plan_init(struct plan *plan);

bool plan_is_empty(const struct plan *plan);

/* Whether `text_bytes` in one text and `pieces` more pieces would fit. */
bool plan_has_room(const struct plan *plan, size_t text_bytes, uint32_t pieces);

/* Whether there is room for whatever a session answers to one line. */
bool plan_has_answer_room(const struct plan *plan);

/* The octets of text that would still fit. */
size_t plan_text_room(const struct plan *plan);

/* Append; the room must be there. A number is written in decimal. plan_text copies its bytes;
 * plan_range borrows the range until the plan has been sent. Empty texts and ranges add nothing. */
void plan_text(struct plan *plan, struct span text);
void plan_number(struct plan *plan, uint64_t number);
void plan_range(struct plan *plan, struct mail_range range);

#endif
