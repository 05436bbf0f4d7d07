/* account_quota: how much mail a user may have, from the last field of his line in the passwd-file.
 *
 * As Dovecot writes it: userdb_quota_rule=*:bytes=1G:messages=1000, among other words that are not
 * looked at. Only the rule for all folders (*) counts: a maildrop has no others. Owns nothing.
 */
#ifndef RINGPOST_CORE_ACCOUNT_QUOTA_H
#define RINGPOST_CORE_ACCOUNT_QUOTA_H

#include "proto/span.h"

struct account_quota {
    uint64_t octets;   /* 0: no limit */
    uint32_t messages; /* 0: no limit of his own */
};

/* Changes in `quota` what `extra` says. NULL, or what is wrong with it, and then `quota` may have
 * been changed in part. Units are B, K, M, G and T; `storage` counts in K without one, as Dovecot
 * does. */
const char *account_quota_take(struct span extra, struct account_quota *quota);

#endif
