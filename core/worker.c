/* worker: threads for what may wait or compute for long, so that no shard does. */
#include "core/worker.h"

#include "proto/must.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKER_STACK_BYTES  (256 * 1024) /* crypt(3) keeps 32 KB of state on it, argon2 none */
#define WORKER_RING_ENTRIES 2
#define NO_OWNER            (-1)

struct worker {
    struct worker_pool *pool;
    pthread_t thread;
    struct ring ring; /* made where the pool is made, so that a fault is told before the start */
    struct worker_lent lent;
};

static int start(struct worker_pool *pool, struct worker *worker, bool with_scratch);
static void *work(void *argument);
static struct job *take(struct worker_pool *pool);

bool worker_pool_init(struct worker_pool *pool, uint32_t threads, uint32_t waiting_max,
                      bool with_scratch, char *out_error, size_t error_bytes)
{
    *pool = (struct worker_pool){.waiting_max = waiting_max};
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->threads = calloc(threads, sizeof *pool->threads);
    must(pool->threads != NULL);
    int error = 0;
    while (pool->thread_count < threads && error == 0) {
        error = start(pool, &pool->threads[pool->thread_count], with_scratch);
        pool->thread_count += error == 0;
    }
    if (error == 0)
        return true;
    snprintf(out_error, error_bytes, "cannot start worker thread %u of %u: %s",
             pool->thread_count + 1, threads, strerror(error));
    worker_pool_fini(pool);
    return false;
}

/* 0 or an error number; then nothing of it stays. */
static int start(struct worker_pool *pool, struct worker *worker, bool with_scratch)
{
    *worker = (struct worker){.pool = pool, .lent.ring = &worker->ring};
    int error = -io_uring_queue_init(WORKER_RING_ENTRIES, &worker->ring.uring, 0);
    if (error != 0)
        return error;
    if (with_scratch)
        worker->lent.scratch = malloc(DISK_SCRATCH_BYTES);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
    error = with_scratch && worker->lent.scratch == NULL
                ? ENOMEM
                : pthread_create(&worker->thread, &attributes, work, worker);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        free(worker->lent.scratch);
        ring_fini(&worker->ring);
    }
    return error;
}

void worker_pool_fini(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->ending = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (uint32_t i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i].thread, NULL);
        ring_fini(&pool->threads[i].ring);
        free(pool->threads[i].lent.scratch);
    }
    free(pool->threads);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
}

bool worker_submit(struct worker_pool *pool, struct job *job, struct ring *owner)
{
    job->ring_descriptor = owner == NULL ? NO_OWNER : ring_descriptor(owner);
    job->next = NULL;
    pthread_mutex_lock(&pool->mutex);
    bool room = pool->waiting < pool->waiting_max;
    if (room) {
        if (owner != NULL)
            ring_expect(&job->op);
        if (pool->last != NULL)
            pool->last->next = job;
        else
            pool->first = job;
        pool->last = job;
        pool->waiting++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->mutex);
    return room;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    /* A batch of them that wakes up must not take the core from a shard that is at work. */
    (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    for (struct job *job = take(worker->pool); job != NULL; job = take(worker->pool)) {
        const int owner = job->ring_descriptor;
        job->run(job, &worker->lent);
        /* The owner may let go of the job as soon as the message is there. */
        if (owner != NO_OWNER)
            ring_post(&worker->ring, owner, &job->op, 0);
    }
    return NULL;
}

/* The next job, waiting for one; NULL when the pool ends and none is left. */
static struct job *take(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    while (pool->first == NULL && !pool->ending)
        pthread_cond_wait(&pool->wake, &pool->mutex);
    struct job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        if (pool->first == NULL)
            pool->last = NULL;
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->mutex);
    return job;
}
