/* conn_log: what the log says of a connection, whatever protocol it speaks. */
#include "core/conn_log.h"

#include "core/tls_stream.h"
#include "proto/must.h"

static const char *reason_of(enum conn_end end);

void conn_log_peer(const struct conn *conn)
{
    char peer[ADDRESS_TEXT_BYTES];
    address_to_text(&conn->peer.any, peer);
    log_text(&conn->shard->log, "peer", span_of(peer));
}

void conn_log_tls_failure(struct conn *conn)
{
    char words[TLS_REASON_BYTES];
    struct log *log = &conn->shard->log;
    conn->shard->counters.handshakes_failed += !conn->is_known;
    log_begin(log, "tls-failed");
    conn_log_peer(conn);
    log_text(log, "reason", span_of(tls_stream_reason(conn->tls, words, sizeof words)));
    log_end(log);
}

struct span conn_log_reason(const struct conn *conn)
{
    return span_of(reason_of(conn->end));
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
