/* auth: one check of a password, in three steps that run where they may. */
#include "core/auth.h"

#include "proto/must.h"

#include <string.h>

static enum pop3_auth_result answer_to(enum password_check check);
static bool acts_for_himself(const struct pop3_auth *auth);

enum auth_step auth_begin(const struct accounts *accounts, struct login_cache *cache,
                          const struct pop3_auth *auth, struct span timestamp, uint64_t now_s,
                          enum pop3_auth_result *out_result, struct auth_check *out_check)
{
    struct account account;
    bool stranger = !accounts_find(accounts, auth->user, &account) || !acts_for_himself(auth);
    if (stranger)
        account = accounts_stranger(accounts);
    *out_result = POP3_AUTH_WRONG;
    if (auth->password.length > PASSWORD_MAX || account.hash.length > PASSWORD_HASH_BYTES)
        return AUTH_ANSWERED;
    if (auth->mechanism == POP3_MECHANISM_APOP) {
        bool right = account.scheme == PASSWORD_PLAIN &&
                     password_apop(timestamp, account.hash, auth->password);
        if (right && !stranger)
            *out_result = POP3_AUTH_RIGHT;
        return AUTH_ANSWERED;
    }
    if (password_is_quick(account.scheme)) {
        enum password_check check = password_verify(account.scheme, account.hash, auth->password);
        *out_result = stranger ? POP3_AUTH_WRONG : answer_to(check);
        return AUTH_ANSWERED;
    }
    if (!stranger && login_cache_knows(cache, auth->user, account.hash, auth->password, now_s)) {
        *out_result = POP3_AUTH_RIGHT;
        return AUTH_ANSWERED;
    }
    out_check->scheme = account.scheme;
    out_check->result = PASSWORD_FAULT;
    out_check->stranger = stranger;
    out_check->user_length = (uint16_t)auth->user.length;
    out_check->hash_length = (uint16_t)account.hash.length;
    out_check->password_length = (uint16_t)auth->password.length;
    memcpy(out_check->user, auth->user.bytes, auth->user.length);
    memcpy(out_check->hash, account.hash.bytes, account.hash.length);
    memcpy(out_check->password, auth->password.bytes, auth->password.length);
    return AUTH_COMPUTE;
}

void auth_run(struct auth_check *check)
{
    check->result = password_verify(check->scheme, (struct span){check->hash, check->hash_length},
                                    (struct span){check->password, check->password_length});
}

enum pop3_auth_result auth_end(struct auth_check *check, struct login_cache *cache, uint64_t now_s)
{
    if (check->result == PASSWORD_RIGHT && !check->stranger)
        login_cache_remember(cache, (struct span){check->user, check->user_length},
                             (struct span){check->hash, check->hash_length},
                             (struct span){check->password, check->password_length}, now_s);
    password_wipe(check->password, sizeof check->password);
    /* A stranger's made-up hash proves nothing, whatever a library says of it. */
    return check->stranger ? POP3_AUTH_WRONG : answer_to(check->result);
}

static enum pop3_auth_result answer_to(enum password_check check)
{
    switch (check) {
    case PASSWORD_RIGHT:
        return POP3_AUTH_RIGHT;
    case PASSWORD_WRONG:
        return POP3_AUTH_WRONG;
    case PASSWORD_FAULT:
        return POP3_AUTH_UNAVAILABLE;
    }
    must(false);
}

/* Nobody may open another user's maildrop. */
static bool acts_for_himself(const struct pop3_auth *auth)
{
    return auth->on_behalf_of.length == 0 || span_equal(auth->on_behalf_of, auth->user);
}
