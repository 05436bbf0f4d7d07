/* config_text: comments, strings and braces of the configuration file. */
#include "core/config_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static char *blank_comment(char *at, int *line);
static char *skip_string(char *at, int *line);

/* libconfuse 3.3 counts the lines behind each comment wrong, takes the rest of the file for a part
 * of a comment or a block without an end, and drops a '*' outside of quotes, all without a word. */
const char *config_text_prepare(char *text, int *out_line)
{
    int line = 1, block_line = 0, depth = 0;
    bool in_word = false;
    for (char *at = text; *at != '\0';) {
        bool slashes = *at == '/' && !in_word && (at[1] == '/' || at[1] == '*');
        if (*at == '#' || slashes) {
            at = blank_comment(at, &line);
            if (at == NULL) {
                *out_line = line;
                return "this comment has no end; write */ behind it";
            }
            in_word = false;
        } else if (*at == '"' || *at == '\'') {
            at = skip_string(at, &line);
            in_word = false;
        } else if (*at == '*') {
            *out_line = line;
            return "a * stands only in quotes; write \"*.example.org\"";
        } else {
            if (*at == '{' && depth++ == 0)
                block_line = line;
            depth -= *at == '}' && depth > 0;
            in_word = strchr(" \t\r\n={}(),+", *at) == NULL;
            line += *at++ == '\n';
        }
    }
    *out_line = block_line;
    return depth == 0 ? NULL : "this { has no end; write } behind it";
}

/* Overwrites a comment by spaces; NULL where it does not end. A '#' or "//" ends with its line. */
static char *blank_comment(char *at, int *line)
{
    char *end = at + strcspn(at, "\n");
    if (at[0] == '/' && at[1] == '*') {
        end = strstr(at + 2, "*/");
        if (end == NULL)
            return NULL;
        end += 2;
    }
    for (; at < end; at++)
        if (*at == '\n')
            ++*line;
        else
            *at = ' ';
    return end;
}

/* The end of a string in quotes, or of the text. */
static char *skip_string(char *at, int *line)
{
    char quote = *at++;
    while (*at != '\0' && *at != quote) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        *line += *at++ == '\n';
    }
    return *at == quote ? at + 1 : at;
}

size_t config_text_distance(const char *a, const char *b)
{
    size_t row[40];
    size_t b_length = strlen(b);
    if (b_length >= sizeof row / sizeof row[0])
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t exchanged = diagonal + (a[i - 1] != b[j - 1]);
            size_t longer = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = exchanged < longer ? exchanged : longer;
        }
    }
    return row[b_length];
}
