/* link_socket: sockets of the generator, and the PROXY header that may come first on them.
 *
 * The inside of the room link. Connecting does not wait: what becomes of it shows when the socket
 * is read. Knows nothing of sessions.
 */
#ifndef RINGPOST_BENCH_LINK_SOCKET_H
#define RINGPOST_BENCH_LINK_SOCKET_H

#include "bench/load.h"

/* A socket on its way to the target, from one of the source addresses where there are some, with a
 * small receive buffer where it shall read slowly. -errno where it cannot even begin. */
int link_socket_connect(const struct load_settings *settings, struct random *random, bool is_slow);

/* Whether there is a connection: not before the peer has taken it. */
bool link_socket_is_connected(int file);

/* A PROXY header of haproxy's version 1 or 2, with a made-up client of 198.18.0.0/15 (RFC 2544).
 * Returns its length. */
#define LINK_PROXY_MAX 128
size_t link_socket_proxy(const struct load_settings *settings, struct random *random,
                         char out_header[LINK_PROXY_MAX]);

#endif
