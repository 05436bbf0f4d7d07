/* lmtp_steps: what an LMTP connection does, one step of its session after the other. */
#include "core/lmtp_steps.h"

#include "core/conn_input.h"
#include "core/conn_tls.h"
#include "core/lmtp_message.h"
#include "proto/must.h"

/* Lines, answers and pieces of a message of one session in a turn; then the others have theirs. */
#define TURN_STEPS_MAX 64

static bool step(struct lmtp_conn *lmtp);
static bool step_line(struct lmtp_conn *lmtp);
static bool step_data(struct lmtp_conn *lmtp);
static bool step_deliver(struct lmtp_conn *lmtp);
static bool step_tls(struct lmtp_conn *lmtp);
static void step_close(struct lmtp_conn *lmtp);
static void stop(struct lmtp_conn *lmtp);
static bool wait_for_input(struct lmtp_conn *lmtp);
static void hand_over(struct lmtp_conn *lmtp, const struct lmtp_answer *answer);
static void become_known(struct lmtp_conn *lmtp);
static bool flush(struct lmtp_conn *lmtp);
static const struct lmtp_settings *settings_of(const struct lmtp_conn *lmtp);
static enum conn_end end_of(const struct lmtp_conn *lmtp);

void lmtp_steps_run(struct lmtp_conn *lmtp)
{
    struct conn *conn = &lmtp->conn;
    for (uint32_t steps = 0; !conn_is_parked(conn); steps++) {
        /* A recipient's address lies in the input, which does not stay. */
        if (steps >= TURN_STEPS_MAX && lmtp->ask.kind != LMTP_ASK_RECIPIENT) {
            shard_make_ready(conn->shard, conn);
            return;
        }
        if (!conn_need_plan(conn) || !step(lmtp))
            return;
    }
}

/* One step of the session; false where there is nothing more to do for now. */
static bool step(struct lmtp_conn *lmtp)
{
    struct lmtp_answer answer = {.kind = lmtp->ask.kind};
    switch (lmtp->ask.kind) {
    case LMTP_ASK_LINE:
        return step_line(lmtp);
    case LMTP_ASK_ROOM:
        if (!flush(lmtp))
            return false;
        hand_over(lmtp, &answer);
        return true;
    case LMTP_ASK_RECIPIENT:
        answer.recipient = lmtp_message_recipient(lmtp);
        hand_over(lmtp, &answer);
        return true;
    case LMTP_ASK_DATA:
        return step_data(lmtp);
    case LMTP_ASK_DELIVER:
        return step_deliver(lmtp);
    case LMTP_ASK_FORGET:
        if (!lmtp_message_forget(lmtp))
            return flush(lmtp);
        hand_over(lmtp, &answer);
        return true;
    case LMTP_ASK_TLS:
        return step_tls(lmtp);
    case LMTP_ASK_CLOSE:
        step_close(lmtp);
        return false;
    }
    must(false);
}

static bool step_line(struct lmtp_conn *lmtp)
{
    struct conn *conn = &lmtp->conn;
    if (!plan_has_room(conn->plan, PLAN_ANSWER_TEXT, PLAN_ANSWER_PIECES))
        return flush(lmtp);
    if (conn->shard->stopping) {
        stop(lmtp);
        return true;
    }
    struct span line;
    switch (line_take(&lmtp->line, &conn->input, &line)) {
    case LINE_DONE:
        lmtp->ask = lmtp_line(&lmtp->session, line, conn->plan);
        return true;
    case LINE_TOO_LONG:
        lmtp->ask = lmtp_line_too_long(&lmtp->session, conn->plan);
        return true;
    case LINE_MORE:
        return wait_for_input(lmtp);
    }
    must(false);
}

/* A peer whose input has all been read loses nothing by a close at once: at the stop of the server
 * he is not waited for, who may keep the connection for later. */
static void step_close(struct lmtp_conn *lmtp)
{
    struct conn *conn = &lmtp->conn;
    conn->says_last = true;
    if (!flush(lmtp))
        return;
    if (conn->shard->stopping && conn->input.length == 0)
        conn_end(conn, end_of(lmtp));
    else
        conn_finish(conn, end_of(lmtp));
}

/* The message that was coming in has been answered, and the next is not begun (RFC 5321 3.8). */
static void stop(struct lmtp_conn *lmtp)
{
    plan_text(lmtp->conn.plan, SPAN_LITERAL("421 4.3.2 The server is being stopped.\r\n"));
    lmtp->ask.kind = LMTP_ASK_CLOSE;
}

/* Takes what has come of the message; the bytes go through the shard's scratch into the letter. */
static bool step_data(struct lmtp_conn *lmtp)
{
    struct conn *conn = &lmtp->conn;
    char *scratch = conn->shard->access.scratch;
    size_t count;
    if (lmtp->data_ended) {
        lmtp->data_ended = false;
        hand_over(lmtp, &(struct lmtp_answer){.kind = LMTP_ASK_DATA});
        return true;
    }
    const bool has_input = conn->input.length > 0;
    if (lmtp->letter_state == LMTP_LETTER_NONE && lmtp->ask.data.is_wanted)
        lmtp_message_begin(lmtp);
    enum lmtp_data_result result =
        lmtp_data(&lmtp->session, &conn->input, scratch, LMTP_CONN_TAKE_BYTES, &count);
    lmtp->data_ended = result == LMTP_DATA_END;
    if (count > 0)
        lmtp_message_write(lmtp, (struct span){scratch, count});
    return lmtp->data_ended || has_input || wait_for_input(lmtp);
}

/* The deliveries all end before the first answer: so nobody waits with a result that is known, but
 * for those of the same message. */
static bool step_deliver(struct lmtp_conn *lmtp)
{
    if (!lmtp->delivering) {
        lmtp->answered = lmtp->recipients;
        lmtp_message_deliver(lmtp);
        /* What has been said already need not wait for the disk. */
        return flush(lmtp);
    }
    const struct lmtp_recipient *recipient = lmtp->answered;
    must(recipient != NULL);
    lmtp->answered = recipient->next;
    hand_over(lmtp,
              &(struct lmtp_answer){.kind = LMTP_ASK_DELIVER, .result = recipient->request.result});
    /* The last answer does not wait until the letter's file is closed. */
    return lmtp->answered != NULL || lmtp_message_forget(lmtp) || flush(lmtp);
}

/* Begins TLS when the answer to STARTTLS has left, and tells the session when it is there. Every
 * byte that came before belongs to nobody (RFC 3207 section 4.2). */
static bool step_tls(struct lmtp_conn *lmtp)
{
    struct conn *conn = &lmtp->conn;
    if (!lmtp->greeted) {
        lmtp->greeted = true;
        become_known(lmtp);
        lmtp->ask = lmtp_begin(&lmtp->session, settings_of(lmtp), conn->plan);
        return true;
    }
    if (!flush(lmtp))
        return false;
    if (conn->tls == NULL) {
        if (!lmtp_message_forget(lmtp))
            return false;
        conn->input.length = 0;
        line_reset(&lmtp->line);
        conn->is_known = false; /* what comes now counts as the handshake */
        if (!conn_tls_begin(conn))
            conn_end(conn, CONN_END_NO_MEMORY);
        return false;
    }
    become_known(lmtp);
    hand_over(lmtp, &(struct lmtp_answer){.kind = LMTP_ASK_TLS, .settings = settings_of(lmtp)});
    return true;
}

/* Input is used up: what there is to say leaves, and a peer who has gone ends the session. */
static bool wait_for_input(struct lmtp_conn *lmtp)
{
    if (flush(lmtp) && lmtp->conn.peer_closed)
        conn_end(&lmtp->conn, CONN_END_DISCONNECTED);
    return false;
}

static void hand_over(struct lmtp_conn *lmtp, const struct lmtp_answer *answer)
{
    lmtp->ask = lmtp_answer(&lmtp->session, answer, lmtp->conn.plan);
}

/* There is nothing secret in LMTP, and nobody logs in. */
static void become_known(struct lmtp_conn *lmtp)
{
    lmtp->conn.is_known = true;
    conn_input_moved(&lmtp->conn);
}

static bool flush(struct lmtp_conn *lmtp)
{
    return conn_flush(&lmtp->conn, lmtp->conn.plan->piece_count) == SEND_DONE;
}

static const struct lmtp_settings *settings_of(const struct lmtp_conn *lmtp)
{
    const struct conn *conn = &lmtp->conn;
    return &conn->shard->lmtp_settings[conn->tls == NULL && conn->offers_tls];
}

static enum conn_end end_of(const struct lmtp_conn *lmtp)
{
    switch (lmtp->session.end) {
    case LMTP_END_NONE:
        return CONN_END_SHUTDOWN;
    case LMTP_END_QUIT:
        return CONN_END_QUIT;
    case LMTP_END_MISTAKES:
    case LMTP_END_CHUNK:
        return CONN_END_REFUSALS;
    }
    must(false);
}
