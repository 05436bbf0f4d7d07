/* account_stranger: what an unknown user's password is checked against.
 *
 * It has to take as long as a wrong password of somebody who is there. So while the table is made,
 * each user votes for what his check costs, and the stranger gets the commonest cost. Whoever owns
 * the stranger wipes it.
 */
#ifndef RINGPOST_CORE_ACCOUNT_STRANGER_H
#define RINGPOST_CORE_ACCOUNT_STRANGER_H

#include "core/account.h"

/* Costs of checking that are told apart when the commonest is looked for. */
#define STRANGER_COSTS_MAX 8

/* One kind of cost: the scheme, and the begin of the hash up to where its salt starts. */
struct stranger_cost {
    enum password_scheme scheme;
    struct span settings;
    struct span example; /* a whole hash */
    uint64_t votes;
};

struct stranger {
    struct stranger_cost costs[STRANGER_COSTS_MAX]; /* all zero before the first vote */
    enum password_scheme scheme;
    size_t length;
    char hash[PASSWORD_HASH_BYTES];
};

/* Counts a user's vote for what he costs; a locked one has none. The account's spans must live
 * until stranger_choose. */
void stranger_vote(struct stranger *stranger, const struct account *account);

/* Makes scheme and hash from the votes. */
void stranger_choose(struct stranger *stranger);

#endif
