/* listener: a listening socket of one shard, and who is let in. */
#include "core/listener.h"

#include "core/lmtp_conn.h"
#include "core/pop3_conn.h"
#include "proto/must.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ACCEPT_BACKLOG 4096

/* An address in use is tried again for a second. */
#define BIND_TRIES_MAX 10
#define BIND_TRY_NS    100000000

static void accepted(struct op *op, int result, uint32_t flags);
static void shut(struct listener *listener);
static void admit(struct listener *listener, int socket);
static void refuse(struct listener *listener, int socket);
static int bound_socket(const struct config_listener *listener, bool shared);
static bool free_unix_path(const struct sockaddr_un *address);

bool listener_sockets(const struct config *config, const struct config_listener *listener,
                      int *out_sockets, uint32_t count, char *out_error, size_t error_bytes)
{
    const struct sockaddr *address = (const struct sockaddr *)&listener->socket_address;
    bool is_unix = address->sa_family == AF_UNIX;
    errno = EADDRINUSE;
    bool good = !is_unix || free_unix_path((const struct sockaddr_un *)address);
    if (good && !is_unix) {
        int alone = bound_socket(listener, false);
        /* The kernel lets go of a killed server's sockets a moment after its end. */
        for (int tries = 0; alone < 0 && errno == EADDRINUSE && tries < BIND_TRIES_MAX; tries++) {
            nanosleep(&(struct timespec){.tv_nsec = BIND_TRY_NS}, NULL);
            alone = bound_socket(listener, false);
        }
        good = alone >= 0;
        if (good)
            close(alone);
    }
    uint32_t made = 0;
    for (; good && made < count; made++) {
        out_sockets[made] =
            is_unix && made > 0 ? dup(out_sockets[0]) : bound_socket(listener, true);
        good = out_sockets[made] >= 0;
    }
    if (good)
        return true;
    snprintf(out_error, error_bytes, "%s:%d: cannot listen on %s: %s%s", config->path,
             listener->line, listener->address, strerror(errno),
             errno == EADDRINUSE ? "; stop the other program, or choose another address" : "");
    for (uint32_t i = 0; i < made; i++)
        if (out_sockets[i] >= 0)
            close(out_sockets[i]);
    return false;
}

void listener_forget_path(const struct config_listener *listener)
{
    (void)unlink(((const struct sockaddr_un *)&listener->socket_address)->sun_path);
}

void listener_start(struct listener *listener, struct shard *shard, int socket,
                    const struct config_listener *config)
{
    *listener = (struct listener){
        .accept = {.done = accepted},
        .shard = shard,
        .socket = socket,
        .protocol = listener_protocol(config->protocol),
        .tls = config->tls,
    };
    ring_accept_multishot(&shard->ring, &listener->accept, socket);
}

const struct conn_protocol *listener_protocol(enum config_protocol protocol)
{
    switch (protocol) {
    case CONFIG_PROTOCOL_POP3:
        return &pop3_protocol;
    case CONFIG_PROTOCOL_LMTP:
        return &lmtp_protocol;
    }
    must(false);
}

void listener_retry(struct listener *listener)
{
    if (!listener->paused || listener->shard->stopping)
        return;
    listener->paused = false;
    ring_accept_multishot(&listener->shard->ring, &listener->accept, listener->socket);
}

void listener_stop(struct listener *listener)
{
    listener->paused = false;
    if (listener->accept.in_flight)
        ring_cancel(&listener->shard->ring, &listener->accept);
    else
        shut(listener);
}

bool listener_is_idle(const struct listener *listener)
{
    return listener->socket < 0;
}

static void accepted(struct op *op, int result, uint32_t flags)
{
    struct listener *listener = (struct listener *)((char *)op - offsetof(struct listener, accept));
    struct shard *shard = listener->shard;
    (void)flags;
    if (result >= 0)
        admit(listener, result);
    if (op->in_flight)
        return;
    if (shard->stopping) {
        shut(listener);
        return;
    }
    /* These pass by themselves: a peer that has gone already, a full ring. Any other, want of
     * descriptors above all, must not make the loop spin. */
    if (result < 0 && result != -ECONNABORTED && result != -EINTR && result != -EAGAIN) {
        listener->paused = true;
        shard_need_tick(shard);
        log_begin(&shard->log, "accept-paused");
        log_text(&shard->log, "reason", span_of(strerror(-result)));
        log_end(&shard->log);
        return;
    }
    ring_accept_multishot(&shard->ring, &listener->accept, listener->socket);
}

static void shut(struct listener *listener)
{
    if (listener->socket >= 0)
        close(listener->socket);
    listener->socket = -1;
}

static void admit(struct listener *listener, int socket)
{
    struct shard *shard = listener->shard;
    union peer_address peer;
    socklen_t bytes = sizeof peer;
    memset(&peer, 0, sizeof peer);
    /* The peer may be gone already; then the first receive will say so. */
    if (getpeername(socket, &peer.any, &bytes) != 0 || bytes < sizeof peer.any.sa_family)
        peer.any.sa_family = AF_UNIX;
    shard->counters.connections++;
    if (shard->stopping || !connection_limit_take(shard->server->connection_limit, &peer.any)) {
        refuse(listener, socket);
        return;
    }
    shard_need_tick(shard);
    if (conn_begin(shard, listener->protocol, socket, &peer, listener->tls))
        return;
    connection_limit_give(shard->server->connection_limit, &peer.any);
    refuse(listener, socket);
}

/* A listening socket, or -1 with errno. */
static int bound_socket(const struct config_listener *listener, bool shared)
{
    const struct sockaddr *address = (const struct sockaddr *)&listener->socket_address;
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    const int on = 1;
    if (address->sa_family != AF_UNIX) {
        (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (shared)
            (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
        /* Inherited by what is accepted: no answer waits for another one's acknowledgement. */
        (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (address->sa_family == AF_INET6)
        (void)setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(descriptor, address, listener->socket_address_bytes) == 0 &&
        (address->sa_family != AF_UNIX ||
         chmod(((const struct sockaddr_un *)address)->sun_path, listener->mode) == 0) &&
        listen(descriptor, ACCEPT_BACKLOG) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

static void refuse(struct listener *listener, int socket)
{
    struct span words = listener->protocol->refusal;
    listener->shard->counters.refused_connections++;
    /* Words in the clear would only confuse a client that begins with TLS. */
    if (listener->tls != CONFIG_TLS_IMPLICIT)
        (void)send(socket, words.bytes, words.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(socket);
}

/* A socket file that nobody listens on is what a server left behind; it is taken away. One that
 * answers belongs to another server. */
static bool free_unix_path(const struct sockaddr_un *address)
{
    struct stat facts;
    if (lstat(address->sun_path, &facts) != 0)
        return true;
    if (!S_ISSOCK(facts.st_mode))
        return false;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers = connect(probe, (const struct sockaddr *)address, sizeof *address) == 0;
    close(probe);
    return !answers && unlink(address->sun_path) == 0;
}
