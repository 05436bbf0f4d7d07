/* lmtp_reply: the last steps of every handler.
 *
 * Owns the count of mistakes and the field `asked`; nobody else changes them. Knows what a
 * transaction leaves behind in a session and clears it in one place.
 */
#include "proto/lmtp_reply.h"

void lmtp_reply_say(struct span answer, struct plan *plan)
{
    plan_text(plan, answer);
    plan_text(plan, SPAN_LITERAL("\r\n"));
}

struct lmtp_ask lmtp_reply(struct lmtp *session, struct span answer, struct plan *plan)
{
    lmtp_reply_say(answer, plan);
    return lmtp_reply_next_line(session);
}

struct lmtp_ask lmtp_reply_mistake(struct lmtp *session, struct span answer, struct plan *plan)
{
    session->mistakes++;
    if (session->mistakes < session->settings->mistakes_max) {
        return lmtp_reply(session, answer, plan);
    }
    plan_text(plan, SPAN_LITERAL("421 4.7.0 "));
    plan_text(plan, session->settings->host_name);
    lmtp_reply_say(SPAN_LITERAL(" There were too many mistakes; bye."), plan);
    return lmtp_reply_close(session, LMTP_END_MISTAKES);
}

struct lmtp_ask lmtp_reply_next_line(struct lmtp *session)
{
    return lmtp_reply_ask(session, (struct lmtp_ask){.kind = LMTP_ASK_LINE});
}

struct lmtp_ask lmtp_reply_ask(struct lmtp *session, struct lmtp_ask ask)
{
    session->asked = ask.kind;
    return ask;
}

struct span lmtp_reply_full(const struct lmtp *session)
{
    return session->settings->full_is_passing
               ? SPAN_LITERAL("452 4.2.2 The maildrop is full; try again later.")
               : SPAN_LITERAL("552 5.2.2 The maildrop is full.");
}

struct lmtp_ask lmtp_reply_close(struct lmtp *session, enum lmtp_end end)
{
    session->state = LMTP_ENDED;
    session->pending = LMTP_PENDING_NONE;
    session->end = end;
    return lmtp_reply_ask(session, (struct lmtp_ask){.kind = LMTP_ASK_CLOSE});
}

void lmtp_reply_end_transaction(struct lmtp *session)
{
    if (session->state != LMTP_CONNECTED) {
        session->state = LMTP_GREETED;
    }
    session->pending = LMTP_PENDING_NONE;
    session->message_octets = 0;
    session->is_utf8 = false;
    session->is_mail_refused = false;
    session->recipient_count = 0;
    session->answered_count = 0;
    session->reverse_path_length = 0;
}

struct lmtp_ask lmtp_reply_forget(struct lmtp *session)
{
    if (!session->is_held) {
        return lmtp_reply_next_line(session);
    }
    session->is_held = false;
    return lmtp_reply_ask(session, (struct lmtp_ask){.kind = LMTP_ASK_FORGET});
}
