/* test_worker: jobs run on the pool's threads and complete on their owner's ring, on real rings. */
#include "core/worker.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define JOBS         200
#define OWNERS       2
#define OWNER_ROUNDS 300

TestSuite(worker, .timeout = 50);

/* A job, and what happened to it. */
struct work {
    struct job job;
    pthread_t ran_on, completed_on;
    uint32_t ran, completed;
    bool had_scratch;
    struct worker_pool *pool; /* for one that hands itself over, or tells another */
    struct work *told;
    int told_ring;
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint begun;

static void run(struct job *job, const struct worker_lent *lent)
{
    struct work *work = (struct work *)job;
    work->ran_on = pthread_self();
    work->ran++;
    work->had_scratch = lent->scratch != NULL;
    if (lent->scratch != NULL)
        memset(lent->scratch, 0xAA, DISK_SCRATCH_BYTES);
}

static void run_behind_gate(struct job *job, const struct worker_lent *lent)
{
    atomic_fetch_add(&begun, 1);
    pthread_mutex_lock(&gate);
    run(job, lent);
    pthread_mutex_unlock(&gate);
}

static void completed(struct op *op, int result, uint32_t flags)
{
    (void)flags;
    struct work *work = (struct work *)op;
    cr_assert_eq(result, 0);
    cr_assert_not(op->in_flight);
    work->completed_on = pthread_self();
    work->completed++;
}

static void begin_work(struct work *work,
                       void (*how)(struct job *job, const struct worker_lent *lent))
{
    *work = (struct work){.job = {.op = {.done = completed}, .run = how}};
}

static void begin_ring(struct ring *ring)
{
    char error[256];
    cr_assert(ring_init(ring, error, sizeof error), "%s", error);
}

static void turn(struct ring *ring)
{
    ring_wait(ring, true);
    ring_run(ring);
}

static void begin_pool(struct worker_pool *pool, uint32_t threads, uint32_t waiting_max,
                       bool with_scratch)
{
    char error[256];
    cr_assert(worker_pool_init(pool, threads, waiting_max, with_scratch, error, sizeof error), "%s",
              error);
}

static void check_work(const struct work *work, uint32_t times)
{
    cr_assert_eq(work->ran, times);
    cr_assert_eq(work->completed, times);
    cr_assert_not(work->job.op.in_flight);
    cr_assert(pthread_equal(work->completed_on, pthread_self()));
    cr_assert_not(pthread_equal(work->ran_on, pthread_self()));
}

static void run_one(bool with_scratch)
{
    struct ring ring;
    struct worker_pool pool;
    struct work work;
    begin_ring(&ring);
    begin_pool(&pool, 1, 10, with_scratch);
    begin_work(&work, run);
    cr_assert(worker_submit(&pool, &work.job, &ring));
    cr_assert(work.job.op.in_flight);
    while (work.completed == 0)
        turn(&ring);
    check_work(&work, 1);
    cr_expect_eq(work.had_scratch, with_scratch);
    worker_pool_fini(&pool);
    ring_fini(&ring);
}

Test(worker, a_job_runs_elsewhere_and_completes_here)
{
    run_one(false);
}

Test(worker, a_thread_lends_scratch)
{
    run_one(true);
}

/* Hands itself over again from within, and tells by itself whom it concerns when it is over. */
static void run_thrice(struct job *job, const struct worker_lent *lent)
{
    struct work *work = (struct work *)job;
    if (++work->ran < 3)
        cr_assert(worker_submit(work->pool, job, NULL));
    else
        ring_post(lent->ring, work->told_ring, &work->told->job.op, 0);
}

Test(worker, a_job_without_an_owner_answers_by_itself)
{
    struct ring ring;
    struct worker_pool pool;
    struct work work, told;
    begin_ring(&ring);
    begin_pool(&pool, 2, 10, false);
    begin_work(&work, run_thrice);
    begin_work(&told, NULL);
    work.pool = &pool;
    work.told = &told;
    work.told_ring = ring_descriptor(&ring);
    ring_expect(&told.job.op);
    cr_assert(worker_submit(&pool, &work.job, NULL));
    while (told.completed == 0)
        turn(&ring);
    cr_expect_eq(work.ran, 3);
    cr_expect_eq(work.completed, 0);
    cr_expect_not(work.job.op.in_flight);
    worker_pool_fini(&pool);
    ring_fini(&ring);
}

/* The thread that made the ring hands jobs in and gets its own back. */
static void *own(void *argument)
{
    struct worker_pool *pool = argument;
    static _Thread_local struct work works[8];
    struct ring ring;
    begin_ring(&ring);
    for (uint32_t i = 0; i < 8; i++)
        begin_work(&works[i], run);
    for (uint32_t round = 0; round < OWNER_ROUNDS; round++) {
        for (uint32_t i = 0; i < 8; i++)
            cr_assert(worker_submit(pool, &works[i].job, &ring));
        for (uint32_t i = 0; i < 8; i++)
            while (works[i].completed <= round)
                turn(&ring);
    }
    for (uint32_t i = 0; i < 8; i++)
        check_work(&works[i], OWNER_ROUNDS);
    ring_fini(&ring);
    return NULL;
}

Test(worker, each_owner_gets_his_own_jobs_back)
{
    struct worker_pool pool;
    pthread_t owners[OWNERS];
    begin_pool(&pool, 2, 8 * OWNERS, true);
    for (int i = 0; i < OWNERS; i++)
        cr_assert_eq(pthread_create(&owners[i], NULL, own, &pool), 0);
    for (int i = 0; i < OWNERS; i++)
        pthread_join(owners[i], NULL);
    cr_expect_eq(pool.waiting, 0);
    worker_pool_fini(&pool);
}

static void wait_for_begun(uint32_t count)
{
    while (atomic_load(&begun) < count)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

Test(worker, a_full_queue_refuses_at_once)
{
    struct ring ring;
    struct worker_pool pool;
    struct work works[4];
    begin_ring(&ring);
    begin_pool(&pool, 1, 2, false);
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 4; i++)
        begin_work(&works[i], run_behind_gate);
    cr_assert(worker_submit(&pool, &works[0].job, &ring));
    wait_for_begun(1); /* it waits no more: the queue has room for two others */
    cr_assert(worker_submit(&pool, &works[1].job, &ring));
    cr_assert(worker_submit(&pool, &works[2].job, &ring));
    cr_assert_not(worker_submit(&pool, &works[3].job, &ring));
    cr_assert_not(works[3].job.op.in_flight);
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < 3; i++) {
        while (works[i].completed == 0)
            turn(&ring);
        check_work(&works[i], 1);
    }
    cr_expect_eq(works[3].ran + works[3].completed, 0);
    cr_assert(worker_submit(&pool, &works[3].job, &ring)); /* there is room again */
    while (works[3].completed == 0)
        turn(&ring);
    worker_pool_fini(&pool);
    ring_fini(&ring);
}

static void *open_gate(void *unused)
{
    (void)unused;
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    pthread_mutex_unlock(&gate);
    return NULL;
}

static void *keep_gate_for_a_moment(void *unused)
{
    pthread_mutex_lock(&gate);
    atomic_fetch_add(&begun, 1);
    return open_gate(unused);
}

/* The pool is told to end while one job runs and the others wait: all of them still run. */
Test(worker, the_end_lets_the_queue_run_empty)
{
    static struct work works[JOBS];
    struct ring ring;
    struct worker_pool pool;
    pthread_t keeper;
    begin_ring(&ring);
    begin_pool(&pool, 2, JOBS, false);
    cr_assert_eq(pthread_create(&keeper, NULL, keep_gate_for_a_moment, NULL), 0);
    wait_for_begun(1);
    for (int i = 0; i < JOBS; i++) {
        begin_work(&works[i], run_behind_gate);
        cr_assert(worker_submit(&pool, &works[i].job, &ring));
    }
    worker_pool_fini(&pool);
    pthread_join(keeper, NULL);
    for (int i = 0; i < JOBS; i++)
        cr_assert_eq(works[i].ran, 1);
    for (int i = 0; i < JOBS; i++) {
        while (works[i].completed == 0)
            turn(&ring);
        check_work(&works[i], 1);
    }
    ring_fini(&ring);
}

Test(worker, a_pool_without_jobs_ends)
{
    struct worker_pool pool;
    begin_pool(&pool, 3, 1, true);
    worker_pool_fini(&pool);
}
