/* address_limit: how many connections each address has, over all shards.
 *
 * The one thing that shards write together, because a limit that counted in each shard alone would
 * refuse the third connection of a household by chance. It is two rows of counters without a lock
 * (a count-min sketch under a secret key): a count is never too low, and too high only where an
 * address meets another one in both rows. IPv6 counts by /64, the least that a household has.
 */
#ifndef RINGPOST_CORE_ADDRESS_LIMIT_H
#define RINGPOST_CORE_ADDRESS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address_limit;

/* `connections_max` sizes the table; NULL where there is no memory. */
struct address_limit *address_limit_make(uint32_t connections_max, uint32_t per_address_max);
void address_limit_free(struct address_limit **limit);

/* Counts one more connection; false, and not counted, where the address has its share. Each true is
 * matched by one address_limit_give with the same address. From any thread. */
bool address_limit_take(struct address_limit *limit, const struct sockaddr *address);
void address_limit_give(struct address_limit *limit, const struct sockaddr *address);

/* Whether the peer is on this machine: a loopback address or a unix socket. Such peers are not
 * counted (a proxy in front of us would be), and are `local` for plaintext-login. */
bool address_is_local(const struct sockaddr *address);

/* "192.0.2.1:1234", "[2001:db8::1]:1234" or "unix" into out_text. */
#define ADDRESS_TEXT_BYTES 64
void address_to_text(const struct sockaddr *address, char out_text[ADDRESS_TEXT_BYTES]);

#endif
