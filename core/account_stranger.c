/* account_stranger: counts what checks cost, and makes a hash that nobody has; see
 * account_stranger.h.
 *
 * Spans point into the table of accounts while votes are counted; what stays is a copy.
 */
#include "core/account_stranger.h"

#include <string.h>

bool account_is_locked(const struct account *account)
{
    return account->hash.length == 0 ||
           (account->scheme != PASSWORD_PLAIN &&
            (account->hash.bytes[0] == '!' || account->hash.bytes[0] == '*'));
}

/* The part of a hash that says what a check costs: all before the salt. crypt(3) writes
 * $id[$parameters]$salt$digest, bcrypt $2b$cost$saltdigest, Argon2
 * $argon2id$version$parameters$salt$digest; the old DES form has neither '$' nor parameters. */
static struct span cost_settings(struct span hash)
{
    size_t fields = hash.length > 1 && hash.bytes[0] == '$' && hash.bytes[1] == '2' ? 1 : 2;
    size_t length = hash.length;
    while (length > 0 && fields > 0)
        if (hash.bytes[--length] == '$')
            fields--;
    return (struct span){hash.bytes, length};
}

/* Where there are more kinds than places, each vote for a new kind takes one from all others, so
 * that one that most have is found in any case (Misra and Gries's counting). */
void stranger_vote(struct stranger *stranger, const struct account *account)
{
    if (account_is_locked(account))
        return;
    struct span settings = {"", 0};
    if (account->scheme != PASSWORD_PLAIN)
        settings = cost_settings(account->hash);
    struct stranger_cost *empty = NULL;
    for (struct stranger_cost *cost = stranger->costs; cost < stranger->costs + STRANGER_COSTS_MAX;
         cost++) {
        if (cost->votes == 0) {
            empty = empty == NULL ? cost : empty;
        } else if (cost->scheme == account->scheme && span_equal(cost->settings, settings)) {
            cost->votes++;
            return;
        }
    }
    if (empty != NULL) {
        *empty = (struct stranger_cost){account->scheme, settings, account->hash, 1};
        return;
    }
    for (size_t i = 0; i < STRANGER_COSTS_MAX; i++)
        stranger->costs[i].votes--;
}

/* The stranger's hash is one of the commonest cost with another digest: its first character is
 * exchanged. To find a password for it is as hard as for any digest. With PLAIN it stays empty,
 * which never fits. */
void stranger_choose(struct stranger *stranger)
{
    const struct stranger_cost *most = &stranger->costs[0];
    for (size_t i = 1; i < STRANGER_COSTS_MAX; i++)
        if (stranger->costs[i].votes > most->votes)
            most = &stranger->costs[i];
    stranger->scheme = PASSWORD_PLAIN;
    if (most->votes == 0 || most->scheme == PASSWORD_PLAIN)
        return;
    struct span hash = most->example;
    size_t digest = hash.length;
    while (digest > 0 && hash.bytes[digest - 1] != '$')
        digest--;
    if (hash.length > 1 && hash.bytes[0] == '$' && hash.bytes[1] == '2')
        digest += 22; /* bcrypt's salt stands right before the digest */
    else if (digest == 0)
        digest = hash.length - 1; /* DES: salt in front, so take the other end */
    stranger->scheme = most->scheme;
    stranger->length = hash.length;
    memcpy(stranger->hash, hash.bytes, hash.length);
    if (digest < hash.length)
        stranger->hash[digest] = hash.bytes[digest] == 'A' ? 'B' : 'A';
}
