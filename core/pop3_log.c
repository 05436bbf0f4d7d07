/* pop3_log: the lines that a POP3 session leaves in the log. */
#include "core/pop3_log.h"

#include "core/tls_stream.h"
#include "proto/must.h"

static void put_peer(struct log *log, const struct pop3_conn *conn);
static const char *reason_of(enum conn_end end);
static const char *reason_of_open(enum mail_result result);

void pop3_log_login(struct pop3_conn *conn, const struct pop3_answer *answer)
{
    struct log *log = &conn->shard->log;
    bool is_in = answer->result == MAIL_DONE;
    log_begin(log, is_in ? "login" : "login-failed");
    log_text(log, "user", pop3_user_name(&conn->session));
    put_peer(log, conn);
    if (is_in) {
        log_number(log, "messages", conn->session.view.count);
        log_number(log, "octets", conn->session.view.octets);
    } else {
        log_text(log, "reason", span_of(reason_of_open(answer->result)));
    }
    log_end(log);
}

void pop3_log_refusal(struct pop3_conn *conn, struct span user, enum pop3_auth_result result)
{
    struct log *log = &conn->shard->log;
    conn->shard->counters.failed_logins++;
    log_begin(log, "login-failed");
    log_text(log, "user", user);
    put_peer(log, conn);
    log_text(log, "reason",
             result == POP3_AUTH_WRONG ? SPAN_LITERAL("credentials") : SPAN_LITERAL("unavailable"));
    log_end(log);
}

void pop3_log_tls_failure(struct pop3_conn *conn)
{
    char words[TLS_REASON_BYTES];
    struct log *log = &conn->shard->log;
    conn->shard->counters.handshakes_failed += !conn->logged_in;
    log_begin(log, "tls-failed");
    put_peer(log, conn);
    log_text(log, "reason", span_of(tls_stream_reason(conn->tls, words, sizeof words)));
    log_end(log);
}

void pop3_log_logout(struct pop3_conn *conn)
{
    if (!conn->logged_in)
        return;
    struct shard *shard = conn->shard;
    struct log *log = &shard->log;
    uint32_t removed = conn->session.end == POP3_END_QUIT ? conn->session.marked_count : 0;
    log_begin(log, "logout");
    log_text(log, "user", pop3_user_name(&conn->session));
    put_peer(log, conn);
    log_text(log, "reason", span_of(reason_of(conn->end)));
    log_number(log, "retrieved", conn->session.retrieved_count);
    log_number(log, "retrieved_octets", conn->session.retrieved_octets);
    log_number(log, "deleted", removed);
    log_number(log, "duration_ms", shard->now_ms - conn->login_ms);
    log_end(log);
    shard->counters.retrieved += conn->session.retrieved_count;
    shard->counters.retrieved_octets += conn->session.retrieved_octets;
    shard->counters.removed += removed;
}

static void put_peer(struct log *log, const struct pop3_conn *conn)
{
    char peer[ADDRESS_TEXT_BYTES];
    address_to_text(&conn->peer.any, peer);
    log_text(log, "peer", span_of(peer));
}

static const char *reason_of(enum conn_end end)
{
    switch (end) {
    case CONN_END_QUIT:
        return "quit";
    case CONN_END_QUIT_FAILED:
        return "quit-failed";
    case CONN_END_REFUSALS:
        return "refusals";
    case CONN_END_DISCONNECTED:
        return "disconnected";
    case CONN_END_LOGIN_TIMEOUT:
        return "login-timeout";
    case CONN_END_IDLE_TIMEOUT:
        return "idle-timeout";
    case CONN_END_SHUTDOWN:
        return "shutdown";
    case CONN_END_FLOOD:
        return "flood";
    case CONN_END_STORAGE_FAULT:
        return "storage-fault";
    case CONN_END_NO_MEMORY:
        return "no-memory";
    case CONN_END_TLS:
        return "tls";
    case CONN_END_NONE:
        break;
    }
    must(false);
}

static const char *reason_of_open(enum mail_result result)
{
    switch (result) {
    case MAIL_IN_USE:
        return "in-use";
    case MAIL_TEMPORARY:
    case MAIL_NO_SPACE:
        return "storage-temporary";
    case MAIL_PERMANENT:
    case MAIL_TOO_BIG:
        return "storage-permanent";
    case MAIL_DONE:
    case MAIL_LATER:
    case MAIL_FULL:
        break;
    }
    must(false);
}
