/* users: from a user's name to the folder of his maildrop.
 *
 * STORE/xx/yy/NAME: xx and yy are four hexadecimal digits of a hash of the name, which spread
 * millions of maildrops over 65,536 folders; NAME is the user's name with every byte that a path
 * could misread written as %HH. No name can leave the store. Documented in docs/FORMAT.md: the
 * bytes of a path are for ever.
 */
#ifndef RINGPOST_STORAGE_USERS_H
#define RINGPOST_STORAGE_USERS_H

#include "proto/span.h"

#define USERS_NAME_MAX 248 /* POP3_USER_NAME_MAX */

/* "xx/yy/" and up to 255 octets of a file name (NAME_MAX of Linux file systems), and the NUL. */
#define USERS_FOLDER_BYTES (6 + 255 + 1)

/* Writes the folder's path relative to the store, NUL-terminated. Letters, digits and `@ _ - + =`
 * and a dot that is not the first byte stay; every other byte becomes %HH. False where the name is
 * empty, longer than USERS_NAME_MAX, holds a NUL, or would need a file name of more than 255
 * octets. */
bool users_folder(struct span user, char out_path[USERS_FOLDER_BYTES]);

/* The way back: the name of a folder's last part. False where it is no encoded name. */
bool users_name(struct span folder_name, char out_name[USERS_NAME_MAX + 1]);

/* Appends `/name` to a folder's path. */
#define USERS_FILE_BYTES (USERS_FOLDER_BYTES + 32)
void users_file(const char *folder, const char *name, char out_path[USERS_FILE_BYTES]);

#endif
