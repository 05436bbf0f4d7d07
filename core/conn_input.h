/* conn_input: what a peer has sent and the session has not yet read.
 *
 * Bytes go to the session straight from the receive buffer. Only while a session is parked are they
 * kept, in a block of its own, and the receive buffer goes back to the kernel at once. When the
 * block holds pipelined-bytes, receiving stops and the rest stays in the kernel's socket buffer,
 * which makes the peer wait.
 */
#ifndef RINGPOST_CORE_CONN_INPUT_H
#define RINGPOST_CORE_CONN_INPUT_H

#include "core/conn.h"

/* Bytes of one block: the limit, and what the kernel can hand over in the turn that reaches it.
 */
size_t conn_input_block_bytes(const struct config *config);

void conn_input_init(struct conn *conn);

/* Starts to receive. */
void conn_input_receive(struct conn *conn);

/* Hands plaintext in as far as the session goes, and keeps the rest. */
void conn_input_take(struct conn *conn, char *bytes, size_t count);

/* Something moved: the idle deadline of a peer who is known begins anew. */
void conn_input_moved(struct conn *conn);

/* Gives the block back when it has been read, and receives again when there is room. */
void conn_input_settle(struct conn *conn);

/* Gives the block back whatever is in it, at the connection's end. */
void conn_input_fini(struct conn *conn);

/* Receives again for all connections that had to stop because no buffer was free. */
void conn_input_feed_starved(struct shard *shard);

#endif
