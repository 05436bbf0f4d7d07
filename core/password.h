/* password: hashes of passwords, checked and made (libxcrypt, libargon2).
 *
 * Checking costs up to a second by design, so it never runs on a shard, but for PLAIN, which is a
 * comparison. Comparisons take the same time wherever the difference is; copies are wiped.
 */
#ifndef RINGPOST_CORE_PASSWORD_H
#define RINGPOST_CORE_PASSWORD_H

#include "proto/span.h"

enum password_scheme {
    PASSWORD_PLAIN,
    PASSWORD_CRYPT, /* whatever crypt(3) knows by the hash's prefix: yescrypt, bcrypt, sha512-crypt
                       … */
    PASSWORD_ARGON2ID,
};

#define PASSWORD_HASH_BYTES 512
#define PASSWORD_MAX        1024 /* octets of a password that is looked at */

enum password_check {
    PASSWORD_RIGHT,
    PASSWORD_WRONG,
    PASSWORD_FAULT, /* the hash is damaged or the library failed: an operator has to look */
};

/* The name in the braces, in any case: PLAIN CLEARTEXT CRYPT BLF-CRYPT SHA256-CRYPT SHA512-CRYPT
 * YESCRYPT MD5-CRYPT ARGON2ID ARGON2I. False where it is none that we check. */
bool password_scheme_named(struct span name, enum password_scheme *out_scheme);

/* Whether the check is a mere comparison that a shard may do itself. */
bool password_is_quick(enum password_scheme scheme);

/* Checks; takes as long as the scheme takes, also where the hash is a stranger's. */
enum password_check password_verify(enum password_scheme scheme, struct span hash,
                                    struct span password);

/* Makes `{SCHEME}hash` for `scheme_name` as the command line writes it: yescrypt, bcrypt,
 * sha512-crypt, argon2id, plain. False where the name or the password cannot be used (a PLAIN
 * password may not hold ':' or a line end); out_error says why. */
bool password_make(const char *scheme_name, struct span password,
                   char out_hash[PASSWORD_HASH_BYTES], char *out_error, size_t error_bytes);

/* APOP: whether `digest` (32 hexadecimal digits) is the MD5 of timestamp and password (RFC 1939
 * section 7). Only for PLAIN accounts. */
bool password_apop(struct span timestamp, struct span password, struct span digest);

/* Overwrites memory in a way that no compiler leaves out. */
void password_wipe(void *bytes, size_t count);

#endif
