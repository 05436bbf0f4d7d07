/* worker: threads for what may wait or compute for long, so that no shard does.
 *
 * A job is embedded in its owner, runs once on some thread of the pool and completes on the owner's
 * ring like any other operation, or answers whom it serves by itself. The queue is bounded: a full
 * one refuses at once. There are pools for the disk, for password hashes and for deliveries, so
 * that none waits for another.
 */
#ifndef RINGPOST_CORE_WORKER_H
#define RINGPOST_CORE_WORKER_H

#include "core/ring.h"
#include "storage/disk.h"

#include <pthread.h>

/* What a thread of the pool lends to a job while it runs. */
struct worker_lent {
    char *scratch;     /* DISK_SCRATCH_BYTES; NULL in a pool without scratch */
    struct ring *ring; /* the thread's, for ring_post to others than the job's owner */
};

struct job {
    struct op op; /* op.done runs on the owner's ring when the job is over, if it has an owner */
    void (*run)(struct job *job, const struct worker_lent *lent);
    int ring_descriptor;
    struct job *next;
};

struct worker;

struct worker_pool {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct job *first, *last;
    uint32_t waiting, waiting_max;
    uint32_t thread_count;
    struct worker *threads; /* one for each, with the ring on which it answers */
    bool ending;
};

/* Starts `threads` threads. False with a sentence where the system refuses. */
bool worker_pool_init(struct worker_pool *pool, uint32_t threads, uint32_t waiting_max,
                      bool with_scratch, char *out_error, size_t error_bytes);

/* Lets the queue run empty and joins the threads. */
void worker_pool_fini(struct worker_pool *pool);

/* Hands a job over; job->run and job->op.done are set and the op is idle. False where the queue is
 * full: then nothing will complete. A job without an owner (NULL) completes nowhere: it is its own
 * from the beginning of `run` on, and may be handed over again, or freed, from there. */
bool worker_submit(struct worker_pool *pool, struct job *job, struct ring *owner);

#endif
