/* micro_request: what a command costs before the kernel has a part in it.
 *
 * One line each for cutting lines out of what was received, for parsing a command, for a plan of an
 * answer, and for all of it as a session does it, with a maildrop that answers from memory. Input
 * and output are warm.
 */
#include "bench/micro.h"
#include "proto/line.h"
#include "proto/plan.h"
#include "proto/pop3_command.h"

#include <string.h>

#define COMMANDS   64
#define LINE_LIMIT 512

static const char *const commands[] = {"STAT",    "LIST", "UIDL",    "RETR 17",
                                       "DELE 17", "NOOP", "TOP 3 0", "RETR 12345"};
#define KINDS (sizeof commands / sizeof commands[0])

/* Pipelined commands, or one with 400 octets in pieces of 100. */
static void measure_lines(const char *what, struct span input, size_t piece_bytes)
{
    struct micro micro;
    struct line line;
    char buffer[LINE_LIMIT];
    size_t lines = 0;
    line_init(&line, buffer, sizeof buffer);
    micro_init(&micro, input.length);
    while (micro_goes_on(&micro)) {
        lines = 0;
        for (size_t at = 0; at < micro.repeats; at++) {
            for (size_t from = 0; from < input.length; from += piece_bytes) {
                const size_t rest = input.length - from;
                struct span piece = {input.bytes + from, rest < piece_bytes ? rest : piece_bytes};
                struct span found;
                while (line_take(&line, &piece, &found) != LINE_MORE)
                    lines++;
            }
        }
        micro_round_ends(&micro);
    }
    micro_keep(lines);
    micro_print(&micro, what);
    micro_print_each(&micro, "", lines / micro.repeats);
}

static void measure_parse(void)
{
    struct micro micro;
    uint64_t sum = 0;
    struct span lines[KINDS];
    for (size_t i = 0; i < KINDS; i++)
        lines[i] = span_of(commands[i]);
    micro_init(&micro, COMMANDS * 16);
    while (micro_goes_on(&micro)) {
        for (size_t at = 0; at < micro.repeats; at++) {
            for (size_t i = 0; i < COMMANDS; i++) {
                struct pop3_command command;
                sum += pop3_command_parse(lines[i % KINDS], true, &command);
                sum += command.number;
            }
        }
        micro_round_ends(&micro);
    }
    micro_keep(sum);
    micro_print_each(&micro, "parse   a command", COMMANDS);
}

/* "+OK 1234 octets", a range, the end: RETR; neighbours join. */
static void measure_plan(void)
{
    static struct plan plan;
    struct micro micro;
    uint64_t pieces = 0;
    micro_init(&micro, COMMANDS * 16);
    while (micro_goes_on(&micro)) {
        for (size_t at = 0; at < micro.repeats; at++) {
            for (size_t i = 0; i < COMMANDS; i++) {
                if (i % 8 == 0)
                    plan_init(&plan);
                plan_text(&plan, SPAN_LITERAL("+OK "));
                plan_number(&plan, 10240 + i);
                plan_text(&plan, SPAN_LITERAL(" octets\r\n"));
                plan_range(&plan,
                           (struct mail_range){.file = 3, .offset = i * 20480, .bytes = 10240});
                pieces += plan.piece_count;
            }
        }
        micro_round_ends(&micro);
    }
    micro_keep(pieces);
    micro_print_each(&micro, "plan    an answer to RETR", COMMANDS);
}

int main(void)
{
    char text[COMMANDS * 16], longest[LINE_LIMIT];
    size_t bytes = 0;
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *command = commands[i % KINDS];
        memcpy(text + bytes, command, strlen(command));
        bytes += strlen(command);
        memcpy(text + bytes, "\r\n", 2);
        bytes += 2;
    }
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 400 - 2, "\r\n", 2);
    measure_lines("line    64 commands at once", (struct span){text, bytes}, bytes);
    measure_lines("line    64 commands, a byte at a time", (struct span){text, bytes}, 1);
    measure_lines("line    of 400 octets, 100 at a time", (struct span){longest, 400}, 100);
    measure_parse();
    measure_plan();
    return 0;
}
