/* test_lmtp_command: the table, read from outside. */
#include "proto/lmtp_command.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct guarded guarded;
static struct lmtp_command command;

static void setup(void)
{
    guarded_init(&guarded, 4096);
}

static void teardown(void)
{
    guarded_fini(&guarded);
}

TestSuite(lmtp_command, .init = setup, .fini = teardown);

static enum lmtp_command_result parse(const char *line, enum lmtp_state state)
{
    size_t length = strlen(line);
    struct span edge = {guarded_copy(&guarded, line, length), length};
    return lmtp_command_parse(edge, state, &command);
}

/* RFC 5321 section 4.1, RFC 2033, 3030, 3207: a letter for each state from LMTP_CONNECTED to
 * LMTP_SPOILED in which the command is legal, and what may follow it. */
static const struct {
    const char *name;
    enum lmtp_command_kind kind;
    const char *states;
    bool may_be_bare, may_have_argument;
} known[] = {
    {"LHLO", LMTP_COMMAND_LHLO, "cgsrkx", false, true},
    {"HELO", LMTP_COMMAND_HELO, "cgsrkx", true, true},
    {"EHLO", LMTP_COMMAND_EHLO, "cgsrkx", true, true},
    {"MAIL FROM:", LMTP_COMMAND_MAIL, "g", false, true},
    {"RCPT TO:", LMTP_COMMAND_RCPT, "sr", false, true},
    {"DATA", LMTP_COMMAND_DATA, "r", true, false},
    {"BDAT", LMTP_COMMAND_BDAT, "cgsrkx", true, true},
    {"RSET", LMTP_COMMAND_RSET, "cgsrkx", true, false},
    {"NOOP", LMTP_COMMAND_NOOP, "cgsrkx", true, true},
    {"HELP", LMTP_COMMAND_HELP, "cgsrkx", true, true},
    {"VRFY", LMTP_COMMAND_VRFY, "cgsrkx", false, true},
    {"QUIT", LMTP_COMMAND_QUIT, "cgsrkx", true, false},
    {"STARTTLS", LMTP_COMMAND_STARTTLS, "g", true, false},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

Test(lmtp_command, every_name_has_its_states_and_arguments)
{
    static const char letters[] = "cgsrkx";
    cr_assert(KNOWN == LMTP_COMMAND_KINDS);
    for (size_t i = 0; i < KNOWN; i++) {
        for (enum lmtp_state state = LMTP_CONNECTED; state < LMTP_ENDED; state++) {
            bool is_legal = strchr(known[i].states, letters[state]) != NULL;
            char line[32];
            snprintf(line, sizeof(line), "%s x", known[i].name);
            enum lmtp_command_result result = parse(line, state);
            cr_assert(result == (!is_legal                    ? LMTP_COMMAND_OUT_OF_ORDER
                                 : known[i].may_have_argument ? LMTP_COMMAND_GOOD
                                                              : LMTP_COMMAND_TOO_MANY),
                      "%s in state %d: %d", line, (int)state, (int)result);
            cr_assert(command.kind == known[i].kind);
            result = parse(known[i].name, state);
            cr_assert(result == (!is_legal              ? LMTP_COMMAND_OUT_OF_ORDER
                                 : known[i].may_be_bare ? LMTP_COMMAND_GOOD
                                                        : LMTP_COMMAND_TOO_FEW),
                      "%s in state %d: %d", known[i].name, (int)state, (int)result);
        }
    }
}

Test(lmtp_command, arguments_are_without_spaces_at_their_ends)
{
    cr_assert(parse("mail  from:  <a b>   ", LMTP_GREETED) == LMTP_COMMAND_GOOD);
    cr_assert(span_equal(command.argument, SPAN_LITERAL("<a b>")));
    cr_assert(parse("BDAT 10  LAST  ", LMTP_RECIPIENTS) == LMTP_COMMAND_GOOD);
    cr_assert(span_equal(command.argument, SPAN_LITERAL("10  LAST")));
    cr_assert(parse("RSET   ", LMTP_GREETED) == LMTP_COMMAND_GOOD);
    cr_assert(parse("MAIL FROM:   ", LMTP_GREETED) == LMTP_COMMAND_TOO_FEW);
    cr_assert(parse("MAIL FROM", LMTP_GREETED) == LMTP_COMMAND_TOO_FEW);
    cr_assert(parse("RCPT FROM:<a>", LMTP_SENDER) == LMTP_COMMAND_TOO_FEW);
}

Test(lmtp_command, what_is_no_command)
{
    static const char *const lines[] = {"",    " ",      " NOOP",        "NOOPS",
                                        "NOO", "N\tOOP", "MAILFROM:<a>", "\xff"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        cr_assert(parse(lines[i], LMTP_GREETED) == LMTP_COMMAND_UNKNOWN, "\"%s\"", lines[i]);
    }
    cr_assert(lmtp_command_parse((struct span){"NOOP\0", 5}, LMTP_GREETED, &command) ==
              LMTP_COMMAND_HAS_NUL);
}
