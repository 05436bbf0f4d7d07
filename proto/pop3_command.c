/* pop3_command: the table of the commands, and the parser that obeys it.
 *
 * A new command is a line here, a name in the header and a handler in pop3.c. Nothing here knows a
 * session but for the one question whether somebody has logged in; nothing here answers a client.
 */
#include "proto/pop3_command.h"

enum legality { BEFORE_LOGIN, AFTER_LOGIN, ALWAYS };

enum form {
    WORDS,         /* arguments are words */
    MESSAGE_FIRST, /* the first word, where there is one, is a message number */
    REST_OF_LINE,  /* the one argument is all that follows, spaces and all */
};

static const struct rule {
    const char *name;
    enum pop3_command_kind kind;
    enum legality legality;
    uint32_t arguments_min;
    uint32_t arguments_max;
    enum form form;
} rules[POP3_COMMAND_KINDS] = {
    {"APOP", POP3_COMMAND_APOP, BEFORE_LOGIN, 2, 2, WORDS},
    {"AUTH", POP3_COMMAND_AUTH, BEFORE_LOGIN, 0, 2, WORDS},
    {"CAPA", POP3_COMMAND_CAPA, ALWAYS, 0, 0, WORDS},
    {"DELE", POP3_COMMAND_DELE, AFTER_LOGIN, 1, 1, MESSAGE_FIRST},
    {"LAST", POP3_COMMAND_LAST, AFTER_LOGIN, 0, 0, WORDS},
    {"LIST", POP3_COMMAND_LIST, AFTER_LOGIN, 0, 1, MESSAGE_FIRST},
    {"NOOP", POP3_COMMAND_NOOP, AFTER_LOGIN, 0, 0, WORDS},
    {"PASS", POP3_COMMAND_PASS, BEFORE_LOGIN, 1, 1, REST_OF_LINE},
    {"QUIT", POP3_COMMAND_QUIT, ALWAYS, 0, 0, WORDS},
    {"RETR", POP3_COMMAND_RETR, AFTER_LOGIN, 1, 1, MESSAGE_FIRST},
    {"RSET", POP3_COMMAND_RSET, AFTER_LOGIN, 0, 0, WORDS},
    {"STAT", POP3_COMMAND_STAT, AFTER_LOGIN, 0, 0, WORDS},
    {"STLS", POP3_COMMAND_STLS, BEFORE_LOGIN, 0, 0, WORDS},
    {"TOP", POP3_COMMAND_TOP, AFTER_LOGIN, 2, 2, MESSAGE_FIRST},
    {"UIDL", POP3_COMMAND_UIDL, AFTER_LOGIN, 0, 1, MESSAGE_FIRST},
    {"USER", POP3_COMMAND_USER, BEFORE_LOGIN, 1, 1, WORDS},
    {"UTF8", POP3_COMMAND_UTF8, ALWAYS, 0, 0, WORDS},
};

static const struct rule *find_rule(struct span name);
static enum pop3_command_result split(struct span after_name, const struct rule *rule,
                                      struct pop3_command *out_command);
static struct span without_one_space_at_end(struct span text);

enum pop3_command_result pop3_command_parse(struct span line, bool is_logged_in,
                                            struct pop3_command *out_command)
{
    if (span_holds(line, '\0')) {
        return POP3_COMMAND_HAS_NUL;
    }
    struct span rest = line;
    struct span name = span_take_word(&rest);
    const struct rule *rule = find_rule(name);
    if (rule == NULL) {
        return POP3_COMMAND_UNKNOWN;
    }
    if (rule->legality == AFTER_LOGIN && !is_logged_in) {
        return POP3_COMMAND_TOO_EARLY;
    }
    if (rule->legality == BEFORE_LOGIN && is_logged_in) {
        return POP3_COMMAND_TOO_LATE;
    }
    *out_command = (struct pop3_command){.kind = rule->kind};
    struct span after_name = {line.bytes + name.length, line.length - name.length};
    enum pop3_command_result result = split(after_name, rule, out_command);
    if (result != POP3_COMMAND_GOOD) {
        return result;
    }
    if (rule->form == MESSAGE_FIRST && out_command->argument_count > 0 &&
        (!span_number(out_command->arguments[0], &out_command->number) ||
         out_command->number == 0)) {
        return POP3_COMMAND_BAD_NUMBER;
    }
    return POP3_COMMAND_GOOD;
}

static const struct rule *find_rule(struct span name)
{
    for (size_t i = 0; i < POP3_COMMAND_KINDS; i++) {
        if (span_equal_ignoring_case(name, span_of(rules[i].name))) {
            return &rules[i];
        }
    }
    return NULL;
}

/* `after_name` still has the space before the first argument, so that "LIST" and "LIST " differ. */
static enum pop3_command_result split(struct span after_name, const struct rule *rule,
                                      struct pop3_command *out_command)
{
    struct span rest = after_name;
    if (rule->form != REST_OF_LINE) {
        rest = without_one_space_at_end(rest);
    }
    while (rest.length > 0) {
        if (out_command->argument_count == rule->arguments_max) {
            return POP3_COMMAND_TOO_MANY;
        }
        struct span argument = {rest.bytes + 1, rest.length - 1};
        if (rule->form != REST_OF_LINE) {
            struct span from_here = argument;
            argument = span_take_word(&from_here);
        }
        out_command->arguments[out_command->argument_count] = argument;
        out_command->argument_count++;
        rest.bytes += argument.length + 1;
        rest.length -= argument.length + 1;
    }
    return out_command->argument_count < rule->arguments_min ? POP3_COMMAND_TOO_FEW
                                                             : POP3_COMMAND_GOOD;
}

static struct span without_one_space_at_end(struct span text)
{
    if (text.length > 0 && text.bytes[text.length - 1] == ' ') {
        text.length--;
    }
    return text;
}
