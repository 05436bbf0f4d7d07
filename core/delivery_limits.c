/* delivery_limits: how much mail may come in for a user. */
#include "core/delivery_limits.h"

#include "core/account_quota.h"

struct delivery_limits delivery_limits_of(const struct config *config,
                                          const struct account *account)
{
    struct account_quota quota = {config->quota_octets, config->quota_messages};
    (void)account_quota_take(account->extra, &quota);
    bool is_less = quota.messages > 0 && quota.messages < config->messages_max;
    return (struct delivery_limits){
        .message_octets_max = config->message_bytes_max,
        .octets_max = quota.octets,
        .messages_max = is_less ? quota.messages : config->messages_max,
    };
}
