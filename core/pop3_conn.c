/* pop3_conn: one connection, between the socket and the pure session. */
#include "core/pop3_conn.h"

#include "core/pop3_input.h"
#include "core/pop3_log.h"
#include "core/pop3_steps.h"
#include "core/pop3_tls.h"
#include "proto/must.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the peer gets to close his half after we have closed ours. */
#define LINGER_S 5

static void end_session(struct pop3_conn *conn, enum conn_end end, int half);
static void release(struct pop3_conn *conn);
static void became_writable(struct op *op, int result, uint32_t flags);

bool pop3_conn_begin(struct shard *shard, int socket, const union peer_address *peer,
                     enum config_tls_mode tls)
{
    struct pop3_conn *conn = slab_take(&shard->conns);
    if (conn == NULL)
        return false;
    memset(conn, 0, offsetof(struct pop3_conn, marks_inline));
    conn->shard = shard;
    conn->stream.socket = socket;
    conn->peer = *peer;
    conn->writable.done = became_writable;
    conn->is_local = address_is_local(&peer->any);
    conn->begun_s = shard->log.time_s;
    shard->conn_count++;
    conn->next = shard->all;
    if (shard->all != NULL)
        shard->all->previous = conn;
    shard->all = conn;
    line_init(&conn->line, conn->partial_line, LINE_COMMAND_MAX);
    wheel_add(&shard->wheel, &conn->timer,
              shard_now_s(shard) + shard->server->config.login_ms / 1000 + 1);
    pop3_input_init(conn);
    pop3_input_receive(conn);
    conn->ask.kind = POP3_ASK_TLS; /* until the greeting */
    if (tls != CONFIG_TLS_IMPLICIT && pop3_conn_need_plan(conn)) {
        bool offers_stls = tls == CONFIG_TLS_STARTTLS && shard->tls != NULL;
        pop3_steps_greet(conn, &shard->settings[conn->is_local][offers_stls]);
    } else if (tls == CONFIG_TLS_IMPLICIT && !pop3_tls_begin(conn)) {
        end_session(conn, CONN_END_NO_MEMORY, SHUT_RDWR);
    }
    pop3_steps_run(conn);
    pop3_conn_settle(conn);
    return true;
}

void pop3_conn_resume(struct pop3_conn *conn)
{
    if (conn->tls != NULL && !conn->shut)
        pop3_tls_resume(conn);
    pop3_steps_run(conn);
    pop3_conn_settle(conn);
}

void pop3_conn_answer(struct pop3_conn *conn, const struct pop3_answer *answer)
{
    if (!conn->shut && pop3_conn_need_plan(conn)) {
        pop3_steps_hand_over(conn, answer);
        pop3_steps_run(conn);
    }
    pop3_conn_settle(conn);
}

void pop3_conn_timeout(struct pop3_conn *conn)
{
    struct shard *shard = conn->shard;
    /* What a worker has begun is waited for; a peer that does not end his half is cut off. */
    wheel_add(&shard->wheel, &conn->timer, shard_now_s(shard) + LINGER_S);
    if (conn->task != NULL)
        return;
    if (conn->shut)
        (void)shutdown(conn->stream.socket, SHUT_RDWR);
    else
        end_session(conn, conn->logged_in ? CONN_END_IDLE_TIMEOUT : CONN_END_LOGIN_TIMEOUT,
                    SHUT_RDWR);
    pop3_conn_settle(conn);
}

void pop3_conn_stop(struct pop3_conn *conn, bool now)
{
    if ((now || !conn->logged_in) && !conn->shut)
        end_session(conn, CONN_END_SHUTDOWN, SHUT_RDWR);
    else if (now)
        (void)shutdown(conn->stream.socket, SHUT_RDWR);
    pop3_conn_settle(conn);
}

struct pop3_conn *pop3_conn_of_timer(struct wheel_entry *timer)
{
    return (struct pop3_conn *)((char *)timer - offsetof(struct pop3_conn, timer));
}

struct span pop3_conn_timestamp(const struct pop3_conn *conn, char text[POP3_TIMESTAMP_MAX])
{
    if (!conn->shard->settings_encrypted.apop)
        return (struct span){NULL, 0};
    int length = snprintf(text, POP3_TIMESTAMP_MAX, "<%" PRIx64 ".%" PRIx64 "@%s>", conn->begun_s,
                          conn->apop_random, conn->shard->server->host_name);
    return (struct span){text, (size_t)length};
}

/* The session is over: `half` says whether the peer may still read what he was sent. */
static void end_session(struct pop3_conn *conn, enum conn_end end, int half)
{
    must(!conn->shut);
    conn->shut = true;
    conn->end = end;
    pop3_log_logout(conn);
    if (conn->task == NULL)
        pop3_conn_close_mailbox(conn);
    if (conn->tls != NULL && half == SHUT_WR)
        pop3_tls_end(conn);
    (void)shutdown(conn->stream.socket, half);
    wheel_move(&conn->shard->wheel, &conn->timer, shard_now_s(conn->shard) + LINGER_S);
}

/* Ends every entry into this room: gives back what is not needed, and the connection itself when
 * nothing of it is in flight. */
void pop3_conn_settle(struct pop3_conn *conn)
{
    if (!conn->shut) {
        pop3_input_settle(conn);
        if (conn->plan != NULL && plan_is_empty(conn->plan)) {
            slab_give(&conn->shard->plans, conn->plan);
            conn->plan = NULL;
        }
        return;
    }
    if (!conn->receive.in_flight && !conn->writable.in_flight && conn->task == NULL &&
        !conn->is_ready && !conn->is_starved)
        release(conn);
}

void pop3_conn_end(struct pop3_conn *conn, enum conn_end end)
{
    end_session(conn, end, SHUT_RDWR);
}

void pop3_conn_finish(struct pop3_conn *conn, enum conn_end end)
{
    end_session(conn, end, SHUT_WR);
}

static void release(struct pop3_conn *conn)
{
    struct shard *shard = conn->shard;
    must(!conn->receive.in_flight && !conn->writable.in_flight && conn->task == NULL);
    pop3_conn_close_mailbox(conn);
    pop3_tls_fini(conn);
    close(conn->stream.socket);
    connection_limit_give(shard->server->connection_limit, &conn->peer.any);
    if (conn->plan != NULL)
        slab_give(&shard->plans, conn->plan);
    if (conn->long_line != NULL) {
        password_wipe(conn->long_line, LINE_SASL_MAX);
        slab_give(&shard->plans, conn->long_line);
    }
    password_wipe(conn->partial_line, sizeof conn->partial_line);
    pop3_input_fini(conn);
    if (conn->marks != conn->marks_inline)
        free(conn->marks);
    wheel_remove(&shard->wheel, &conn->timer);
    if (conn->previous != NULL)
        conn->previous->next = conn->next;
    else
        shard->all = conn->next;
    if (conn->next != NULL)
        conn->next->previous = conn->previous;
    shard->conn_count--;
    slab_give(&shard->conns, conn);
}

void pop3_conn_close_mailbox(struct pop3_conn *conn)
{
    if (!conn->mailbox_open)
        return;
    conn->mailbox_open = false;
    conn->mailbox.driver->close(&conn->mailbox, conn->shard->server->disk);
}

/* Has a plan to say things in; where there is no memory for one, the connection ends. */
bool pop3_conn_need_plan(struct pop3_conn *conn)
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

static void became_writable(struct op *op, int result, uint32_t flags)
{
    (void)result; /* an error shows at the next send */
    (void)flags;
    struct pop3_conn *conn =
        (struct pop3_conn *)((char *)op - offsetof(struct pop3_conn, writable));
    /* A slow but moving download is activity; one that does not move never gets here. */
    if (!conn->shut)
        pop3_input_moved(conn);
    pop3_conn_resume(conn);
}
