/* listener: a listening socket of one shard, and who is let in.
 *
 * Every shard has a socket of its own for each TCP address (SO_REUSEPORT), and the kernel spreads
 * connections over them; a unix socket has one that all shards accept from. Limits refuse with one
 * line; a system without file descriptors makes us pause, not spin.
 */
#ifndef RINGPOST_CORE_LISTENER_H
#define RINGPOST_CORE_LISTENER_H

#include "core/conn.h"

struct listener {
    struct op accept;
    struct shard *shard;
    int socket;
    const struct conn_protocol *protocol;
    enum config_tls_mode tls;
    bool paused; /* no file descriptors were left; tried again with the next tick */
};

/* Makes `count` listening sockets for an address of the configuration, one for each shard; a unix
 * socket is one, and the same for all. The first of them is bound alone before the others may join
 * it, so that a second server on the same port is noticed. False with a sentence that names file
 * and line; nothing stays open then. */
bool listener_sockets(const struct config *config, const struct config_listener *listener,
                      int *out_sockets, uint32_t count, char *out_error, size_t error_bytes);

/* Takes the file of a unix socket away, at the end. */
void listener_forget_path(const struct config_listener *listener);

/* Begins to accept; takes the socket over. `config` is borrowed during the call. */
void listener_start(struct listener *listener, struct shard *shard, int socket,
                    const struct config_listener *config);

/* How a protocol is spoken. */
const struct conn_protocol *listener_protocol(enum config_protocol protocol);

/* Starts again after a pause. */
void listener_retry(struct listener *listener);

/* Stops to accept. The socket is closed as soon as the kernel has let go of it, so that nobody is
 * kept waiting by it; listener_is_idle says when. */
void listener_stop(struct listener *listener);
bool listener_is_idle(const struct listener *listener);

#endif
