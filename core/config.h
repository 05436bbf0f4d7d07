/* config: the configuration file, read once into plain values (libconfuse).
 *
 * Every limit has its name and default here; docs and manual pages list the same. A mistake is one
 * sentence with file and line. Nothing is started by reading.
 */
#ifndef RINGPOST_CORE_CONFIG_H
#define RINGPOST_CORE_CONFIG_H

#include "storage/maildir.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define CONFIG_PATH_DEFAULT "/etc/ringpost/ringpost.conf"

#define CONFIG_LISTENERS_MAX 64
#define CONFIG_TLS_MAX       256
#define CONFIG_TLS_HOSTS_MAX 8

/* How users' mail is kept, unless the passwd-file says otherwise of one. */
enum config_driver { CONFIG_DRIVER_NATIVE, CONFIG_DRIVER_MAILDIR };

enum config_plaintext { CONFIG_PLAINTEXT_NEVER, CONFIG_PLAINTEXT_LOCAL, CONFIG_PLAINTEXT_ALWAYS };

/* What is spoken on a listener. */
enum config_protocol { CONFIG_PROTOCOL_POP3, CONFIG_PROTOCOL_LMTP };
#define CONFIG_PROTOCOLS 2

/* When a listener's connections are encrypted: by STLS, which is offered as soon as there is a tls
 * block; from the first byte; never. */
enum config_tls_mode { CONFIG_TLS_STARTTLS, CONFIG_TLS_IMPLICIT, CONFIG_TLS_NONE };

/* Which user a recipient's address means: by all of it, or by what stands before the '@'. */
enum config_user_name { CONFIG_USER_NAME_ADDRESS, CONFIG_USER_NAME_LOCAL };

/* What the sender of a mail hears whose recipient's quota is used up: never again, or later. */
enum config_quota_full { CONFIG_QUOTA_REFUSE, CONFIG_QUOTA_DEFER };

enum config_tls_version { CONFIG_TLS_1_2, CONFIG_TLS_1_3 };

/* Whether a client is asked for a certificate, and whether it must have one. */
enum config_verify_client { CONFIG_VERIFY_NO, CONFIG_VERIFY_REQUEST, CONFIG_VERIFY_REQUIRE };

/* One address to listen on, as the file names it and as the kernel wants it. */
struct config_listener {
    char name[64];     /* the block's title, for the log */
    char address[128]; /* "127.0.0.1:1110", "[::]:110", "unix:/run/ringpost/pop3" */
    int line;          /* in the file, for errors that show only at the start */
    enum config_protocol protocol;
    uint32_t mode; /* of a unix socket's file, default 0666 */
    enum config_tls_mode tls;
    struct sockaddr_storage socket_address;
    socklen_t socket_address_bytes;
};

/* One certificate and the names that it is shown for. Several blocks may have the same name, or
 * none: RSA and ECDSA side by side. What holds for all connections, the members from ticket_keys
 * on, is set only in the first block without a host. */
struct config_tls {
    int line;            /* of the block's first key */
    uint32_t host_count; /* 0: for every name that no block has, and for clients that send none */
    char hosts[CONFIG_TLS_HOSTS_MAX][256];   /* in lower case; the first label may be "*" */
    char certificate[4096];                  /* PEM, with its chain */
    char key[4096];                          /* PEM; may be the same file */
    char ocsp[4096];                         /* DER; "": no response is stapled */
    char ticket_keys[4096];                  /* shared by a farm; "": made at the start */
    char client_ca[4096];                    /* PEM; never "" unless verify_client is no */
    enum config_tls_version min_version;     /* default 1.2 */
    enum config_verify_client verify_client; /* default no */
};

struct config {
    char path[4096];
    char store[4096];           /* store, default "/var/lib/ringpost" */
    char passwd_file[4096];     /* passwd-file, default "/etc/ringpost/passwd" */
    enum config_driver driver;  /* driver, default native */
    char maildir[4096];         /* maildir, a template, default "~/Maildir" */
    char maildir_mounted[4096]; /* maildir-mounted, default "": a missing one is a fault */
    char maildir_control[4096]; /* maildir-control, default "": in each Maildir */
    bool maildir_move_new;      /* maildir-move-new, default false */
    bool maildir_mark_seen;     /* maildir-mark-seen, default false */
    char uidl_format[4096];     /* uidl-format, of Maildirs, default "dovecot" */
    uint32_t shards;            /* shards, default 0: one for each core of the affinity mask */
    enum config_plaintext plaintext_login; /* plaintext-login, default local */
    bool apop;                             /* apop, default false: needs {PLAIN} passwords */
    bool last;                             /* last, default false */
    uint32_t connections_max;              /* connections, default 1,000,000 in all */
    uint32_t connections_per_address_max;  /* connections-per-address, default 1,000; loopback and
                                              unix sockets are not counted */
    uint32_t login_ms; /* login-timeout, seconds in the file, default 60, at least 10 */
    uint32_t idle_ms;  /* idle-timeout, default 600 s, never less (RFC 1939 section 3) */
    uint32_t
        shutdown_ms; /* shutdown-timeout, default 30 s: what sessions get to end by themselves */
    uint32_t refusals_before_login_max; /* refusals-before-login, default 5, 3..10 */
    uint32_t refusals_after_login_max;  /* refusals-after-login, default 20 */
    uint32_t
        pipelined_bytes_max;    /* pipelined-bytes, default 65,536: unanswered input of a session */
    uint64_t message_bytes_max; /* message-size, default 67,108,864 */
    uint32_t messages_max;      /* messages, of one maildrop, default 1,000,000 */
    uint32_t login_cache_s;     /* login-cache-time, default 3600 s, 0: every login hashes */
    uint32_t login_cache_entries; /* login-cache-entries, of one shard, default 65,536 */
    uint32_t check_cache_s; /* check-cache-time, default 600 s, 0: every RETR reads and sums */
    uint32_t check_cache_entries; /* check-cache-entries, of all shards, default 1,048,576 */
    uint32_t hash_queue_max;      /* password-queue, checks that may wait, default 1,024 */
    uint32_t hash_threads;        /* password-threads, default 0: one for two cores, at least one */
    uint32_t disk_threads;        /* disk-threads, default 32 */
    uint32_t handshake_ms;        /* handshake-timeout, default 30 s, 5..300 */
    uint32_t handshakes_per_turn; /* handshakes-a-turn, of a shard, default 32, 1..1,024 */
    enum config_user_name user_name; /* username-format, default address */
    char recipient_delimiter;        /* recipient-delimiter, default '+'; NUL: none */
    uint32_t recipients_max;         /* recipients, of one message, default 1,000 */
    bool return_path;        /* return-path, default true: a line in front of each message, */
    bool delivered_to;       /* delivered-to, */
    bool received;           /* and received, likewise */
    uint64_t quota_octets;   /* quota-bytes, of one maildrop, default 0: no limit */
    uint32_t quota_messages; /* quota-messages, default 0: only `messages` */
    enum config_quota_full quota_full; /* quota-full, default refuse */
    uint32_t lmtp_ms;                  /* lmtp-timeout, default 300 s, 10..3600 */
    uint32_t delivery_threads;         /* delivery-threads, default 64 */
    uint32_t delivery_queue_max; /* delivery-queue, recipients that may wait, default 16,384 */
    struct config_listener listeners[CONFIG_LISTENERS_MAX];
    uint32_t listener_count; /* at least one, or config_read refuses the file */
    struct config_tls *tls;  /* tls_count of them, in the file's order; config_free frees them */
    uint32_t tls_count;      /* 0: no listener is implicit, and STLS is not offered */
};

/* Reads `path`. On a mistake writes one sentence with file and line and what to write instead into
 * `out_error` and returns false, and there is nothing to free. Checks values and ranges, not the
 * world: files are opened later. What `out_config` had is overwritten: config_free first.
 */
bool config_read(const char *path, struct config *out_config, char *out_error, size_t error_bytes);

/* Frees the tls blocks and leaves the config without any. Again, or of zeros, does nothing. */
void config_free(struct config *config);

/* Parses "HOST:PORT", "[V6]:PORT" or "unix:PATH" without asking a resolver. */
bool config_address(const char *text, struct sockaddr_storage *out_address, socklen_t *out_bytes);

#endif
