/* shard: one core's share of the server, with all that its sessions use.
 *
 * One thread, one ring, its own listening sockets, pools, timers, log and login cache. Shards share
 * nothing that is written while mail is served, but for the counters of connections
 * (connection_limit). They get word from outside as completions on their ring.
 */
#ifndef RINGPOST_CORE_SHARD_H
#define RINGPOST_CORE_SHARD_H

#include "core/auth.h"
#include "core/buffers.h"
#include "core/config.h"
#include "core/connection_limit.h"
#include "core/log.h"
#include "core/send.h"
#include "core/slab.h"
#include "core/wheel.h"
#include "core/worker.h"
#include "proto/lmtp.h"
#include "proto/pop3.h"
#include "storage/mailbox.h"

#include <stdatomic.h>

struct conn;
struct delivery_queue;
struct listener;
struct tls_contexts;
struct tls_tickets;

/* What all shards use and none changes. */
struct server {
    struct config config;
    struct disk *disk;
    struct disk *outside; /* the root folder: for Maildirs, which are where they are */
    struct maildir_settings maildir;
    struct worker_pool *disk_pool;
    struct worker_pool *hash_pool;
    struct delivery_queue *delivery_queue; /* NULL where no listener speaks LMTP */
    struct connection_limit *connection_limit;
    char host_name[64]; /* in APOP's timestamp, in LMTP's greeting and Received */
};

/* What has been counted since the start, for the log line on SIGUSR1. */
struct shard_counters {
    uint64_t connections, refused_connections;
    uint64_t logins, failed_logins;
    uint64_t retrieved, retrieved_octets, removed;
    uint64_t cold_ranges;
    uint64_t handshakes, handshakes_resumed, handshakes_failed;
    uint64_t handshake_steps;    /* that may have cost operations with public keys */
    uint64_t handshakes_put_off; /* steps, to a later turn, after so many in this one */
    uint64_t waiting_requests;   /* storage requests that went to a worker */
    uint64_t messages;           /* that came in whole by LMTP; their recipients: */
    uint64_t deliveries, failed_deliveries, refused_recipients;
    uint64_t delivered_octets;
    uint64_t spills; /* how often a large message went to a temporary file */
};

/* A message from the main thread; its `op` completes on the shard's ring. */
enum notice_kind { NOTICE_ACCOUNTS, NOTICE_TLS, NOTICE_STOP, NOTICE_STOP_NOW, NOTICE_COUNTERS };

struct notice {
    struct op op;
    struct shard *shard;
    enum notice_kind kind;
    const struct accounts *accounts;   /* NOTICE_ACCOUNTS: the table to use from now on */
    struct tls_contexts *tls;          /* NOTICE_TLS: taken over; NULL: those that are there stay */
    const struct tls_tickets *tickets; /* NOTICE_TLS */
    atomic_bool taken;                 /* the shard has acted on it */
};

/* First in, first out, linked by `next_ready`. */
struct conn_queue {
    struct conn *first, **end;
};

struct shard {
    const struct server *server;
    uint32_t number;
    struct ring ring;
    struct buffers buffers;
    struct log log;
    struct wheel wheel;
    struct op tick;                      /* completes once a second while there are sessions */
    struct slab conns[CONFIG_PROTOCOLS]; /* conn_bytes of the protocol */
    struct slab plans;
    struct slab tasks;
    struct slab backlogs;
    struct slab letters;    /* LETTER_BLOCK_BYTES */
    struct slab recipients; /* struct lmtp_recipient */
    const struct accounts *accounts;
    struct login_cache *login_cache;
    struct pop3_settings settings[2][2]; /* not encrypted: from elsewhere or local; with STLS */
    struct pop3_settings settings_encrypted;
    struct lmtp_settings lmtp_settings[2]; /* with STARTTLS: not encrypted yet, and it is offered */
    struct pop3_settings settings_verified; /* with a certificate of the peer's */
    struct slab tls_streams;
    struct slab tls_outputs;
    struct tls_contexts *tls;          /* NULL where no certificate is configured */
    const struct tls_tickets *tickets; /* the server's, exchanged by NOTICE_TLS */
    char *plaintext;                   /* TLS_RECORD_BYTES for what is read, */
    char *plaintext_out;               /* and for what is written */
    uint32_t handshakes_left;          /* steps of them that may be done in this turn */
    struct disk_access access;         /* DISK_NOW, with the shard's scratch */
    struct mail_fact *facts;           /* POP3_FACTS_MAX, for answers at once */
    struct listener *listeners;
    uint32_t listener_count;
    struct conn *all;          /* every session, linked by `next` and `previous` */
    struct conn_queue ready;   /* those that go on in the next turn */
    struct conn_queue sending; /* those that have much to send, and go on as the turns allow */
    struct conn *starved;      /* those whose receive ended for want of a buffer, likewise */
    uint32_t conn_count;
    uint64_t now_ms; /* steady clock, of this turn */
    bool stopping;
    uint64_t stop_ms; /* when sessions that are still there are cut off */
    struct shard_counters counters;
    struct send_counters sent;
};

/* What a shard's thread is told when it begins. */
struct shard_start {
    const struct server *server;
    const struct accounts *accounts;
    const struct tls_tickets *tickets; /* NULL where no certificate is configured */
    uint32_t number;
    int core;            /* to be pinned to, or -1 */
    const int *sockets;  /* one listening socket for each listener of the configuration */
    struct shard *shard; /* made by shard_make, or NULL with a sentence in `error` */
    char error[256];
    atomic_int state; /* enum shard_state, written by the thread */
};

enum shard_state { SHARD_STARTING, SHARD_RUNNING, SHARD_FAILED, SHARD_ENDED };

/* The body of a shard's thread: runs until it has been told to stop and its sessions are gone.
 * `argument` is its struct shard_start. */
void *shard_main(void *argument);

/* Frees a shard whose thread has been joined. */
void shard_fini(struct shard *shard);

/* Tells a shard what `what` says (op, shard and taken are filled in here), from the thread that
 * owns `from`; returns when it has acted or ended. */
void shard_tell(struct ring *from, struct shard_start *start, const struct notice *what);

/* For the rooms above: the steady clock's second of this turn. */
uint64_t shard_now_s(const struct shard *shard);

/* The wheel turns while there is something to wait for: sessions, or an accept that has paused. */
void shard_need_tick(struct shard *shard);

/* Lets `conn` run again in the next turn (conn_resume), at most once a turn. */
void shard_make_ready(struct shard *shard, struct conn *conn);

/* Lets `conn` run again when those that were put off before it have had their part of what may
 * leave in a turn (SEND_TURN_BYTES). */
void shard_put_off_sending(struct shard *shard, struct conn *conn);

#endif
