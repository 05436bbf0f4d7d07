/* pop3_listing: the windows of a listing.
 *
 * `number` of the session is the next message to list. The +OK waits for the first window, so that
 * a storage that fails at once can still be answered with -ERR. Later than that the only honest end
 * is to close: a "." would tell the client that the messages not listed are gone.
 */
#include "proto/pop3_listing.h"

#include "proto/must.h"
#include "proto/pop3_reply.h"

/* Number, space, octets or UIDL, CRLF. */
#define LIST_LINE_MAX (10 + 1 + 10 + 2)
#define UIDL_LINE_MAX (10 + 1 + MAIL_UIDL_MAX + 2)

/* "+OK" and "." with their CRLF. */
#define LISTING_FRAME (5 + 3)

_Static_assert(PLAN_ANSWER_TEXT >= LISTING_FRAME + UIDL_LINE_MAX, "room for a line is progress");

static struct pop3_ask begin(struct pop3 *session, enum pop3_pending one, enum pop3_pending all,
                             uint32_t number, struct plan *plan);
static struct pop3_ask go_on(struct pop3 *session, struct plan *plan);
static struct pop3_ask ask_facts(struct pop3 *session, uint32_t wanted);
static uint32_t window_size(const struct pop3 *session, const struct plan *plan);
static void append_window(struct pop3 *session, const struct mail_fact *facts, uint32_t count,
                          struct plan *plan);
static void append_line(const struct pop3 *session, uint32_t number, const struct mail_fact *fact,
                        struct plan *plan);
static void append_begin_once(struct pop3 *session, struct plan *plan);

struct pop3_ask pop3_listing_list(struct pop3 *session, const struct pop3_command *command,
                                  struct plan *plan)
{
    return begin(session, POP3_PENDING_ONE_LIST, POP3_PENDING_LIST, (uint32_t)command->number,
                 plan);
}

struct pop3_ask pop3_listing_uidl(struct pop3 *session, const struct pop3_command *command,
                                  struct plan *plan)
{
    return begin(session, POP3_PENDING_ONE_UIDL, POP3_PENDING_UIDL, (uint32_t)command->number,
                 plan);
}

struct pop3_ask pop3_listing_facts(struct pop3 *session, const struct pop3_answer *answer,
                                   struct plan *plan)
{
    if (answer->result != MAIL_DONE) {
        if (session->listing_begun) {
            return pop3_reply_close(session, POP3_END_NONE);
        }
        session->pending = POP3_PENDING_NONE;
        return pop3_reply_failure(session, answer->result,
                                  SPAN_LITERAL("The messages cannot be listed."), plan);
    }
    must(answer->facts.count > 0);
    if (session->pending == POP3_PENDING_ONE_LIST || session->pending == POP3_PENDING_ONE_UIDL) {
        plan_text(plan, SPAN_LITERAL("+OK "));
        append_line(session, session->number, &answer->facts.facts[0], plan);
        session->pending = POP3_PENDING_NONE;
        return pop3_reply_next_line(session);
    }
    append_begin_once(session, plan);
    append_window(session, answer->facts.facts, answer->facts.count, plan);
    return go_on(session, plan);
}

struct pop3_ask pop3_listing_room(struct pop3 *session, struct plan *plan)
{
    /* Else we would ask for room for ever. */
    must(plan_has_answer_room(plan));
    return go_on(session, plan);
}

static struct pop3_ask begin(struct pop3 *session, enum pop3_pending one, enum pop3_pending all,
                             uint32_t number, struct plan *plan)
{
    session->listing_begun = false;
    if (number > 0) {
        session->pending = one;
        session->number = number;
        return ask_facts(session, 1);
    }
    session->pending = all;
    session->number = 1;
    return go_on(session, plan);
}

/* Marked messages are passed over before facts are asked for, so that a maildrop whose messages are
 * all marked needs none. */
static struct pop3_ask go_on(struct pop3 *session, struct plan *plan)
{
    if (session->marked_count == session->view.count) {
        session->number = session->view.count + 1;
    }
    while (session->number <= session->view.count && pop3_is_marked(session, session->number)) {
        session->number++;
    }
    if (session->number > session->view.count) {
        append_begin_once(session, plan);
        plan_text(plan, SPAN_LITERAL(".\r\n"));
        session->pending = POP3_PENDING_NONE;
        return pop3_reply_next_line(session);
    }
    if (!plan_has_answer_room(plan)) {
        return pop3_reply_ask(session, (struct pop3_ask){.kind = POP3_ASK_ROOM});
    }
    return ask_facts(session, window_size(session, plan));
}

static struct pop3_ask ask_facts(struct pop3 *session, uint32_t wanted)
{
    return pop3_reply_ask(session,
                          (struct pop3_ask){.kind = POP3_ASK_FACTS,
                                            .facts = {.first = session->number, .wanted = wanted}});
}

/* As many messages as have room for their lines, and for what frames the listing. */
static uint32_t window_size(const struct pop3 *session, const struct plan *plan)
{
    size_t line_max = session->pending == POP3_PENDING_UIDL ? UIDL_LINE_MAX : LIST_LINE_MAX;
    size_t wanted = (plan_text_room(plan) - LISTING_FRAME) / line_max;
    size_t left = session->view.count - session->number + 1;
    if (wanted > left) {
        /* Who asks for one message means that one, and is refused where it is damaged; in a listing
         * it keeps its place. So never fewer than two, even if there are no two. */
        wanted = left > 2 ? left : 2;
    }
    return wanted > POP3_FACTS_MAX ? POP3_FACTS_MAX : (uint32_t)wanted;
}

static void append_window(struct pop3 *session, const struct mail_fact *facts, uint32_t count,
                          struct plan *plan)
{
    must(count <= session->view.count - session->number + 1);
    for (uint32_t i = 0; i < count; i++) {
        if (!pop3_is_marked(session, session->number)) {
            append_line(session, session->number, &facts[i], plan);
        }
        session->number++;
    }
}

static void append_line(const struct pop3 *session, uint32_t number, const struct mail_fact *fact,
                        struct plan *plan)
{
    plan_number(plan, number);
    plan_text(plan, SPAN_LITERAL(" "));
    if (session->pending == POP3_PENDING_UIDL || session->pending == POP3_PENDING_ONE_UIDL) {
        must(fact->uidl_length > 0 && fact->uidl_length <= MAIL_UIDL_MAX);
        plan_text(plan, (struct span){fact->uidl, fact->uidl_length});
    } else {
        plan_number(plan, fact->octets);
    }
    plan_text(plan, SPAN_LITERAL("\r\n"));
}

static void append_begin_once(struct pop3 *session, struct plan *plan)
{
    if (!session->listing_begun) {
        plan_text(plan, SPAN_LITERAL("+OK\r\n"));
        session->listing_begun = true;
    }
}
