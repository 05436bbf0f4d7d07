/* delivery_limits: how much mail may come in for a user, by the configuration and by his own quota.
 *
 * The same for LMTP and for the administrator's command. Import has no quota: it brings what is
 * there already.
 */
#ifndef RINGPOST_CORE_DELIVERY_LIMITS_H
#define RINGPOST_CORE_DELIVERY_LIMITS_H

#include "core/account.h"
#include "core/config.h"
#include "storage/delivery.h"

/* `account` is from a table of users, so that its quota can be read. */
struct delivery_limits delivery_limits_of(const struct config *config,
                                          const struct account *account);

#endif
