/* ringbench: the load generator for POP3 and LMTP servers.
 *
 * Finds the command that is meant and runs it; each command reads its own words. No environment
 * variable is read.
 */
#include "bench/command.h"
#include "bench/option.h"
#include "bench/output.h"
#include "bench/report.h"
#include "bench/run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(char *const *words);
    const char *usage, *summary;
} commands[] = {
    {"run", run_command, "run TARGET --users PATTERN --password TEXT --rate N | --connections N",
     "measure a server: pop3://, pop3s:// or lmtp://HOST:PORT"},
    {"fill", fill_command, "fill maildir | mbox | native | lmtp PLACE --users PATTERN",
     "make mailboxes, the same ones for the same seed"},
    {"floor", floor_command, "floor PORT",
     "serve POP3 from memory: the least that any server has to do"},
    {"report", report_command, "report A.json [B.json]...",
     "draw measurements, several side by side"},
    {"compare", compare_command, "compare A.json B.json",
     "say whether B is worse than A, and how sure that is"},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static int overview(void);
static int end(int status);

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return argc < 2 ? overview() + 2 : end(overview());
    if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
        printf("ringbench %s\n", RINGPOST_VERSION);
        return end(0);
    }
    /* As in `ringbench --compare A.json B.json`. */
    const char *word = strncmp(argv[1], "--", 2) == 0 ? argv[1] + 2 : argv[1];
    const char *names[COMMANDS + 1] = {NULL};
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(word, names[i]) == 0)
            return end(commands[i].run(argv + 2));
    }
    const char *nearest = option_nearest(word, names);
    if (strstr(word, "://") != NULL)
        option_complain("a target comes behind a command: ringbench run %s", word);
    else if (nearest != NULL)
        option_complain("there is no command \"%s\"; did you mean %s?", word, nearest);
    else
        option_complain("there is no command \"%s\"; see ringbench --help", word);
    return 2;
}

static int overview(void)
{
    printf("The load generator for POP3 and LMTP servers.\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("ringbench %s\n    %s\n", commands[i].usage, commands[i].summary);
    printf("\nringbench COMMAND --help tells more; ringbench -V the version.\n");
    return 0;
}

/* What could not be said is a failure: a full disk behind a pipe or a redirection. */
static int end(int status)
{
    return !output_close(stdout, "-") && status == 0 ? 1 : status;
}
