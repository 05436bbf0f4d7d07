/* template: paths and names for many users, made from one text.
 *
 * %u is the user's name, %n what stands before its last @, %d what stands behind it, %% a percent
 * sign. Pure; owns nothing.
 */
#ifndef RINGPOST_TOOLS_TEMPLATE_H
#define RINGPOST_TOOLS_TEMPLATE_H

#include "proto/span.h"

enum template_result {
    TEMPLATE_DONE,
    TEMPLATE_WRONG,    /* a percent sign with something else behind it */
    TEMPLATE_TOO_LONG, /* for the room */
};

/* Writes the text for `user`, NUL-terminated. */
enum template_result template_write(const char *text, const char *user, char *out, size_t room);

#endif
