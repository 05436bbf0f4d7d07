/* link_tls: what a link and its TLS say to each other.
 *
 * The inside of the room link. Ciphertext gathers in the thread's buffer and is sent from there; a
 * message behind the commands is encrypted only as the socket takes it. Counts handshakes.
 */
#ifndef RINGPOST_BENCH_LINK_TLS_H
#define RINGPOST_BENCH_LINK_TLS_H

#include "bench/link.h"

/* Begins the handshake and sends its first message; false where there is no memory. */
bool link_tls_begin(struct link *link);

/* Takes ciphertext in, and goes on with the handshake where it is under way: whether TLS has been
 * opened by it. What it holds is read with tls_client_read before anything else is done. */
bool link_tls_take(struct link *link, struct span bytes);

/* Sends what TLS has put into the thread's buffer. */
void link_tls_transmit(struct link *link);

/* Encrypts and sends commands, then begins with the message behind them. Only where nothing is
 * kept (link_send_is_behind). */
void link_tls_say(struct link *link, const char *bytes, size_t count, struct span tail);

/* Goes on with that message, as far as the socket takes it just now. */
void link_tls_say_rest(struct link *link);

#endif
