/* load: one thread of the generator: its ring, its connections, and when they begin.
 *
 * Threads share nothing that is written but the board of seconds. Each has its own part of the
 * users, so that no two of its sessions meet in one maildrop as long as there are users enough. In
 * open loop the arrivals say when a session is due; one that finds no free connection starts late,
 * and its time still counts from when it was due.
 */
#ifndef RINGPOST_BENCH_LOAD_H
#define RINGPOST_BENCH_LOAD_H

#include "bench/arrival.h"
#include "bench/idle.h"
#include "bench/inbox.h"
#include "bench/source.h"
#include "bench/tally.h"
#include "bench/tls_client.h"
#include "core/slab.h"
#include "core/wheel.h"

#include <netinet/in.h>
#include <stdatomic.h>

/* Deadlines are kept in ticks of the wheel. */
#define LOAD_TICK_NS 10000000U

enum load_proxy { LOAD_PROXY_NONE, LOAD_PROXY_V1, LOAD_PROXY_V2 };

/* The same for all threads of a run. */
struct load_settings {
    struct script_settings script;
    struct target target;
    struct mix mix;
    struct tls_client_settings tls;
    bool is_open_loop;
    bool is_poisson;
    bool users_are_shared; /* nobody logs in: one may have several sessions at once */
    struct rate rate;
    uint64_t connections; /* at once, of all threads */
    uint64_t length_ns, warmup_ns, timeout_ns;
    uint64_t think_ns; /* mean; exponentially distributed */
    uint64_t hold_ns;  /* 0: to the end of the run */
    uint64_t seed;
    uint64_t slow_percent; /* of the connections that read only `read_rate` bytes a second */
    uint64_t read_rate;
    struct source_range sources;
    enum load_proxy proxy;
};

enum load_phase {
    LOAD_RUNS,
    LOAD_CLEARS, /* the time is over; what was due begins yet, and none waits for time any more */
    LOAD_ENDS,   /* no session begins any more */
};

struct link;

struct load {
    const struct load_settings *settings;
    struct ring ring;
    struct inbox inbox;
    struct slab links;
    struct wheel wheel;
    struct op tick;    /* each LOAD_TICK_NS */
    struct op arrival; /* when the next session is due */
    struct arrival arrivals;
    struct random random;
    struct tls_client_context *tls;             /* NULL without TLS */
    uint64_t user_first, user_step, user_count; /* which of the run's users they are */
    struct seen *seen;                          /* of each of them */
    struct idle idle;                           /* unless they are shared */
    struct tally tally;
    struct link *all;
    enum load_phase phase;
    uint64_t begun_ns, now_ns; /* of the run; now */
    uint64_t ended_ns;         /* when it stopped running */
    uint64_t last_ns;          /* when sessions that have not ended by themselves are cut off */
    uint32_t number, threads;
    uint32_t open_count, connections_max;
    uint32_t resting;        /* places of sessions that failed; filled again with the next tick */
    uint64_t slow_allowance; /* bytes a tick, times ticks a second */
    struct __kernel_timespec arrival_time;
    bool more_is_due;  /* a session, at once */
    bool is_giving_up; /* what is cut off now is nobody's fault */
    char *plaintext;   /* INBOX_EACH_BYTES */
    struct script_out out;
    char example[SCRIPT_EXAMPLE_BYTES]; /* of the session that fails just now */
};

/* What a thread is started with, and what it leaves. */
struct load_start {
    const struct load_settings *settings;
    struct board *board;
    pthread_t thread;
    uint32_t number, threads;
    int core; /* to stay on; -1: any */
    uint64_t begun_ns;
    const atomic_bool *interrupted; /* a person wants an end */
    atomic_bool failed;             /* `error` says why; nothing was done */
    struct tally_total *total;      /* the caller's */
    char error[256];
};

/* A thread's main function: takes a struct load_start, returns NULL when the run has ended. */
void *load_main(void *start);

/* CLOCK_MONOTONIC. */
uint64_t load_clock_ns(void);

/* A session of this user has ended. */
void load_user_is_idle(struct load *load, uint64_t user);

/* Whether a session that is due at a time counts for the totals: not while warming up. */
bool load_counts(const struct load *load, uint64_t due_ns);

/* Which share (0 to 1) of a session, from its begin to now, lies in the time that counts: neither
 * while warming up nor behind the end. Sums of it make rates that are right for sessions of any
 * length. */
double load_share_in_time(const struct load *load, uint64_t begun_ns);

#endif
