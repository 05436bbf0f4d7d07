/* test_pop3_command: the table, read from outside. */
#include "proto/pop3_command.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <string.h>

static struct guarded guarded;
static struct pop3_command command;

static void setup(void)
{
    guarded_init(&guarded, 4096);
}

static void teardown(void)
{
    guarded_fini(&guarded);
}

TestSuite(pop3_command, .init = setup, .fini = teardown);

static enum pop3_command_result parse(const char *line, bool is_logged_in)
{
    size_t length = strlen(line);
    struct span edge = {guarded_copy(&guarded, line, length), length};
    return pop3_command_parse(edge, is_logged_in, &command);
}

/* RFC 1939, 2449, 5034: the fewest arguments, the most, and the states, of each. */
static const struct {
    const char *name;
    enum pop3_command_kind kind;
    bool is_before_login, is_after_login;
    uint32_t least, most;
} known[] = {
    {"USER", POP3_COMMAND_USER, true, false, 1, 1}, {"PASS", POP3_COMMAND_PASS, true, false, 1, 1},
    {"APOP", POP3_COMMAND_APOP, true, false, 2, 2}, {"AUTH", POP3_COMMAND_AUTH, true, false, 0, 2},
    {"CAPA", POP3_COMMAND_CAPA, true, true, 0, 0},  {"QUIT", POP3_COMMAND_QUIT, true, true, 0, 0},
    {"UTF8", POP3_COMMAND_UTF8, true, true, 0, 0},  {"STAT", POP3_COMMAND_STAT, false, true, 0, 0},
    {"LIST", POP3_COMMAND_LIST, false, true, 0, 1}, {"RETR", POP3_COMMAND_RETR, false, true, 1, 1},
    {"DELE", POP3_COMMAND_DELE, false, true, 1, 1}, {"NOOP", POP3_COMMAND_NOOP, false, true, 0, 0},
    {"RSET", POP3_COMMAND_RSET, false, true, 0, 0}, {"TOP", POP3_COMMAND_TOP, false, true, 2, 2},
    {"UIDL", POP3_COMMAND_UIDL, false, true, 0, 1}, {"LAST", POP3_COMMAND_LAST, false, true, 0, 0},
    {"STLS", POP3_COMMAND_STLS, true, false, 0, 0},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

Test(pop3_command, every_name_has_its_states_and_arguments)
{
    cr_assert(KNOWN == POP3_COMMAND_KINDS);
    for (size_t i = 0; i < KNOWN; i++) {
        for (uint32_t count = 0; count <= 3; count++) {
            char line[32];
            strcpy(line, known[i].name);
            for (uint32_t k = 0; k < count; k++) {
                strcat(line, " 7");
            }
            bool is_rest = known[i].kind == POP3_COMMAND_PASS && count > 1;
            enum pop3_command_result expected = count < known[i].least ? POP3_COMMAND_TOO_FEW
                                                : count > known[i].most && !is_rest
                                                    ? POP3_COMMAND_TOO_MANY
                                                    : POP3_COMMAND_GOOD;
            enum pop3_command_result before =
                known[i].is_before_login ? expected : POP3_COMMAND_TOO_EARLY;
            enum pop3_command_result after =
                known[i].is_after_login ? expected : POP3_COMMAND_TOO_LATE;
            cr_assert(parse(line, false) == before, "%s before login", line);
            cr_assert(parse(line, true) == after, "%s after login", line);
        }
    }
}

Test(pop3_command, names_its_kind)
{
    for (size_t i = 0; i < KNOWN; i++) {
        char line[32];
        strcpy(line, known[i].name);
        strcat(line, known[i].least == 0 ? "" : known[i].least == 1 ? " 7" : " 7 8");
        cr_assert(parse(line, known[i].is_after_login) == POP3_COMMAND_GOOD);
        cr_assert(command.kind == known[i].kind, "%s", line);
        cr_assert(command.argument_count == known[i].least, "%s", line);
    }
}

Test(pop3_command, has_any_case)
{
    cr_assert(parse("quit", false) == POP3_COMMAND_GOOD && command.kind == POP3_COMMAND_QUIT);
    cr_assert(parse("QuIt", true) == POP3_COMMAND_GOOD && command.kind == POP3_COMMAND_QUIT);
}

Test(pop3_command, unknown_is_neither_part_nor_more)
{
    static const char *const lines[] = {"",       " ",    "QUI",    "QUITT",  " QUIT", "\tQUIT",
                                        "QUIT\t", "TOPS", "XTND X", "T\xD6P", "QUIT\r"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        cr_assert(parse(lines[i], false) == POP3_COMMAND_UNKNOWN, "'%s'", lines[i]);
        cr_assert(parse(lines[i], true) == POP3_COMMAND_UNKNOWN, "'%s'", lines[i]);
    }
}

Test(pop3_command, arguments_are_cut_at_one_space)
{
    cr_assert(parse("APOP ann 0af", false) == POP3_COMMAND_GOOD);
    cr_assert(span_equal(command.arguments[0], SPAN_LITERAL("ann")));
    cr_assert(span_equal(command.arguments[1], SPAN_LITERAL("0af")));
    cr_assert(parse("APOP  0af", false) == POP3_COMMAND_GOOD);
    cr_assert(command.arguments[0].length == 0);
    cr_assert(parse("USER  ann", false) == POP3_COMMAND_TOO_MANY);
}

Test(pop3_command, one_space_at_the_end_is_forgiven)
{
    cr_assert(parse("STAT ", true) == POP3_COMMAND_GOOD && command.argument_count == 0);
    cr_assert(parse("STAT  ", true) == POP3_COMMAND_TOO_MANY);
    cr_assert(parse("LIST 1 ", true) == POP3_COMMAND_GOOD && command.number == 1);
    cr_assert(parse("LIST 1  ", true) == POP3_COMMAND_TOO_MANY);
    cr_assert(parse("LIST ", true) == POP3_COMMAND_GOOD && command.number == 0);
    cr_assert(parse("LIST  ", true) == POP3_COMMAND_BAD_NUMBER);
}

Test(pop3_command, pass_takes_the_rest)
{
    cr_assert(parse("PASS  a b  ", false) == POP3_COMMAND_GOOD);
    cr_assert(span_equal(command.arguments[0], SPAN_LITERAL(" a b  ")));
    cr_assert(parse("PASS ", false) == POP3_COMMAND_GOOD && command.arguments[0].length == 0);
    cr_assert(parse("PASS", false) == POP3_COMMAND_TOO_FEW);
}

Test(pop3_command, message_number_is_one_or_more)
{
    static const char *const bad[] = {"LIST 0",   "RETR -1",   "DELE +1",
                                      "UIDL 1a",  "TOP 0 1",   "TOP x 1",
                                      "RETR 000", "LIST 0x10", "RETR 18446744073709551616"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert(parse(bad[i], true) == POP3_COMMAND_BAD_NUMBER, "%s", bad[i]);
    }
    cr_assert(parse("RETR 007", true) == POP3_COMMAND_GOOD && command.number == 7);
    /* Whether there is such a message is not asked here; but it must not become number 1. */
    cr_assert(parse("RETR 4294967297", true) == POP3_COMMAND_GOOD);
    cr_assert(command.number == 4294967297);
    /* The second argument of TOP is no message number. */
    cr_assert(parse("TOP 2 0", true) == POP3_COMMAND_GOOD && command.number == 2);
    /* A user may be called 7. */
    cr_assert(parse("USER 7", false) == POP3_COMMAND_GOOD && command.number == 0);
}

Test(pop3_command, nul_is_refused_wherever_it_is)
{
    cr_assert(pop3_command_parse(SPAN_LITERAL("QUIT\0"), false, &command) == POP3_COMMAND_HAS_NUL);
    cr_assert(pop3_command_parse(SPAN_LITERAL("\0"), false, &command) == POP3_COMMAND_HAS_NUL);
    cr_assert(pop3_command_parse(SPAN_LITERAL("PASS a\0b"), false, &command) ==
              POP3_COMMAND_HAS_NUL);
    cr_assert(pop3_command_parse((struct span){NULL, 0}, false, &command) == POP3_COMMAND_UNKNOWN);
}
