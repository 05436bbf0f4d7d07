/* maildir_place: which users have a Maildir, and where it is.
 *
 * The configuration names a driver and a template for all; a line of the passwd-file may say
 * something else for its user, in Dovecot's words: userdb_mail=maildir:~/Maildir, and in ours:
 * ringpost_driver=native. Makes paths, and looks at no disk but to find out at the start what
 * stands behind the template's first folders.
 */
#ifndef RINGPOST_CORE_MAILDIR_PLACE_H
#define RINGPOST_CORE_MAILDIR_PLACE_H

#include "core/account.h"
#include "core/config.h"
#include "core/config_key.h"

enum maildir_place_result {
    MAILDIR_PLACE_NATIVE, /* he has none: his mail is in the store */
    MAILDIR_PLACE_FOUND,
    MAILDIR_PLACE_BAD, /* he has one, but no path can be made: a name with a slash, no home */
};

/* Where `user` has his mail; `account` is his line, or NULL where he has none. The path begins at
 * the root folder, without the slash. %u is the user, %n and %d the parts of his name before and
 * behind the last '@', %h and a leading ~ his home, %% a percent sign. No value may be empty, begin
 * with a dot or hold a slash; a home must be absolute. */
enum maildir_place_result maildir_place(const struct config *config, struct span user,
                                        const struct account *account,
                                        char out_path[MAILDIR_PATH_BYTES]);

/* NULL, or a sentence's end that says what is wrong with a template. */
const char *maildir_place_check(const char *template);

/* Follows symbolic links in the part of a path before its first variable, once, because none is
 * followed later: an operator may have put one there, a user may not. A path that is not there
 * stays as it is. */
void maildir_place_resolve(char path[CONFIG_PATH_BYTES]);

#endif
