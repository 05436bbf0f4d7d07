/* command_export: export, to the forms that other mail programs keep mail in.
 *
 * Only the choice of the form is made here; tools/export.c does the work.
 */
#include "tools/command_line.h"
#include "tools/export.h"

static const char *const forms[] = {"mbox", "maildir", NULL};
enum form { FORM_MBOX, FORM_MAILDIR };

static enum ending export_mail(struct run *run)
{
    const char *user = run->words[1], *target = run->words[2];
    char path[USERS_FOLDER_BYTES];
    const int form = command_line_choice("form of mail", run->words[0], forms);
    if (form < 0)
        return ENDING_USAGE;
    const bool x_uidl = command_option(run, "--x-uidl") != NULL;
    if (form == FORM_MAILDIR && x_uidl)
        return command_fail(ENDING_USAGE, "--x-uidl is for mbox only: leave it out, a Maildir "
                                          "always has the UIDLs in its dovecot-uidlist");
    const enum ending ending = command_open_maildrop(run, user, path);
    if (ending != ENDING_DONE)
        return ending;
    return form == FORM_MAILDIR ? export_to_maildir(run, user, path, target)
                                : export_to_mbox(run, user, path, target, x_uidl);
}

const struct command command_export = {
    .name = "export",
    .words = "mbox|maildir NAME PATH",
    .words_min = 3,
    .words_max = 3,
    .options = {{.name = "--x-uidl"}},
    .summary = "Write all messages of a user to a new mbox file or Maildir.",
    .help =
        "PATH must not exist; for a Maildir it may be an empty folder, for an mbox it may be -\n"
        "for standard output. The mbox is of dialect mboxrd. The Maildir gets a dovecot-uidlist,\n"
        "by which Dovecot answers the same UIDLs. While it runs the user cannot log in.\n"
        "  --x-uidl   a line X-UIDL before the header of each message of an mbox\n",
    .run = export_mail,
};
