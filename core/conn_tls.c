/* conn_tls: TLS between a connection's socket and its session. */
#include "core/conn_tls.h"

#include "core/conn_input.h"
#include "core/conn_log.h"
#include "core/tls_stream.h"
#include "proto/must.h"

#include <errno.h>
#include <sys/socket.h>

static void go_on(struct conn *conn);
static void shake(struct conn *conn);
static bool take_step(struct conn *conn);
static void put_off(struct conn *conn);
static void read_plaintext(struct conn *conn);
static bool lend_output(struct conn *conn);
static void give_output(struct conn *conn);
static void give_hello(struct conn *conn);
static enum send_result send_output(struct conn *conn);
static enum send_result encrypt(struct conn *conn, uint32_t piece_end);

_Static_assert(CLIENT_HELLO_MAX <= sizeof(struct plan), "a plan's block holds a ClientHello");

bool conn_tls_begin(struct conn *conn)
{
    struct shard *shard = conn->shard;
    must(conn->tls == NULL);
    struct tls_stream *stream = slab_take(&shard->tls_streams);
    char *hello = slab_take(&shard->plans);
    if (stream == NULL || hello == NULL) {
        if (stream != NULL)
            slab_give(&shard->tls_streams, stream);
        if (hello != NULL)
            slab_give(&shard->plans, hello);
        return false;
    }
    tls_stream_init(stream, shard->tls, conn->protocol->alpn, hello, NULL);
    conn->tls = stream;
    wheel_move(&shard->wheel, &conn->timer,
               shard_now_s(shard) + shard->server->config.handshake_ms / 1000 + 1);
    return true;
}

void conn_tls_received(struct conn *conn, char *bytes, size_t count)
{
    struct tls_stream *stream = conn->tls;
    struct span input = {bytes, count};
    if (stream->state == TLS_HELLO || stream->state == TLS_READY) {
        tls_stream_hello(stream, input);
        if (stream->is_put_off && stream->state == TLS_READY)
            return;
    } else if (stream->is_put_off) {
        if (!tls_stream_keep(stream, input))
            conn_end(conn, CONN_END_FLOOD);
        return;
    } else {
        stream->input = input;
    }
    go_on(conn);
}

void conn_tls_resume(struct conn *conn)
{
    struct tls_stream *stream = conn->tls;
    if (stream->is_put_off && conn->shard->handshakes_left == 0) {
        shard_make_ready(conn->shard, conn);
    } else if (stream->is_put_off || (conn_tls_is_shaking(conn) && tls_stream_has_output(stream))) {
        stream->is_put_off = false;
        go_on(conn);
    }
}

static void go_on(struct conn *conn)
{
    struct tls_stream *stream = conn->tls;
    if (!lend_output(conn)) {
        conn_end(conn, CONN_END_NO_MEMORY);
        return;
    }
    if (stream->state == TLS_READY || stream->state == TLS_HANDSHAKE)
        shake(conn);
    if (stream->state == TLS_OPEN)
        read_plaintext(conn);
    if (conn->shut)
        return;
    bool is_gone = send_output(conn) == SEND_BROKEN;
    if (stream->state == TLS_BROKEN)
        conn_log_tls_failure(conn);
    if (is_gone) {
        conn_end(conn, CONN_END_DISCONNECTED);
        return;
    }
    /* What the peer has still sent is read: a reset would take the alert from him. */
    if (stream->state == TLS_BROKEN) {
        conn_finish(conn, CONN_END_TLS);
        return;
    }
    give_output(conn);
}

static void shake(struct conn *conn)
{
    struct shard *shard = conn->shard;
    struct tls_stream *stream = conn->tls;
    do {
        if (tls_stream_step_costs(stream) && !take_step(conn)) {
            put_off(conn);
            return;
        }
        tls_stream_shake(stream);
    } while (stream->state == TLS_HANDSHAKE && stream->input.length > 0);
    if (stream->input.length == 0)
        give_hello(conn);
    if (stream->state != TLS_OPEN)
        return;
    shard->counters.handshakes_resumed += tls_stream_is_resumed(stream);
    wheel_move(&shard->wheel, &conn->timer,
               shard_now_s(shard) + shard->server->config.login_ms / 1000 + 1);
    /* What the session has said or read while it could not: the greeting. */
    conn->protocol->run(conn);
}

/* Whether one more step may be done in this turn. */
static bool take_step(struct conn *conn)
{
    struct shard *shard = conn->shard;
    if (shard->handshakes_left == 0)
        return false;
    shard->handshakes_left--;
    shard->counters.handshake_steps++;
    shard->counters.handshakes += conn->tls->state == TLS_READY;
    return true;
}

/* The receive buffer goes back to the kernel, so what is left of it is kept. */
static void put_off(struct conn *conn)
{
    struct shard *shard = conn->shard;
    struct tls_stream *stream = conn->tls;
    if (stream->hello == NULL)
        stream->hello = slab_take(&shard->plans);
    if (stream->hello == NULL) {
        conn_end(conn, CONN_END_NO_MEMORY);
        return;
    }
    if (stream->state == TLS_HANDSHAKE && !tls_stream_keep(stream, (struct span){NULL, 0})) {
        conn_end(conn, CONN_END_FLOOD);
        return;
    }
    shard->counters.handshakes_put_off++;
    stream->is_put_off = true;
    shard_make_ready(shard, conn);
}

static void read_plaintext(struct conn *conn)
{
    struct shard *shard = conn->shard;
    struct tls_stream *stream = conn->tls;
    size_t count;
    while (!conn->shut &&
           (count = tls_stream_read(stream, shard->plaintext, TLS_RECORD_BYTES)) > 0) {
        bool was_known = conn->is_known;
        conn_input_take(conn, shard->plaintext, count);
        if (!was_known)
            password_wipe(shard->plaintext, count);
        /* The session may have ended and sent all that it had to say. */
        if (!conn->shut && !lend_output(conn))
            conn_end(conn, CONN_END_NO_MEMORY);
    }
    if (stream->input.length == 0)
        give_hello(conn);
    if (stream->peer_ended && !conn->shut && !conn->peer_closed) {
        conn->peer_closed = true;
        conn->protocol->run(conn);
    }
}

enum send_result conn_tls_send(struct conn *conn, uint32_t piece_end)
{
    struct shard *shard = conn->shard;
    if (!lend_output(conn))
        return SEND_BROKEN;
    for (;;) {
        /* What the library has to say by itself leaves with what the session says. */
        enum send_result result = encrypt(conn, piece_end);
        bool is_all = conn->stream.piece >= piece_end;
        if (is_all && conn->says_last)
            tls_stream_end(conn->tls);
        if (result != SEND_DONE && !tls_stream_has_output(conn->tls))
            return result;
        result = send_output(conn);
        if (result != SEND_DONE)
            return result;
        if (is_all) {
            give_output(conn);
            return SEND_DONE;
        }
        if (shard->sent.turn_left == 0)
            return SEND_YIELD;
    }
}

/* Fills the output with records, as large as the plan allows. */
static enum send_result encrypt(struct conn *conn, uint32_t piece_end)
{
    struct shard *shard = conn->shard;
    while (conn->stream.piece < piece_end &&
           TLS_OUTPUT_BYTES - conn->tls->output_end >= TLS_RECORD_BYTES + 512) {
        size_t count;
        enum send_result result = send_collect(&conn->stream, conn->plan, piece_end, &shard->access,
                                               shard->plaintext_out, TLS_RECORD_BYTES, &count);
        if (count > 0 && !tls_stream_write(conn->tls, shard->plaintext_out, count))
            return SEND_BROKEN;
        if (result != SEND_DONE)
            return result;
    }
    return SEND_DONE;
}

static enum send_result send_output(struct conn *conn)
{
    struct tls_stream *stream = conn->tls;
    if (!tls_stream_has_output(stream))
        return SEND_DONE;
    ssize_t sent = send(conn->stream.socket, stream->output + stream->output_begin,
                        stream->output_end - stream->output_begin, MSG_DONTWAIT | MSG_NOSIGNAL);
    conn->shard->sent.calls++;
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return SEND_BROKEN;
    if (sent > 0) {
        stream->output_begin += (uint32_t)sent;
        conn->shard->sent.bytes += (uint64_t)sent;
        send_count_turn(&conn->shard->sent, (uint64_t)sent);
    }
    if (tls_stream_has_output(stream)) {
        if (!conn->writable.in_flight)
            ring_poll_writable(&conn->shard->ring, &conn->writable, conn->stream.socket);
        return SEND_FULL;
    }
    stream->output_begin = stream->output_end = 0;
    return SEND_DONE;
}

void conn_tls_end(struct conn *conn)
{
    /* Without room for it the peer does without: his data is whole by the protocol's own framing.
     */
    if (conn->tls->state != TLS_OPEN || !lend_output(conn))
        return;
    tls_stream_end(conn->tls);
    if (tls_stream_has_output(conn->tls))
        (void)send(conn->stream.socket, conn->tls->output + conn->tls->output_begin,
                   conn->tls->output_end - conn->tls->output_begin, MSG_DONTWAIT | MSG_NOSIGNAL);
    conn->tls->output_begin = conn->tls->output_end = 0;
    give_output(conn);
}

void conn_tls_fini(struct conn *conn)
{
    struct tls_stream *stream = conn->tls;
    if (stream == NULL)
        return;
    tls_stream_fini(stream);
    if (stream->hello != NULL)
        slab_give(&conn->shard->plans, stream->hello);
    if (stream->output != NULL)
        slab_give(&conn->shard->tls_outputs, stream->output);
    slab_give(&conn->shard->tls_streams, stream);
    conn->tls = NULL;
}

bool conn_tls_is_shaking(const struct conn *conn)
{
    return conn->tls != NULL && conn->tls->state != TLS_OPEN;
}

static bool lend_output(struct conn *conn)
{
    if (conn->tls->output == NULL)
        conn->tls->output = slab_take(&conn->shard->tls_outputs);
    return conn->tls->output != NULL;
}

static void give_output(struct conn *conn)
{
    if (conn->tls->output == NULL || tls_stream_has_output(conn->tls))
        return;
    slab_give(&conn->shard->tls_outputs, conn->tls->output);
    conn->tls->output = NULL;
}

static void give_hello(struct conn *conn)
{
    if (conn->tls->hello == NULL || conn->tls->state == TLS_HELLO || conn->tls->state == TLS_READY)
        return;
    slab_give(&conn->shard->plans, conn->tls->hello);
    conn->tls->hello = NULL;
}
