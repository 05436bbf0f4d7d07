/* worker: threads for what may wait or compute for long, so that no shard does. */
#include "core/worker.h"

#include "proto/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKER_STACK_BYTES (256 * 1024) /* crypt(3) keeps 32 KB of state on it, argon2 none */

static void *work(void *argument);
static struct job *take(struct worker_pool *pool);

bool worker_pool_init(struct worker_pool *pool, uint32_t threads, uint32_t waiting_max,
                      bool with_scratch, char *out_error, size_t error_bytes)
{
    *pool = (struct worker_pool){.waiting_max = waiting_max, .with_scratch = with_scratch};
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->threads = calloc(threads, sizeof *pool->threads);
    must(pool->threads != NULL);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
    int error = 0;
    while (pool->thread_count < threads && error == 0) {
        error = pthread_create(&pool->threads[pool->thread_count], &attributes, work, pool);
        pool->thread_count += error == 0;
    }
    pthread_attr_destroy(&attributes);
    if (error == 0)
        return true;
    snprintf(out_error, error_bytes, "cannot start worker thread %u of %u: %s",
             pool->thread_count + 1, threads, strerror(error));
    worker_pool_fini(pool);
    return false;
}

void worker_pool_fini(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->ending = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    free(pool->threads);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
}

bool worker_submit(struct worker_pool *pool, struct job *job, struct ring *owner)
{
    job->ring_descriptor = ring_descriptor(owner);
    job->next = NULL;
    pthread_mutex_lock(&pool->mutex);
    bool room = pool->waiting < pool->waiting_max;
    if (room) {
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
    struct worker_pool *pool = argument;
    struct worker_lent lent = {.scratch = pool->with_scratch ? malloc(DISK_SCRATCH_BYTES) : NULL};
    must(!pool->with_scratch || lent.scratch != NULL);
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER};
    struct ring ring;
    int error = io_uring_queue_init_params(2, &ring.uring, &params);
    must(error == 0);
    for (struct job *job = take(pool); job != NULL; job = take(pool)) {
        job->run(job, &lent);
        /* The owner may let go of the job as soon as the message is there. */
        ring_post(&ring, job->ring_descriptor, &job->op, 0);
    }
    ring_fini(&ring);
    free(lent.scratch);
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
