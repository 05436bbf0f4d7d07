/* connection_limit: how many connections there are, in all and of each address, over all shards.
 *
 * The one thing that shards write together, because a limit that counted in each shard alone would
 * refuse the third connection of a household by chance. Addresses count in a table of counters
 * without locks, at a place chosen by a keyed hash: where two addresses meet, they share their
 * share. IPv6 counts by /64, the least that a household has. Peers on this machine count only in
 * all: a proxy in front of us is one of them.
 */
#ifndef RINGPOST_CORE_CONNECTION_LIMIT_H
#define RINGPOST_CORE_CONNECTION_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct connection_limit;

/* NULL where there is no memory. */
struct connection_limit *connection_limit_make(uint32_t connections_max, uint32_t per_address_max);
void connection_limit_free(struct connection_limit **limit);

/* Counts one more connection; false, and not counted, where there are connections_max, or where the
 * address has its share. Each true is matched by one connection_limit_give with the same address.
 * From any thread. */
bool connection_limit_take(struct connection_limit *limit, const struct sockaddr *address);
void connection_limit_give(struct connection_limit *limit, const struct sockaddr *address);

/* Whether the peer is on this machine: a loopback address or a unix socket. Such a peer is `local`
 * for plaintext-login. */
bool address_is_local(const struct sockaddr *address);

/* "192.0.2.1:1234", "[2001:db8::1]:1234" or "unix" into out_text. */
#define ADDRESS_TEXT_BYTES 64
void address_to_text(const struct sockaddr *address, char out_text[ADDRESS_TEXT_BYTES]);

#endif
