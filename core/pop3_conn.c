/* pop3_conn: one connection, between the socket and the pure session. */
#include "core/pop3_conn.h"

#include "core/pop3_input.h"
#include "core/pop3_log.h"
#include "core/pop3_request.h"
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

/* Lines and answers of one session in a turn; then the others have theirs. */
#define TURN_STEPS_MAX 64

static void greet(struct pop3_conn *conn, const struct pop3_settings *settings);
static bool step(struct pop3_conn *conn);
static bool step_line(struct pop3_conn *conn);
static bool step_tls(struct pop3_conn *conn);
static bool step_close(struct pop3_conn *conn);
static void hand_over(struct pop3_conn *conn, const struct pop3_answer *answer);
static bool flush(struct pop3_conn *conn, uint32_t piece_end);
static void end_session(struct pop3_conn *conn, enum conn_end end, int half);
static void release(struct pop3_conn *conn);
static void close_mailbox(struct pop3_conn *conn);
static bool is_parked(const struct pop3_conn *conn);
static bool has_room(const struct pop3_conn *conn);
static bool need_plan(struct pop3_conn *conn);
static void lend_long_line(struct pop3_conn *conn);
static void became_writable(struct op *op, int result, uint32_t flags);
static enum conn_end end_of(const struct pop3_conn *conn);

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
    if (tls != CONFIG_TLS_IMPLICIT && need_plan(conn)) {
        bool offers_stls = tls == CONFIG_TLS_STARTTLS && shard->tls != NULL;
        greet(conn, &shard->settings[conn->is_local][offers_stls]);
    } else if (tls == CONFIG_TLS_IMPLICIT && !pop3_tls_begin(conn)) {
        end_session(conn, CONN_END_NO_MEMORY, SHUT_RDWR);
    }
    pop3_conn_run(conn);
    pop3_conn_settle(conn);
    return true;
}

static void greet(struct pop3_conn *conn, const struct pop3_settings *settings)
{
    char timestamp[POP3_TIMESTAMP_MAX];
    if (settings->apop)
        (void)!getrandom(&conn->apop_random, sizeof conn->apop_random, 0);
    conn->greeted = true;
    conn->ask =
        pop3_begin(&conn->session, settings, pop3_conn_timestamp(conn, timestamp), conn->plan);
}

void pop3_conn_resume(struct pop3_conn *conn)
{
    if (conn->tls != NULL && !conn->shut)
        pop3_tls_resume(conn);
    pop3_conn_run(conn);
    pop3_conn_settle(conn);
}

void pop3_conn_answer(struct pop3_conn *conn, const struct pop3_answer *answer)
{
    if (!conn->shut && need_plan(conn)) {
        hand_over(conn, answer);
        pop3_conn_run(conn);
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

/* As far as it goes: until there is no line, or a task or the socket has to be waited for. One
 * connection gets a bounded share of a turn. */
void pop3_conn_run(struct pop3_conn *conn)
{
    struct shard *shard = conn->shard;
    uint64_t sent_before = shard->sent.bytes;
    for (uint32_t steps = 0; !is_parked(conn); steps++) {
        bool is_enough =
            steps >= TURN_STEPS_MAX || shard->sent.bytes - sent_before >= SEND_TURN_BYTES;
        /* A password that is to be checked lies in the input, which does not stay. */
        if (is_enough && conn->ask.kind != POP3_ASK_AUTH) {
            shard_make_ready(shard, conn);
            return;
        }
        if (!need_plan(conn) || !step(conn))
            return;
    }
}

/* One step of the session; false where there is nothing more to do for now. */
static bool step(struct pop3_conn *conn)
{
    struct pop3_answer answer = {.kind = conn->ask.kind};
    switch (conn->ask.kind) {
    case POP3_ASK_LINE:
        return step_line(conn);
    case POP3_ASK_ROOM:
        if (!flush(conn, conn->plan->piece_count))
            return false;
        hand_over(conn, &answer);
        return true;
    case POP3_ASK_COMMIT:
        /* Messages that are still to be sent must have left before their space is given back. */
        if (!flush(conn, conn->plan->piece_count))
            return false;
        /* fall through */
    case POP3_ASK_AUTH:
    case POP3_ASK_OPEN:
    case POP3_ASK_FACTS:
    case POP3_ASK_BODY:
    case POP3_ASK_TOP:
        if (pop3_request(conn, &answer) == POP3_REQUEST_ANSWERED) {
            hand_over(conn, &answer);
            return true;
        }
        /* What has been said already need not wait for the worker. */
        (void)flush(conn, conn->plan->piece_count);
        return false;
    case POP3_ASK_TLS:
        return step_tls(conn);
    case POP3_ASK_CLOSE:
        return step_close(conn);
    }
    must(false);
}

/* Begins TLS when the answer to STLS has left, and tells the session when it is there. Every byte
 * that came before belongs to nobody (RFC 2595 section 4). */
static bool step_tls(struct pop3_conn *conn)
{
    if (!flush(conn, conn->plan->piece_count))
        return false;
    if (!conn->greeted) {
        greet(conn, pop3_tls_settings(conn));
        return true;
    }
    if (conn->tls == NULL) {
        conn->input.length = 0;
        line_reset(&conn->line);
        if (!pop3_tls_begin(conn))
            end_session(conn, CONN_END_NO_MEMORY, SHUT_RDWR);
        return false;
    }
    hand_over(conn, &(struct pop3_answer){.kind = POP3_ASK_TLS, .tls = {pop3_tls_settings(conn)}});
    return true;
}

static bool step_line(struct pop3_conn *conn)
{
    if (!has_room(conn))
        return flush(conn, conn->plan->piece_count);
    lend_long_line(conn);
    struct span line;
    switch (line_take(&conn->line, &conn->input, &line)) {
    case LINE_DONE:
        conn->ask = pop3_line(&conn->session, line, conn->plan);
        return true;
    case LINE_TOO_LONG:
        conn->ask = pop3_line_too_long(&conn->session, conn->plan);
        return true;
    case LINE_MORE:
        if (flush(conn, conn->plan->piece_count) && conn->peer_closed)
            end_session(conn, CONN_END_DISCONNECTED, SHUT_RDWR);
        return false;
    }
    must(false);
}

/* The maildrop is free for others before the peer hears that his session has ended; ranges of its
 * files have to leave before that. */
static bool step_close(struct pop3_conn *conn)
{
    uint32_t ranges_end = conn->plan->piece_count;
    while (ranges_end > 0 && conn->plan->pieces[ranges_end - 1].kind == PIECE_TEXT)
        ranges_end--;
    if (!flush(conn, ranges_end))
        return false;
    close_mailbox(conn);
    if (flush(conn, conn->plan->piece_count))
        end_session(conn, end_of(conn), SHUT_WR);
    return false;
}

static void hand_over(struct pop3_conn *conn, const struct pop3_answer *answer)
{
    conn->ask = pop3_answer(&conn->session, answer, conn->plan);
    if (answer->kind != POP3_ASK_OPEN)
        return;
    pop3_log_login(conn, answer);
    if (answer->result == MAIL_DONE) {
        conn->logged_in = true;
        conn->login_ms = conn->shard->now_ms;
        conn->shard->counters.logins++;
        if (!line_is_partial(&conn->line))
            password_wipe(conn->partial_line, sizeof conn->partial_line);
        pop3_input_moved(conn);
    }
}

/* Sends the plan's pieces up to `piece_end`; the whole of it leaves the plan empty. False where it
 * has to be waited, or where the connection has ended. */
static bool flush(struct pop3_conn *conn, uint32_t piece_end)
{
    struct shard *shard = conn->shard;
    struct plan *plan = conn->plan;
    if (conn->writable.in_flight)
        return false;
    enum send_result result =
        conn->tls != NULL ? pop3_tls_send(conn, piece_end)
                          : send_plan(&conn->stream, plan, piece_end, piece_end < plan->piece_count,
                                      &shard->access, &shard->sent);
    switch (result) {
    case SEND_DONE:
        if (conn->stream.piece == plan->piece_count) {
            plan_init(plan);
            send_begin(&conn->stream);
        }
        return true;
    case SEND_FULL:
        pop3_input_moved(conn);
        if (!conn->writable.in_flight)
            ring_poll_writable(&shard->ring, &conn->writable, conn->stream.socket);
        return false;
    case SEND_COLD:
        if (conn->task == NULL && !pop3_request_populate(conn, conn->stream.cold))
            shard_make_ready(shard, conn);
        return false;
    case SEND_YIELD:
        shard_make_ready(shard, conn);
        return false;
    case SEND_BROKEN:
        end_session(conn, CONN_END_DISCONNECTED, SHUT_RDWR);
        return false;
    case SEND_DAMAGED:
        end_session(conn, CONN_END_STORAGE_FAULT, SHUT_RDWR);
        return false;
    }
    must(false);
}

/* The session is over: `half` says whether the peer may still read what he was sent. */
static void end_session(struct pop3_conn *conn, enum conn_end end, int half)
{
    must(!conn->shut);
    conn->shut = true;
    conn->end = end;
    pop3_log_logout(conn);
    if (conn->task == NULL)
        close_mailbox(conn);
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

static void release(struct pop3_conn *conn)
{
    struct shard *shard = conn->shard;
    must(!conn->receive.in_flight && !conn->writable.in_flight && conn->task == NULL);
    close_mailbox(conn);
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

static void close_mailbox(struct pop3_conn *conn)
{
    if (!conn->mailbox_open)
        return;
    conn->mailbox_open = false;
    conn->mailbox.driver->close(&conn->mailbox, conn->shard->server->disk);
}

static bool is_parked(const struct pop3_conn *conn)
{
    return conn->shut || conn->task != NULL || conn->writable.in_flight || conn->is_ready ||
           pop3_tls_is_shaking(conn);
}

static bool has_room(const struct pop3_conn *conn)
{
    return plan_has_room(conn->plan, PLAN_ANSWER_TEXT, PLAN_ANSWER_PIECES);
}

/* Has a plan to say things in; where there is no memory for one, the connection ends. */
static bool need_plan(struct pop3_conn *conn)
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

/* A SASL exchange has lines far longer than a connection keeps room for. */
static void lend_long_line(struct pop3_conn *conn)
{
    bool wanted = pop3_wants_long_line(&conn->session);
    if (wanted && conn->long_line == NULL) {
        must(LINE_SASL_MAX <= sizeof(struct plan));
        conn->long_line = slab_take(&conn->shard->plans);
        if (conn->long_line != NULL)
            line_lend(&conn->line, conn->long_line, LINE_SASL_MAX);
    } else if (!wanted && conn->long_line != NULL) {
        line_lend(&conn->line, conn->partial_line, LINE_COMMAND_MAX);
        password_wipe(conn->long_line, LINE_SASL_MAX);
        slab_give(&conn->shard->plans, conn->long_line);
        conn->long_line = NULL;
    }
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

static enum conn_end end_of(const struct pop3_conn *conn)
{
    switch (conn->session.end) {
    case POP3_END_NONE:
        return CONN_END_STORAGE_FAULT;
    case POP3_END_QUIT:
        return CONN_END_QUIT;
    case POP3_END_QUIT_FAILED:
        return CONN_END_QUIT_FAILED;
    case POP3_END_REFUSALS:
        return CONN_END_REFUSALS;
    }
    must(false);
}
