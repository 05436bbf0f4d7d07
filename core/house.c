/* house: the whole server of one process: what shards share, their threads, and word from outside.
 */
#include "core/house.h"

#include "core/delivery_queue.h"
#include "core/listener.h"
#include "core/maildir_place.h"
#include "core/shard.h"
#include "core/store.h"
#include "core/tls_context.h"
#include "core/tls_library.h"
#include "core/tls_watch.h"
#include "proto/must.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CORES_MAX 1024

/* How often certificates are looked at for a change. */
#define WATCH_S 10

/* What is running, for the thread that waits for signals. */
struct house {
    struct server server;
    struct ring ring;
    struct worker_pool disk_pool, hash_pool;
    struct accounts *accounts;
    struct tls_tickets *tickets;
    struct tls_contexts **fresh; /* room for one a shard, while certificates are read anew */
    struct tls_watch watch;
    sigset_t signals;
    struct shard_start *starts;
    pthread_t *threads;
    uint32_t running;
    uint32_t bound_listeners; /* of the configuration's, the first so many are ours */
};

static bool read_all(struct house *house, const char *config_path, char *error, size_t error_bytes);
static bool read_tls(struct house *house, char *error, size_t error_bytes);
static void log_stapling(const struct house *house, const struct tls_contexts *contexts);
static struct tls_tickets *make_tickets(struct house *house, char *error, size_t error_bytes);
static bool speaks_lmtp(const struct config *config);
static bool open_outside(struct server *server, char *error, size_t error_bytes);
static bool start_shards(struct house *house, int *sockets, char *error, size_t error_bytes);
static void tell_all(struct house *house, const struct notice *what);
static void reload_accounts(struct house *house);
static void reload_tls(struct house *house);
static bool make_contexts(struct house *house, char *error, size_t error_bytes);
static void end(struct house *house);
static uint32_t find_cores(int *out_cores);
static void raise_descriptor_limit(void);
static void block_signals(sigset_t *out_signals);

struct house *house_prepare(const char *config_path, char *out_error, size_t error_bytes)
{
    struct house *house = calloc(1, sizeof *house);
    must(house != NULL);
    block_signals(&house->signals);
    must(tls_library_start());
    if (read_all(house, config_path, out_error, error_bytes))
        return house;
    house_free(&house);
    return NULL;
}

const struct config *house_config(const struct house *house)
{
    return &house->server.config;
}

uint32_t house_users(const struct house *house)
{
    return accounts_count(house->accounts);
}

static bool read_all(struct house *house, const char *config_path, char *error, size_t error_bytes)
{
    struct config *config = &house->server.config;
    if (!config_read(config_path, config, error, error_bytes))
        return false;
    house->accounts = accounts_read(config->passwd_file, error, error_bytes);
    if (house->accounts == NULL || !read_tls(house, error, error_bytes))
        return false;
    int cores[CORES_MAX];
    if (config->shards == 0)
        config->shards = find_cores(cores);
    if (config->hash_threads == 0)
        config->hash_threads = (config->shards + 1) / 2;
    return true;
}

bool house_start(struct house *house, char *error, size_t error_bytes)
{
    struct server *server = &house->server;
    const struct config *config = &server->config;
    bool made;
    raise_descriptor_limit();
    if (!ring_init(&house->ring, error, error_bytes))
        return false;
    server->disk = store_open(config->store, STORE_MAKE_FOLDER, &made, error, error_bytes);
    if (server->disk == NULL)
        return false;
    disk_posix_remember_checks(server->disk, config->check_cache_entries, config->check_cache_s);
    if (!open_outside(server, error, error_bytes))
        return false;
    if (made)
        log_now("store-made path=%s", config->store);
    if (gethostname(server->host_name, sizeof server->host_name - 1) != 0 ||
        server->host_name[0] == '\0')
        snprintf(server->host_name, sizeof server->host_name, "localhost");
    server->connection_limit =
        connection_limit_make(config->connections_max, config->connections_per_address_max);
    house->starts = calloc(config->shards, sizeof *house->starts);
    house->threads = calloc(config->shards, sizeof *house->threads);
    house->fresh = calloc(config->shards, sizeof *house->fresh);
    int *sockets = calloc((size_t)config->shards * config->listener_count, sizeof *sockets);
    must(server->connection_limit != NULL && house->starts != NULL && house->threads != NULL &&
         house->fresh != NULL && sockets != NULL);
    bool good = worker_pool_init(&house->disk_pool, config->disk_threads, UINT32_MAX, true, error,
                                 error_bytes);
    server->disk_pool = good ? &house->disk_pool : NULL;
    good = good && worker_pool_init(&house->hash_pool, config->hash_threads, config->hash_queue_max,
                                    false, error, error_bytes);
    server->hash_pool = good ? &house->hash_pool : NULL;
    if (good && speaks_lmtp(config)) {
        server->delivery_queue = delivery_queue_make(
            server->disk, config->delivery_threads, config->delivery_queue_max, error, error_bytes);
        good = server->delivery_queue != NULL;
    }
    good = good && start_shards(house, sockets, error, error_bytes);
    free(sockets);
    return good;
}

static bool speaks_lmtp(const struct config *config)
{
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (config->listeners[i].protocol == CONFIG_PROTOCOL_LMTP)
            return true;
    return false;
}

/* Maildirs have a root of their own. */
static bool open_outside(struct server *server, char *error, size_t error_bytes)
{
    struct config *config = &server->config;
    server->outside = disk_posix_open("/");
    if (server->outside == NULL) {
        snprintf(error, error_bytes, "the root folder cannot be opened (%s)", strerror(errno));
        return false;
    }
    maildir_place_resolve(config->maildir);
    maildir_place_resolve(config->maildir_mounted);
    maildir_place_resolve(config->maildir_control);
    server->maildir = (struct maildir_settings){
        .move_new = config->maildir_move_new,
        .mark_seen = config->maildir_mark_seen,
        .mounted = config->maildir_mounted + (config->maildir_mounted[0] == '/'),
        .control = config->maildir_control + (config->maildir_control[0] == '/'),
        .messages_max = config->messages_max,
    };
    /* The links behind a path may have made it longer than it was when it was checked. */
    if (strlen(server->maildir.mounted) >= MAILDIR_PATH_BYTES ||
        strlen(server->maildir.control) >= MAILDIR_PATH_BYTES) {
        snprintf(error, error_bytes,
                 "maildir-mounted or maildir-control has more than %d characters, its symbolic "
                 "links followed; use a shorter path",
                 MAILDIR_PATH_BYTES - 1);
        return false;
    }
    must(maildir_uidl_parse(span_of(config->uidl_format), &server->maildir.uidl) == NULL);
    return true;
}

/* All listening sockets are there before the first shard accepts. `sockets` has a row of listeners
 * for each shard. */
static bool start_shards(struct house *house, int *sockets, char *error, size_t error_bytes)
{
    const struct config *config = &house->server.config;
    uint32_t listeners = config->listener_count;
    int *column = calloc(config->shards, sizeof *column);
    must(column != NULL);
    for (uint32_t i = 0; i < listeners; i++) {
        if (!listener_sockets(config, &config->listeners[i], column, config->shards, error,
                              error_bytes)) {
            free(column);
            return false;
        }
        house->bound_listeners++;
        for (uint32_t shard = 0; shard < config->shards; shard++)
            sockets[shard * listeners + i] = column[shard];
    }
    free(column);
    int cores[CORES_MAX];
    bool pinned = find_cores(cores) == config->shards;
    for (uint32_t i = 0; i < config->shards; i++) {
        struct shard_start *begin = &house->starts[i];
        begin->server = &house->server;
        begin->accounts = house->accounts;
        begin->tickets = house->tickets;
        begin->number = i;
        begin->core = pinned ? cores[i] : -1;
        begin->sockets = &sockets[i * listeners];
        int failed = pthread_create(&house->threads[i], NULL, shard_main, begin);
        if (failed != 0) {
            snprintf(error, error_bytes, "cannot start shard %u: %s", i, strerror(failed));
            return false;
        }
        while (atomic_load(&begin->state) == SHARD_STARTING)
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        if (atomic_load(&begin->state) == SHARD_FAILED) {
            pthread_join(house->threads[i], NULL);
            snprintf(error, error_bytes, "%s", begin->error);
            return false;
        }
        house->running++;
    }
    return true;
}

void house_run(struct house *house)
{
    const struct config *config = house_config(house);
    log_now("ready version=%s listeners=%u shards=%u users=%u", RINGPOST_VERSION,
            config->listener_count, config->shards, house_users(house));
    if (config->tls_count > 0 && !tls_library_is_accelerated())
        log_now("tls-unaccelerated reason=\"run tools/wolfssl --build and build again\"");
    bool stopping = false;
    while (house->running > 0) {
        /* Shards that stop end by themselves; that is looked for between signals. So are changes of
         * certificates. */
        const struct timespec moment = {.tv_nsec = 20000000};
        const struct timespec watch = {.tv_sec = WATCH_S};
        int number = sigtimedwait(&house->signals, NULL, stopping ? &moment : &watch);
        if (number == SIGHUP && !stopping) {
            reload_accounts(house);
            reload_tls(house);
        } else if (number == SIGUSR1) {
            tell_all(house, &(struct notice){.kind = NOTICE_COUNTERS});
        } else if (number == SIGTERM || number == SIGINT) {
            tell_all(house, &(struct notice){.kind = stopping ? NOTICE_STOP_NOW : NOTICE_STOP});
            stopping = true;
            log_now("stopping signal=%s", number == SIGTERM ? "TERM" : "INT");
        }
        if (!stopping && tls_watch_is_due(&house->watch, WATCH_S) &&
            tls_watch_changed(&house->watch, config))
            reload_tls(house);
        while (stopping && house->running > 0 &&
               pthread_tryjoin_np(house->threads[house->running - 1], NULL) == 0)
            shard_fini(house->starts[--house->running].shard);
    }
    log_now("stopped");
}

static void tell_all(struct house *house, const struct notice *what)
{
    for (uint32_t i = 0; i < house->running; i++)
        shard_tell(&house->ring, &house->starts[i], what);
}

/* The old table is freed when the last shard uses the new one. A damaged file changes nothing. */
static void reload_accounts(struct house *house)
{
    char error[1024];
    struct accounts *fresh = accounts_read(house->server.config.passwd_file, error, sizeof error);
    if (fresh == NULL) {
        log_now("users-not-reloaded error=\"%s\"", error);
        return;
    }
    tell_all(house, &(struct notice){.kind = NOTICE_ACCOUNTS, .accounts = fresh});
    accounts_free(&house->accounts);
    house->accounts = fresh;
    log_now("users-reloaded users=%u", accounts_count(fresh));
}

/* What -t checks of TLS as well: every certificate can be loaded. */
static bool read_tls(struct house *house, char *error, size_t error_bytes)
{
    const struct config *config = house_config(house);
    if (config->tls_count == 0)
        return true;
    (void)tls_watch_changed(&house->watch, config);
    house->tickets = make_tickets(house, error, error_bytes);
    if (house->tickets == NULL)
        return false;
    const struct tls_tickets *tickets = house->tickets;
    struct tls_contexts *probe = tls_contexts_make(config, &tickets, error, error_bytes);
    if (probe == NULL)
        return false;
    log_stapling(house, probe);
    tls_contexts_give(probe);
    return true;
}

/* A response that is out of date is no reason not to serve; nobody is shown it. */
static void log_stapling(const struct house *house, const struct tls_contexts *contexts)
{
    const struct config *config = &house->server.config;
    for (uint32_t i = 0; i < config->tls_count; i++)
        if (!tls_contexts_is_stapled(contexts, i))
            log_now("ocsp-not-stapled file=\"%s\" reason=\"it has expired, or is not valid yet\"",
                    config->tls[i].ocsp);
}

/* From the file that a farm shares, else random; what was there goes on opening old tickets. */
static struct tls_tickets *make_tickets(struct house *house, char *error, size_t error_bytes)
{
    const struct config *config = house_config(house);
    for (uint32_t i = 0; i < config->tls_count; i++)
        if (config->tls[i].ticket_keys[0] != '\0')
            return tls_tickets_read(config->tls[i].ticket_keys, error, error_bytes);
    struct tls_tickets *tickets = tls_tickets_make(house->tickets);
    if (tickets == NULL)
        snprintf(error, error_bytes, "there is no randomness for the keys of session tickets");
    return tickets;
}

/* New connections get the new certificates; those that are there keep theirs. Files that cannot be
 * used change nothing; the keys of tickets are exchanged all the same. The stamp of the files is
 * taken before they are read: what changes meanwhile is seen the next time. */
static void reload_tls(struct house *house)
{
    const struct config *config = house_config(house);
    if (config->tls_count == 0)
        return;
    char error[1024];
    (void)tls_watch_changed(&house->watch, config);
    struct tls_tickets *tickets = make_tickets(house, error, sizeof error);
    if (tickets == NULL) {
        log_now("certificates-not-reloaded error=\"%s\"", error);
        return;
    }
    if (make_contexts(house, error, sizeof error)) {
        log_now("certificates-reloaded blocks=%u", config->tls_count);
        log_stapling(house, house->fresh[0]);
    } else {
        log_now("certificates-not-reloaded error=\"%s\"", error);
    }
    for (uint32_t i = 0; i < house->running; i++)
        shard_tell(
            &house->ring, &house->starts[i],
            &(struct notice){.kind = NOTICE_TLS, .tls = house->fresh[i], .tickets = tickets});
    tls_tickets_free(&house->tickets);
    house->tickets = tickets;
}

/* One set of contexts for each shard in house->fresh, or none at all. */
static bool make_contexts(struct house *house, char *error, size_t error_bytes)
{
    for (uint32_t i = 0; i < house->running; i++) {
        house->fresh[i] = tls_contexts_make(house_config(house), &house->starts[i].shard->tickets,
                                            error, error_bytes);
        if (house->fresh[i] != NULL)
            continue;
        while (i-- > 0) {
            tls_contexts_give(house->fresh[i]);
            house->fresh[i] = NULL;
        }
        memset(house->fresh, 0, house->running * sizeof *house->fresh);
        return false;
    }
    return true;
}

/* Shards that are still running here belong to a start that failed: they end at once. */
static void end(struct house *house)
{
    tell_all(house, &(struct notice){.kind = NOTICE_STOP_NOW});
    while (house->running > 0) {
        pthread_join(house->threads[--house->running], NULL);
        shard_fini(house->starts[house->running].shard);
    }
}

void house_free(struct house **place)
{
    struct house *house = *place;
    if (house == NULL)
        return;
    *place = NULL;
    struct server *server = &house->server;
    end(house);
    delivery_queue_free(&server->delivery_queue);
    if (server->hash_pool != NULL)
        worker_pool_fini(server->hash_pool);
    if (server->disk_pool != NULL)
        worker_pool_fini(server->disk_pool);
    for (uint32_t i = 0; i < house->bound_listeners; i++)
        if (server->config.listeners[i].socket_address.ss_family == AF_UNIX)
            listener_forget_path(&server->config.listeners[i]);
    if (server->disk != NULL)
        disk_posix_close(&server->disk);
    if (server->outside != NULL)
        disk_posix_close(&server->outside);
    connection_limit_free(&server->connection_limit);
    accounts_free(&house->accounts);
    if (house->ring.uring.ring_fd > 0)
        ring_fini(&house->ring);
    tls_tickets_free(&house->tickets);
    config_free(&server->config);
    free(house->fresh);
    free(house->threads);
    free(house->starts);
    free(house);
}

/* The cores that this process may use, and how many. */
static uint32_t find_cores(int *out_cores)
{
    cpu_set_t allowed;
    uint32_t count = 0;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        for (int core = 0; core < CPU_SETSIZE && core < CORES_MAX; core++)
            if (CPU_ISSET((size_t)core, &allowed))
                out_cores[count++] = core;
    if (count == 0)
        out_cores[count++] = -1;
    return count;
}

/* A session needs two or three descriptors. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Only house_run takes them, one after the other. */
static void block_signals(sigset_t *out_signals)
{
    sigemptyset(out_signals);
    sigaddset(out_signals, SIGHUP);
    sigaddset(out_signals, SIGINT);
    sigaddset(out_signals, SIGTERM);
    sigaddset(out_signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, out_signals, NULL);
    /* A peer that is gone is an error of the call, not a signal. */
    signal(SIGPIPE, SIG_IGN);
}
