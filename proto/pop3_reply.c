/* pop3_reply: the last steps of every handler.
 *
 * Owns the count of refusals and the field `asked`; nobody else changes them.
 */
#include "proto/pop3_reply.h"

#include "proto/must.h"

static void say(struct span status, struct span sentence, struct plan *plan);
static struct pop3_ask count_refusal(struct pop3 *session);
static struct span failure_status(enum mail_result result);

struct pop3_ask pop3_reply_ok(struct pop3 *session, struct span sentence, struct plan *plan)
{
    say(SPAN_LITERAL("+OK "), sentence, plan);
    return pop3_reply_next_line(session);
}

struct pop3_ask pop3_reply_refusal(struct pop3 *session, struct span sentence, struct plan *plan)
{
    say(SPAN_LITERAL("-ERR "), sentence, plan);
    return count_refusal(session);
}

struct pop3_ask pop3_reply_failure(struct pop3 *session, enum mail_result result,
                                   struct span sentence, struct plan *plan)
{
    say(failure_status(result), sentence, plan);
    if (session->state == POP3_AUTHORIZATION) {
        return count_refusal(session);
    }
    return pop3_reply_next_line(session);
}

struct pop3_ask pop3_reply_next_line(struct pop3 *session)
{
    return pop3_reply_ask(session, (struct pop3_ask){.kind = POP3_ASK_LINE});
}

struct pop3_ask pop3_reply_ask(struct pop3 *session, struct pop3_ask ask)
{
    session->asked = ask.kind;
    return ask;
}

struct pop3_ask pop3_reply_close(struct pop3 *session, enum pop3_end end)
{
    session->state = POP3_ENDED;
    session->pending = POP3_PENDING_NONE;
    session->end = end;
    return pop3_reply_ask(session, (struct pop3_ask){.kind = POP3_ASK_CLOSE});
}

static void say(struct span status, struct span sentence, struct plan *plan)
{
    plan_text(plan, status);
    plan_text(plan, sentence);
    plan_text(plan, SPAN_LITERAL("\r\n"));
}

static struct pop3_ask count_refusal(struct pop3 *session)
{
    uint32_t refusals_max = session->state == POP3_AUTHORIZATION
                                ? session->settings->refusals_before_login_max
                                : session->settings->refusals_after_login_max;
    session->refusals++;
    if (session->refusals >= refusals_max) {
        return pop3_reply_close(session, POP3_END_REFUSALS);
    }
    return pop3_reply_next_line(session);
}

static struct span failure_status(enum mail_result result)
{
    switch (result) {
    case MAIL_TEMPORARY:
    case MAIL_NO_SPACE:
    case MAIL_PARTLY:
    case MAIL_IN_USE: /* [IN-USE] belongs to the login alone (RFC 2449 section 8.1.2) */
        return SPAN_LITERAL("-ERR [SYS/TEMP] ");
    case MAIL_PERMANENT:
    case MAIL_TOO_BIG:
        return SPAN_LITERAL("-ERR [SYS/PERM] ");
    case MAIL_DONE:
    case MAIL_LATER:
    case MAIL_FULL:
        break;
    }
    must_fail("a failure that is none", __FILE__, __LINE__);
}
