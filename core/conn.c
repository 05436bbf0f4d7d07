/* conn: one connection, whatever protocol it speaks. */
#include "core/conn.h"

#include "core/conn_input.h"
#include "core/conn_tls.h"
#include "core/password.h"
#include "proto/must.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the peer gets to close his half after we have closed ours. */
#define LINGER_S 5

static void end_session(struct conn *conn, enum conn_end end, int half);
static void release(struct conn *conn);
static void became_writable(struct op *op, int result, uint32_t flags);

bool conn_begin(struct shard *shard, const struct conn_protocol *protocol, int socket,
                const union peer_address *peer, enum config_tls_mode tls)
{
    struct conn *conn = slab_take(&shard->conns[protocol->name]);
    if (conn == NULL)
        return false;
    *conn = (struct conn){
        .shard = shard,
        .protocol = protocol,
        .writable = {.done = became_writable},
        .next = shard->all,
        .is_local = address_is_local(&peer->any),
        .offers_tls = tls == CONFIG_TLS_STARTTLS && shard->tls != NULL,
        .stream = {.socket = socket},
        .begun_s = shard->log.time_s,
        .peer = *peer,
    };
    protocol->begin(conn);
    shard->conn_count++;
    if (shard->all != NULL)
        shard->all->previous = conn;
    shard->all = conn;
    wheel_add(&shard->wheel, &conn->timer,
              shard_now_s(shard) + shard->server->config.login_ms / 1000 + 1);
    conn_input_init(conn);
    conn_input_receive(conn);
    if (tls == CONFIG_TLS_IMPLICIT && !conn_tls_begin(conn))
        end_session(conn, CONN_END_NO_MEMORY, SHUT_RDWR);
    protocol->run(conn);
    conn_settle(conn);
    return true;
}

void conn_resume(struct conn *conn)
{
    if (conn->tls != NULL && !conn->shut)
        conn_tls_resume(conn);
    conn->protocol->run(conn);
    conn_settle(conn);
}

void conn_timeout(struct conn *conn)
{
    struct shard *shard = conn->shard;
    /* What a worker has begun is waited for; a peer that does not end his half is cut off. */
    wheel_add(&shard->wheel, &conn->timer, shard_now_s(shard) + LINGER_S);
    if (conn->pending > 0)
        return;
    if (conn->shut)
        (void)shutdown(conn->stream.socket, SHUT_RDWR);
    else
        end_session(conn, conn->is_known ? CONN_END_IDLE_TIMEOUT : CONN_END_LOGIN_TIMEOUT,
                    SHUT_RDWR);
    conn_settle(conn);
}

void conn_stop(struct conn *conn, bool now)
{
    if (!conn->shut && (now || !conn->protocol->may_stay(conn)))
        end_session(conn, CONN_END_SHUTDOWN, SHUT_RDWR);
    else if (now)
        (void)shutdown(conn->stream.socket, SHUT_RDWR);
    else if (!conn->shut)
        shard_make_ready(conn->shard, conn);
    conn_settle(conn);
}

struct conn *conn_of_timer(struct wheel_entry *timer)
{
    return (struct conn *)((char *)timer - offsetof(struct conn, timer));
}

/* The session is over: `half` says whether the peer may still read what he was sent. */
static void end_session(struct conn *conn, enum conn_end end, int half)
{
    must(!conn->shut);
    conn->shut = true;
    conn->end = end;
    conn->protocol->ended(conn);
    if (conn->tls != NULL && half == SHUT_WR)
        conn_tls_end(conn);
    (void)shutdown(conn->stream.socket, half);
    wheel_move(&conn->shard->wheel, &conn->timer, shard_now_s(conn->shard) + LINGER_S);
}

/* Ends every entry into this room: gives back what is not needed, and the connection itself when
 * nothing of it is in flight. */
void conn_settle(struct conn *conn)
{
    if (!conn->shut) {
        conn_input_settle(conn);
        if (conn->plan != NULL && plan_is_empty(conn->plan)) {
            slab_give(&conn->shard->plans, conn->plan);
            conn->plan = NULL;
        }
        return;
    }
    if (!conn->receive.in_flight && !conn->writable.in_flight && conn->pending == 0 &&
        !conn->is_ready && !conn->is_starved)
        release(conn);
}

void conn_end(struct conn *conn, enum conn_end end)
{
    end_session(conn, end, SHUT_RDWR);
}

void conn_finish(struct conn *conn, enum conn_end end)
{
    end_session(conn, end, SHUT_WR);
}

static void release(struct conn *conn)
{
    struct shard *shard = conn->shard;
    must(!conn->receive.in_flight && !conn->writable.in_flight && conn->pending == 0);
    conn->protocol->release(conn);
    conn_tls_fini(conn);
    close(conn->stream.socket);
    connection_limit_give(shard->server->connection_limit, &conn->peer.any);
    if (conn->plan != NULL)
        slab_give(&shard->plans, conn->plan);
    conn_input_fini(conn);
    wheel_remove(&shard->wheel, &conn->timer);
    if (conn->previous != NULL)
        conn->previous->next = conn->next;
    else
        shard->all = conn->next;
    if (conn->next != NULL)
        conn->next->previous = conn->previous;
    shard->conn_count--;
    slab_give(&shard->conns[conn->protocol->name], conn);
}

/* Has a plan to say things in; where there is no memory for one, the connection ends. */
bool conn_need_plan(struct conn *conn)
{
    if (conn->plan != NULL)
        return true;
    conn->plan = slab_take(&conn->shard->plans);
    if (conn->plan == NULL) {
        end_session(conn, CONN_END_NO_MEMORY, SHUT_RDWR);
        return false;
    }
    plan_init(conn->plan);
    send_begin(&conn->stream);
    return true;
}

enum send_result conn_flush(struct conn *conn, uint32_t piece_end)
{
    struct shard *shard = conn->shard;
    struct plan *plan = conn->plan;
    if (conn->writable.in_flight)
        return SEND_FULL;
    enum send_result result =
        conn->tls != NULL ? conn_tls_send(conn, piece_end)
                          : send_plan(&conn->stream, plan, piece_end, piece_end < plan->piece_count,
                                      &shard->access, shard->now_ms, &shard->sent);
    switch (result) {
    case SEND_DONE:
        if (conn->stream.piece == plan->piece_count) {
            plan_init(plan);
            send_begin(&conn->stream);
        }
        break;
    case SEND_FULL:
        conn_input_moved(conn);
        if (!conn->writable.in_flight)
            ring_poll_writable(&shard->ring, &conn->writable, conn->stream.socket);
        break;
    case SEND_COLD:
        break;
    case SEND_YIELD:
        shard_put_off_sending(shard, conn);
        break;
    case SEND_BROKEN:
        conn_end(conn, CONN_END_DISCONNECTED);
        break;
    case SEND_DAMAGED:
        conn_end(conn, CONN_END_STORAGE_FAULT);
        break;
    }
    return result;
}

bool conn_is_parked(const struct conn *conn)
{
    return conn->shut || conn->pending > 0 || conn->writable.in_flight || conn->is_ready ||
           conn_tls_is_shaking(conn);
}

static void became_writable(struct op *op, int result, uint32_t flags)
{
    (void)result; /* an error shows at the next send */
    (void)flags;
    struct conn *conn = (struct conn *)((char *)op - offsetof(struct conn, writable));
    /* A slow but moving download is activity; one that does not move never gets here. */
    if (!conn->shut)
        conn_input_moved(conn);
    conn_resume(conn);
}
