/* ringpost: the administrator's command.
 *
 * Reads the command line, runs the one command it names, and turns how that ended into the exit
 * status. The commands themselves are in the files command_*.c; what they share is in command.c.
 * No environment variable is read, but the one that --password-env names.
 */
#include "tools/command_line.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Of a command's options the usage line shows at most so many. */
#define USAGE_OPTIONS_MAX 3

/* In the order of the overview. */
static const struct command *const commands[] = {
    &command_user_add,
    &command_user_list,
    &command_user_passwd,
    &command_user_del,
    &command_store_create,
    &command_import,
    &command_compare,
    &command_export,
    &command_deliver,
    &command_list,
    &command_show,
    &command_verify,
    &command_compact,
    &command_certificate_make,
    &command_tls_ticket_keys,
    NULL,
};

static int finish(const struct command *command, enum ending ending);
static int exit_status(const struct command *command, enum ending ending);
static void print_overview(const char *group);
static void print_command(const struct command *command);

int main(int argc, char **argv)
{
    /* Scratch memory makes it too large for a careful stack; the process's end frees it. */
    struct run *run = malloc(sizeof *run);
    const char *group = NULL;
    if (run == NULL || argc < 1) {
        fprintf(stderr, "ringpost: no memory\n");
        return EX_OSERR;
    }
    run_init(run);
    /* A reader that goes away, and a file that must not grow, are failed writes, not the end. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    enum ending ending = ENDING_DONE;
    switch (command_line_read(commands, argv + 1, run, &group)) {
    case COMMAND_RUN:
        ending = run->command->run(run);
        break;
    case COMMAND_HELP:
        if (run->command != NULL)
            print_command(run->command);
        else
            print_overview(group);
        break;
    case COMMAND_VERSION:
        printf("ringpost %s\n", RINGPOST_VERSION);
        break;
    case COMMAND_REFUSED:
        ending = ENDING_USAGE;
        break;
    }
    const int status = finish(run->command, ending);
    run_fini(run);
    free(run);
    return status;
}

/* A result that could not be printed was not given. Where the reader has gone away (EPIPE) nobody
 * wants a sentence about it. */
static int finish(const struct command *command, enum ending ending)
{
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && ending == ENDING_DONE) {
        if (errno != EPIPE && errno != 0)
            command_say("cannot write to standard output: %s", strerror(errno));
        ending = ENDING_FAILED;
    }
    return exit_status(command, ending);
}

static int exit_status(const struct command *command, enum ending ending)
{
    const bool mail = command != NULL && command->has_sysexits;
    const int failed = command != NULL && command->differs ? 2 : 1;
    switch (ending) {
    case ENDING_DONE:
        return 0;
    case ENDING_DIFFERS:
        return 1;
    case ENDING_FAILED:
        return mail ? EX_TEMPFAIL : failed;
    case ENDING_USAGE:
        return mail ? EX_USAGE : 2;
    case ENDING_CONFIG:
        /* Not EX_CONFIG, for which mail servers send the message back: it shall wait. */
        return mail ? EX_TEMPFAIL : 2;
    case ENDING_UNKNOWN_USER:
        return mail ? EX_NOUSER : failed;
    case ENDING_TRY_AGAIN:
        return mail ? EX_TEMPFAIL : failed;
    case ENDING_FULL:
        /* Not EX_UNAVAILABLE: Postfix tells the author 5.2.0, which is about a mailbox. */
        return mail ? EX_CANTCREAT : failed;
    case ENDING_TOO_BIG:
        return mail ? EX_DATAERR : failed;
    }
    return 1;
}

static void print_usage_line(const struct command *command)
{
    printf("ringpost [-c FILE] %s%s%s", command->group != NULL ? command->group : "",
           command->group != NULL ? " " : "", command->name);
    if (command->words[0] != '\0')
        printf(" %s", command->words);
    /* With more, the help lists them. */
    if (command->options[USAGE_OPTIONS_MAX].name != NULL) {
        printf(" [OPTION]...\n");
        return;
    }
    for (size_t i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name != NULL; i++) {
        const struct command_option *option = &command->options[i];
        if (option->value != NULL)
            printf(" [%s %s]%s", option->name, option->value, option->repeats ? "..." : "");
        else if (!option->in_words)
            printf(" [%s]", option->name);
    }
    printf("\n");
}

static void print_overview(const char *group)
{
    if (group == NULL)
        printf("The administrator's command of the Ringpost mail server.\n\n");
    for (const struct command *const *at = commands; *at != NULL; at++) {
        if (group != NULL && ((*at)->group == NULL || strcmp((*at)->group, group) != 0))
            continue;
        print_usage_line(*at);
        printf("    %s\n", (*at)->summary);
    }
    if (group == NULL)
        printf("\n-c FILE   the configuration; default %s\n"
               "--help    this text, or that of a command: ringpost COMMAND --help\n"
               "-V        the version\n",
               CONFIG_PATH_DEFAULT);
}

static void print_command(const struct command *command)
{
    print_usage_line(command);
    printf("\n%s\n", command->summary);
    if (command->help != NULL)
        printf("%s", command->help);
}
