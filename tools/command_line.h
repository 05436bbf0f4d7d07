/* command_line: from the words that a person typed to a command and its options.
 *
 * Options may stand anywhere behind the command; `--` ends them. What is not understood is answered
 * by one sentence that suggests the nearest word that would have been.
 */
#ifndef RINGPOST_TOOLS_COMMAND_LINE_H
#define RINGPOST_TOOLS_COMMAND_LINE_H

#include "tools/command.h"

/* What is to be done after the words have been read. */
enum command_wish {
    COMMAND_RUN,
    COMMAND_HELP,    /* of run->command, or of the group, or of everything where both are NULL */
    COMMAND_VERSION, /* -V */
    COMMAND_REFUSED, /* a sentence has been said */
};

/* Reads `words` (argv without the program's name) into `run`; `commands` ends with NULL. After
 * COMMAND_REFUSED run->command is set where it was already known. `out_group` is NULL or, for
 * COMMAND_HELP, a group whose commands are meant. */
enum command_wish command_line_read(const struct command *const *commands, char *const *words,
                                    struct run *run, const char **out_group);

/* The one of `choices` (ends with NULL) that is most like `word`, or NULL where none is near. */
const char *command_line_nearest(const char *word, const char *const *choices);

/* The place of `word` in `choices` (ends with NULL). -1 and a sentence where it is none of them;
 * `what` names the kind of word: "scheme". */
int command_line_choice(const char *what, const char *word, const char *const *choices);

#endif
