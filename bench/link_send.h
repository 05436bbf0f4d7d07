/* link_send: what a client says goes to the socket, at once or when there is room.
 *
 * The inside of the room link. Commands are copied where the socket does not take them; a message
 * behind them is borrowed for as long as the run, so it is not. Errors of the socket show on its
 * receiving side and are no matter here.
 */
#ifndef RINGPOST_BENCH_LINK_SEND_H
#define RINGPOST_BENCH_LINK_SEND_H

#include "bench/link.h"

/* Sends, and keeps what the socket does not take. A `tail` only where none is kept. */
void link_send(struct link *link, const char *bytes, size_t count, struct span tail);

/* Whether something is kept: nothing new may be said before it has gone. */
bool link_send_is_behind(const struct link *link);

/* The socket has room again: sends what was kept; whether all of it has gone. */
bool link_send_rest(struct link *link);

#endif
