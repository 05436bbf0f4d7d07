/* pop3_conn: one connection that speaks POP3, between the socket and the pure session. */
#include "core/pop3_conn.h"

#include "core/pop3_log.h"
#include "core/pop3_steps.h"
#include "proto/must.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin(struct conn *conn);
static void run(struct conn *conn);
static bool may_stay(const struct conn *conn);
static void ended(struct conn *conn);
static void release(struct conn *conn);

const struct conn_protocol pop3_protocol = {
    .name = CONFIG_PROTOCOL_POP3,
    .conn_bytes = sizeof(struct pop3_conn),
    .alpn = "pop3",
    .refusal = SPAN_LITERAL("-ERR [SYS/TEMP] Too many connections; please try again later.\r\n"),
    .begin = begin,
    .run = run,
    .may_stay = may_stay,
    .ended = ended,
    .release = release,
};

struct pop3_conn *pop3_conn_of(struct conn *conn)
{
    must(conn->protocol == &pop3_protocol);
    return (struct pop3_conn *)conn;
}

struct span pop3_conn_timestamp(const struct pop3_conn *pop3, char text[POP3_TIMESTAMP_MAX])
{
    const struct shard *shard = pop3->conn.shard;
    if (!shard->settings_encrypted.apop)
        return (struct span){NULL, 0};
    int length = snprintf(text, POP3_TIMESTAMP_MAX, "<%" PRIx64 ".%" PRIx64 "@%s>",
                          pop3->conn.begun_s, pop3->apop_random, shard->server->host_name);
    return (struct span){text, (size_t)length};
}

void pop3_conn_answer(struct pop3_conn *pop3, const struct pop3_answer *answer)
{
    if (!pop3->conn.shut && conn_need_plan(&pop3->conn)) {
        pop3_steps_hand_over(pop3, answer);
        pop3_steps_run(pop3);
        pop3_conn_all_sent(pop3);
    }
    conn_settle(&pop3->conn);
}

void pop3_conn_close_mailbox(struct pop3_conn *pop3)
{
    if (!pop3->mailbox_open)
        return;
    pop3->mailbox_open = false;
    pop3->mailbox.driver->close(&pop3->mailbox, pop3->conn.shard->server->disk);
}

void pop3_conn_all_sent(struct pop3_conn *pop3)
{
    const struct conn *conn = &pop3->conn;
    bool is_sent = conn->plan == NULL || plan_is_empty(conn->plan);
    if (pop3->mailbox_open && conn->pending == 0 && is_sent && pop3->mailbox.driver->sent != NULL)
        pop3->mailbox.driver->sent(&pop3->mailbox);
}

static void begin(struct conn *conn)
{
    struct pop3_conn *pop3 = pop3_conn_of(conn);
    memset((char *)pop3 + sizeof pop3->conn, 0,
           offsetof(struct pop3_conn, marks_inline) - sizeof pop3->conn);
    conn->idle_s = conn->shard->server->config.idle_ms / 1000;
    line_init(&pop3->line, pop3->partial_line, LINE_COMMAND_MAX);
    pop3->ask.kind = POP3_ASK_TLS; /* until the greeting */
}

static void run(struct conn *conn)
{
    pop3_steps_run(pop3_conn_of(conn));
    pop3_conn_all_sent(pop3_conn_of(conn));
}

static bool may_stay(const struct conn *conn)
{
    return conn->is_known;
}

static void ended(struct conn *conn)
{
    struct pop3_conn *pop3 = pop3_conn_of(conn);
    pop3_log_logout(pop3);
    if (conn->pending == 0)
        pop3_conn_close_mailbox(pop3);
}

static void release(struct conn *conn)
{
    struct pop3_conn *pop3 = pop3_conn_of(conn);
    pop3_conn_close_mailbox(pop3);
    if (pop3->long_line != NULL) {
        password_wipe(pop3->long_line, LINE_SASL_MAX);
        slab_give(&conn->shard->plans, pop3->long_line);
    }
    password_wipe(pop3->partial_line, sizeof pop3->partial_line);
    if (pop3->marks != pop3->marks_inline)
        free(pop3->marks);
}
