/* load: one thread of the generator: its ring, its connections, and when they begin. */
#include "bench/load.h"

#include "bench/link.h"
#include "proto/must.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Sessions that begin in one turn, before those that are under way go on. */
#define STARTS_MAX 64

/* What sessions that were due get to begin behind the end: the users of some were just busy. */
#define LATE_NS 1000000000U

/* What sessions get to end by themselves when a person has had enough. */
#define GRACE_NS 1000000000U

static bool prepare(struct load *load, const struct load_start *start, char *out_error,
                    size_t error_bytes);
static void release(struct load *load);
static void run(struct load *load, const atomic_bool *interrupted);
static void start_due(struct load *load);
static bool start_session(struct load *load, uint64_t due_ns);
static bool choose_user(struct load *load, uint64_t *out_user);
static void ticked(struct op *op, int result, uint32_t flags);
static void arrived(struct op *op, int result, uint32_t flags);
static void turn_phase(struct load *load, const atomic_bool *interrupted);
static void hurry_all(struct load *load);
static void count_not_started(struct load *load);
static void cut_all(struct load *load);
static void pin(int core);

static const struct __kernel_timespec tick_time = {.tv_nsec = LOAD_TICK_NS};

void *load_main(void *argument)
{
    struct load_start *start = argument;
    struct load *load = calloc(1, sizeof *load);
    must(load != NULL);
    pin(start->core);
    load->number = start->number;
    load->threads = start->threads;
    load->settings = start->settings;
    load->begun_ns = start->begun_ns;
    tally_init(&load->tally, start->board);
    if (prepare(load, start, start->error, sizeof start->error)) {
        run(load, start->interrupted);
        *start->total = load->tally.total;
        release(load);
    } else {
        atomic_store(&start->failed, true);
    }
    free(load->tls);
    idle_fini(&load->idle);
    free(load->seen);
    free(load->plaintext);
    free(load);
    return NULL;
}

uint64_t load_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

bool load_counts(const struct load *load, uint64_t due_ns)
{
    return due_ns >= load->begun_ns + load->settings->warmup_ns;
}

double load_share_in_time(const struct load *load, uint64_t begun_ns)
{
    uint64_t from_ns = load->begun_ns + load->settings->warmup_ns;
    uint64_t now_ns = load_clock_ns();
    uint64_t to_ns = load->phase == LOAD_RUNS || now_ns < load->ended_ns ? now_ns : load->ended_ns;
    if (begun_ns >= from_ns && to_ns == now_ns)
        return 1;
    if (begun_ns > from_ns)
        from_ns = begun_ns;
    return to_ns > from_ns ? (double)(to_ns - from_ns) / (double)(now_ns - begun_ns) : 0;
}

static void run(struct load *load, const atomic_bool *interrupted)
{
    bool was_cut = false;
    load->now_ns = load_clock_ns();
    wheel_init(&load->wheel, load->now_ns / LOAD_TICK_NS);
    ring_timeout(&load->ring, &load->tick, &tick_time);
    while (load->phase != LOAD_ENDS || load->open_count > 0 || load->tick.in_flight ||
           load->arrival.in_flight) {
        turn_phase(load, interrupted);
        if (load->phase == LOAD_ENDS && !was_cut && load->now_ns >= load->last_ns) {
            was_cut = true;
            load->is_giving_up = atomic_load(interrupted);
            cut_all(load);
        }
        if (load->phase != LOAD_ENDS)
            start_due(load);
        ring_wait(&load->ring, load->phase == LOAD_ENDS || !load->more_is_due);
        load->now_ns = load_clock_ns();
        uint64_t ran_ns = load->now_ns - load->begun_ns;
        if (load->now_ns > load->begun_ns)
            tally_turn(&load->tally, (uint32_t)(ran_ns / 1000000000U), load->open_count);
        ring_run(&load->ring);
    }
    uint64_t ran_ns = load->now_ns > load->begun_ns ? load->now_ns - load->begun_ns : 0;
    tally_turn(&load->tally, (uint32_t)(ran_ns / 1000000000U) + 1, 0);
}

/* From running to clearing when the time is over; from there to the end when all that was due has
 * begun, or had time enough to. A person who has had enough shortens either. */
static void turn_phase(struct load *load, const atomic_bool *interrupted)
{
    const struct load_settings *settings = load->settings;
    uint64_t end_ns = load->begun_ns + settings->length_ns;
    bool is_interrupted = atomic_load(interrupted);
    if (load->phase == LOAD_RUNS && (load->now_ns >= end_ns || is_interrupted)) {
        load->phase = LOAD_CLEARS;
        load->ended_ns = load->now_ns < end_ns ? load->now_ns : end_ns;
        if (settings->is_open_loop)
            arrival_end(&load->arrivals,
                        load->now_ns > load->begun_ns ? load->ended_ns - load->begun_ns : 0);
        hurry_all(load);
        start_due(load); /* what came due while this thread slept */
    }
    if (load->phase == LOAD_CLEARS &&
        (arrival_due_ns(&load->arrivals) == UINT64_MAX || is_interrupted ||
         load->now_ns >= load->ended_ns + LATE_NS)) {
        load->phase = LOAD_ENDS;
        load->last_ns = load->now_ns + settings->timeout_ns;
        count_not_started(load);
        if (load->arrival.in_flight)
            ring_cancel(&load->ring, &load->arrival);
    }
    if (is_interrupted && load->last_ns > load->now_ns + GRACE_NS)
        load->last_ns = load->now_ns + GRACE_NS;
}

static void start_due(struct load *load)
{
    uint64_t due_ns;
    uint32_t started = 0;
    load->more_is_due = false;
    if (!load->settings->is_open_loop) {
        while (load->phase == LOAD_RUNS &&
               load->open_count + load->resting < load->connections_max &&
               load->now_ns >= load->begun_ns && !load->more_is_due &&
               start_session(load, load_clock_ns()))
            load->more_is_due = ++started == STARTS_MAX;
        return;
    }
    while ((due_ns = arrival_due_ns(&load->arrivals)) != UINT64_MAX) {
        uint64_t after_ns = load->begun_ns + due_ns;
        if (after_ns > load_clock_ns()) {
            if (load->arrival.in_flight)
                return;
            uint64_t wait_ns = after_ns - load_clock_ns();
            load->arrival_time = (struct __kernel_timespec){
                .tv_sec = (long long)(wait_ns / 1000000000U),
                .tv_nsec = (long long)(wait_ns % 1000000000U),
            };
            ring_timeout(&load->ring, &load->arrival, &load->arrival_time);
            return;
        }
        if (load->open_count == load->connections_max)
            return;
        if (started++ == STARTS_MAX) {
            load->more_is_due = true;
            return;
        }
        if (!start_session(load, after_ns))
            return;
        arrival_advance(&load->arrivals);
    }
}

/* False where every user has a session: it has to wait for one of them. */
static bool start_session(struct load *load, uint64_t due_ns)
{
    uint64_t user;
    if (!choose_user(load, &user))
        return false;
    link_begin(load, mix_draw(&load->settings->mix, &load->random), user, due_ns);
    return true;
}

static bool choose_user(struct load *load, uint64_t *out_user)
{
    if (!load->settings->users_are_shared)
        return idle_take(&load->idle, &load->random, out_user);
    *out_user = random_below(&load->random, load->user_count);
    return true;
}

void load_user_is_idle(struct load *load, uint64_t user)
{
    if (!load->settings->users_are_shared)
        idle_give(&load->idle, user);
}

static void ticked(struct op *op, int result, uint32_t flags)
{
    (void)result;
    (void)flags;
    struct load *load = (struct load *)((char *)op - offsetof(struct load, tick));
    load->now_ns = load_clock_ns();
    load->resting = 0;
    struct wheel_entry *due;
    while ((due = wheel_take_due(&load->wheel, load->now_ns / LOAD_TICK_NS)) != NULL)
        link_timeout(link_of_timer(due));
    if (load->settings->slow_percent > 0) {
        load->slow_allowance += load->settings->read_rate;
        size_t bytes = load->slow_allowance / (1000000000U / LOAD_TICK_NS);
        for (struct link *link = load->all, *next; link != NULL && bytes > 0; link = next) {
            next = link->next;
            if (link->is_slow && !link->is_over)
                link_read_slowly(link, bytes);
        }
        load->slow_allowance -= bytes * (1000000000U / LOAD_TICK_NS);
    }
    if (load->phase != LOAD_ENDS || load->open_count > 0)
        ring_timeout(&load->ring, &load->tick, &tick_time);
}

static void arrived(struct op *op, int result, uint32_t flags)
{
    (void)op; /* start_due looks at the clock in each turn; this only ends the wait */
    (void)result;
    (void)flags;
}

/* Those that wait for nothing but time go on to their end. */
static void hurry_all(struct load *load)
{
    for (struct link *link = load->all, *next; link != NULL; link = next) {
        next = link->next;
        link_hurry(link);
    }
}

static void count_not_started(struct load *load)
{
    for (uint64_t due_ns; (due_ns = arrival_due_ns(&load->arrivals)) != UINT64_MAX;
         arrival_advance(&load->arrivals)) {
        if (!load_counts(load, load->begun_ns + due_ns))
            continue;
        load->tally.total.failed++;
        tally_fault(&load->tally.total, FAULT_NOT_STARTED,
                    "a session was due but never began: all --users or all --connections were "
                    "busy to the end, or the generator is too slow");
    }
}

static void cut_all(struct load *load)
{
    for (struct link *link = load->all, *next; link != NULL; link = next) {
        next = link->next;
        link_cut(link, FAULT_TIMEOUT, "the session had not ended when the run did");
    }
}

static bool prepare(struct load *load, const struct load_start *start, char *out_error,
                    size_t error_bytes)
{
    const struct load_settings *settings = load->settings;
    load->tick.done = ticked;
    load->arrival.done = arrived;
    load->random = random_stream(settings->seed, 1000 + load->number);
    load->connections_max = (uint32_t)(settings->connections / load->threads +
                                       (load->number < settings->connections % load->threads));
    bool own = !settings->users_are_shared || settings->script.users.count >= load->threads;
    load->user_first = own ? load->number : 0;
    load->user_step = own ? load->threads : 1;
    load->user_count =
        (settings->script.users.count - load->user_first + load->user_step - 1) / load->user_step;
    load->seen = calloc(load->user_count, sizeof *load->seen);
    load->plaintext = malloc(INBOX_EACH_BYTES);
    if (load->seen == NULL || load->plaintext == NULL ||
        !idle_init(&load->idle, load->user_count)) {
        snprintf(out_error, error_bytes, "not enough memory for %llu users",
                 (unsigned long long)load->user_count);
        return false;
    }
    if (settings->target.tls || settings->script.stls) {
        load->tls = malloc(sizeof *load->tls);
        if (load->tls == NULL ||
            !tls_client_context_init(load->tls, &settings->tls, out_error, error_bytes))
            return false;
    }
    if (!ring_init(&load->ring, out_error, error_bytes))
        return false;
    if (!inbox_init(&load->inbox, &load->ring)) {
        snprintf(out_error, error_bytes,
                 "the kernel takes no receive buffers; raise the limit of "
                 "locked memory (ulimit -l)");
        return false;
    }
    slab_init(&load->links, sizeof(struct link), load->connections_max);
    if (settings->is_open_loop)
        arrival_init(&load->arrivals, &settings->rate, settings->is_poisson, settings->length_ns,
                     start->number, start->threads, settings->seed);
    return true;
}

static void release(struct load *load)
{
    slab_fini(&load->links);
    inbox_fini(&load->inbox, &load->ring);
    ring_fini(&load->ring);
    if (load->tls != NULL)
        tls_client_context_fini(load->tls);
    for (uint64_t i = 0; i < load->user_count; i++)
        seen_forget(&load->seen[i]);
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
