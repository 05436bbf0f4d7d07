/* command_compare: compare, for one user or many.
 *
 * Only the words are read here; tools/compare.c compares. The exit status is that of diff(1).
 */
#include "tools/compare.h"
#include "tools/many.h"
#include "tools/remote_login.h"

#include <string.h>

static enum ending compare_one(struct run *run, const char *user, const char *source,
                               void *context);

static enum ending compare(struct run *run)
{
    struct compare_order order = {.bytes = command_option(run, "--bytes") != NULL};
    const char *list = command_option(run, "--list"), *with = command_option(run, "--with");
    const struct many_work work = {.verb = "compared", .one = compare_one, .context = &order};
    if ((list == NULL) != (run->word_count == 1))
        return command_fail(ENDING_USAGE, "name one user, or give --list FILE");
    if (list == NULL && command_option(run, "--jobs") != NULL)
        return command_fail(ENDING_USAGE, "--jobs is for --list only: leave it out");
    if (list == NULL && with == NULL)
        return command_fail(ENDING_USAGE, "say with which server: --with pop3s://HOST");
    if (list != NULL && strcmp(list, "-") == 0 && command_option(run, "--password-stdin") != NULL)
        return command_fail(ENDING_USAGE,
                            "standard input cannot be both list and password: use --password-file");
    enum ending ending = command_open_users(run);
    if (ending == ENDING_DONE)
        ending = remote_order_read(run, &order.remote);
    if (ending == ENDING_DONE)
        ending = command_open_store(run, STORE_NEVER_MAKE);
    if (ending == ENDING_DONE)
        ending = list != NULL ? many_run(run, list, with, command_option(run, "--jobs"), &work)
                              : compare_one(run, run->words[0], with, &order);
    remote_order_wipe(&order.remote);
    return ending;
}

static enum ending compare_one(struct run *run, const char *user, const char *source, void *context)
{
    char path[USERS_FOLDER_BYTES];
    const enum ending ending = command_find_user(run, user, path);
    return ending == ENDING_DONE ? compare_maildrops(run, user, path, source, context) : ending;
}

const struct command command_compare = {
    .name = "compare",
    .words = "NAME --with URL",
    .words_min = 0,
    .words_max = 1,
    .differs = true,
    .options = {{.name = "--with", .value = "URL", .in_words = true},
                {.name = "--bytes"},
                {.name = "--list", .value = "FILE"},
                {.name = "--jobs", .value = "N"},
                REMOTE_LOGIN_OPTIONS},
    .summary = "Say how a user's mail differs from that on another POP3 server.",
    .help =
        "URL is pop3s://HOST or pop3://HOST (with STLS), and :PORT. Numbers, UIDLs and octets are\n"
        "compared. The exit status is 0: no difference, 1: some, 2: it could not be found out.\n"
        "  --bytes                 the messages, too: each is fetched\n"
        "  --list FILE             many users: lines `NAME`, or `NAME URL` instead of --with\n"
        "  --jobs N                so many users at a time, 1 to 64; default 4\n" REMOTE_LOGIN_HELP,
    .run = compare,
};
