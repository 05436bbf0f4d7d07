/* many: the same work for a list of users, each in a process of its own, several at a time.
 *
 * A process for each user keeps one user's fault from the others, and needs no locks. What it says
 * is shown when it has ended, with the user's name before it. A bar shows how far all are; where
 * stderr is no terminal each user gets a line.
 */
#ifndef RINGPOST_TOOLS_MANY_H
#define RINGPOST_TOOLS_MANY_H

#include "tools/command.h"

#define MANY_JOBS_MAX     64
#define MANY_JOBS_DEFAULT 4

/* What is done for one user. `source` is his line's second field, or what the template makes. */
struct many_work {
    const char *verb; /* "imported" */
    bool says_counts; /* else how many differ */
    enum ending (*one)(struct run *run, const char *user, const char *source, void *context);
    void *context;
};

/* Reads the file `list` (`-` is standard input): a user's name in each line, and behind a tab, or
 * the first space, his source; where that is missing it is made of `source_template`
 * (tools/template.h). Empty lines and those that begin with # do not count. Works with up to `jobs`
 * processes (a number, or NULL), and prints a summary. ENDING_DONE where it is for all users;
 * ENDING_DIFFERS where some differ and none failed; else ENDING_FAILED. */
enum ending many_run(struct run *run, const char *list, const char *source_template,
                     const char *jobs, const struct many_work *work);

#endif
