/* pop3_steps: what a connection does, one step of its session after the other. */
#include "core/pop3_steps.h"

#include "core/pop3_input.h"
#include "core/pop3_log.h"
#include "core/pop3_request.h"
#include "core/pop3_tls.h"
#include "proto/must.h"

#include <string.h>
#include <sys/random.h>

/* Lines and answers of one session in a turn; then the others have theirs. */
#define TURN_STEPS_MAX 64

static bool step(struct pop3_conn *conn);
static bool step_tls(struct pop3_conn *conn);
static bool step_line(struct pop3_conn *conn);
static bool step_close(struct pop3_conn *conn);
static bool flush(struct pop3_conn *conn, uint32_t piece_end);
static bool is_parked(const struct pop3_conn *conn);
static bool has_room(const struct pop3_conn *conn);
static void lend_long_line(struct pop3_conn *conn);
static enum conn_end end_of(const struct pop3_conn *conn);

/* As far as it goes: until there is no line, or a task or the socket has to be waited for. One
 * connection gets a bounded share of a turn. */
void pop3_steps_run(struct pop3_conn *conn)
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
        if (!pop3_conn_need_plan(conn) || !step(conn))
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
        pop3_steps_hand_over(conn, &answer);
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
            pop3_steps_hand_over(conn, &answer);
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
        pop3_steps_greet(conn, pop3_tls_settings(conn));
        return true;
    }
    if (conn->tls == NULL) {
        conn->input.length = 0;
        line_reset(&conn->line);
        if (!pop3_tls_begin(conn))
            pop3_conn_end(conn, CONN_END_NO_MEMORY);
        return false;
    }
    pop3_steps_hand_over(
        conn, &(struct pop3_answer){.kind = POP3_ASK_TLS, .tls = {pop3_tls_settings(conn)}});
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
            pop3_conn_end(conn, CONN_END_DISCONNECTED);
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
    pop3_conn_close_mailbox(conn);
    if (flush(conn, conn->plan->piece_count))
        pop3_conn_finish(conn, end_of(conn));
    return false;
}

void pop3_steps_greet(struct pop3_conn *conn, const struct pop3_settings *settings)
{
    char timestamp[POP3_TIMESTAMP_MAX];
    if (settings->apop)
        (void)!getrandom(&conn->apop_random, sizeof conn->apop_random, 0);
    conn->greeted = true;
    conn->ask =
        pop3_begin(&conn->session, settings, pop3_conn_timestamp(conn, timestamp), conn->plan);
}

void pop3_steps_hand_over(struct pop3_conn *conn, const struct pop3_answer *answer)
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
                                      &shard->access, shard->now_ms, &shard->sent);
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
        pop3_conn_end(conn, CONN_END_DISCONNECTED);
        return false;
    case SEND_DAMAGED:
        pop3_conn_end(conn, CONN_END_STORAGE_FAULT);
        return false;
    }
    must(false);
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
