/* lmtp_envelope: MAIL and RCPT, checked from left to right: path, parameters, limits, the world.
 *
 * A refused MAIL leaves no transaction, a refused RCPT all the others. Neither is counted as a
 * mistake: a good client that carries other people's mail has strange addresses to tell.
 */
#include "proto/lmtp_envelope.h"

#include "proto/lmtp_data.h"
#include "proto/lmtp_reply.h"
#include "proto/must.h"

#include <string.h>

struct mail_parameters {
    bool has_size, has_body, has_utf8;
    uint64_t size;
};

static struct span judge_mail(struct span rest, struct lmtp_path *path,
                              struct mail_parameters *parameters);
static struct span take_mail_parameters(struct span rest, struct mail_parameters *parameters);
static struct span take_mail_parameter(const struct lmtp_parameter *parameter,
                                       struct mail_parameters *parameters);
static bool is_keyword(const struct lmtp_parameter *parameter, struct span keyword);
static struct span judge_recipient(struct lmtp *session, struct span rest, struct lmtp_path *path);

/* Empty where a part is good. */
#define NO_REFUSAL  ((struct span){NULL, 0})
#define BAD_VALUE   SPAN_LITERAL("501 5.5.4 A parameter's value is missing or wrong.")
#define NOT_UNICODE SPAN_LITERAL("553 5.6.7 Such an address needs SMTPUTF8.")
#define UNKNOWN     SPAN_LITERAL("550 5.1.1 There is no such user here.")

struct lmtp_ask lmtp_envelope_mail(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan)
{
    struct lmtp_path path;
    struct mail_parameters parameters = {.size = 0};
    struct span refusal = judge_mail(command->argument, &path, &parameters);
    if (refusal.length == 0 && parameters.size > session->settings->message_octets_max) {
        refusal = LMTP_DATA_TOO_BIG;
    }
    if (refusal.length > 0) {
        session->is_mail_refused = true;
        return lmtp_reply(session, refusal, plan);
    }
    lmtp_reply_end_transaction(session);
    session->state = LMTP_SENDER;
    session->is_utf8 = parameters.has_utf8;
    session->reverse_path_length = (uint16_t)path.address.length;
    if (path.address.length > 0) {
        memcpy(session->reverse_path, path.address.bytes, path.address.length);
    }
    return lmtp_reply(session, SPAN_LITERAL("250 2.1.0 Good."), plan);
}

struct lmtp_ask lmtp_envelope_rcpt(struct lmtp *session, const struct lmtp_command *command,
                                   struct plan *plan)
{
    struct lmtp_path path;
    struct span refusal = judge_recipient(session, command->argument, &path);
    if (refusal.length > 0) {
        return lmtp_reply(session, refusal, plan);
    }
    struct span user = {session->user_name, session->user_name_length};
    return lmtp_reply_ask(session, (struct lmtp_ask){.kind = LMTP_ASK_RECIPIENT,
                                                     .recipient = {
                                                         .user = user,
                                                         .address = path.address,
                                                         .index = session->recipient_count,
                                                     }});
}

struct lmtp_ask lmtp_envelope_judged(struct lmtp *session, const struct lmtp_answer *answer,
                                     struct plan *plan)
{
    switch (answer->recipient) {
    case LMTP_RECIPIENT_GOOD:
        session->state = LMTP_RECIPIENTS;
        session->is_held = true;
        session->recipient_count++;
        return lmtp_reply(session, SPAN_LITERAL("250 2.1.5 Good."), plan);
    case LMTP_RECIPIENT_UNKNOWN:
        return lmtp_reply(session, UNKNOWN, plan);
    case LMTP_RECIPIENT_FULL:
        return lmtp_reply(session, lmtp_reply_full(session), plan);
    case LMTP_RECIPIENT_TEMPORARY:
        return lmtp_reply(session, SPAN_LITERAL("451 4.3.0 This cannot be told now; try again."),
                          plan);
    }
    must_fail("a recipient is judged in one of these ways", __FILE__, __LINE__);
}

static struct span judge_mail(struct span rest, struct lmtp_path *path,
                              struct mail_parameters *parameters)
{
    switch (lmtp_path_take(&rest, path)) {
    case LMTP_PATH_BAD:
        return SPAN_LITERAL("501 5.1.7 That is no path; write MAIL FROM:<name@domain>.");
    case LMTP_PATH_TOO_LONG:
        return SPAN_LITERAL("501 5.1.7 The address is too long.");
    case LMTP_PATH_GOOD:
        break;
    }
    struct span refusal = take_mail_parameters(rest, parameters);
    if (refusal.length == 0 && path->is_utf8 && !parameters->has_utf8) {
        return NOT_UNICODE;
    }
    return refusal;
}

static struct span take_mail_parameters(struct span rest, struct mail_parameters *parameters)
{
    while (rest.length > 0) {
        struct lmtp_parameter parameter;
        if (!lmtp_parameter_take(&rest, &parameter)) {
            return BAD_VALUE;
        }
        struct span refusal = take_mail_parameter(&parameter, parameters);
        if (refusal.length > 0) {
            return refusal;
        }
    }
    return NO_REFUSAL;
}

/* Each may come once. BODY only has to be known: what comes is kept as it is, whatever it says. */
static struct span take_mail_parameter(const struct lmtp_parameter *parameter,
                                       struct mail_parameters *parameters)
{
    bool is_good = false;
    if (is_keyword(parameter, SPAN_LITERAL("SIZE"))) {
        is_good = !parameters->has_size && span_number(parameter->value, &parameters->size);
        parameters->has_size = true;
    } else if (is_keyword(parameter, SPAN_LITERAL("BODY"))) {
        is_good = !parameters->has_body &&
                  (span_equal_ignoring_case(parameter->value, SPAN_LITERAL("7BIT")) ||
                   span_equal_ignoring_case(parameter->value, SPAN_LITERAL("8BITMIME")));
        parameters->has_body = true;
    } else if (is_keyword(parameter, SPAN_LITERAL("SMTPUTF8"))) {
        is_good = !parameters->has_utf8 && parameter->value.length == 0;
        parameters->has_utf8 = true;
    } else {
        return SPAN_LITERAL("555 5.5.4 MAIL has no such parameter here.");
    }
    return is_good ? NO_REFUSAL : BAD_VALUE;
}

static bool is_keyword(const struct lmtp_parameter *parameter, struct span keyword)
{
    return span_equal_ignoring_case(parameter->keyword, keyword);
}

/* Leaves the user's name in the session. The limit comes last, so that a client is not told to try
 * later with what can never be an address. */
static struct span judge_recipient(struct lmtp *session, struct span rest, struct lmtp_path *path)
{
    switch (lmtp_path_take(&rest, path)) {
    case LMTP_PATH_BAD:
        return SPAN_LITERAL("501 5.1.3 That is no path; write RCPT TO:<name@domain>.");
    case LMTP_PATH_TOO_LONG:
        return SPAN_LITERAL("501 5.1.3 The address is too long.");
    case LMTP_PATH_GOOD:
        break;
    }
    if (path->address.length == 0) {
        return SPAN_LITERAL("501 5.1.3 The null path cannot be a recipient.");
    }
    if (rest.length > 0) {
        struct lmtp_parameter parameter;
        return lmtp_parameter_take(&rest, &parameter)
                   ? SPAN_LITERAL("555 5.5.4 RCPT has no such parameter here.")
                   : BAD_VALUE;
    }
    if (path->is_utf8 && !session->is_utf8) {
        return NOT_UNICODE;
    }
    size_t length;
    if (!lmtp_user_name(&session->settings->users, path, session->user_name, &length)) {
        return UNKNOWN;
    }
    session->user_name_length = (uint8_t)length;
    if (session->recipient_count == session->settings->recipients_max) {
        return SPAN_LITERAL("452 4.5.3 That is one recipient too many for one message.");
    }
    return NO_REFUSAL;
}
