/* lmtp: what an LMTP session does with a line, and with an answer of the world.
 *
 * Read this file first. A line is parsed by the table in lmtp_command.c, which knows what is legal;
 * the table below names the handler; a handler either answers at once, or asks the world and is
 * continued in lmtp_answer. MAIL and RCPT are in lmtp_envelope.c, DATA and BDAT in lmtp_data.c, the
 * ways to answer in lmtp_reply.c. Nothing here waits, allocates or looks at a clock.
 */
#include "proto/lmtp.h"

#include "proto/lmtp_command.h"
#include "proto/lmtp_data.h"
#include "proto/lmtp_envelope.h"
#include "proto/lmtp_reply.h"
#include "proto/must.h"

#include <string.h>

_Static_assert(sizeof(struct lmtp) < 1024, "a held session stays small");

struct handler_of {
    struct lmtp_ask (*handle)(struct lmtp *session, const struct lmtp_command *command,
                              struct plan *plan);
};

static struct lmtp_ask handle_helo(struct lmtp *, const struct lmtp_command *, struct plan *);
static struct lmtp_ask handle_help(struct lmtp *, const struct lmtp_command *, struct plan *);
static struct lmtp_ask handle_lhlo(struct lmtp *, const struct lmtp_command *, struct plan *);
static struct lmtp_ask handle_noop(struct lmtp *, const struct lmtp_command *, struct plan *);
static struct lmtp_ask handle_quit(struct lmtp *, const struct lmtp_command *, struct plan *);
static struct lmtp_ask handle_rset(struct lmtp *, const struct lmtp_command *, struct plan *);
static struct lmtp_ask handle_starttls(struct lmtp *, const struct lmtp_command *, struct plan *);
static struct lmtp_ask handle_vrfy(struct lmtp *, const struct lmtp_command *, struct plan *);

/* clang-format off */
static const struct handler_of handlers[LMTP_COMMAND_KINDS] = {
    [LMTP_COMMAND_BDAT]     = {lmtp_data_bdat},
    [LMTP_COMMAND_DATA]     = {lmtp_data_data},
    [LMTP_COMMAND_EHLO]     = {handle_helo},
    [LMTP_COMMAND_HELO]     = {handle_helo},
    [LMTP_COMMAND_HELP]     = {handle_help},
    [LMTP_COMMAND_LHLO]     = {handle_lhlo},
    [LMTP_COMMAND_MAIL]     = {lmtp_envelope_mail},
    [LMTP_COMMAND_NOOP]     = {handle_noop},
    [LMTP_COMMAND_QUIT]     = {handle_quit},
    [LMTP_COMMAND_RCPT]     = {lmtp_envelope_rcpt},
    [LMTP_COMMAND_RSET]     = {handle_rset},
    [LMTP_COMMAND_STARTTLS] = {handle_starttls},
    [LMTP_COMMAND_VRFY]     = {handle_vrfy},
};
/* clang-format on */

static void begin(struct lmtp *session, const struct lmtp_settings *settings);
static struct lmtp_ask refuse_line(struct lmtp *session, enum lmtp_command_result result,
                                   const struct lmtp_command *command, struct plan *plan);
static struct lmtp_ask refuse_order(struct lmtp *session, const struct lmtp_command *command,
                                    struct plan *plan);
static struct span order_text(const struct lmtp *session, enum lmtp_command_kind kind);
static bool is_client_name(struct span name);
static void say_extensions(const struct lmtp_settings *settings, struct plan *plan);
static struct lmtp_ask tls_began(struct lmtp *session, const struct lmtp_settings *settings);

struct lmtp_ask lmtp_begin(struct lmtp *session, const struct lmtp_settings *settings,
                           struct plan *plan)
{
    must(plan_has_answer_room(plan));
    begin(session, settings);
    session->mistakes = 0;
    session->messages_count = 0;
    session->deliveries_count = 0;
    plan_text(plan, SPAN_LITERAL("220 "));
    plan_text(plan, settings->host_name);
    lmtp_reply_say(SPAN_LITERAL(" LMTP server ready"), plan);
    return lmtp_reply_next_line(session);
}

struct lmtp_ask lmtp_line(struct lmtp *session, struct span line, struct plan *plan)
{
    must(session->asked == LMTP_ASK_LINE);
    must(plan_has_answer_room(plan));
    struct lmtp_command command;
    enum lmtp_command_result result = lmtp_command_parse(line, session->state, &command);
    if (result != LMTP_COMMAND_GOOD) {
        return refuse_line(session, result, &command, plan);
    }
    return handlers[command.kind].handle(session, &command, plan);
}

struct lmtp_ask lmtp_line_too_long(struct lmtp *session, struct plan *plan)
{
    must(session->asked == LMTP_ASK_LINE);
    must(plan_has_answer_room(plan));
    session->is_mail_refused = session->is_mail_refused || session->state == LMTP_GREETED;
    return lmtp_reply_mistake(session, SPAN_LITERAL("500 5.5.2 The line is too long."), plan);
}

struct lmtp_ask lmtp_answer(struct lmtp *session, const struct lmtp_answer *answer,
                            struct plan *plan)
{
    must(answer->kind == session->asked);
    switch (answer->kind) {
    case LMTP_ASK_ROOM:
        return lmtp_data_room(session, plan);
    case LMTP_ASK_RECIPIENT:
        return lmtp_envelope_judged(session, answer, plan);
    case LMTP_ASK_DATA:
        return lmtp_data_came(session, plan);
    case LMTP_ASK_DELIVER:
        return lmtp_data_delivered(session, answer, plan);
    case LMTP_ASK_FORGET:
        return lmtp_reply_next_line(session);
    case LMTP_ASK_TLS:
        return tls_began(session, answer->settings);
    case LMTP_ASK_LINE:
    case LMTP_ASK_CLOSE:
        break;
    }
    must_fail("lines come by lmtp_line, and nothing comes after the end", __FILE__, __LINE__);
}

struct span lmtp_reverse_path(const struct lmtp *session)
{
    return (struct span){session->reverse_path, session->reverse_path_length};
}

struct span lmtp_client_name(const struct lmtp *session)
{
    return (struct span){session->client_name, session->client_name_length};
}

bool lmtp_is_utf8(const struct lmtp *session)
{
    return session->is_utf8;
}

/* Nothing is known of the client, or no longer; what was counted stays. */
static void begin(struct lmtp *session, const struct lmtp_settings *settings)
{
    must(settings->host_name.length > 0 && settings->host_name.length <= LMTP_HOST_NAME_MAX);
    must(settings->message_octets_max > 0 && settings->recipients_max > 0);
    session->settings = settings;
    session->state = LMTP_CONNECTED;
    session->end = LMTP_END_NONE;
    session->is_held = false;
    session->client_name_length = 0;
    session->user_name_length = 0;
    lmtp_reply_end_transaction(session);
}

static struct lmtp_ask refuse_line(struct lmtp *session, enum lmtp_command_result result,
                                   const struct lmtp_command *command, struct plan *plan)
{
    session->is_mail_refused = session->is_mail_refused || session->state == LMTP_GREETED;
    switch (result) {
    case LMTP_COMMAND_HAS_NUL:
        return lmtp_reply_mistake(
            session, SPAN_LITERAL("500 5.5.2 A command cannot have a NUL in it."), plan);
    case LMTP_COMMAND_UNKNOWN:
        return lmtp_reply_mistake(session, SPAN_LITERAL("500 5.5.1 Unknown command."), plan);
    case LMTP_COMMAND_OUT_OF_ORDER:
        return refuse_order(session, command, plan);
    case LMTP_COMMAND_TOO_FEW:
        return lmtp_reply_mistake(session, SPAN_LITERAL("501 5.5.4 An argument is missing."), plan);
    case LMTP_COMMAND_TOO_MANY:
        return lmtp_reply_mistake(session, SPAN_LITERAL("501 5.5.4 There are too many arguments."),
                                  plan);
    case LMTP_COMMAND_GOOD:
        break;
    }
    must_fail("a good command is not refused", __FILE__, __LINE__);
}

/* RCPT and DATA come out of order because something before them in the same group was refused (RFC
 * 2920): that must not end a good client's connection. */
static struct lmtp_ask refuse_order(struct lmtp *session, const struct lmtp_command *command,
                                    struct plan *plan)
{
    struct span answer = order_text(session, command->kind);
    bool is_pipelined = session->state != LMTP_CONNECTED &&
                        (command->kind == LMTP_COMMAND_RCPT || command->kind == LMTP_COMMAND_DATA);
    return is_pipelined ? lmtp_reply(session, answer, plan)
                        : lmtp_reply_mistake(session, answer, plan);
}

static struct span order_text(const struct lmtp *session, enum lmtp_command_kind kind)
{
    switch (session->state) {
    case LMTP_CONNECTED:
        return SPAN_LITERAL("503 5.5.1 Say LHLO first.");
    case LMTP_GREETED:
        return SPAN_LITERAL("503 5.5.1 Say MAIL first.");
    case LMTP_SENDER:
    case LMTP_RECIPIENTS:
        return kind == LMTP_COMMAND_DATA
                   ? SPAN_LITERAL("503 5.5.1 No recipient was accepted.")
                   : SPAN_LITERAL("503 5.5.1 A message is under way; finish it, or say RSET.");
    case LMTP_CHUNKS:
        return SPAN_LITERAL("503 5.5.1 This message comes by BDAT; finish it, or say RSET.");
    case LMTP_SPOILED:
        return SPAN_LITERAL("503 5.5.1 A BDAT was refused; say RSET.");
    case LMTP_ENDED:
        break;
    }
    must_fail("no command comes after the end", __FILE__, __LINE__);
}

/* RFC 2033 section 4.1: they must not be taken for LHLO. */
static struct lmtp_ask handle_helo(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan)
{
    (void)command;
    return lmtp_reply_mistake(session, SPAN_LITERAL("500 5.5.1 This is LMTP; say LHLO."), plan);
}

static struct lmtp_ask handle_help(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan)
{
    (void)command;
    return lmtp_reply(session,
                      SPAN_LITERAL("214 2.0.0 LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT"), plan);
}

/* Said again, it is RSET too (RFC 5321 section 4.1.4). */
static struct lmtp_ask handle_lhlo(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan)
{
    struct span name = command->argument;
    if (!is_client_name(name)) {
        return lmtp_reply_mistake(
            session, SPAN_LITERAL("501 5.5.4 Write LHLO and the name of your host."), plan);
    }
    memcpy(session->client_name, name.bytes, name.length);
    session->client_name_length = (uint8_t)name.length;
    session->state = LMTP_GREETED;
    lmtp_reply_end_transaction(session);
    say_extensions(session->settings, plan);
    return lmtp_reply_forget(session);
}

static struct lmtp_ask handle_noop(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan)
{
    (void)command;
    return lmtp_reply(session, SPAN_LITERAL("250 2.0.0 Still here."), plan);
}

static struct lmtp_ask handle_quit(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan)
{
    (void)command;
    lmtp_reply_say(SPAN_LITERAL("221 2.0.0 Bye."), plan);
    return lmtp_reply_close(session, LMTP_END_QUIT);
}

static struct lmtp_ask handle_rset(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan)
{
    (void)command;
    lmtp_reply_end_transaction(session);
    lmtp_reply_say(SPAN_LITERAL("250 2.0.0 Nothing is under way."), plan);
    return lmtp_reply_forget(session);
}

static struct lmtp_ask handle_starttls(struct lmtp *session, const struct lmtp_command *command,
                                       struct plan *plan)
{
    (void)command;
    if (!session->settings->starttls) {
        return lmtp_reply_mistake(
            session, SPAN_LITERAL("502 5.5.1 STARTTLS is not offered on this connection."), plan);
    }
    lmtp_reply_say(SPAN_LITERAL("220 2.0.0 Begin TLS."), plan);
    return lmtp_reply_ask(session, (struct lmtp_ask){.kind = LMTP_ASK_TLS});
}

/* RCPT is where a name is checked; here nobody learns one (RFC 5321 section 7.3). */
static struct lmtp_ask handle_vrfy(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan)
{
    (void)command;
    return lmtp_reply(session, SPAN_LITERAL("252 2.0.0 Only RCPT tells who is here."), plan);
}

/* A domain or an address literal, by its letters: it goes into a header line. Underscores and
 * machine names without a dot are in use. */
static bool is_client_name(struct span name)
{
    for (size_t i = 0; i < name.length; i++) {
        char byte = name.bytes[i];
        bool is_alphanumeric = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                               (byte >= '0' && byte <= '9');
        if (!is_alphanumeric && !span_holds(SPAN_LITERAL("-._:[]"), byte)) {
            return false;
        }
    }
    return name.length > 0 && name.length <= LMTP_HOST_NAME_MAX;
}

static void say_extensions(const struct lmtp_settings *settings, struct plan *plan)
{
    plan_text(plan, SPAN_LITERAL("250-"));
    plan_text(plan, settings->host_name);
    plan_text(plan, SPAN_LITERAL("\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
                                 "250-CHUNKING\r\n250-SIZE "));
    plan_number(plan, settings->message_octets_max);
    plan_text(plan, SPAN_LITERAL("\r\n"));
    if (settings->starttls) {
        plan_text(plan, SPAN_LITERAL("250-STARTTLS\r\n"));
    }
    lmtp_reply_say(SPAN_LITERAL("250 ENHANCEDSTATUSCODES"), plan);
}

static struct lmtp_ask tls_began(struct lmtp *session, const struct lmtp_settings *settings)
{
    must(!settings->starttls);
    begin(session, settings);
    return lmtp_reply_next_line(session);
}
