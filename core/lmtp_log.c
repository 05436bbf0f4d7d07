/* lmtp_log: the lines that LMTP leaves in the log. */
#include "core/lmtp_log.h"

#include "core/conn_log.h"
#include "core/lmtp_head.h"
#include "proto/must.h"

static const char *word_for(enum mail_result result);
static const char *word_for_refusal(enum lmtp_recipient_result result);

void lmtp_log_delivery(struct lmtp_conn *lmtp, const struct lmtp_recipient *recipient)
{
    struct shard *shard = lmtp->conn.shard;
    struct log *log = &shard->log;
    const struct delivery_request *request = &recipient->request;
    bool is_done = request->result == MAIL_DONE;
    char id[LMTP_TRACE_ID_MAX];
    shard->counters.deliveries += is_done;
    shard->counters.failed_deliveries += !is_done;
    log_begin(log, is_done ? "delivered" : "not-delivered");
    log_text(log, "user", (struct span){recipient->user, recipient->user_length});
    log_text(log, "to", (struct span){recipient->address, recipient->address_length});
    log_text(log, "from", lmtp_reverse_path(&lmtp->session));
    conn_log_peer(&lmtp->conn);
    log_text(log, "id", lmtp_head_id(lmtp, id));
    if (is_done) {
        shard->counters.delivered_octets += lmtp->letter.octets;
        log_number(log, "octets", lmtp->letter.octets);
        log_text(log, "uidl", (struct span){request->uidl, sizeof request->uidl});
    } else {
        log_text(log, "reason", span_of(word_for(request->result)));
    }
    log_number(log, "queue_ms", shard->now_ms - lmtp->ended_ms);
    log_end(log);
}

void lmtp_log_refusal(struct lmtp_conn *lmtp, struct span address,
                      enum lmtp_recipient_result result)
{
    struct log *log = &lmtp->conn.shard->log;
    lmtp->conn.shard->counters.refused_recipients++;
    log_begin(log, "recipient-refused");
    log_text(log, "to", address);
    log_text(log, "from", lmtp_reverse_path(&lmtp->session));
    conn_log_peer(&lmtp->conn);
    log_text(log, "reason", span_of(word_for_refusal(result)));
    log_end(log);
}

static const char *word_for(enum mail_result result)
{
    switch (result) {
    case MAIL_FULL:
        return "quota";
    case MAIL_TOO_BIG:
        return "too-big";
    case MAIL_NO_SPACE:
        return "no-space";
    case MAIL_TEMPORARY:
        return "temporary";
    case MAIL_PERMANENT:
        return "permanent";
    case MAIL_DONE:
    case MAIL_LATER:
    case MAIL_IN_USE:
    case MAIL_PARTLY:
        break;
    }
    must(false);
}

static const char *word_for_refusal(enum lmtp_recipient_result result)
{
    switch (result) {
    case LMTP_RECIPIENT_UNKNOWN:
        return "unknown";
    case LMTP_RECIPIENT_FULL:
        return "quota";
    case LMTP_RECIPIENT_TEMPORARY:
        return "temporary";
    case LMTP_RECIPIENT_GOOD:
        break;
    }
    must(false);
}
