/* pop3: what a POP3 session does with a line, and with an answer of the world.
 *
 * Read this file first. A line is parsed by the table in pop3_command.c, which knows what is legal;
 * the table below names the handler; a handler either answers at once, or asks the world and is
 * continued in pop3_answer. Logging in is in pop3_login.c, LIST and UIDL are in pop3_listing.c, the
 * ways to say +OK and -ERR in pop3_reply.c. Nothing here waits, allocates or looks at a clock.
 */
#include "proto/pop3.h"

#include "proto/must.h"
#include "proto/pop3_command.h"
#include "proto/pop3_listing.h"
#include "proto/pop3_login.h"
#include "proto/pop3_reply.h"

#include <string.h>

_Static_assert(sizeof(struct pop3) < 512, "a held session stays small");

#define UNKNOWN_COMMAND SPAN_LITERAL("Unknown command.")
#define NO_SUCH_MESSAGE SPAN_LITERAL("No such message.")

struct handler_of {
    struct pop3_ask (*handle)(struct pop3 *session, const struct pop3_command *command,
                              struct plan *plan);
};

static struct pop3_ask handle_capa(struct pop3 *, const struct pop3_command *, struct plan *);
static struct pop3_ask handle_dele(struct pop3 *, const struct pop3_command *, struct plan *);
static struct pop3_ask handle_last(struct pop3 *, const struct pop3_command *, struct plan *);
static struct pop3_ask handle_noop(struct pop3 *, const struct pop3_command *, struct plan *);
static struct pop3_ask handle_quit(struct pop3 *, const struct pop3_command *, struct plan *);
static struct pop3_ask handle_retr(struct pop3 *, const struct pop3_command *, struct plan *);
static struct pop3_ask handle_rset(struct pop3 *, const struct pop3_command *, struct plan *);
static struct pop3_ask handle_stat(struct pop3 *, const struct pop3_command *, struct plan *);
static struct pop3_ask handle_top(struct pop3 *, const struct pop3_command *, struct plan *);
static struct pop3_ask handle_utf8(struct pop3 *, const struct pop3_command *, struct plan *);

/* clang-format off */
static const struct handler_of handlers[POP3_COMMAND_KINDS] = {
    [POP3_COMMAND_APOP] = {pop3_login_apop},
    [POP3_COMMAND_AUTH] = {pop3_login_auth},
    [POP3_COMMAND_CAPA] = {handle_capa},
    [POP3_COMMAND_DELE] = {handle_dele},
    [POP3_COMMAND_LAST] = {handle_last},
    [POP3_COMMAND_LIST] = {pop3_listing_list},
    [POP3_COMMAND_NOOP] = {handle_noop},
    [POP3_COMMAND_PASS] = {pop3_login_pass},
    [POP3_COMMAND_QUIT] = {handle_quit},
    [POP3_COMMAND_RETR] = {handle_retr},
    [POP3_COMMAND_RSET] = {handle_rset},
    [POP3_COMMAND_STAT] = {handle_stat},
    [POP3_COMMAND_STLS] = {pop3_login_stls},
    [POP3_COMMAND_TOP]  = {handle_top},
    [POP3_COMMAND_UIDL] = {pop3_listing_uidl},
    [POP3_COMMAND_USER] = {pop3_login_user},
    [POP3_COMMAND_UTF8] = {handle_utf8},
};
/* clang-format on */

static struct pop3_ask run_command(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan);
static struct span refusal_text(enum pop3_command_result result);
static struct pop3_ask facts_came(struct pop3 *, const struct pop3_answer *, struct plan *);
static struct pop3_ask mark(struct pop3 *, const struct pop3_answer *, struct plan *);
static struct pop3_ask body_came(struct pop3 *, const struct pop3_answer *, struct plan *);
static struct pop3_ask top_came(struct pop3 *, const struct pop3_answer *, struct plan *);
static struct pop3_ask committed(struct pop3 *, const struct pop3_answer *, struct plan *);

struct pop3_ask pop3_begin(struct pop3 *session, const struct pop3_settings *settings,
                           struct span timestamp, struct plan *plan)
{
    must(plan_has_answer_room(plan));
    must(timestamp.length <= POP3_TIMESTAMP_MAX);
    must(settings->apop == (timestamp.length > 0));
    pop3_login_begin(session, settings);
    plan_text(plan, SPAN_LITERAL("+OK POP3 server ready"));
    if (settings->apop) {
        plan_text(plan, SPAN_LITERAL(" "));
        plan_text(plan, timestamp);
    }
    plan_text(plan, SPAN_LITERAL("\r\n"));
    return pop3_reply_next_line(session);
}

struct pop3_ask pop3_line(struct pop3 *session, struct span line, struct plan *plan)
{
    must(session->asked == POP3_ASK_LINE);
    must(plan_has_answer_room(plan));
    if (pop3_login_is_sasl(session)) {
        return pop3_login_sasl_line(session, line, plan);
    }
    struct pop3_command command;
    bool is_logged_in = session->state == POP3_TRANSACTION;
    enum pop3_command_result result = pop3_command_parse(line, is_logged_in, &command);
    if (result != POP3_COMMAND_GOOD) {
        session->just_user = false;
        return pop3_reply_refusal(session, refusal_text(result), plan);
    }
    return run_command(session, &command, plan);
}

struct pop3_ask pop3_line_too_long(struct pop3 *session, struct plan *plan)
{
    must(session->asked == POP3_ASK_LINE);
    must(plan_has_answer_room(plan));
    session->just_user = false;
    session->pending = POP3_PENDING_NONE;
    return pop3_reply_refusal(session, SPAN_LITERAL("The line is too long."), plan);
}

struct pop3_ask pop3_answer(struct pop3 *session, const struct pop3_answer *answer,
                            struct plan *plan)
{
    must(answer->kind == session->asked);
    if (answer->kind != POP3_ASK_FACTS) {
        must(plan_has_answer_room(plan));
    }
    switch (answer->kind) {
    case POP3_ASK_ROOM:
        return pop3_listing_room(session, plan);
    case POP3_ASK_AUTH:
        return pop3_login_checked(session, answer, plan);
    case POP3_ASK_OPEN:
        return pop3_login_opened(session, answer, plan);
    case POP3_ASK_FACTS:
        return facts_came(session, answer, plan);
    case POP3_ASK_BODY:
        return body_came(session, answer, plan);
    case POP3_ASK_TOP:
        return top_came(session, answer, plan);
    case POP3_ASK_COMMIT:
        return committed(session, answer, plan);
    case POP3_ASK_TLS:
        return pop3_login_tls_began(session, answer);
    case POP3_ASK_LINE:
    case POP3_ASK_CLOSE:
        break;
    }
    must_fail("lines come by pop3_line, and nothing comes after the end", __FILE__, __LINE__);
}

struct span pop3_user_name(const struct pop3 *session)
{
    return (struct span){session->user_name, session->user_name_length};
}

bool pop3_wants_long_line(const struct pop3 *session)
{
    return session->asked == POP3_ASK_LINE && pop3_login_is_sasl(session);
}

bool pop3_is_marked(const struct pop3 *session, uint32_t number)
{
    must(number > 0 && number <= session->view.count);
    uint32_t index = number - 1;
    return (session->marks[index / 64] >> (index % 64) & 1) != 0;
}

static struct pop3_ask run_command(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan)
{
    if (command->kind != POP3_COMMAND_PASS) {
        session->just_user = false;
    }
    if (command->number > 0 && (command->number > session->view.count ||
                                pop3_is_marked(session, (uint32_t)command->number))) {
        return pop3_reply_refusal(session, NO_SUCH_MESSAGE, plan);
    }
    return handlers[command->kind].handle(session, command, plan);
}

static struct span refusal_text(enum pop3_command_result result)
{
    switch (result) {
    case POP3_COMMAND_HAS_NUL:
        return SPAN_LITERAL("A command cannot have a NUL in it.");
    case POP3_COMMAND_UNKNOWN:
        return UNKNOWN_COMMAND;
    case POP3_COMMAND_TOO_EARLY:
        return SPAN_LITERAL("Log in first.");
    case POP3_COMMAND_TOO_LATE:
        return SPAN_LITERAL("This is only for before the login.");
    case POP3_COMMAND_TOO_FEW:
        return SPAN_LITERAL("An argument is missing.");
    case POP3_COMMAND_TOO_MANY:
        return SPAN_LITERAL("There are too many arguments.");
    case POP3_COMMAND_BAD_NUMBER:
        return NO_SUCH_MESSAGE;
    case POP3_COMMAND_GOOD:
        break;
    }
    must_fail("a good command is not refused", __FILE__, __LINE__);
}

/* RFC 2449: the same list in both states, and only what works. */
static struct pop3_ask handle_capa(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan)
{
    (void)command;
    const struct pop3_settings *settings = session->settings;
    plan_text(plan, SPAN_LITERAL("+OK\r\nTOP\r\nUIDL\r\n"));
    if (settings->plaintext_login) {
        plan_text(plan, SPAN_LITERAL("USER\r\n"));
    }
    if (settings->plaintext_login || settings->external) {
        plan_text(plan, SPAN_LITERAL("SASL"));
        pop3_login_name_mechanisms(session, SPAN_LITERAL(" "), SPAN_LITERAL(""), plan);
        plan_text(plan, SPAN_LITERAL("\r\n"));
    }
    if (settings->stls) {
        plan_text(plan, SPAN_LITERAL("STLS\r\n"));
    }
    plan_text(plan, SPAN_LITERAL("RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n"
                                 "IMPLEMENTATION "));
    plan_text(plan, session->settings->implementation);
    plan_text(plan, SPAN_LITERAL("\r\n.\r\n"));
    return pop3_reply_next_line(session);
}

/* STAT must know how many octets are marked, so the facts are wanted before the mark is set. */
static struct pop3_ask handle_dele(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan)
{
    (void)plan;
    session->pending = POP3_PENDING_DELE;
    session->number = (uint32_t)command->number;
    return pop3_reply_ask(session,
                          (struct pop3_ask){.kind = POP3_ASK_FACTS,
                                            .facts = {.first = session->number, .wanted = 1}});
}

static struct pop3_ask handle_last(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan)
{
    (void)command;
    if (!session->settings->last) {
        return pop3_reply_refusal(session, UNKNOWN_COMMAND, plan);
    }
    plan_text(plan, SPAN_LITERAL("+OK "));
    plan_number(plan, session->last_read);
    plan_text(plan, SPAN_LITERAL("\r\n"));
    return pop3_reply_next_line(session);
}

static struct pop3_ask handle_noop(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan)
{
    (void)command;
    return pop3_reply_ok(session, SPAN_LITERAL("Still here."), plan);
}

static struct pop3_ask handle_quit(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan)
{
    (void)command;
    if (session->marked_count > 0) {
        return pop3_reply_ask(session, (struct pop3_ask){.kind = POP3_ASK_COMMIT});
    }
    pop3_reply_ok(session, SPAN_LITERAL("Bye."), plan);
    return pop3_reply_close(session, POP3_END_QUIT);
}

static struct pop3_ask handle_retr(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan)
{
    (void)plan;
    session->number = (uint32_t)command->number;
    return pop3_reply_ask(
        session, (struct pop3_ask){.kind = POP3_ASK_BODY, .body = {.number = session->number}});
}

/* Unmarks, and does not look at the disk again (PROTOCOL.md 6). */
static struct pop3_ask handle_rset(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan)
{
    (void)command;
    if (session->marked_count > 0) {
        memset(session->marks, 0, (session->view.count + 63ULL) / 64 * sizeof(uint64_t));
    }
    session->marked_count = 0;
    session->marked_octets = 0;
    session->last_read = 0;
    return pop3_reply_ok(session, SPAN_LITERAL("No message is marked."), plan);
}

static struct pop3_ask handle_stat(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan)
{
    (void)command;
    /* The sum and the facts are two records on a disk; should they differ, nothing may wrap. */
    uint64_t octets = session->view.octets > session->marked_octets
                          ? session->view.octets - session->marked_octets
                          : 0;
    plan_text(plan, SPAN_LITERAL("+OK "));
    plan_number(plan, session->view.count - session->marked_count);
    plan_text(plan, SPAN_LITERAL(" "));
    plan_number(plan, octets);
    plan_text(plan, SPAN_LITERAL("\r\n"));
    return pop3_reply_next_line(session);
}

static struct pop3_ask handle_top(struct pop3 *session, const struct pop3_command *command,
                                  struct plan *plan)
{
    uint64_t lines;
    if (!span_number(command->arguments[1], &lines)) {
        return pop3_reply_refusal(session, SPAN_LITERAL("That is no number of lines."), plan);
    }
    session->number = (uint32_t)command->number;
    return pop3_reply_ask(session,
                          (struct pop3_ask){.kind = POP3_ASK_TOP,
                                            .top = {.number = session->number, .lines = lines}});
}

/* RFC 6856 is not announced, but Outlook asks for it without looking. */
static struct pop3_ask handle_utf8(struct pop3 *session, const struct pop3_command *command,
                                   struct plan *plan)
{
    (void)command;
    return pop3_reply_refusal(
        session, SPAN_LITERAL("UTF8 is not needed; messages come as they were delivered."), plan);
}

static struct pop3_ask facts_came(struct pop3 *session, const struct pop3_answer *answer,
                                  struct plan *plan)
{
    if (session->pending == POP3_PENDING_DELE) {
        return mark(session, answer, plan);
    }
    return pop3_listing_facts(session, answer, plan);
}

static struct pop3_ask mark(struct pop3 *session, const struct pop3_answer *answer,
                            struct plan *plan)
{
    session->pending = POP3_PENDING_NONE;
    if (answer->result != MAIL_DONE) {
        return pop3_reply_failure(session, answer->result,
                                  SPAN_LITERAL("The message is not marked."), plan);
    }
    must(answer->facts.count == 1);
    uint32_t index = session->number - 1;
    session->marks[index / 64] |= 1ULL << (index % 64);
    session->marked_count++;
    session->marked_octets += answer->facts.facts[0].octets;
    return pop3_reply_ok(session, SPAN_LITERAL("The message is marked; QUIT removes it."), plan);
}

/* A stored form in wire form begins with +OK and ends with the dot: the range is the whole answer.
 * Around a raw one both are said here. */
static struct pop3_ask body_came(struct pop3 *session, const struct pop3_answer *answer,
                                 struct plan *plan)
{
    if (answer->result != MAIL_DONE) {
        return pop3_reply_failure(session, answer->result,
                                  SPAN_LITERAL("The message cannot be read."), plan);
    }
    if (answer->range.is_raw) {
        plan_text(plan, SPAN_LITERAL("+OK "));
        plan_number(plan, answer->range.octets);
        plan_text(plan, SPAN_LITERAL(" octets\r\n"));
        plan_range(plan, answer->range);
        plan_text(plan, SPAN_LITERAL(".\r\n"));
    } else {
        must(answer->range.bytes > 0);
        plan_range(plan, answer->range);
    }
    session->retrieved_count++;
    session->retrieved_octets += answer->range.bytes;
    if (session->number > session->last_read) {
        session->last_read = session->number;
    }
    return pop3_reply_next_line(session);
}

static struct pop3_ask top_came(struct pop3 *session, const struct pop3_answer *answer,
                                struct plan *plan)
{
    if (answer->result != MAIL_DONE) {
        return pop3_reply_failure(session, answer->result,
                                  SPAN_LITERAL("The message cannot be read."), plan);
    }
    plan_text(plan, SPAN_LITERAL("+OK\r\n"));
    plan_range(plan, answer->range);
    plan_text(plan, SPAN_LITERAL(".\r\n"));
    return pop3_reply_next_line(session);
}

/* Says +OK only after the removal is durable (DESIGN.md, promise 1). */
static struct pop3_ask committed(struct pop3 *session, const struct pop3_answer *answer,
                                 struct plan *plan)
{
    if (answer->result != MAIL_DONE) {
        struct span sentence = answer->result == MAIL_PARTLY
                                   ? SPAN_LITERAL("Some messages were removed, others not.")
                                   : SPAN_LITERAL("Nothing was removed.");
        pop3_reply_failure(session, answer->result, sentence, plan);
        return pop3_reply_close(session, POP3_END_QUIT_FAILED);
    }
    pop3_reply_ok(session, SPAN_LITERAL("The marked messages are removed. Bye."), plan);
    return pop3_reply_close(session, POP3_END_QUIT);
}
