/* lmtp_conn: one connection that speaks LMTP, between the socket and the pure session.
 *
 * What a connection needs whatever it speaks is in conn; here are the session, its line, and the
 * message under way: a letter that grows as bytes come, and the recipients that were accepted. What
 * may be pending is one job for the letter's file, or the deliveries of the message. A session
 * between messages holds this struct and one file descriptor.
 */
#ifndef RINGPOST_CORE_LMTP_CONN_H
#define RINGPOST_CORE_LMTP_CONN_H

#include "core/conn.h"
#include "core/delivery_queue.h"
#include "core/worker.h"
#include "proto/line.h"
#include "proto/lmtp.h"
#include "proto/lmtp_trace.h"
#include "storage/letter.h"

struct lmtp_conn;

/* Raw bytes of a message that are taken at once, and that may have to wait for the letter. */
#define LMTP_CONN_TAKE_BYTES PLAN_BYTES

_Static_assert(LMTP_CONN_TAKE_BYTES <= DISK_SCRATCH_BYTES, "a shard's scratch holds them");
_Static_assert(2 * LMTP_CONN_TAKE_BYTES <= LETTER_BLOCK_BYTES, "an empty letter holds them, coded");

/* A recipient of the message under way, a block of shard->recipients. `request` is in flight, or
 * its result is there, from the end of the message on. */
struct lmtp_recipient {
    struct lmtp_recipient *next;
    struct lmtp_recipient *left, *right; /* in the tree of maildrops */
    struct lmtp_recipient *same; /* the next of those with this maildrop, who share a delivery */
    struct lmtp_conn *lmtp;
    struct delivery_request request;
    uint32_t path_hash;
    uint16_t user_length, address_length;
    bool is_again; /* his maildrop is that of one before him, whose result he gets */
    char user[LMTP_USER_NAME_MAX];
    char address[LMTP_ADDRESS_MAX]; /* as the peer gave it */
    char path[USERS_FOLDER_BYTES];
    char head[LMTP_TRACE_MAX];
};

enum lmtp_letter_state {
    LMTP_LETTER_NONE,
    LMTP_LETTER_OPEN,
    LMTP_LETTER_LOST, /* there was no memory for it: its bytes go by */
};

struct lmtp_conn {
    struct conn conn;
    struct lmtp_ask ask;
    struct line line;
    bool greeted;    /* the session has begun */
    bool data_ended; /* the last bytes of this DATA or BDAT are on their way into the letter */
    bool delivering; /* the message has ended: its recipients' requests are used */
    enum lmtp_letter_state letter_state;
    struct letter letter;
    char *letter_block; /* a block of shard->letters, while the letter is open or is being closed */
    struct job job;     /* on the letter's file, for a worker */
    char *rest_block;   /* a block of shard->plans, while `rest` waits for room in the letter */
    struct span rest;
    struct lmtp_recipient *recipients; /* in the order of their acceptance, linked by `next` */
    struct lmtp_recipient **recipients_end;
    struct lmtp_recipient *maildrops;   /* a tree of the first recipient of each */
    struct lmtp_recipient *unsubmitted; /* from this one on they are not in the queue yet */
    struct lmtp_recipient *answered;    /* from this one on the peer has not heard */
    uint64_t ended_ms;                  /* when the message was complete */
    uint64_t message_number;            /* of those of this shard, from then on */
    struct lmtp session;
    char partial_line[LMTP_LINE_MAX];
};

extern const struct conn_protocol lmtp_protocol;

/* The LMTP connection that begins with `conn`. */
struct lmtp_conn *lmtp_conn_of(struct conn *conn);

/* For the rooms of an LMTP connection: what was pending is over; goes on where nothing else is. */
void lmtp_conn_go_on(struct lmtp_conn *lmtp);

#endif
