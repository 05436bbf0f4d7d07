/* conn_input: what a peer has sent and the session has not yet read. */
#include "core/conn_input.h"

#include "core/conn_tls.h"
#include "proto/must.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

/* Unanswered input of a peer who has not logged in: a line of a SASL exchange and some commands. */
#define STRANGER_BYTES_MAX 32768

static void received(struct op *op, int result, uint32_t flags);
static void starve(struct conn *conn);
static bool keep(struct conn *conn, const char *bytes, size_t count);

size_t conn_input_block_bytes(const struct config *config)
{
    return config->pipelined_bytes_max + BUFFERS_BURST_BYTES;
}

void conn_input_init(struct conn *conn)
{
    conn->receive.done = received;
}

void conn_input_receive(struct conn *conn)
{
    struct ring *ring = &conn->shard->ring;
    /* A receive that is started in non-blocking mode would fail instead of waiting; once it waits,
     * the mode may change (io_uring takes it over when the request is issued). */
    bool was_nonblocking = conn->stream.nonblocking;
    if (was_nonblocking) {
        (void)ioctl(conn->stream.socket, FIONBIO, &(int){0});
        conn->stream.nonblocking = false;
    }
    ring_receive_multishot(ring, &conn->receive, conn->stream.socket, BUFFERS_GROUP);
    if (was_nonblocking)
        ring_submit(ring);
}

void conn_input_moved(struct conn *conn)
{
    if (conn->is_known)
        wheel_move(&conn->shard->wheel, &conn->timer, shard_now_s(conn->shard) + conn->idle_s + 1);
}

void conn_input_settle(struct conn *conn)
{
    struct shard *shard = conn->shard;
    uint32_t limit = shard->server->config.pipelined_bytes_max;
    if (conn->input.length == 0)
        conn_input_fini(conn);
    if (conn->receive.in_flight) {
        if (conn->input.length >= limit && !conn->receive_stops) {
            conn->receive_stops = true;
            ring_cancel(&shard->ring, &conn->receive);
        }
    } else if (!conn->peer_closed && !conn->is_starved && conn->input.length <= limit / 2) {
        conn->receive_stops = false;
        conn_input_receive(conn);
    }
}

void conn_input_fini(struct conn *conn)
{
    if (conn->backlog == NULL)
        return;
    struct shard *shard = conn->shard;
    uint32_t limit = shard->server->config.pipelined_bytes_max;
    if (!conn->is_known)
        password_wipe(conn->backlog, conn->backlog_used);
    /* A rare burst must not be held in memory for ever. */
    if (conn->backlog_used > limit)
        slab_give_memory(&shard->backlogs, conn->backlog);
    else
        slab_give(&shard->backlogs, conn->backlog);
    conn->backlog = NULL;
    conn->backlog_used = 0;
}

void conn_input_feed_starved(struct shard *shard)
{
    while (shard->starved != NULL) {
        struct conn *conn = shard->starved;
        shard->starved = conn->next_starved;
        conn->is_starved = false;
        conn_settle(conn); /* receives again, or lets go of it */
    }
}

static void received(struct op *op, int result, uint32_t flags)
{
    struct conn *conn = (struct conn *)((char *)op - offsetof(struct conn, receive));
    struct shard *shard = conn->shard;
    if (result > 0) {
        char *bytes = buffers_bytes(&shard->buffers, flags);
        bool was_known = conn->is_known;
        if (conn->shut)
            conn->input = (struct span){NULL, 0};
        else if (conn->tls != NULL)
            conn_tls_received(conn, bytes, (size_t)result);
        else
            conn_input_take(conn, bytes, (size_t)result);
        if (!was_known)
            password_wipe(bytes, (size_t)result);
        buffers_give(&shard->buffers, flags);
    } else if (result == -ENOBUFS) {
        starve(conn);
    } else if (result != -ECANCELED && result != -EINTR && result != -EAGAIN) {
        conn->peer_closed = true;
        if (!conn->shut && conn_tls_is_shaking(conn))
            conn_end(conn, CONN_END_DISCONNECTED);
        else
            conn->protocol->run(conn);
    }
    conn_settle(conn);
}

void conn_input_take(struct conn *conn, char *bytes, size_t count)
{
    conn_input_moved(conn);
    if (conn->backlog == NULL) {
        conn->input = (struct span){bytes, count};
        conn->protocol->run(conn);
        bytes += count - conn->input.length;
        count = conn->input.length;
        conn->input = (struct span){NULL, 0};
    }
    if (count > 0 && !conn->shut && !keep(conn, bytes, count))
        conn_end(conn, CONN_END_FLOOD);
}

static bool keep(struct conn *conn, const char *bytes, size_t count)
{
    struct shard *shard = conn->shard;
    if (conn->backlog == NULL) {
        conn->backlog = slab_take(&shard->backlogs);
        if (conn->backlog == NULL)
            return false;
        conn->input = (struct span){conn->backlog, 0};
    }
    size_t begun = (size_t)(conn->input.bytes - conn->backlog);
    size_t room =
        conn->is_known ? conn_input_block_bytes(&shard->server->config) : STRANGER_BYTES_MAX;
    if (conn->input.length + count > room)
        return false;
    if (begun + conn->input.length + count > room) {
        memmove(conn->backlog, conn->input.bytes, conn->input.length);
        begun = 0;
        conn->input.bytes = conn->backlog;
    }
    memcpy(conn->backlog + begun + conn->input.length, bytes, count);
    conn->input.length += count;
    if (conn->backlog_used < begun + conn->input.length)
        conn->backlog_used = begun + conn->input.length;
    return true;
}

static void starve(struct conn *conn)
{
    struct shard *shard = conn->shard;
    if (conn->shut)
        return;
    must(!conn->is_starved);
    conn->is_starved = true;
    conn->next_starved = shard->starved;
    shard->starved = conn;
}
