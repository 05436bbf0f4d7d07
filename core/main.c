/* ringpostd: reads the configuration, starts the shards and waits for signals.
 *
 * All that can be wrong is found before the first connection is accepted: nothing is left half
 * started. Afterwards this thread only carries word: SIGHUP reads the users anew, SIGTERM and
 * SIGINT end (a second one at once), SIGUSR1 logs the counters.
 */
#include "core/allocator.h"
#include "core/listener.h"
#include "core/shard.h"
#include "core/store.h"
#include "proto/must.h"

#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define EXIT_WRONG_START 2
#define CORES_MAX        1024

/* What is running, for the thread that waits for signals. */
struct house {
    struct server server;
    struct ring ring;
    struct worker_pool disk_pool, hash_pool;
    struct accounts *accounts;
    struct shard_start *starts;
    pthread_t *threads;
    uint32_t running;
    uint32_t bound_listeners; /* of the configuration's, the first so many are ours */
};

static int run(const char *config_path, bool check_only);
static bool prepare(struct house *house, const char *config_path, char *error, size_t error_bytes);
static bool start(struct house *house, char *error, size_t error_bytes);
static bool start_shards(struct house *house, int *sockets, char *error, size_t error_bytes);
static void wait_for_signals(struct house *house);
static void tell_all(struct house *house, enum notice_kind kind, const struct accounts *accounts);
static void reload_accounts(struct house *house);
static void fini(struct house *house);
static uint32_t find_cores(int *out_cores);
static void raise_descriptor_limit(void);
static void block_signals(sigset_t *out_signals);
static void print_version(void);
static void print_usage(FILE *stream);

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 't'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *config_path = CONFIG_PATH_DEFAULT;
    bool check_only = false;
    for (int option; (option = getopt_long(argc, argv, "c:tVh", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            config_path = optarg;
            break;
        case 't':
            check_only = true;
            break;
        case 'V':
            print_version();
            return EXIT_SUCCESS;
        case 'h':
            print_usage(stdout);
            return EXIT_SUCCESS;
        default:
            print_usage(stderr);
            return EXIT_WRONG_START;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "ringpostd: \"%s\" is not understood; options begin with a dash\n",
                argv[optind]);
        print_usage(stderr);
        return EXIT_WRONG_START;
    }
    return run(config_path, check_only);
}

static int run(const char *config_path, bool check_only)
{
    char error[1024];
    struct house *house = calloc(1, sizeof *house);
    must(house != NULL);
    sigset_t signals;
    block_signals(&signals);
    if (!prepare(house, config_path, error, sizeof error)) {
        fprintf(stderr, "ringpostd: %s\n", error);
        free(house);
        return EXIT_WRONG_START;
    }
    if (check_only) {
        printf("%s: good; %u users\n", house->server.config.path, accounts_count(house->accounts));
        accounts_free(&house->accounts);
        free(house);
        return EXIT_SUCCESS;
    }
    bool started = start(house, error, sizeof error);
    if (started) {
        const struct config *config = &house->server.config;
        log_now("ready version=%s listeners=%u shards=%u users=%u", RINGPOST_VERSION,
                config->listener_count, config->shards, accounts_count(house->accounts));
        wait_for_signals(house);
    } else {
        fprintf(stderr, "ringpostd: %s\n", error);
    }
    fini(house);
    return started ? EXIT_SUCCESS : EXIT_WRONG_START;
}

/* What -t checks: the configuration and the users. */
static bool prepare(struct house *house, const char *config_path, char *error, size_t error_bytes)
{
    struct config *config = &house->server.config;
    if (!config_read(config_path, config, error, error_bytes))
        return false;
    house->accounts = accounts_read(config->passwd_file, error, error_bytes);
    if (house->accounts == NULL)
        return false;
    int cores[CORES_MAX];
    if (config->shards == 0)
        config->shards = find_cores(cores);
    if (config->hash_threads == 0)
        config->hash_threads = (config->shards + 1) / 2;
    return true;
}

static bool start(struct house *house, char *error, size_t error_bytes)
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
    if (made)
        log_now("store-made path=%s", config->store);
    if (gethostname(server->host_name, sizeof server->host_name - 1) != 0)
        snprintf(server->host_name, sizeof server->host_name, "localhost");
    server->connection_limit =
        connection_limit_make(config->connections_max, config->connections_per_address_max);
    house->starts = calloc(config->shards, sizeof *house->starts);
    house->threads = calloc(config->shards, sizeof *house->threads);
    int *sockets = calloc((size_t)config->shards * config->listener_count, sizeof *sockets);
    must(server->connection_limit != NULL && house->starts != NULL && house->threads != NULL &&
         sockets != NULL);
    bool good = worker_pool_init(&house->disk_pool, config->disk_threads, UINT32_MAX, true, error,
                                 error_bytes);
    server->disk_pool = good ? &house->disk_pool : NULL;
    good = good && worker_pool_init(&house->hash_pool, config->hash_threads, config->hash_queue_max,
                                    false, error, error_bytes);
    server->hash_pool = good ? &house->hash_pool : NULL;
    good = good && start_shards(house, sockets, error, error_bytes);
    free(sockets);
    return good;
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

static void wait_for_signals(struct house *house)
{
    sigset_t signals;
    block_signals(&signals);
    bool stopping = false;
    while (house->running > 0) {
        /* Shards that stop end by themselves; that is looked for between signals. */
        const struct timespec moment = {.tv_nsec = 20000000};
        int number = stopping ? sigtimedwait(&signals, NULL, &moment) : sigwaitinfo(&signals, NULL);
        if (number == SIGHUP && !stopping) {
            reload_accounts(house);
        } else if (number == SIGUSR1) {
            tell_all(house, NOTICE_COUNTERS, NULL);
        } else if (number == SIGTERM || number == SIGINT) {
            tell_all(house, stopping ? NOTICE_STOP_NOW : NOTICE_STOP, NULL);
            stopping = true;
            log_now("stopping signal=%s", number == SIGTERM ? "TERM" : "INT");
        }
        while (stopping && house->running > 0 &&
               pthread_tryjoin_np(house->threads[house->running - 1], NULL) == 0)
            shard_fini(house->starts[--house->running].shard);
    }
    log_now("stopped");
}

static void tell_all(struct house *house, enum notice_kind kind, const struct accounts *accounts)
{
    for (uint32_t i = 0; i < house->running; i++)
        shard_tell(&house->ring, &house->starts[i], kind, accounts);
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
    tell_all(house, NOTICE_ACCOUNTS, fresh);
    accounts_free(&house->accounts);
    house->accounts = fresh;
    log_now("users-reloaded users=%u", accounts_count(fresh));
}

/* Shards that are still running here belong to a start that failed: they end at once. */
static void fini(struct house *house)
{
    struct server *server = &house->server;
    tell_all(house, NOTICE_STOP_NOW, NULL);
    while (house->running > 0) {
        pthread_join(house->threads[--house->running], NULL);
        shard_fini(house->starts[house->running].shard);
    }
    if (server->hash_pool != NULL)
        worker_pool_fini(server->hash_pool);
    if (server->disk_pool != NULL)
        worker_pool_fini(server->disk_pool);
    for (uint32_t i = 0; i < house->bound_listeners; i++)
        if (server->config.listeners[i].socket_address.ss_family == AF_UNIX)
            listener_forget_path(&server->config.listeners[i]);
    if (server->disk != NULL)
        disk_posix_close(&server->disk);
    connection_limit_free(&server->connection_limit);
    accounts_free(&house->accounts);
    if (house->ring.uring.ring_fd > 0)
        ring_fini(&house->ring);
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

static void print_version(void)
{
    struct utsname kernel;
    struct ring ring;
    char error[256];
    uname(&kernel);
    printf("ringpostd %s\n", RINGPOST_VERSION);
    printf("allocator %s\n", allocator_name());
    if (ring_init(&ring, error, sizeof error)) {
        printf("Linux %s: io_uring works\n", kernel.release);
        ring_fini(&ring);
    } else {
        printf("Linux %s: %s\n", kernel.release, error);
    }
}

static void print_usage(FILE *stream)
{
    fprintf(
        stream,
        "usage: ringpostd [-c FILE] [-t]\n"
        "  -c, --config FILE  configuration (default %s)\n"
        "  -t, --check        check the configuration and the users, then exit\n"
        "  -V, --version      print version and features\n"
        "  -h, --help         print this\n"
        "Runs in the foreground and logs to stderr. Signals: HUP reads the users anew, TERM and\n"
        "INT let sessions end and stop, USR1 logs counters. See ringpostd(8).\n",
        CONFIG_PATH_DEFAULT);
}
