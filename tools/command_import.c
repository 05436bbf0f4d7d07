/* command_import: import, from the forms that other mail programs keep mail in, for one or many.
 *
 * Only the choice is made here; tools/import_*.c do the work, and tools/many.c the many.
 */
#include "tools/command_line.h"
#include "tools/import.h"
#include "tools/many.h"
#include "tools/remote_login.h"

#include <string.h>

static const char *const kinds[] = {"mbox", "maildir", "cyrus", "pop3", NULL};
enum kind { KIND_MBOX, KIND_MAILDIR, KIND_CYRUS, KIND_POP3 };

struct choice {
    enum kind kind;
    struct import_order order;
};

static enum ending check_words(const struct run *run, struct choice *choice);
static enum ending import_one(struct run *run, const char *user, const char *source, void *context);

static enum ending import_mail(struct run *run)
{
    struct choice choice = {.kind = KIND_MBOX};
    const char *list = command_option(run, "--list");
    const struct many_work work = {
        .verb = "imported", .says_counts = true, .one = import_one, .context = &choice};
    enum ending ending = check_words(run, &choice);
    if (ending == ENDING_DONE)
        ending = command_open_users(run);
    if (ending == ENDING_DONE && choice.kind == KIND_POP3)
        ending = remote_order_read(run, &choice.order.remote);
    if (ending == ENDING_DONE)
        ending = command_open_store(run, STORE_MAKE_IN_EMPTY);
    if (ending == ENDING_DONE && list != NULL)
        ending = many_run(run, list, run->word_count > 1 ? run->words[1] : NULL,
                          command_option(run, "--jobs"), &work);
    else if (ending == ENDING_DONE)
        ending = import_one(run, run->words[1], run->words[2], &choice);
    remote_order_wipe(&choice.order.remote);
    return ending;
}

static enum ending check_words(const struct run *run, struct choice *choice)
{
    static const char *const remote_options[] = {
        "--user",   "--master",         "--password-file", "--password-env", "--passwords",
        "--cacert", "--password-stdin", "--insecure",      "--plaintext"};
    const char *list = command_option(run, "--list");
    const int kind = command_line_choice("form of mail", run->words[0], kinds);
    if (kind < 0)
        return ENDING_USAGE;
    choice->kind = (enum kind)kind;
    choice->order.dialect = command_option(run, "--dialect");
    choice->order.uidl_format = command_option(run, "--uidl-format");
    choice->order.removes_gone = command_option(run, "--remove-gone") != NULL;
    if (kind != KIND_MBOX && choice->order.dialect != NULL)
        return command_fail(ENDING_USAGE, "--dialect is for mbox only: leave it out");
    if (kind == KIND_POP3 && choice->order.uidl_format != NULL)
        return command_fail(ENDING_USAGE,
                            "--uidl-format is not for pop3, where the old server says the UIDLs: "
                            "leave it out");
    for (size_t i = 0; i < sizeof remote_options / sizeof remote_options[0]; i++) {
        if (kind != KIND_POP3 && command_option(run, remote_options[i]) != NULL)
            return command_fail(ENDING_USAGE, "%s is for pop3 only: leave it out",
                                remote_options[i]);
    }
    if (list == NULL && run->word_count != 3)
        return command_fail(ENDING_USAGE,
                            "a word is missing: `ringpost import %s NAME %s`, or --list FILE for "
                            "many users",
                            run->words[0], kind == KIND_POP3 ? "URL" : "PATH");
    if (list == NULL && command_option(run, "--jobs") != NULL)
        return command_fail(ENDING_USAGE, "--jobs is for --list only: leave it out");
    if (list != NULL && run->word_count > 2)
        return command_fail(ENDING_USAGE,
                            "with --list no user is named: `ringpost import %s --list FILE "
                            "[TEMPLATE]`",
                            run->words[0]);
    if (list != NULL && strcmp(list, "-") == 0 && command_option(run, "--password-stdin") != NULL)
        return command_fail(ENDING_USAGE,
                            "standard input cannot be both list and password: use --password-file");
    return ENDING_DONE;
}

static enum ending import_one(struct run *run, const char *user, const char *source, void *context)
{
    const struct choice *choice = context;
    char path[USERS_FOLDER_BYTES];
    const enum ending ending = command_find_user(run, user, path);
    if (ending != ENDING_DONE)
        return ending;
    switch (choice->kind) {
    case KIND_MBOX:
        return import_from_mbox(run, user, path, source, &choice->order);
    case KIND_MAILDIR:
        return import_from_maildir(run, user, path, source, &choice->order);
    case KIND_CYRUS:
        return import_from_cyrus(run, user, path, source, &choice->order);
    case KIND_POP3:
        return import_from_pop3(run, user, path, source, &choice->order);
    }
    return ENDING_FAILED;
}

const struct command command_import = {
    .name = "import",
    .words = "mbox|maildir|cyrus|pop3 NAME PATH|URL",
    .words_min = 1,
    .words_max = 3,
    .options = {{.name = "--list", .value = "FILE"},
                {.name = "--jobs", .value = "N"},
                {.name = "--dialect", .value = "mboxrd|mboxo|mboxcl2"},
                {.name = "--uidl-format", .value = "FORMAT"},
                {.name = "--remove-gone"},
                REMOTE_LOGIN_OPTIONS},
    .summary = "Bring the mail of users from elsewhere, with UIDLs, order and times.",
    .help =
        "PATH is an mbox file (- is standard input), a Maildir, or the folder of a Cyrus mailbox;\n"
        "URL is pop3s://HOST or pop3://HOST (with STLS), and :PORT. Nothing is changed there.\n"
        "The same import again adds only what is new. Sessions of the user go on.\n"
        "  --list FILE             many users: lines `NAME PATH`, or only `NAME` and one more "
        "word\n"
        "                          behind the command, with %u %n %d in it, as PATH of all\n"
        "  --jobs N                so many users at a time, 1 to 64; default 4\n"
        "  --dialect DIALECT       how an mbox keeps lines that begin with \"From \": mboxrd\n"
        "                          (default) and mboxo quote them with >, mboxcl and mboxcl2 have\n"
        "                          Content-Length\n"
        "  --uidl-format FORMAT    how the old server made UIDLs: dovecot, courier, cyrus, uw,\n"
        "                          own (the file's name), a text as Dovecot's pop3_uidl_format,\n"
        "                          or made: new ones\n"
        "  --remove-gone           remove here what came by an import and is not there any more\n"
        "For pop3:\n" REMOTE_LOGIN_HELP
        "Where the store is missing or an empty folder it is made.\n",
    .run = import_mail,
};
