/* shard: one core's share of the server, with all that its sessions use. */
#include "core/shard.h"

#include "core/allocator.h"
#include "core/conn_input.h"
#include "core/listener.h"
#include "core/lmtp_conn.h"
#include "core/pop3_request.h"
#include "core/tls_stream.h"
#include "proto/must.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct shard *make(struct shard_start *start);
static void turn(struct shard *shard);
static void append(struct conn_queue *queue, struct conn *conn);
static struct conn *take_all(struct conn_queue *queue);
static void run_ready(struct shard *shard);
static void run_sending(struct shard *shard);
static void tick(struct op *op, int result, uint32_t flags);
static void noticed(struct op *op, int result, uint32_t flags);
static void stop(struct shard *shard, bool now);
static bool is_over(const struct shard *shard);
static void pin(int core);
static void read_clocks(struct shard *shard);
static void log_counters(struct shard *shard);
static struct pop3_settings settings_for(const struct config *config, bool is_local, bool stls);
static struct lmtp_settings lmtp_settings_for(const struct server *server, bool starttls);

/* Requests of one shard that may be with the workers at once; more are put off with SYS/TEMP. */
#define TASKS_MAX 16384

static const struct __kernel_timespec one_second = {.tv_sec = 1};

void *shard_main(void *argument)
{
    struct shard_start *start = argument;
    pin(start->core);
    struct shard *shard = make(start);
    start->shard = shard;
    atomic_store(&start->state, shard != NULL ? SHARD_RUNNING : SHARD_FAILED);
    if (shard == NULL)
        return NULL;
    while (!is_over(shard))
        turn(shard);
    atomic_store(&start->state, SHARD_ENDED);
    return NULL;
}

void shard_tell(struct ring *from, struct shard_start *start, const struct notice *what)
{
    struct notice notice = {.op = {.done = noticed},
                            .shard = start->shard,
                            .kind = what->kind,
                            .accounts = what->accounts,
                            .tls = what->tls,
                            .tickets = what->tickets};
    ring_expect(&notice.op);
    ring_post(from, ring_descriptor(&start->shard->ring), &notice.op, 0);
    while (!atomic_load_explicit(&notice.taken, memory_order_acquire) &&
           atomic_load(&start->state) != SHARD_ENDED)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

uint64_t shard_now_s(const struct shard *shard)
{
    return shard->now_ms / 1000;
}

void shard_need_tick(struct shard *shard)
{
    if (!shard->tick.in_flight)
        ring_timeout(&shard->ring, &shard->tick, &one_second);
}

void shard_make_ready(struct shard *shard, struct conn *conn)
{
    append(&shard->ready, conn);
}

void shard_put_off_sending(struct shard *shard, struct conn *conn)
{
    append(&shard->sending, conn);
}

static void append(struct conn_queue *queue, struct conn *conn)
{
    if (conn->is_ready)
        return;
    conn->is_ready = true;
    conn->next_ready = NULL;
    *queue->end = conn;
    queue->end = &conn->next_ready;
}

/* All that there are; the queue is empty then. */
static struct conn *take_all(struct conn_queue *queue)
{
    struct conn *first = queue->first;
    *queue = (struct conn_queue){NULL, &queue->first};
    return first;
}

static void turn(struct shard *shard)
{
    ring_wait(&shard->ring, shard->ready.first == NULL && shard->sending.first == NULL);
    read_clocks(shard);
    shard->handshakes_left = shard->server->config.handshakes_per_turn;
    shard->sent.turn_left = SEND_TURN_BYTES;
    /* Those that were put off come before those that come now, handshakes above all; who sends much
     * comes first, since all that others send is taken off what may leave in this turn. */
    run_sending(shard);
    run_ready(shard);
    ring_run(&shard->ring);
    conn_input_feed_starved(shard);
    if (!shard->stopping)
        log_settle(&shard->log);
    else
        log_flush(&shard->log);
    if (!shard->stopping || shard->conn_count > 0)
        return;
    /* The last lines get one more tick of the clock to be taken. */
    if (!log_is_idle(&shard->log))
        shard_need_tick(shard);
    else if (shard->tick.in_flight)
        ring_cancel(&shard->ring, &shard->tick);
}

/* Those that were put off when this turn began; whoever is put off again waits for the next. */
static void run_ready(struct shard *shard)
{
    struct conn *conn = take_all(&shard->ready);
    while (conn != NULL) {
        struct conn *next = conn->next_ready;
        conn->is_ready = false;
        conn_resume(conn);
        conn = next;
    }
}

/* Whoever is put off again stands behind those that have not had their part yet. */
static void run_sending(struct shard *shard)
{
    struct conn_queue *queue = &shard->sending;
    while (queue->first != NULL && shard->sent.turn_left > 0) {
        struct conn *conn = queue->first;
        if ((queue->first = conn->next_ready) == NULL)
            queue->end = &queue->first;
        conn->is_ready = false;
        conn_resume(conn);
    }
}

static void tick(struct op *op, int result, uint32_t flags)
{
    (void)result;
    (void)flags;
    struct shard *shard = (struct shard *)((char *)op - offsetof(struct shard, tick));
    struct wheel_entry *due;
    while ((due = wheel_take_due(&shard->wheel, shard_now_s(shard))) != NULL)
        conn_timeout(conn_of_timer(due));
    bool paused = false;
    for (uint32_t i = 0; i < shard->listener_count; i++) {
        listener_retry(&shard->listeners[i]);
        paused = paused || shard->listeners[i].paused;
    }
    if (shard->stopping && shard->now_ms >= shard->stop_ms)
        stop(shard, true);
    if (shard->stopping && shard->conn_count == 0)
        log_give_up(&shard->log);
    if (shard->conn_count > 0 || paused)
        shard_need_tick(shard);
}

static void noticed(struct op *op, int result, uint32_t flags)
{
    (void)result;
    (void)flags;
    struct notice *notice = (struct notice *)((char *)op - offsetof(struct notice, op));
    struct shard *shard = notice->shard;
    switch (notice->kind) {
    case NOTICE_ACCOUNTS:
        shard->accounts = notice->accounts;
        break;
    case NOTICE_TLS:
        /* Connections of the old certificates keep them; tickets are sealed with the new keys. */
        shard->tickets = notice->tickets;
        if (notice->tls != NULL) {
            tls_contexts_give(shard->tls);
            shard->tls = notice->tls;
        }
        break;
    case NOTICE_STOP:
        stop(shard, false);
        break;
    case NOTICE_STOP_NOW:
        stop(shard, true);
        break;
    case NOTICE_COUNTERS:
        log_counters(shard);
        break;
    }
    atomic_store_explicit(&notice->taken, true, memory_order_release);
}

static void stop(struct shard *shard, bool now)
{
    if (!shard->stopping) {
        shard->stopping = true;
        shard->stop_ms = shard->now_ms + shard->server->config.shutdown_ms;
        for (uint32_t i = 0; i < shard->listener_count; i++)
            listener_stop(&shard->listeners[i]);
    }
    for (struct conn *conn = shard->all; conn != NULL;) {
        struct conn *next = conn->next;
        conn_stop(conn, now);
        conn = next;
    }
}

/* Nothing is left that could complete. */
static bool is_over(const struct shard *shard)
{
    if (!shard->stopping || shard->conn_count > 0 || shard->tick.in_flight ||
        !log_is_idle(&shard->log))
        return false;
    for (uint32_t i = 0; i < shard->listener_count; i++)
        if (!listener_is_idle(&shard->listeners[i]))
            return false;
    return true;
}

static struct shard *make(struct shard_start *start)
{
    const struct config *config = &start->server->config;
    struct shard *shard = calloc(1, sizeof *shard);
    must(shard != NULL);
    shard->server = start->server;
    shard->number = start->number;
    shard->accounts = start->accounts;
    (void)take_all(&shard->ready);
    (void)take_all(&shard->sending);
    shard->tick.done = tick;
    for (int local = 0; local < 2; local++)
        for (int stls = 0; stls < 2; stls++)
            shard->settings[local][stls] = settings_for(config, local == 1, stls == 1);
    shard->settings_encrypted = settings_for(config, false, false);
    shard->settings_encrypted.plaintext_login = true;
    shard->settings_verified = shard->settings_encrypted;
    shard->settings_verified.external = true;
    for (int starttls = 0; starttls < 2; starttls++)
        shard->lmtp_settings[starttls] = lmtp_settings_for(start->server, starttls == 1);
    shard->tickets = start->tickets;
    if (config->tls_count > 0) {
        shard->tls = tls_contexts_make(config, &shard->tickets, start->error, sizeof start->error);
        if (shard->tls == NULL)
            return NULL;
    }
    if (!ring_init(&shard->ring, start->error, sizeof start->error))
        return NULL;
    shard->access = (struct disk_access){start->server->disk, DISK_NOW, malloc(DISK_SCRATCH_BYTES)};
    shard->facts = malloc(POP3_FACTS_MAX * sizeof *shard->facts);
    shard->plaintext = malloc(TLS_RECORD_BYTES);
    shard->plaintext_out = malloc(TLS_RECORD_BYTES);
    shard->login_cache = login_cache_make(config->login_cache_entries, config->login_cache_s);
    shard->listeners = calloc(config->listener_count, sizeof *shard->listeners);
    if (!buffers_init(&shard->buffers, &shard->ring) || !log_init(&shard->log, &shard->ring) ||
        shard->access.scratch == NULL || shard->facts == NULL || shard->plaintext == NULL ||
        shard->plaintext_out == NULL || shard->login_cache == NULL || shard->listeners == NULL) {
        snprintf(start->error, sizeof start->error, "shard %u: not enough memory", start->number);
        return NULL;
    }
    for (int i = 0; i < CONFIG_PROTOCOLS; i++)
        slab_init(&shard->conns[i], listener_protocol((enum config_protocol)i)->conn_bytes,
                  config->connections_max);
    slab_init(&shard->plans, sizeof(struct plan), 2 * config->connections_max);
    slab_init(&shard->tls_streams, sizeof(struct tls_stream), config->connections_max);
    slab_init(&shard->tls_outputs, TLS_OUTPUT_BYTES, config->connections_max);
    slab_init(&shard->tasks, sizeof(struct pop3_task), TASKS_MAX);
    slab_init(&shard->backlogs, conn_input_block_bytes(config), config->connections_max);
    slab_init(&shard->letters, LETTER_BLOCK_BYTES, config->connections_max);
    slab_init(&shard->recipients, sizeof(struct lmtp_recipient),
              config->delivery_queue_max + config->recipients_max);
    read_clocks(shard);
    wheel_init(&shard->wheel, shard_now_s(shard));
    shard->listener_count = config->listener_count;
    for (uint32_t i = 0; i < config->listener_count; i++)
        listener_start(&shard->listeners[i], shard, start->sockets[i], &config->listeners[i]);
    return shard;
}

void shard_fini(struct shard *shard)
{
    log_fini(&shard->log);
    buffers_fini(&shard->buffers, &shard->ring);
    ring_fini(&shard->ring);
    for (int i = 0; i < CONFIG_PROTOCOLS; i++)
        slab_fini(&shard->conns[i]);
    slab_fini(&shard->plans);
    slab_fini(&shard->tasks);
    slab_fini(&shard->tls_streams);
    slab_fini(&shard->tls_outputs);
    if (shard->tls != NULL)
        tls_contexts_give(shard->tls);
    free(shard->plaintext);
    free(shard->plaintext_out);
    slab_fini(&shard->backlogs);
    slab_fini(&shard->letters);
    slab_fini(&shard->recipients);
    login_cache_free(&shard->login_cache);
    free(shard->listeners);
    free(shard->facts);
    free(shard->access.scratch);
    free(shard);
}

static void pin(int core)
{
    if (core < 0)
        return;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET((size_t)core, &cores);
    /* A container may forbid it; then the scheduler decides. */
    (void)sched_setaffinity(0, sizeof cores, &cores);
}

static void read_clocks(struct shard *shard)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    shard->now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    log_set_time(&shard->log, (uint64_t)now.tv_sec);
}

static void log_counters(struct shard *shard)
{
    const struct shard_counters *counters = &shard->counters;
    struct log *log = &shard->log;
    uint64_t allocated = 0;
    allocator_thread_bytes(&allocated);
    log_begin(log, "counters");
    log_number(log, "shard", shard->number);
    log_number(log, "connections", counters->connections);
    log_number(log, "open", shard->conn_count);
    log_number(log, "refused", counters->refused_connections);
    log_number(log, "logins", counters->logins);
    log_number(log, "failed_logins", counters->failed_logins);
    log_number(log, "retrieved", counters->retrieved);
    log_number(log, "retrieved_octets", counters->retrieved_octets);
    log_number(log, "deleted", counters->removed);
    log_number(log, "sent_bytes", shard->sent.bytes);
    log_number(log, "sends", shard->sent.calls);
    log_number(log, "range_sends", shard->sent.range_calls);
    log_number(log, "cold_ranges", counters->cold_ranges);
    log_number(log, "handshakes", counters->handshakes);
    log_number(log, "handshakes_resumed", counters->handshakes_resumed);
    log_number(log, "handshakes_failed", counters->handshakes_failed);
    log_number(log, "handshake_steps", counters->handshake_steps);
    log_number(log, "handshakes_put_off", counters->handshakes_put_off);
    log_number(log, "waiting_requests", counters->waiting_requests);
    log_number(log, "messages", counters->messages);
    log_number(log, "deliveries", counters->deliveries);
    log_number(log, "failed_deliveries", counters->failed_deliveries);
    log_number(log, "refused_recipients", counters->refused_recipients);
    log_number(log, "delivered_octets", counters->delivered_octets);
    log_number(log, "spills", counters->spills);
    log_number(log, "allocated_bytes", allocated);
    log_end(log);
}

static struct pop3_settings settings_for(const struct config *config, bool is_local, bool stls)
{
    return (struct pop3_settings){
        .implementation = SPAN_LITERAL("Ringpost"),
        .apop = config->apop,
        .last = config->last,
        .stls = stls,
        .plaintext_login = config->plaintext_login == CONFIG_PLAINTEXT_ALWAYS ||
                           (config->plaintext_login == CONFIG_PLAINTEXT_LOCAL && is_local),
        .refusals_before_login_max = config->refusals_before_login_max,
        .refusals_after_login_max = config->refusals_after_login_max,
    };
}

static struct lmtp_settings lmtp_settings_for(const struct server *server, bool starttls)
{
    const struct config *config = &server->config;
    bool is_local = config->user_name == CONFIG_USER_NAME_LOCAL;
    return (struct lmtp_settings){
        .host_name = span_of(server->host_name),
        .users = {is_local ? LMTP_USER_LOCAL_PART : LMTP_USER_WHOLE_ADDRESS,
                  config->recipient_delimiter},
        .message_octets_max = config->message_bytes_max,
        .recipients_max = config->recipients_max,
        .mistakes_max = config->refusals_after_login_max,
        .full_is_passing = config->quota_full == CONFIG_QUOTA_DEFER,
        .starttls = starttls,
    };
}
