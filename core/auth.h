/* auth: one check of a password, in three steps that run where they may.
 *
 * auth_begin looks the user up on the shard and answers at once where it can: from the login cache,
 * or by a mere comparison. Otherwise it fills a check, which owns copies of all it needs; auth_run
 * computes the hash on a worker thread; auth_end remembers what was right, on the shard again. An
 * unknown user takes the same way as a wrong password.
 */
#ifndef RINGPOST_CORE_AUTH_H
#define RINGPOST_CORE_AUTH_H

#include "core/account.h"
#include "core/login_cache.h"
#include "proto/pop3.h"

struct auth_check {
    enum password_scheme scheme;
    enum password_check result;
    bool stranger; /* no such user: whatever the result, it is wrong */
    uint16_t user_length, hash_length, password_length;
    char user[POP3_USER_NAME_MAX];
    char hash[PASSWORD_HASH_BYTES];
    char password[PASSWORD_MAX];
};

enum auth_step {
    AUTH_ANSWERED, /* out_result is the answer */
    AUTH_COMPUTE,  /* out_check has to run */
};

/* `timestamp` is the greeting's for APOP. Where the answer is AUTH_COMPUTE, `out_check` holds a
 * password and must go through auth_end. */
enum auth_step auth_begin(const struct accounts *accounts, struct login_cache *cache,
                          const struct pop3_auth *auth, struct span timestamp, uint64_t now_s,
                          enum pop3_auth_result *out_result, struct auth_check *out_check);

/* Computes; on any thread, for as long as the hash takes. */
void auth_run(struct auth_check *check);

/* The answer to the check, which is wiped. */
enum pop3_auth_result auth_end(struct auth_check *check, struct login_cache *cache, uint64_t now_s);

#endif
