/* command_move: import and export, from and to the forms that other mail programs keep mail in.
 *
 * Only the choice of the form is made here; tools/import*.c and tools/export.c do the work.
 */
#include "tools/command_line.h"
#include "tools/export.h"
#include "tools/import.h"

static const char *const forms[] = {"mbox", "maildir", NULL};
enum form { FORM_MBOX, FORM_MAILDIR };

static enum ending import_mail(struct run *run)
{
    const char *user = run->words[1], *source = run->words[2];
    char path[USERS_FOLDER_BYTES];
    const int form = command_line_choice("form of mail", run->words[0], forms);
    if (form < 0)
        return ENDING_USAGE;
    if (form == FORM_MAILDIR && run->options[0] != NULL)
        return command_fail(ENDING_USAGE, "--dialect is for mbox only: leave it out");
    enum ending ending = command_open_users(run);
    if (ending == ENDING_DONE)
        ending = command_find_user(run, user, path);
    if (ending == ENDING_DONE)
        ending = command_open_store(run, STORE_MAKE_IN_EMPTY);
    if (ending != ENDING_DONE)
        return ending;
    return form == FORM_MAILDIR ? import_from_maildir(run, user, path, source)
                                : import_from_mbox(run, user, path, source, run->options[0]);
}

static enum ending export_mail(struct run *run)
{
    const char *user = run->words[1], *target = run->words[2];
    char path[USERS_FOLDER_BYTES];
    const int form = command_line_choice("form of mail", run->words[0], forms);
    if (form < 0)
        return ENDING_USAGE;
    const enum ending ending = command_open_maildrop(run, user, path);
    if (ending != ENDING_DONE)
        return ending;
    return form == FORM_MAILDIR ? export_to_maildir(run, user, path, target)
                                : export_to_mbox(run, user, path, target);
}

const struct command command_import = {
    .name = "import",
    .words = "mbox|maildir NAME PATH",
    .words_min = 3,
    .words_max = 3,
    .options = {{.name = "--dialect", .value = "mboxrd|mboxo|mboxcl2"}},
    .summary = "Put the messages of an mbox file or of a Maildir into a user's maildrop.",
    .help =
        "PATH is the mbox file, or - for standard input, or the folder with new and cur in it.\n"
        "  --dialect DIALECT   how the mbox keeps lines that begin with \"From \":\n"
        "                      mboxrd (default) and mboxo quote them with >, mboxcl and\n"
        "                      mboxcl2 have Content-Length\n"
        "Messages go behind those that are there, in the order of the file, or of the names in\n"
        "the Maildir; those with the flag T (trashed) are left out. Sessions of the user go on.\n"
        "Where the store is missing or an empty folder it is made.\n",
    .run = import_mail,
};

const struct command command_export = {
    .name = "export",
    .words = "mbox|maildir NAME PATH",
    .words_min = 3,
    .words_max = 3,
    .summary = "Write all messages of a user to a new mbox file or Maildir.",
    .help =
        "PATH must not exist; for a Maildir it may be an empty folder, for an mbox it may be -\n"
        "for standard output. The mbox is of dialect mboxrd. While it runs the user cannot\n"
        "log in.\n",
    .run = export_mail,
};
