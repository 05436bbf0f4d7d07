/* pop3_conn: one connection, between the socket and the pure session.
 *
 * Bytes received are cut into lines and handed to the session; its asks are answered at once where
 * that needs no wait, else by a task on a worker thread; its plan is sent. While a task runs or the
 * socket is full, no line is handed in: input gathers up to a limit, then the kernel keeps it. A
 * session that has nothing to say and nothing unread holds this struct and two file descriptors.
 */
#ifndef RINGPOST_CORE_POP3_CONN_H
#define RINGPOST_CORE_POP3_CONN_H

#include "core/send.h"
#include "core/shard.h"
#include "proto/line.h"
#include "storage/users.h"

#include <netinet/in.h>

struct pop3_task;
struct tls_stream;

/* Marks of a maildrop of up to this many messages lie in the connection; a larger one has them
 * allocated at its login. */
#define CONN_MARKS_INLINE_MAX 1024

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

struct pop3_conn {
    struct shard *shard;
    struct op receive;
    struct op writable;
    struct pop3_task *task; /* in flight, or NULL */
    struct tls_stream *tls; /* a block of shard->tls_streams, or NULL: not encrypted */
    struct pop3_conn *next, *previous;
    struct pop3_conn *next_ready, *next_starved;
    struct wheel_entry timer;
    enum conn_end end;
    bool is_ready;      /* on the shard's list of those to go on */
    bool is_starved;    /* on the list of those that wait for a receive buffer */
    bool receive_stops; /* a cancel is under way, because the backlog is full */
    bool peer_closed;
    bool shut; /* our half is shut: only the peer's end is awaited */
    bool is_local;
    bool mailbox_open;
    bool greeted; /* the session has begun */
    bool logged_in;
    struct span input; /* bytes not yet handed in: of the buffer just received, or of the backlog */
    size_t backlog_used; /* bytes of that block that have been written */
    char *backlog;       /* a block of shard->backlogs while `input` must be kept, else NULL */
    struct plan *plan;   /* a block of shard->plans while there is something to say, else NULL */
    struct send_stream stream;
    struct pop3_ask ask;
    struct line line;
    char *long_line; /* a block of shard->plans during a SASL exchange, else NULL */
    uint64_t *marks;
    uint64_t login_ms;
    uint64_t apop_random;
    uint64_t begun_s;
    union peer_address peer;
    struct pop3 session;
    struct mailbox mailbox;
    uint64_t marks_inline[CONN_MARKS_INLINE_MAX / 64];
    char partial_line[LINE_COMMAND_MAX];
    char path[USERS_FOLDER_BYTES];
};

/* Takes over an accepted socket, which connection_limit has counted: greets and waits for commands,
 * or for the handshake first where `tls` is implicit.
 * False where there is no memory for it; the socket is still the caller's then. */
bool pop3_conn_begin(struct shard *shard, int socket, const union peer_address *peer,
                     enum config_tls_mode tls);

/* Goes on with a connection that shard_make_ready has put off. */
void pop3_conn_resume(struct pop3_conn *conn);

/* The connection's deadline has come (its timer is out of the wheel). */
void pop3_conn_timeout(struct pop3_conn *conn);

/* The server stops: a connection that has not logged in ends now, the others at the deadline that
 * the shard has set, or now as well. */
void pop3_conn_stop(struct pop3_conn *conn, bool now);

/* The connection that has this entry in the wheel. */
struct pop3_conn *pop3_conn_of_timer(struct wheel_entry *timer);

/* The `<…>` of APOP, the same each time for one connection; empty where APOP is off. */
struct span pop3_conn_timestamp(const struct pop3_conn *conn, char text[POP3_TIMESTAMP_MAX]);

/* For pop3_request.c: hands the answer that a task has brought to the session and goes on. */
void pop3_conn_answer(struct pop3_conn *conn, const struct pop3_answer *answer);

/* For the rooms of a connection. Ends the session at once; or when all has been said, so that the
 * peer may still read it. */
void pop3_conn_end(struct pop3_conn *conn, enum conn_end end);
void pop3_conn_finish(struct pop3_conn *conn, enum conn_end end);

/* Has a plan to say things in; false where there is no memory for one, and the connection ends. */
bool pop3_conn_need_plan(struct pop3_conn *conn);

/* Frees the maildrop for others; nothing where none is open. No task may be using it. */
void pop3_conn_close_mailbox(struct pop3_conn *conn);

/* Last in every entry: gives back what is not needed, perhaps the connection itself. */
void pop3_conn_settle(struct pop3_conn *conn);

#endif
