/* many_list: a file with users' names and where their mail comes from.
 *
 * It owns the text and the sources that were made of a template. A line that cannot be meant is
 * refused with its number, before anything is done.
 */
#ifndef RINGPOST_TOOLS_MANY_LIST_H
#define RINGPOST_TOOLS_MANY_LIST_H

#include "tools/command.h"

struct many_user {
    const char *name;
    char *source; /* "" where neither line nor template says one, and none is needed */
    bool is_made; /* the source is to be freed */
};

struct many_list {
    char *text;
    struct many_user *users;
    size_t count;
};

/* Reads the list; `source_template` may be NULL: then each line must have a source. many_run has
 * the form of the file. Without ENDING_DONE a sentence has been said and there is nothing to free.
 */
enum ending many_list_read(struct many_list *list, const char *path, const char *source_template);
void many_list_free(struct many_list *list);

#endif
