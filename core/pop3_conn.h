/* pop3_conn: one connection that speaks POP3, between the socket and the pure session.
 *
 * What a connection needs whatever it speaks is in conn; here are the session, its line, its
 * maildrop and its marks. The session's asks are answered at once where that needs no wait, else by
 * a task on a worker thread, which is the only thing that is ever pending. A session that has
 * nothing to say and nothing unread holds this struct and two file descriptors.
 */
#ifndef RINGPOST_CORE_POP3_CONN_H
#define RINGPOST_CORE_POP3_CONN_H

#include "core/conn.h"
#include "proto/line.h"
#include "storage/users.h"

/* Marks of a maildrop of up to this many messages lie in the connection; a larger one has them
 * allocated at its login. */
#define POP3_CONN_MARKS_INLINE_MAX 1024

struct pop3_conn {
    struct conn conn;
    struct pop3_ask ask;
    struct line line;
    char *long_line; /* a block of shard->plans during a SASL exchange, else NULL */
    uint64_t *marks;
    uint64_t login_ms;
    uint64_t apop_random;
    bool greeted; /* the session has begun */
    bool mailbox_open;
    struct pop3 session;
    struct mailbox mailbox;
    uint64_t marks_inline[POP3_CONN_MARKS_INLINE_MAX / 64];
    char partial_line[LINE_COMMAND_MAX];
    char path[USERS_FOLDER_BYTES];
};

extern const struct conn_protocol pop3_protocol;

/* The POP3 connection that begins with `conn`. */
struct pop3_conn *pop3_conn_of(struct conn *conn);

/* The `<…>` of APOP, the same each time for one connection; empty where APOP is off. */
struct span pop3_conn_timestamp(const struct pop3_conn *pop3, char text[POP3_TIMESTAMP_MAX]);

/* For pop3_request.c: hands the answer that a task has brought to the session and goes on. */
void pop3_conn_answer(struct pop3_conn *pop3, const struct pop3_answer *answer);

/* Lets the maildrop close what it held open for messages, where all of them have left and no task
 * is using it. */
void pop3_conn_all_sent(struct pop3_conn *pop3);

/* Frees the maildrop for others; nothing where none is open. No task may be using it. */
void pop3_conn_close_mailbox(struct pop3_conn *pop3);

#endif
