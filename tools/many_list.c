/* many_list: cuts the lines of a list in place; see many_list.h.
 *
 * Names with spaces are possible: their lines have a tab before the source.
 */
#include "tools/many_list.h"

#include "core/text_file.h"
#include "tools/template.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_BYTES_MAX   (1024u * 1024 * 1024)
#define SOURCE_BYTES_MAX 4096

static char *read_stdin(size_t *out_bytes);
static enum ending take_line(struct many_list *list, const char *path, size_t number, char *line,
                             const char *source_template);

enum ending many_list_read(struct many_list *list, const char *path, const char *source_template)
{
    char error[4096 + 512];
    size_t bytes = 0, lines = 1, number = 0;
    const bool is_stdin = strcmp(path, "-") == 0;
    *list = (struct many_list){.text = NULL};
    snprintf(error, sizeof error, "standard input cannot be read");
    list->text = is_stdin ? read_stdin(&bytes)
                          : text_file_read(path, LIST_BYTES_MAX, &bytes, error, sizeof error);
    if (list->text == NULL ||
        !text_file_is_text(path, (struct span){list->text, bytes}, error, sizeof error)) {
        many_list_free(list);
        return command_fail(ENDING_FAILED, "%s", error);
    }
    for (size_t i = 0; i < bytes; i++)
        lines += list->text[i] == '\n';
    list->users = calloc(lines, sizeof list->users[0]);
    enum ending ending =
        list->users != NULL ? ENDING_DONE : command_fail(ENDING_FAILED, "no memory for the list");
    char *rest = list->text;
    for (char *line; ending == ENDING_DONE && (line = strsep(&rest, "\n")) != NULL;)
        ending = take_line(list, path, ++number, line, source_template);
    if (ending != ENDING_DONE)
        many_list_free(list);
    return ending;
}

void many_list_free(struct many_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->users[i].is_made)
            free(list->users[i].source);
    }
    free(list->users);
    free(list->text);
    *list = (struct many_list){.text = NULL};
}

/* A pipe has no size. */
static char *read_stdin(size_t *out_bytes)
{
    size_t room = 64 * 1024;
    char *text = malloc(room);
    ssize_t count = 1;
    *out_bytes = 0;
    while (text != NULL && count > 0) {
        if (room - *out_bytes < 2) {
            char *larger = room < LIST_BYTES_MAX ? realloc(text, room * 2) : NULL;
            if (larger == NULL)
                break;
            text = larger;
            room *= 2;
        }
        count = read(STDIN_FILENO, text + *out_bytes, room - *out_bytes - 1);
        *out_bytes += count > 0 ? (size_t)count : 0;
    }
    if (count != 0) {
        free(text);
        return NULL;
    }
    text[*out_bytes] = '\0';
    return text;
}

static enum ending take_line(struct many_list *list, const char *path, size_t number, char *line,
                             const char *source_template)
{
    const size_t length = strlen(line);
    if (length > 0 && line[length - 1] == '\r')
        line[length - 1] = '\0';
    if (*line == '\0' || *line == '#')
        return ENDING_DONE;
    char *blank = strchr(line, '\t');
    if (blank == NULL)
        blank = strchr(line, ' ');
    struct many_user user = {.name = line};
    if (blank != NULL) {
        *blank = '\0';
        user.source = blank + 1 + strspn(blank + 1, " \t");
    }
    if (user.source == NULL || *user.source == '\0') {
        char made[SOURCE_BYTES_MAX];
        if (source_template == NULL)
            return command_fail(ENDING_FAILED,
                                "%s:%zu: where does the mail of %.300s come from? Write it behind "
                                "the name, or give a template with %%u in it",
                                path, number, line);
        if (template_write(source_template, line, made, sizeof made) != TEMPLATE_DONE)
            return command_fail(ENDING_FAILED,
                                "%s:%zu: the template %.300s cannot be used: behind %% only u, n, "
                                "d and %% may stand, and what comes out has at most %d octets",
                                path, number, source_template, SOURCE_BYTES_MAX - 1);
        user.source = strdup(made);
        user.is_made = true;
        if (user.source == NULL)
            return command_fail(ENDING_FAILED, "no memory for the list");
    }
    list->users[list->count++] = user;
    return ENDING_DONE;
}
