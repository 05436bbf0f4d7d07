/* pop3_log: the lines that a POP3 session leaves in the log. */
#include "core/pop3_log.h"

#include "core/conn_log.h"
#include "proto/must.h"

static const char *reason_of_open(enum mail_result result);

void pop3_log_login(struct pop3_conn *pop3, const struct pop3_answer *answer)
{
    struct log *log = &pop3->conn.shard->log;
    bool is_in = answer->result == MAIL_DONE;
    log_begin(log, is_in ? "login" : "login-failed");
    log_text(log, "user", pop3_user_name(&pop3->session));
    conn_log_peer(&pop3->conn);
    if (is_in) {
        log_number(log, "messages", pop3->session.view.count);
        log_number(log, "octets", pop3->session.view.octets);
    } else {
        log_text(log, "reason", span_of(reason_of_open(answer->result)));
    }
    log_end(log);
}

void pop3_log_refusal(struct pop3_conn *pop3, struct span user, enum pop3_auth_result result)
{
    struct log *log = &pop3->conn.shard->log;
    pop3->conn.shard->counters.failed_logins++;
    log_begin(log, "login-failed");
    log_text(log, "user", user);
    conn_log_peer(&pop3->conn);
    log_text(log, "reason",
             result == POP3_AUTH_WRONG ? SPAN_LITERAL("credentials") : SPAN_LITERAL("unavailable"));
    log_end(log);
}

void pop3_log_logout(struct pop3_conn *pop3)
{
    if (!pop3->conn.is_known)
        return;
    struct shard *shard = pop3->conn.shard;
    struct log *log = &shard->log;
    uint32_t removed = pop3->session.end == POP3_END_QUIT ? pop3->session.marked_count : 0;
    log_begin(log, "logout");
    log_text(log, "user", pop3_user_name(&pop3->session));
    conn_log_peer(&pop3->conn);
    log_text(log, "reason", conn_log_reason(&pop3->conn));
    log_number(log, "retrieved", pop3->session.retrieved_count);
    log_number(log, "retrieved_octets", pop3->session.retrieved_octets);
    log_number(log, "deleted", removed);
    log_number(log, "duration_ms", shard->now_ms - pop3->login_ms);
    log_end(log);
    shard->counters.retrieved += pop3->session.retrieved_count;
    shard->counters.retrieved_octets += pop3->session.retrieved_octets;
    shard->counters.removed += removed;
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
    case MAIL_PARTLY:
        break;
    }
    must(false);
}
