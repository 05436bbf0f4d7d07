/* pop3_steps: what a connection does, one step of its session after the other. */
#include "core/pop3_steps.h"

#include "core/conn_input.h"
#include "core/conn_tls.h"
#include "core/pop3_log.h"
#include "core/pop3_request.h"
#include "core/tls_stream.h"
#include "proto/must.h"

#include <string.h>
#include <sys/random.h>

/* Lines and answers of one session in a turn; then the others have theirs. */
#define TURN_STEPS_MAX 64

static bool step(struct pop3_conn *pop3);
static bool step_tls(struct pop3_conn *pop3);
static bool step_line(struct pop3_conn *pop3);
static bool step_close(struct pop3_conn *pop3);
static void greet(struct pop3_conn *pop3, const struct pop3_settings *settings);
static bool flush(struct pop3_conn *pop3, uint32_t piece_end);
static const struct pop3_settings *settings_of(const struct pop3_conn *pop3);
static bool has_room(const struct pop3_conn *pop3);
static void lend_long_line(struct pop3_conn *pop3);
static enum conn_end end_of(const struct pop3_conn *pop3);

/* As far as it goes: until there is no line, or a task or the socket has to be waited for. One
 * connection gets a bounded share of a turn. */
void pop3_steps_run(struct pop3_conn *pop3)
{
    struct shard *shard = pop3->conn.shard;
    for (uint32_t steps = 0; !conn_is_parked(&pop3->conn); steps++) {
        /* A password that is to be checked lies in the input, which does not stay. */
        if (steps >= TURN_STEPS_MAX && pop3->ask.kind != POP3_ASK_AUTH) {
            shard_make_ready(shard, &pop3->conn);
            return;
        }
        if (!conn_need_plan(&pop3->conn) || !step(pop3))
            return;
    }
}

/* One step of the session; false where there is nothing more to do for now. */
static bool step(struct pop3_conn *pop3)
{
    struct pop3_answer answer = {.kind = pop3->ask.kind};
    switch (pop3->ask.kind) {
    case POP3_ASK_LINE:
        return step_line(pop3);
    case POP3_ASK_ROOM:
        if (!flush(pop3, pop3->conn.plan->piece_count))
            return false;
        pop3_steps_hand_over(pop3, &answer);
        return true;
    case POP3_ASK_COMMIT:
        /* Messages that are still to be sent must have left before their space is given back. */
        if (!flush(pop3, pop3->conn.plan->piece_count))
            return false;
        /* fall through */
    case POP3_ASK_AUTH:
    case POP3_ASK_OPEN:
    case POP3_ASK_FACTS:
    case POP3_ASK_BODY:
    case POP3_ASK_TOP:
        if (pop3_request(pop3, &answer) == POP3_REQUEST_ANSWERED) {
            pop3_steps_hand_over(pop3, &answer);
            return true;
        }
        /* What has been said already need not wait for the worker. */
        (void)flush(pop3, pop3->conn.plan->piece_count);
        return false;
    case POP3_ASK_TLS:
        return step_tls(pop3);
    case POP3_ASK_CLOSE:
        return step_close(pop3);
    }
    must(false);
}

/* Begins TLS when the answer to STLS has left, and tells the session when it is there. Every byte
 * that came before belongs to nobody (RFC 2595 section 4). */
static bool step_tls(struct pop3_conn *pop3)
{
    if (!pop3->greeted) {
        greet(pop3, settings_of(pop3));
        return true;
    }
    if (!flush(pop3, pop3->conn.plan->piece_count))
        return false;
    if (pop3->conn.tls == NULL) {
        pop3->conn.input.length = 0;
        line_reset(&pop3->line);
        if (!conn_tls_begin(&pop3->conn))
            conn_end(&pop3->conn, CONN_END_NO_MEMORY);
        return false;
    }
    pop3_steps_hand_over(pop3,
                         &(struct pop3_answer){.kind = POP3_ASK_TLS, .tls = {settings_of(pop3)}});
    return true;
}

static bool step_line(struct pop3_conn *pop3)
{
    if (!has_room(pop3))
        return flush(pop3, pop3->conn.plan->piece_count);
    lend_long_line(pop3);
    struct span line;
    switch (line_take(&pop3->line, &pop3->conn.input, &line)) {
    case LINE_DONE:
        pop3->ask = pop3_line(&pop3->session, line, pop3->conn.plan);
        return true;
    case LINE_TOO_LONG:
        pop3->ask = pop3_line_too_long(&pop3->session, pop3->conn.plan);
        return true;
    case LINE_MORE:
        if (flush(pop3, pop3->conn.plan->piece_count) && pop3->conn.peer_closed)
            conn_end(&pop3->conn, CONN_END_DISCONNECTED);
        return false;
    }
    must(false);
}

/* The maildrop is free for others before the peer hears that his session has ended; ranges of its
 * files have to leave before that. */
static bool step_close(struct pop3_conn *pop3)
{
    uint32_t ranges_end = pop3->conn.plan->piece_count;
    while (ranges_end > 0 && pop3->conn.plan->pieces[ranges_end - 1].kind == PIECE_TEXT)
        ranges_end--;
    if (!flush(pop3, ranges_end))
        return false;
    pop3_conn_close_mailbox(pop3);
    pop3->conn.says_last = true;
    if (flush(pop3, pop3->conn.plan->piece_count))
        conn_finish(&pop3->conn, end_of(pop3));
    return false;
}

void pop3_steps_hand_over(struct pop3_conn *pop3, const struct pop3_answer *answer)
{
    pop3->ask = pop3_answer(&pop3->session, answer, pop3->conn.plan);
    if (answer->kind != POP3_ASK_OPEN)
        return;
    pop3_log_login(pop3, answer);
    if (answer->result == MAIL_DONE) {
        pop3->conn.is_known = true;
        pop3->login_ms = pop3->conn.shard->now_ms;
        pop3->conn.shard->counters.logins++;
        if (!line_is_partial(&pop3->line))
            password_wipe(pop3->partial_line, sizeof pop3->partial_line);
        conn_input_moved(&pop3->conn);
    }
}

static void greet(struct pop3_conn *pop3, const struct pop3_settings *settings)
{
    char timestamp[POP3_TIMESTAMP_MAX];
    if (settings->apop)
        (void)!getrandom(&pop3->apop_random, sizeof pop3->apop_random, 0);
    pop3->greeted = true;
    pop3->ask =
        pop3_begin(&pop3->session, settings, pop3_conn_timestamp(pop3, timestamp), pop3->conn.plan);
}

/* What this connection may do: EXTERNAL where the peer has shown a certificate. */
static const struct pop3_settings *settings_of(const struct pop3_conn *pop3)
{
    const struct conn *conn = &pop3->conn;
    if (conn->tls == NULL)
        return &conn->shard->settings[conn->is_local][conn->offers_tls];
    return conn->tls->peer_name[0] != '\0' ? &conn->shard->settings_verified
                                           : &conn->shard->settings_encrypted;
}

/* conn_flush, with a worker sent for a range that is not in memory. */
static bool flush(struct pop3_conn *pop3, uint32_t piece_end)
{
    struct conn *conn = &pop3->conn;
    enum send_result result = conn_flush(conn, piece_end);
    if (result == SEND_COLD && conn->pending == 0 &&
        !pop3_request_populate(pop3, conn->stream.cold))
        shard_make_ready(conn->shard, conn);
    return result == SEND_DONE;
}

static bool has_room(const struct pop3_conn *pop3)
{
    return plan_has_room(pop3->conn.plan, PLAN_ANSWER_TEXT, PLAN_ANSWER_PIECES);
}

/* A SASL exchange has lines far longer than a connection keeps room for. */
static void lend_long_line(struct pop3_conn *pop3)
{
    bool wanted = pop3_wants_long_line(&pop3->session);
    if (wanted && pop3->long_line == NULL) {
        must(LINE_SASL_MAX <= sizeof(struct plan));
        pop3->long_line = slab_take(&pop3->conn.shard->plans);
        if (pop3->long_line != NULL)
            line_lend(&pop3->line, pop3->long_line, LINE_SASL_MAX);
    } else if (!wanted && pop3->long_line != NULL) {
        line_lend(&pop3->line, pop3->partial_line, LINE_COMMAND_MAX);
        password_wipe(pop3->long_line, LINE_SASL_MAX);
        slab_give(&pop3->conn.shard->plans, pop3->long_line);
        pop3->long_line = NULL;
    }
}

static enum conn_end end_of(const struct pop3_conn *pop3)
{
    switch (pop3->session.end) {
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
