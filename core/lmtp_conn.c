/* lmtp_conn: one connection that speaks LMTP, between the socket and the pure session. */
#include "core/lmtp_conn.h"

#include "core/lmtp_message.h"
#include "core/lmtp_steps.h"
#include "proto/must.h"

#include <string.h>

static void begin(struct conn *conn);
static void run(struct conn *conn);
static bool may_stay(const struct conn *conn);
static void ended(struct conn *conn);
static void release(struct conn *conn);

const struct conn_protocol lmtp_protocol = {
    .name = CONFIG_PROTOCOL_LMTP,
    .conn_bytes = sizeof(struct lmtp_conn),
    .refusal = SPAN_LITERAL("421 4.3.2 Too many connections; please try again later.\r\n"),
    .begin = begin,
    .run = run,
    .may_stay = may_stay,
    .ended = ended,
    .release = release,
};

struct lmtp_conn *lmtp_conn_of(struct conn *conn)
{
    must(conn->protocol == &lmtp_protocol);
    return (struct lmtp_conn *)conn;
}

void lmtp_conn_go_on(struct lmtp_conn *lmtp)
{
    struct conn *conn = &lmtp->conn;
    if (conn->pending > 0)
        return;
    if (conn->shut)
        (void)lmtp_message_forget(lmtp);
    conn_resume(conn);
}

static void begin(struct conn *conn)
{
    struct lmtp_conn *lmtp = lmtp_conn_of(conn);
    memset((char *)lmtp + sizeof lmtp->conn, 0,
           offsetof(struct lmtp_conn, partial_line) - sizeof lmtp->conn);
    conn->idle_s = conn->shard->server->config.lmtp_ms / 1000;
    line_init(&lmtp->line, lmtp->partial_line, LMTP_LINE_MAX);
    lmtp_message_init(lmtp);
    lmtp->ask.kind = LMTP_ASK_TLS; /* until the greeting */
}

static void run(struct conn *conn)
{
    lmtp_steps_run(lmtp_conn_of(conn));
}

/* A message that is coming in may come to its end, and who has not heard yet of one that was
 * delivered would send it again. Whoever is between two messages hears 421 (RFC 5321 3.8). */
static bool may_stay(const struct conn *conn)
{
    const struct lmtp_conn *lmtp = (const struct lmtp_conn *)conn;
    return lmtp->greeted && lmtp->ask.kind != LMTP_ASK_TLS;
}

/* Deliveries that have begun are not taken back, whether or not the peer still hears of them. */
static void ended(struct conn *conn)
{
    if (conn->pending == 0)
        (void)lmtp_message_forget(lmtp_conn_of(conn));
}

static void release(struct conn *conn)
{
    struct lmtp_conn *lmtp = lmtp_conn_of(conn);
    must(lmtp->recipients == NULL && lmtp->letter_state == LMTP_LETTER_NONE);
}
