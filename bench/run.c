/* run: one measurement, from the settings to its result. */
#include "bench/run.h"

#include "bench/ticker.h"
#include "proto/must.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Threads need a moment to be ready; all begin at the same time. */
#define START_NS 20000000U

/* A second that was cut off earlier than this is not told from none. */
#define SECOND_LEAST_S 0.05

static atomic_bool interrupted;

static uint32_t cores_of(int out_cores[THREADS_MAX]);
static void watch(const struct run_settings *settings, struct board *board, struct result *result,
                  const struct load_start *starts);
static bool any_failed(const struct load_start *starts);
static void add_seconds(struct board *board, struct result *result, struct ticker *ticker,
                        bool have_ended, uint64_t begun_ns);
static uint64_t least_of(uint64_t one, uint64_t other);
static void interrupt(int number);

bool run_once(const struct run_settings *settings, struct result *out_result, char *out_error,
              size_t error_bytes)
{
    int cores[THREADS_MAX];
    uint32_t core_count = cores_of(cores);
    uint64_t threads = settings->threads > 0 ? settings->threads : core_count;
    threads = least_of(threads, settings->load.connections);
    /* Each has users of its own: two would log in as the same one at once. */
    if (!settings->load.users_are_shared)
        threads = least_of(threads, settings->load.script.users.count);
    must(threads > 0 && threads <= THREADS_MAX);
    if (settings->load.target.tls || settings->load.script.stls)
        tls_client_library_begin();
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    struct board board;
    board_init(&board, (uint32_t)threads);
    struct load_start *starts = calloc(threads, sizeof *starts);
    struct tally_total *totals = calloc(threads, sizeof *totals);
    must(starts != NULL && totals != NULL);
    *out_result = (struct result){
        .rate = settings->load.is_open_loop ? rate_highest(&settings->load.rate) : 0,
        .threads = (uint32_t)threads,
        .begun_unix_s = (uint64_t)time(NULL)};
    uint64_t begun_ns = load_clock_ns() + START_NS;
    for (uint32_t i = 0; i < threads; i++) {
        starts[i] = (struct load_start){
            .settings = &settings->load,
            .board = &board,
            .number = i,
            .threads = (uint32_t)threads,
            .core = threads <= core_count ? cores[i] : -1,
            .begun_ns = begun_ns,
            .interrupted = &interrupted,
            .total = &totals[i],
        };
        must(pthread_create(&starts[i].thread, NULL, load_main, &starts[i]) == 0);
    }
    watch(settings, &board, out_result, starts);
    bool failed = false;
    tally_total_init(&out_result->total);
    for (uint32_t i = 0; i < threads; i++) {
        pthread_join(starts[i].thread, NULL);
        if (starts[i].failed)
            snprintf(out_error, error_bytes, "%s", starts[i].error);
        else
            tally_merge(&out_result->total, &totals[i]);
        failed = failed || starts[i].failed;
    }
    out_result->whole_s = (double)(load_clock_ns() - begun_ns) / 1e9;
    struct ticker quiet = {.is_quiet = true};
    add_seconds(&board, out_result, &quiet, true, begun_ns);
    for (uint32_t i = 0; i < out_result->timeline.count; i++) {
        const struct timeline_second *second = &out_result->timeline.seconds[i];
        if (second->second < settings->load.warmup_ns / 1000000000U)
            continue;
        out_result->total.received_bytes += second->received_bytes;
        out_result->total.sent_bytes += second->sent_bytes;
    }
    out_result->was_interrupted = atomic_load(&interrupted);
    board_fini(&board);
    free(starts);
    free(totals);
    return !failed;
}

void result_fini(struct result *result)
{
    timeline_fini(&result->timeline);
}

double result_second_s(const struct result *result, const struct timeline_second *second)
{
    double left_s = result->ended_s - (double)second->second;
    /* Of so little nobody can make a rate. */
    return left_s > SECOND_LEAST_S && left_s < 1 ? left_s : 1;
}

bool result_is_bad(const struct run_settings *settings, const struct result *result)
{
    const struct tally_total *total = &result->total;
    uint64_t failed = 0;
    for (uint32_t i = 0; i < FAULT_KINDS; i++) {
        if (total->faults[i] > 0 && fault_is_wrong_server((enum fault)i))
            return true;
        failed += total->faults[i];
    }
    return failed * 100 > settings->errors_allowed_percent * (failed + total->done) ||
           total->done == 0;
}

/* Sleeps in the main thread; takes seconds as they become complete. */
static void watch(const struct run_settings *settings, struct board *board, struct result *result,
                  const struct load_start *starts)
{
    uint64_t begun_ns = starts[0].begun_ns;
    const struct load_settings *load = &settings->load;
    struct ticker ticker;
    ticker_init(&ticker, settings->is_quiet, (double)load->length_ns / 1e9);
    timeline_init(&result->timeline, (int)settings->pid);
    uint64_t count_ns = begun_ns + load->warmup_ns;
    uint64_t end_ns = begun_ns + load->length_ns;
    double own_s = 0, server_s = 0;
    bool has_begun = false;
    for (;;) {
        uint64_t now_ns = load_clock_ns();
        if (!has_begun && now_ns >= count_ns) {
            has_begun = true;
            own_s = process_own_cpu_s();
            server_s = settings->pid > 0 ? process_use_of((int)settings->pid).cpu_s : 0;
        }
        if (any_failed(starts))
            atomic_store(&interrupted, true);
        if (now_ns >= end_ns || atomic_load(&interrupted))
            break;
        add_seconds(board, result, &ticker, false, begun_ns);
        uint64_t left_ns = (has_begun ? end_ns : count_ns) - now_ns;
        uint64_t nap_ns = left_ns < 50000000U ? left_ns : 50000000U;
        nanosleep(&(struct timespec){.tv_nsec = (long)nap_ns}, NULL);
    }
    uint64_t stopped_ns = least_of(load_clock_ns(), end_ns);
    result->ended_s = (double)(stopped_ns - begun_ns) / 1e9;
    if (has_begun) {
        result->duration_s = (double)(load_clock_ns() - count_ns) / 1e9;
        result->generator_cpu_s = process_own_cpu_s() - own_s;
        if (settings->pid > 0)
            result->server_cpu_s = process_use_of((int)settings->pid).cpu_s - server_s;
    }
    add_seconds(board, result, &ticker, false, begun_ns);
    ticker_end(&ticker);
}

static bool any_failed(const struct load_start *starts)
{
    for (uint32_t i = 0; i < starts[0].threads; i++)
        if (atomic_load(&starts[i].failed))
            return true;
    return false;
}

static void add_seconds(struct board *board, struct result *result, struct ticker *ticker,
                        bool have_ended, uint64_t begun_ns)
{
    struct tally_second *second;
    while ((second = board_take(board, have_ended)) != NULL) {
        /* Behind the end there is mostly nothing, and a plot shall not fall to it. */
        bool is_empty = have_ended && second->started + second->done + second->failed == 0;
        if (second->second < TIMELINE_SECONDS_MAX && !is_empty) {
            timeline_add(&result->timeline, second, (double)(load_clock_ns() - begun_ns) / 1e9);
            const struct timeline_second *added =
                &result->timeline.seconds[result->timeline.count - 1];
            if (added->server_memory_bytes > result->server_memory_max_bytes)
                result->server_memory_max_bytes = added->server_memory_bytes;
            ticker_show(ticker, &result->timeline);
        }
        free(second);
    }
}

static uint32_t cores_of(int out_cores[THREADS_MAX])
{
    cpu_set_t set;
    uint32_t count = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    for (int i = 0; i < CPU_SETSIZE && count < THREADS_MAX; i++)
        if (CPU_ISSET((size_t)i, &set))
            out_cores[count++] = i;
    return count;
}

static uint64_t least_of(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

static void interrupt(int number)
{
    (void)number;
    /* The first asks for an end with a result; the second ends at once. */
    if (atomic_exchange(&interrupted, true))
        _exit(130);
}
