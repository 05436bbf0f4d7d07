/* config: the configuration file, read once into plain values (libconfuse).
 *
 * Every limit has its name and default here; docs and manual pages list the same. A mistake is one
 * sentence with file and line. Nothing is started by reading.
 */
#ifndef RINGPOST_CORE_CONFIG_H
#define RINGPOST_CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define CONFIG_PATH_DEFAULT "/etc/ringpost/ringpost.conf"

#define CONFIG_LISTENERS_MAX 64

enum config_plaintext { CONFIG_PLAINTEXT_NEVER, CONFIG_PLAINTEXT_LOCAL, CONFIG_PLAINTEXT_ALWAYS };

/* One address to listen on, as the file names it and as the kernel wants it. */
struct config_listener {
    char name[64];     /* the block's title, for the log */
    char address[128]; /* "127.0.0.1:1110", "[::]:110", "unix:/run/ringpost/pop3" */
    int line;          /* in the file, for errors that show only at the start */
    struct sockaddr_storage socket_address;
    socklen_t socket_address_bytes;
};

struct config {
    char path[4096];
    char store[4096];       /* store, default "/var/lib/ringpost" */
    char passwd_file[4096]; /* passwd-file, default "/etc/ringpost/passwd" */
    uint32_t shards;        /* shards, default 0: one for each core of the affinity mask */
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
    uint32_t hash_queue_max;      /* password-queue, checks that may wait, default 1,024 */
    uint32_t hash_threads;        /* password-threads, default 0: one for two cores, at least one */
    uint32_t disk_threads;        /* disk-threads, default 32 */
    struct config_listener listeners[CONFIG_LISTENERS_MAX];
    uint32_t listener_count; /* at least one, or config_read refuses the file */
};

/* Reads `path`. On a mistake writes one sentence with file and line and what to write instead into
 * `out_error` and returns false. Checks values and ranges, not the world: files are opened later.
 */
bool config_read(const char *path, struct config *out_config, char *out_error, size_t error_bytes);

/* Parses "HOST:PORT", "[V6]:PORT" or "unix:PATH" without asking a resolver. */
bool config_address(const char *text, struct sockaddr_storage *out_address, socklen_t *out_bytes);

#endif
