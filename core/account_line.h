/* account_line: one line of the passwd-file.
 *
 * Fields are cut up where they stand, nothing is copied. Owns nothing.
 */
#ifndef RINGPOST_CORE_ACCOUNT_LINE_H
#define RINGPOST_CORE_ACCOUNT_LINE_H

#include "core/account.h"

/* The fields that count of a line that holds a user, without its end. NULL, or what is wrong with
 * it, a sentence that stays; then `*out_account` may be filled in part. Its spans live as long as
 * the line does. */
const char *account_line_cut(struct span line, struct account *out_account);

/* Whether a name can be written in a passwd-file: 1 to USERS_NAME_MAX octets, no ':' and no control
 * character, no '#' in front. */
bool account_name_is_valid(struct span name);

#endif
