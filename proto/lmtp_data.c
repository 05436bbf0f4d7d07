/* lmtp_data: the bytes of a message, and what is said when they have come.
 *
 * Whatever is refused, its octets go by first: what follows them is a command, and what is in them
 * never is one. An answer too many or too few would make a client take one answer for another, so
 * each way through this file is counted: one for a BDAT, one a recipient for DATA and BDAT LAST.
 */
#include "proto/lmtp_data.h"

#include "proto/lmtp_reply.h"
#include "proto/must.h"

#include <string.h>

struct chunk {
    uint64_t octets;
    bool is_last;
    bool is_good; /* nothing but a size and perhaps LAST */
};

static bool read_chunk(struct span argument, struct chunk *out_chunk);
static struct lmtp_ask refuse_chunk(struct lmtp *session, const struct chunk *chunk,
                                    struct span refusal);
static struct span why_not(const struct lmtp *session, const struct chunk *chunk);
static struct lmtp_ask ask_for_bytes(struct lmtp *session, enum lmtp_pending pending,
                                     bool begins_letter);
static void take_stuffed(struct lmtp *session, struct span *input, char *out, size_t out_bytes,
                         size_t *out_count);
static size_t smaller(uint64_t one, uint64_t other);
static struct lmtp_ask tell_next(struct lmtp *session, struct plan *plan);
static struct span result_text(const struct lmtp *session, enum mail_result result);

#define NO_SENDER    SPAN_LITERAL("503 5.5.1 Say MAIL first.")
#define NO_RECIPIENT SPAN_LITERAL("503 5.5.1 No recipient was accepted.")
#define BAD_CHUNK    SPAN_LITERAL("501 5.5.4 Write BDAT, a number of octets, and perhaps LAST.")

struct lmtp_ask lmtp_data_data(struct lmtp *session, const struct lmtp_command *command,
                               struct plan *plan)
{
    (void)command;
    lmtp_reply_say(SPAN_LITERAL("354 Go ahead; end with a dot on a line of its own."), plan);
    dot_decoder_init(&session->decoder, DOT_TO_CRLF);
    session->is_wanted = true;
    return ask_for_bytes(session, LMTP_PENDING_DATA, true);
}

/* Where a chunk cannot be told from commands, nothing after it may be read. */
struct lmtp_ask lmtp_data_bdat(struct lmtp *session, const struct lmtp_command *command,
                               struct plan *plan)
{
    struct chunk chunk;
    if (!read_chunk(command->argument, &chunk)) {
        lmtp_reply_say(BAD_CHUNK, plan);
        return lmtp_reply_close(session, LMTP_END_CHUNK);
    }
    session->chunk_left = chunk.octets;
    struct span refusal = why_not(session, &chunk);
    if (refusal.length > 0) {
        return refuse_chunk(session, &chunk, refusal);
    }
    bool begins_letter = session->state == LMTP_RECIPIENTS;
    session->state = LMTP_CHUNKS;
    session->is_wanted = true;
    session->message_octets += chunk.octets;
    return ask_for_bytes(session, chunk.is_last ? LMTP_PENDING_LAST_CHUNK : LMTP_PENDING_CHUNK,
                         begins_letter);
}

enum lmtp_data_result lmtp_data(struct lmtp *session, struct span *input, char *out,
                                size_t out_bytes, size_t *out_count)
{
    must(session->asked == LMTP_ASK_DATA);
    must(out_bytes > 0);
    *out_count = 0;
    if (session->pending == LMTP_PENDING_DATA) {
        take_stuffed(session, input, out, out_bytes, out_count);
        return dot_decoder_ended(&session->decoder) ? LMTP_DATA_END : LMTP_DATA_MORE;
    }
    size_t count = smaller(session->chunk_left, input->length);
    if (session->is_wanted) {
        count = smaller(count, out_bytes);
        *out_count = count;
    }
    if (*out_count > 0) {
        memcpy(out, input->bytes, count);
    }
    if (count > 0) { /* an empty input may lie nowhere */
        *input = (struct span){input->bytes + count, input->length - count};
    }
    session->chunk_left -= count;
    return session->chunk_left == 0 ? LMTP_DATA_END : LMTP_DATA_MORE;
}

struct lmtp_ask lmtp_data_came(struct lmtp *session, struct plan *plan)
{
    switch (session->pending) {
    case LMTP_PENDING_DATA:
    case LMTP_PENDING_LAST_CHUNK:
        session->pending = session->is_wanted ? LMTP_PENDING_RESULTS : LMTP_PENDING_REFUSALS;
        session->messages_count += session->is_wanted;
        return tell_next(session, plan);
    case LMTP_PENDING_CHUNK:
        return lmtp_reply(session, SPAN_LITERAL("250 2.0.0 The chunk is here."), plan);
    case LMTP_PENDING_REFUSED:
        lmtp_reply_say(session->refusal, plan);
        return lmtp_reply_forget(session);
    case LMTP_PENDING_REFUSED_LAST:
        session->pending = LMTP_PENDING_REFUSALS;
        return tell_next(session, plan);
    case LMTP_PENDING_NONE:
    case LMTP_PENDING_RESULTS:
    case LMTP_PENDING_REFUSALS:
        break;
    }
    must_fail("bytes were asked for", __FILE__, __LINE__);
}

struct lmtp_ask lmtp_data_delivered(struct lmtp *session, const struct lmtp_answer *answer,
                                    struct plan *plan)
{
    lmtp_reply_say(result_text(session, answer->result), plan);
    session->deliveries_count += answer->result == MAIL_DONE;
    session->answered_count++;
    return tell_next(session, plan);
}

struct lmtp_ask lmtp_data_room(struct lmtp *session, struct plan *plan)
{
    must(plan_has_answer_room(plan));
    return tell_next(session, plan);
}

/* False where the size cannot be read. */
static bool read_chunk(struct span argument, struct chunk *out_chunk)
{
    struct span rest = argument;
    *out_chunk = (struct chunk){.octets = 0};
    if (!span_number(span_take_word(&rest), &out_chunk->octets)) {
        return false;
    }
    while (rest.length > 0 && rest.bytes[0] == ' ') {
        rest = (struct span){rest.bytes + 1, rest.length - 1};
    }
    out_chunk->is_last = span_equal_ignoring_case(rest, SPAN_LITERAL("LAST"));
    out_chunk->is_good = rest.length == 0 || out_chunk->is_last;
    return true;
}

/* Nothing of the message is kept, and the transaction can only be given up. Behind a MAIL that was
 * refused there is no transaction, but its client counts recipients too: to LAST nothing is said
 * where there are none (RFC 2033 section 4.3). */
static struct lmtp_ask refuse_chunk(struct lmtp *session, const struct chunk *chunk,
                                    struct span refusal)
{
    bool has_sender = session->state != LMTP_CONNECTED && session->state != LMTP_GREETED;
    bool is_counted = has_sender || session->is_mail_refused;
    session->is_wanted = false;
    session->refusal = refusal;
    if (has_sender) {
        session->state = LMTP_SPOILED;
    }
    return ask_for_bytes(
        session, chunk->is_last && is_counted ? LMTP_PENDING_REFUSED_LAST : LMTP_PENDING_REFUSED,
        false);
}

/* Empty where the chunk is good. */
static struct span why_not(const struct lmtp *session, const struct chunk *chunk)
{
    switch (session->state) {
    case LMTP_CONNECTED:
        return SPAN_LITERAL("503 5.5.1 Say LHLO first.");
    case LMTP_GREETED:
        return NO_SENDER;
    case LMTP_SENDER:
        return NO_RECIPIENT;
    case LMTP_SPOILED:
        return session->refusal;
    case LMTP_RECIPIENTS:
    case LMTP_CHUNKS:
        break;
    case LMTP_ENDED:
        must_fail("no command comes after the end", __FILE__, __LINE__);
    }
    if (!chunk->is_good) {
        return BAD_CHUNK;
    }
    uint64_t octets_left = session->settings->message_octets_max - session->message_octets;
    return chunk->octets > octets_left ? LMTP_DATA_TOO_BIG : (struct span){NULL, 0};
}

static struct lmtp_ask ask_for_bytes(struct lmtp *session, enum lmtp_pending pending,
                                     bool begins_letter)
{
    session->pending = pending;
    session->is_held = session->is_held || begins_letter;
    return lmtp_reply_ask(session, (struct lmtp_ask){.kind = LMTP_ASK_DATA,
                                                     .data = {.begins_letter = begins_letter,
                                                              .is_wanted = session->is_wanted}});
}

/* A message that has become too big is still decoded, because only so its end is found. */
static void take_stuffed(struct lmtp *session, struct span *input, char *out, size_t out_bytes,
                         size_t *out_count)
{
    do {
        size_t count = dot_decode(&session->decoder, input, out, out_bytes);
        session->message_octets += count;
        if (session->message_octets > session->settings->message_octets_max) {
            session->is_wanted = false;
            session->refusal = LMTP_DATA_TOO_BIG;
        }
        if (session->is_wanted) {
            *out_count = count;
            return;
        }
    } while (input->length > 0 && !dot_decoder_ended(&session->decoder));
}

static size_t smaller(uint64_t one, uint64_t other)
{
    return (size_t)(one < other ? one : other);
}

/* One answer a recipient, in their order, as far as the plan has room. */
static struct lmtp_ask tell_next(struct lmtp *session, struct plan *plan)
{
    bool is_refused = session->pending == LMTP_PENDING_REFUSALS;
    while (session->answered_count < session->recipient_count) {
        if (!plan_has_answer_room(plan)) {
            return lmtp_reply_ask(session, (struct lmtp_ask){.kind = LMTP_ASK_ROOM});
        }
        if (!is_refused) {
            return lmtp_reply_ask(session, (struct lmtp_ask){.kind = LMTP_ASK_DELIVER,
                                                             .deliver = {session->answered_count}});
        }
        lmtp_reply_say(session->refusal, plan);
        session->answered_count++;
    }
    if (!is_refused) {
        session->is_held = false;
    }
    lmtp_reply_end_transaction(session);
    return lmtp_reply_forget(session);
}

static struct span result_text(const struct lmtp *session, enum mail_result result)
{
    switch (result) {
    case MAIL_DONE:
        return SPAN_LITERAL("250 2.0.0 Delivered.");
    case MAIL_FULL:
        return lmtp_reply_full(session);
    case MAIL_TOO_BIG:
        return LMTP_DATA_TOO_BIG;
    case MAIL_NO_SPACE:
        return SPAN_LITERAL("452 4.3.1 The disk is full; try again later.");
    case MAIL_IN_USE:
    case MAIL_TEMPORARY:
        return SPAN_LITERAL("451 4.3.0 This is not stored; try again later.");
    case MAIL_PERMANENT:
        return SPAN_LITERAL("554 5.3.0 This cannot be stored.");
    case MAIL_LATER:
    case MAIL_PARTLY: /* only of an UPDATE */
        break;
    }
    must_fail("a delivery has ended before it is told", __FILE__, __LINE__);
}
