/* lmtp_command: the table of the commands, and the parser that obeys it.
 *
 * A new command is a line here, a name in the header and a handler in lmtp.c. Nothing here knows a
 * session but for its state; nothing here answers a client.
 */
#include "proto/lmtp_command.h"

#define IN(state)      (1U << (state))
#define IN_TRANSACTION (IN(LMTP_SENDER) | IN(LMTP_RECIPIENTS) | IN(LMTP_CHUNKS) | IN(LMTP_SPOILED))
#define ALWAYS         (IN(LMTP_CONNECTED) | IN(LMTP_GREETED) | IN_TRANSACTION)

enum form {
    NOTHING,  /* nothing may follow */
    OPTIONAL, /* anything may */
    REQUIRED, /* something must */
    FROM,     /* "FROM:" and something */
    TO,       /* "TO:" and something */
};

static const struct rule {
    const char *name;
    enum lmtp_command_kind kind;
    unsigned states; /* a bit for each in which the command is legal */
    enum form form;
} rules[LMTP_COMMAND_KINDS] = {
    {"BDAT", LMTP_COMMAND_BDAT, ALWAYS, OPTIONAL},
    {"DATA", LMTP_COMMAND_DATA, IN(LMTP_RECIPIENTS), NOTHING},
    {"EHLO", LMTP_COMMAND_EHLO, ALWAYS, OPTIONAL},
    {"HELO", LMTP_COMMAND_HELO, ALWAYS, OPTIONAL},
    {"HELP", LMTP_COMMAND_HELP, ALWAYS, OPTIONAL},
    {"LHLO", LMTP_COMMAND_LHLO, ALWAYS, REQUIRED},
    {"MAIL", LMTP_COMMAND_MAIL, IN(LMTP_GREETED), FROM},
    {"NOOP", LMTP_COMMAND_NOOP, ALWAYS, OPTIONAL},
    {"QUIT", LMTP_COMMAND_QUIT, ALWAYS, NOTHING},
    {"RCPT", LMTP_COMMAND_RCPT, IN(LMTP_SENDER) | IN(LMTP_RECIPIENTS), TO},
    {"RSET", LMTP_COMMAND_RSET, ALWAYS, NOTHING},
    {"STARTTLS", LMTP_COMMAND_STARTTLS, IN(LMTP_GREETED), NOTHING},
    {"VRFY", LMTP_COMMAND_VRFY, ALWAYS, REQUIRED},
};

static const struct rule *find_rule(struct span name);
static enum lmtp_command_result take_argument(enum form form, struct span *argument);
static bool take_keyword(struct span *text, struct span keyword);
static struct span without_spaces(struct span text);

enum lmtp_command_result lmtp_command_parse(struct span line, enum lmtp_state state,
                                            struct lmtp_command *out_command)
{
    if (span_holds(line, '\0')) {
        return LMTP_COMMAND_HAS_NUL;
    }
    struct span rest = line;
    const struct rule *rule = find_rule(span_take_word(&rest));
    if (rule == NULL) {
        return LMTP_COMMAND_UNKNOWN;
    }
    *out_command = (struct lmtp_command){.kind = rule->kind};
    if ((rule->states & IN(state)) == 0) {
        return LMTP_COMMAND_OUT_OF_ORDER;
    }
    out_command->argument = without_spaces(rest);
    return take_argument(rule->form, &out_command->argument);
}

static const struct rule *find_rule(struct span name)
{
    for (size_t i = 0; i < LMTP_COMMAND_KINDS; i++) {
        if (span_equal_ignoring_case(name, span_of(rules[i].name))) {
            return &rules[i];
        }
    }
    return NULL;
}

static enum lmtp_command_result take_argument(enum form form, struct span *argument)
{
    switch (form) {
    case NOTHING:
        return argument->length == 0 ? LMTP_COMMAND_GOOD : LMTP_COMMAND_TOO_MANY;
    case OPTIONAL:
        return LMTP_COMMAND_GOOD;
    case FROM:
        if (!take_keyword(argument, SPAN_LITERAL("FROM:"))) {
            return LMTP_COMMAND_TOO_FEW;
        }
        break;
    case TO:
        if (!take_keyword(argument, SPAN_LITERAL("TO:"))) {
            return LMTP_COMMAND_TOO_FEW;
        }
        break;
    case REQUIRED:
        break;
    }
    return argument->length > 0 ? LMTP_COMMAND_GOOD : LMTP_COMMAND_TOO_FEW;
}

/* Some senders write a space behind the colon. */
static bool take_keyword(struct span *text, struct span keyword)
{
    if (text->length < keyword.length ||
        !span_equal_ignoring_case((struct span){text->bytes, keyword.length}, keyword)) {
        return false;
    }
    *text =
        without_spaces((struct span){text->bytes + keyword.length, text->length - keyword.length});
    return true;
}

/* At either end. */
static struct span without_spaces(struct span text)
{
    while (text.length > 0 && text.bytes[0] == ' ') {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 && text.bytes[text.length - 1] == ' ') {
        text.length--;
    }
    return text;
}
