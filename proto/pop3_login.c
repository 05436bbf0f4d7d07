/* pop3_login: from a name and a password to an open maildrop.
 *
 * USER answers the same for every name, and nothing here tells a wrong name from a wrong password:
 * only the world knows, and it does not say (PROTOCOL.md 14). The session keeps the name, because
 * POP3_ASK_OPEN needs it; a password stays in the line that it came in.
 */
#include "proto/pop3_login.h"

#include "proto/base64.h"
#include "proto/must.h"
#include "proto/pop3_reply.h"

#include <string.h>

/* An MD5 digest in hexadecimal (RFC 1939 section 7). */
#define APOP_DIGEST_LENGTH 32

#define NO_PLAINTEXT_LOGIN SPAN_LITERAL("Passwords are not accepted on this connection.")
#define BAD_USER_NAME      SPAN_LITERAL("The user name is empty or too long.")

static bool find_mechanism(const struct pop3 *session, struct span name,
                           enum pop3_pending *out_step);
static struct pop3_ask ask_auth(struct pop3 *session, struct pop3_auth auth, struct plan *plan);
static struct pop3_ask ask_external(struct pop3 *session, struct span on_behalf_of,
                                    struct plan *plan);
static struct pop3_ask let_in(struct pop3 *session, struct span user, struct plan *plan);
static struct span wrong_text(enum pop3_mechanism mechanism);
static struct span unavailable_text(enum pop3_mechanism mechanism);
static struct pop3_ask list_mechanisms(struct pop3 *session, struct plan *plan);
static struct pop3_ask challenge(struct pop3 *session, enum pop3_pending step, struct plan *plan);
static struct pop3_ask respond(struct pop3 *session, enum pop3_pending step, struct span coded,
                               struct plan *plan);
static struct pop3_ask respond_plain(struct pop3 *session, struct span message, struct plan *plan);
static bool is_user_name(struct span name);
static bool is_password(struct span password);
static bool is_apop_digest(struct span digest);
static void keep_user_name(struct pop3 *session, struct span name);
static bool take_until_nul(struct span *rest, struct span *out_part);

void pop3_login_begin(struct pop3 *session, const struct pop3_settings *settings)
{
    must(settings->implementation.length > 0);
    must(settings->implementation.length <= POP3_IMPLEMENTATION_MAX);
    must(settings->refusals_before_login_max > 0 && settings->refusals_after_login_max > 0);
    *session = (struct pop3){.settings = settings, .state = POP3_AUTHORIZATION};
}

struct pop3_ask pop3_login_user(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan)
{
    if (!session->settings->plaintext_login) {
        return pop3_reply_refusal(session, NO_PLAINTEXT_LOGIN, plan);
    }
    if (!is_user_name(command->arguments[0])) {
        return pop3_reply_refusal(session, BAD_USER_NAME, plan);
    }
    keep_user_name(session, command->arguments[0]);
    session->just_user = true;
    return pop3_reply_ok(session, SPAN_LITERAL("Send the password."), plan);
}

struct pop3_ask pop3_login_pass(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan)
{
    bool is_after_user = session->just_user;
    session->just_user = false;
    if (!session->settings->plaintext_login) {
        return pop3_reply_refusal(session, NO_PLAINTEXT_LOGIN, plan);
    }
    if (!is_after_user) {
        return pop3_reply_refusal(session, SPAN_LITERAL("PASS comes directly after USER."), plan);
    }
    return ask_auth(session,
                    (struct pop3_auth){.mechanism = POP3_MECHANISM_PASS,
                                       .user = pop3_user_name(session),
                                       .password = command->arguments[0]},
                    plan);
}

struct pop3_ask pop3_login_apop(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan)
{
    if (!session->settings->apop) {
        return pop3_reply_refusal(session, SPAN_LITERAL("APOP is not offered here."), plan);
    }
    if (!is_apop_digest(command->arguments[1])) {
        return pop3_reply_refusal(
            session, SPAN_LITERAL("The digest of APOP has 32 hexadecimal digits."), plan);
    }
    return ask_auth(session,
                    (struct pop3_auth){.mechanism = POP3_MECHANISM_APOP,
                                       .user = command->arguments[0],
                                       .password = command->arguments[1]},
                    plan);
}

struct pop3_ask pop3_login_auth(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan)
{
    /* Not in RFC 5034, but Outlook asks so before it logs in. */
    if (command->argument_count == 0) {
        return list_mechanisms(session, plan);
    }
    enum pop3_pending step;
    if (!find_mechanism(session, command->arguments[0], &step)) {
        return pop3_reply_refusal(session, SPAN_LITERAL("Unknown mechanism; AUTH lists them."),
                                  plan);
    }
    if (step != POP3_PENDING_SASL_EXTERNAL && !session->settings->plaintext_login) {
        return pop3_reply_refusal(session, NO_PLAINTEXT_LOGIN, plan);
    }
    if (command->argument_count == 1) {
        return challenge(session, step, plan);
    }
    struct span initial_response = command->arguments[1];
    /* RFC 5034 section 4: an initial response that is there but empty. */
    if (span_equal(initial_response, SPAN_LITERAL("="))) {
        initial_response.length = 0;
    }
    return respond(session, step, initial_response, plan);
}

struct pop3_ask pop3_login_stls(struct pop3 *session, const struct pop3_command *command,
                                struct plan *plan)
{
    (void)command;
    if (!session->settings->stls) {
        return pop3_reply_refusal(session, SPAN_LITERAL("STLS is not offered on this connection."),
                                  plan);
    }
    pop3_reply_ok(session, SPAN_LITERAL("Begin TLS negotiation now."), plan);
    return pop3_reply_ask(session, (struct pop3_ask){.kind = POP3_ASK_TLS});
}

void pop3_login_name_mechanisms(const struct pop3 *session, struct span before, struct span after,
                                struct plan *plan)
{
    const struct pop3_settings *settings = session->settings;
    const struct {
        bool is_offered;
        struct span name;
    } mechanisms[] = {
        {settings->plaintext_login, SPAN_LITERAL("PLAIN")},
        {settings->plaintext_login, SPAN_LITERAL("LOGIN")},
        {settings->external, SPAN_LITERAL("EXTERNAL")},
    };
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
        if (mechanisms[i].is_offered) {
            plan_text(plan, before);
            plan_text(plan, mechanisms[i].name);
            plan_text(plan, after);
        }
    }
}

struct pop3_ask pop3_login_sasl_line(struct pop3 *session, struct span line, struct plan *plan)
{
    enum pop3_pending step = session->pending;
    session->pending = POP3_PENDING_NONE;
    if (span_equal(line, SPAN_LITERAL("*"))) {
        return pop3_reply_refusal(session, SPAN_LITERAL("The login is cancelled."), plan);
    }
    return respond(session, step, line, plan);
}

bool pop3_login_is_sasl(const struct pop3 *session)
{
    return session->pending == POP3_PENDING_SASL_PLAIN ||
           session->pending == POP3_PENDING_SASL_LOGIN_USER ||
           session->pending == POP3_PENDING_SASL_LOGIN_PASSWORD ||
           session->pending == POP3_PENDING_SASL_EXTERNAL;
}

/* All that was said in the clear may have been said by somebody else (CVE-2011-0411). */
struct pop3_ask pop3_login_tls_began(struct pop3 *session, const struct pop3_answer *answer)
{
    const struct pop3_settings *settings = answer->tls.settings;
    must(!settings->stls);
    must(!settings->apop || session->settings->apop);
    uint32_t refusals = session->refusals;
    pop3_login_begin(session, settings);
    session->refusals = refusals;
    return pop3_reply_next_line(session);
}

struct pop3_ask pop3_login_checked(struct pop3 *session, const struct pop3_answer *answer,
                                   struct plan *plan)
{
    switch (answer->auth) {
    case POP3_AUTH_RIGHT:
        return let_in(session, answer->auth_user, plan);
    case POP3_AUTH_WRONG:
        return pop3_reply_refusal(session, wrong_text(session->mechanism), plan);
    case POP3_AUTH_UNAVAILABLE:
        return pop3_reply_refusal(session, unavailable_text(session->mechanism), plan);
    }
    must_fail("a check ends right, wrong or not at all", __FILE__, __LINE__);
}

struct pop3_ask pop3_login_opened(struct pop3 *session, const struct pop3_answer *answer,
                                  struct plan *plan)
{
    if (answer->result == MAIL_IN_USE) {
        return pop3_reply_refusal(
            session, SPAN_LITERAL("[IN-USE] Another session has the maildrop open."), plan);
    }
    if (answer->result != MAIL_DONE) {
        return pop3_reply_failure(session, answer->result,
                                  SPAN_LITERAL("The maildrop cannot be opened."), plan);
    }
    /* A listing counts to one number more than there are messages. */
    must(answer->open.view.count < UINT32_MAX);
    must(answer->open.marks != NULL || answer->open.view.count == 0);
    session->state = POP3_TRANSACTION;
    session->refusals = 0;
    session->view = answer->open.view;
    session->marks = answer->open.marks;
    return pop3_reply_ok(session, SPAN_LITERAL("Logged in."), plan);
}

static bool find_mechanism(const struct pop3 *session, struct span name,
                           enum pop3_pending *out_step)
{
    if (span_equal_ignoring_case(name, SPAN_LITERAL("PLAIN"))) {
        *out_step = POP3_PENDING_SASL_PLAIN;
        return true;
    }
    if (span_equal_ignoring_case(name, SPAN_LITERAL("LOGIN"))) {
        *out_step = POP3_PENDING_SASL_LOGIN_USER;
        return true;
    }
    *out_step = POP3_PENDING_SASL_EXTERNAL;
    return session->settings->external && span_equal_ignoring_case(name, SPAN_LITERAL("EXTERNAL"));
}

/* The one place where passwords leave; `auth` may still hold what a client made up. */
static struct pop3_ask ask_auth(struct pop3 *session, struct pop3_auth auth, struct plan *plan)
{
    if (!is_user_name(auth.user)) {
        return pop3_reply_refusal(session, BAD_USER_NAME, plan);
    }
    if (!is_password(auth.password)) {
        return pop3_reply_refusal(session, SPAN_LITERAL("The password is empty or too long."),
                                  plan);
    }
    if (span_equal(auth.on_behalf_of, auth.user)) {
        auth.on_behalf_of = (struct span){NULL, 0};
    }
    if (auth.on_behalf_of.length == 0) {
        keep_user_name(session, auth.user);
    } else if (is_user_name(auth.on_behalf_of)) {
        keep_user_name(session, auth.on_behalf_of);
    } else {
        return pop3_reply_refusal(session, BAD_USER_NAME, plan);
    }
    session->mechanism = auth.mechanism;
    return pop3_reply_ask(session, (struct pop3_ask){.kind = POP3_ASK_AUTH, .auth = auth});
}

/* The proof was given in the handshake; only a wish comes here. Without one there is no name until
 * the answer brings it: one that an earlier USER has left must not stand in. */
static struct pop3_ask ask_external(struct pop3 *session, struct span on_behalf_of,
                                    struct plan *plan)
{
    if (on_behalf_of.length > 0 && !is_user_name(on_behalf_of)) {
        return pop3_reply_refusal(session, BAD_USER_NAME, plan);
    }
    keep_user_name(session, on_behalf_of);
    session->mechanism = POP3_MECHANISM_EXTERNAL;
    return pop3_reply_ask(session, (struct pop3_ask){.kind = POP3_ASK_AUTH,
                                                     .auth = {.mechanism = POP3_MECHANISM_EXTERNAL,
                                                              .on_behalf_of = on_behalf_of}});
}

/* A name of a certificate is what somebody wrote into it: checked, not asserted. */
static struct pop3_ask let_in(struct pop3 *session, struct span user, struct plan *plan)
{
    if (user.length == 0) {
        user = pop3_user_name(session);
    }
    if (!is_user_name(user)) {
        return pop3_reply_refusal(session, wrong_text(session->mechanism), plan);
    }
    keep_user_name(session, user);
    return pop3_reply_ask(session, (struct pop3_ask){.kind = POP3_ASK_OPEN});
}

static struct span wrong_text(enum pop3_mechanism mechanism)
{
    return mechanism == POP3_MECHANISM_EXTERNAL
               ? SPAN_LITERAL("[AUTH] The certificate does not open this maildrop.")
               : SPAN_LITERAL("[AUTH] The user name or the password is wrong.");
}

static struct span unavailable_text(enum pop3_mechanism mechanism)
{
    return mechanism == POP3_MECHANISM_EXTERNAL
               ? SPAN_LITERAL("[SYS/TEMP] The certificate cannot be checked now; try again later.")
               : SPAN_LITERAL("[SYS/TEMP] Passwords cannot be checked now; try again later.");
}

static struct pop3_ask list_mechanisms(struct pop3 *session, struct plan *plan)
{
    plan_text(plan, SPAN_LITERAL("+OK\r\n"));
    pop3_login_name_mechanisms(session, SPAN_LITERAL(""), SPAN_LITERAL("\r\n"), plan);
    plan_text(plan, SPAN_LITERAL(".\r\n"));
    return pop3_reply_next_line(session);
}

static struct pop3_ask challenge(struct pop3 *session, enum pop3_pending step, struct plan *plan)
{
    /* The space belongs to it even where nothing follows: clients insist (PROTOCOL.md 15). */
    plan_text(plan, SPAN_LITERAL("+ "));
    if (step == POP3_PENDING_SASL_LOGIN_USER) {
        plan_text(plan, SPAN_LITERAL("VXNlcm5hbWU6")); /* "Username:" */
    }
    if (step == POP3_PENDING_SASL_LOGIN_PASSWORD) {
        plan_text(plan, SPAN_LITERAL("UGFzc3dvcmQ6")); /* "Password:" */
    }
    plan_text(plan, SPAN_LITERAL("\r\n"));
    session->pending = step;
    return pop3_reply_next_line(session);
}

static struct pop3_ask respond(struct pop3 *session, enum pop3_pending step, struct span coded,
                               struct plan *plan)
{
    /* pop3_line is only given lines in memory that may be written. */
    char *decoded = (char *)coded.bytes;
    size_t decoded_length;
    if (!base64_decode(coded, decoded, &decoded_length)) {
        return pop3_reply_refusal(session, SPAN_LITERAL("This is not base64."), plan);
    }
    struct span response = {decoded, decoded_length};
    if (step == POP3_PENDING_SASL_PLAIN) {
        return respond_plain(session, response, plan);
    }
    if (step == POP3_PENDING_SASL_EXTERNAL) {
        return ask_external(session, response, plan);
    }
    if (step == POP3_PENDING_SASL_LOGIN_USER) {
        if (!is_user_name(response)) {
            return pop3_reply_refusal(session, BAD_USER_NAME, plan);
        }
        keep_user_name(session, response);
        return challenge(session, POP3_PENDING_SASL_LOGIN_PASSWORD, plan);
    }
    must(step == POP3_PENDING_SASL_LOGIN_PASSWORD);
    return ask_auth(session,
                    (struct pop3_auth){.mechanism = POP3_MECHANISM_LOGIN,
                                       .user = pop3_user_name(session),
                                       .password = response},
                    plan);
}

/* RFC 4616 section 2: on whose behalf, NUL, user, NUL, password. */
static struct pop3_ask respond_plain(struct pop3 *session, struct span message, struct plan *plan)
{
    struct pop3_auth auth = {.mechanism = POP3_MECHANISM_PLAIN};
    if (!take_until_nul(&message, &auth.on_behalf_of) || !take_until_nul(&message, &auth.user)) {
        return pop3_reply_refusal(session, SPAN_LITERAL("This is not a message of SASL PLAIN."),
                                  plan);
    }
    auth.password = message;
    return ask_auth(session, auth, plan);
}

static bool is_user_name(struct span name)
{
    return name.length > 0 && name.length <= POP3_USER_NAME_MAX && !span_holds(name, '\0');
}

/* An empty password is nobody's: some back-ends take it for a login without one. Behind a NUL a
 * password could say what a back-end of C strings would never compare. */
static bool is_password(struct span password)
{
    return password.length > 0 && password.length <= POP3_PASSWORD_MAX &&
           !span_holds(password, '\0');
}

static bool is_apop_digest(struct span digest)
{
    for (size_t i = 0; i < digest.length; i++) {
        char digit = digest.bytes[i];
        bool is_hexadecimal = (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f') ||
                              (digit >= 'A' && digit <= 'F');
        if (!is_hexadecimal) {
            return false;
        }
    }
    return digest.length == APOP_DIGEST_LENGTH;
}

static void keep_user_name(struct pop3 *session, struct span name)
{
    must(name.length <= POP3_USER_NAME_MAX);
    if (name.length > 0) {
        /* The name may be the one that is kept already. */
        memmove(session->user_name, name.bytes, name.length);
    }
    session->user_name_length = (uint8_t)name.length;
}

static bool take_until_nul(struct span *rest, struct span *out_part)
{
    if (!span_holds(*rest, '\0')) {
        return false;
    }
    const char *end = memchr(rest->bytes, '\0', rest->length);
    *out_part = (struct span){rest->bytes, (size_t)(end - rest->bytes)};
    *rest = (struct span){end + 1, rest->length - out_part->length - 1};
    return true;
}
