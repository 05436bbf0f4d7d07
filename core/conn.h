/* conn: one connection, whatever protocol it speaks.
 *
 * Owns the socket with its operations, the deadline, TLS, input that is not yet read, the plan that
 * is being sent, and the order of the end. The protocol above has this struct as its first member,
 * is called by a table of functions, and asks for what it needs by calls of this room. A connection
 * that has nothing to say and nothing unread holds its struct and its file descriptor; it is let
 * go of when nothing of it is in flight.
 */
#ifndef RINGPOST_CORE_CONN_H
#define RINGPOST_CORE_CONN_H

#include "core/send.h"
#include "core/shard.h"

#include <netinet/in.h>

struct tls_stream;

/* Why a connection ended, for the log. */
enum conn_end {
    CONN_END_NONE,
    CONN_END_QUIT,
    CONN_END_QUIT_FAILED,
    CONN_END_REFUSALS,
    CONN_END_DISCONNECTED,
    CONN_END_LOGIN_TIMEOUT,
    CONN_END_IDLE_TIMEOUT,
    CONN_END_SHUTDOWN,
    CONN_END_FLOOD,         /* far more input than pipelined-bytes at once */
    CONN_END_STORAGE_FAULT, /* an answer could not be finished */
    CONN_END_NO_MEMORY,
    CONN_END_TLS, /* the handshake failed, or a record was damaged */
};

union peer_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* What a connection asks of its protocol. None of them frees the connection, and all but `run` are
 * called where no step of the session is under way. */
struct conn_protocol {
    enum config_protocol name;
    size_t conn_bytes;   /* of the struct that begins with a struct conn */
    const char *alpn;    /* its name registered for TLS, or NULL where it has none */
    struct span refusal; /* the line that a peer gets where there is no room for him */

    /* Sets the protocol's own members and conn->idle_s; the rest of the connection is there. */
    void (*begin)(struct conn *conn);

    /* Goes on as far as it goes: with conn->input, and with the plan. Does nothing while
     * conn_is_parked. Input that is left is kept, and `run` comes again when something moved. */
    void (*run)(struct conn *conn);

    /* The server stops: whether the session may go on until the shard's deadline. `run` comes then,
     * so that it can end by itself. */
    bool (*may_stay)(const struct conn *conn);

    /* The session is over, by conn->end: writes it into the log, and gives back what others wait
     * for. What is pending may still be using it. */
    void (*ended)(struct conn *conn);

    /* Nothing is pending any more: gives back all that the protocol has. */
    void (*release)(struct conn *conn);
};

struct conn {
    struct shard *shard;
    const struct conn_protocol *protocol;
    struct op receive;
    struct op writable;
    struct tls_stream *tls; /* a block of shard->tls_streams, or NULL: not encrypted */
    struct conn *next, *previous;
    struct conn *next_ready, *next_starved;
    struct wheel_entry timer;
    enum conn_end end;
    uint32_t pending;   /* operations of the protocol that are in flight: no step runs meanwhile */
    uint32_t idle_s;    /* what a known peer gets each time that something moves */
    bool is_known;      /* what he says holds no password, and he may say more of it at once */
    bool is_ready;      /* on one of the shard's lists of those to go on */
    bool is_starved;    /* on the list of those that wait for a receive buffer */
    bool receive_stops; /* a cancel is under way, because the backlog is full */
    bool peer_closed;
    bool says_last; /* after what is in the plan nothing more will be said */
    bool shut;      /* our half is shut: only the peer's end is awaited */
    bool is_local;
    bool offers_tls;   /* not encrypted yet, and the listener lets the peer ask for it */
    struct span input; /* bytes not yet handed in: of the buffer just received, or of the backlog */
    size_t backlog_used; /* bytes of that block that have been written */
    char *backlog;       /* a block of shard->backlogs while `input` must be kept, else NULL */
    struct plan *plan;   /* a block of shard->plans while there is something to say, else NULL */
    struct send_stream stream;
    uint64_t begun_s;
    union peer_address peer;
};

/* Takes over an accepted socket, which connection_limit has counted, and begins its session, or
 * the handshake first where `tls` is implicit.
 * False where there is no memory for it; the socket is still the caller's then. */
bool conn_begin(struct shard *shard, const struct conn_protocol *protocol, int socket,
                const union peer_address *peer, enum config_tls_mode tls);

/* Goes on with a connection that shard_make_ready or shard_put_off_sending has put off, or whose
 * pending operation is over. */
void conn_resume(struct conn *conn);

/* The connection's deadline has come (its timer is out of the wheel). */
void conn_timeout(struct conn *conn);

/* The server stops: a connection that may not stay ends now, the others at the deadline that the
 * shard has set, or now as well. */
void conn_stop(struct conn *conn, bool now);

/* The connection that has this entry in the wheel. */
struct conn *conn_of_timer(struct wheel_entry *timer);

/* For the protocol and for the rooms of a connection. Ends the session at once; or when all has
 * been said, so that the peer may still read it. */
void conn_end(struct conn *conn, enum conn_end end);
void conn_finish(struct conn *conn, enum conn_end end);

/* Whether the session has to wait: for what is pending, the socket, the handshake, its turn. */
bool conn_is_parked(const struct conn *conn);

/* Has a plan to say things in; false where there is no memory for one, and the connection ends. */
bool conn_need_plan(struct conn *conn);

/* Sends the plan's pieces up to `piece_end`; SEND_DONE for the whole of it leaves the plan empty.
 * What else is needed to come back, or to end, has been done, but for SEND_COLD: the caller brings
 * stream.cold into memory. */
enum send_result conn_flush(struct conn *conn, uint32_t piece_end);

/* Last in every entry: gives back what is not needed, perhaps the connection itself. */
void conn_settle(struct conn *conn);

#endif
