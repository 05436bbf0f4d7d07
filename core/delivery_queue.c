/* delivery_queue: see delivery_queue.h.
 *
 * A lane lives from the first request for its maildrop until a worker finds none waiting. While it
 * is worked, requests gather in it: that is where batches come from, without any waiting for more.
 * A lane's name is the path of a request that has not been answered, so it needs no memory.
 */
#include "core/delivery_queue.h"

#include "core/delivery_batch.h"
#include "core/worker.h"
#include "proto/must.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Wire bytes after which a batch is closed, so that the first of many large letters is answered
 * before the last has been written. */
#define BATCH_BYTES_MAX (8u << 20)

#define LOCK_NAP_NS 1000000

struct delivery_lane {
    struct job job; /* in the pool's queue, or run by one of its threads */
    struct delivery_queue *queue;
    struct delivery_request *first, *last; /* those that wait; not those being worked on */
    const char *path;
    uint64_t
        locked_since_ms; /* others have had the lock at each try since then; 0: no try failed */
    struct delivery_lane *next; /* in its bucket, or free */
};

struct delivery_queue {
    struct disk *disk;
    struct worker_pool pool;
    pthread_mutex_t mutex;       /* of all below; never held while a thread waits */
    struct delivery_lane *lanes; /* requests_max, for each has a request */
    struct delivery_lane *free;
    struct delivery_lane **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t requests_max;
    uint32_t lock_ms;
    struct delivery_queue_counters counters;
};

static void work(struct job *job, const struct worker_lent *lent);
static bool is_locked_too_long(struct delivery_lane *lane);
static void put_back(struct delivery_lane *lane, struct delivery_request *batch);
static uint64_t steady_ms(void);
static struct delivery_request *take_batch(struct delivery_lane *lane);
static void finish_batch(struct delivery_lane *lane, const struct delivery_request *batch);
static void answer_all(struct delivery_request *batch, struct ring *ring);
static struct delivery_lane **find(struct delivery_queue *queue, const char *path);
static void free_memory(struct delivery_queue *queue);

bool delivery_queue_submit(struct delivery_queue *queue, struct delivery_request *request,
                           struct ring *owner)
{
    must(request->letter->ended && request->op.done != NULL);
    request->ring_descriptor = ring_descriptor(owner);
    request->next = NULL;
    pthread_mutex_lock(&queue->mutex);
    const bool has_room = queue->counters.waiting < queue->requests_max;
    if (has_room) {
        ring_expect(&request->op);
        queue->counters.waiting++;
        struct delivery_lane **place = find(queue, request->path);
        struct delivery_lane *lane = *place;
        if (lane != NULL) {
            if (lane->first == NULL)
                lane->first = request;
            else
                lane->last->next = request;
            lane->last = request;
        } else {
            lane = queue->free;
            queue->free = lane->next;
            lane->first = lane->last = request;
            lane->path = request->path;
            lane->locked_since_ms = 0;
            lane->next = NULL;
            *place = lane;
            must(worker_submit(&queue->pool, &lane->job, NULL));
        }
    }
    pthread_mutex_unlock(&queue->mutex);
    return has_room;
}

static void work(struct job *job, const struct worker_lent *lent)
{
    struct delivery_lane *lane = (struct delivery_lane *)job;
    const struct disk_access access = {lane->queue->disk, DISK_WAIT, lent->scratch};
    struct delivery_request *batch = take_batch(lane);
    if (!delivery_batch(&access, batch)) {
        if (!is_locked_too_long(lane)) {
            put_back(lane, batch);
            return;
        }
        for (struct delivery_request *at = batch; at != NULL; at = at->next)
            at->result = MAIL_TEMPORARY;
    } else {
        lane->locked_since_ms = 0;
    }
    finish_batch(lane, batch);
    answer_all(batch, lent->ring);
}

static bool is_locked_too_long(struct delivery_lane *lane)
{
    const uint64_t now_ms = steady_ms();
    if (lane->locked_since_ms == 0)
        lane->locked_since_ms = now_ms;
    return now_ms - lane->locked_since_ms >= lane->queue->lock_ms;
}

/* The others of the pool's queue come first; and where there are none, a nap, for whoever has the
 * lock holds it for a few milliseconds, or for long. */
static void put_back(struct delivery_lane *lane, struct delivery_request *batch)
{
    struct delivery_queue *queue = lane->queue;
    nanosleep(&(struct timespec){.tv_nsec = LOCK_NAP_NS}, NULL);
    pthread_mutex_lock(&queue->mutex);
    struct delivery_request *last = batch;
    while (last->next != NULL)
        last = last->next;
    last->next = lane->first;
    if (lane->first == NULL)
        lane->last = last;
    lane->first = batch;
    must(worker_submit(&queue->pool, &lane->job, NULL));
    pthread_mutex_unlock(&queue->mutex);
}

static uint64_t steady_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* All that waits, as far as one batch may go. */
static struct delivery_request *take_batch(struct delivery_lane *lane)
{
    pthread_mutex_lock(&lane->queue->mutex);
    struct delivery_request *batch = lane->first;
    struct delivery_request *last = batch;
    uint64_t bytes = batch->letter->wire_bytes;
    for (uint32_t count = 1; last->next != NULL && count < DELIVERY_BATCH_MAX; count++) {
        bytes += last->next->letter->wire_bytes;
        if (bytes > BATCH_BYTES_MAX)
            break;
        last = last->next;
    }
    lane->first = last->next;
    lane->path = batch->path;
    last->next = NULL;
    pthread_mutex_unlock(&lane->queue->mutex);
    return batch;
}

/* Before the answers: with them the paths may go, and one of them is the lane's name. */
static void finish_batch(struct delivery_lane *lane, const struct delivery_request *batch)
{
    struct delivery_queue *queue = lane->queue;
    pthread_mutex_lock(&queue->mutex);
    queue->counters.batches++;
    queue->counters.syncs += batch->next == NULL ? 2 : 3;
    for (const struct delivery_request *at = batch; at != NULL; at = at->next) {
        queue->counters.waiting--;
        if (at->result == MAIL_DONE)
            queue->counters.delivered++;
        else
            queue->counters.refused++;
    }
    if (lane->first != NULL) {
        lane->path = lane->first->path;
        must(worker_submit(&queue->pool, &lane->job, NULL));
    } else {
        struct delivery_lane **place = find(queue, lane->path);
        must(*place == lane);
        *place = lane->next;
        lane->next = queue->free;
        queue->free = lane;
    }
    pthread_mutex_unlock(&queue->mutex);
}

/* The owner may let go of a request as soon as the message is there. */
static void answer_all(struct delivery_request *batch, struct ring *ring)
{
    while (batch != NULL) {
        struct delivery_request *next = batch->next;
        ring_post(ring, batch->ring_descriptor, &batch->op, 0);
        batch = next;
    }
}

struct delivery_queue *delivery_queue_make(struct disk *disk, uint32_t threads,
                                           uint32_t requests_max, char *out_error,
                                           size_t error_bytes)
{
    must(threads > 0 && requests_max > 0);
    struct delivery_queue *queue = calloc(1, sizeof *queue);
    must(queue != NULL);
    *queue = (struct delivery_queue){
        .disk = disk, .requests_max = requests_max, .lock_ms = DELIVERY_LOCK_MS};
    queue->bucket_count = 1;
    while (queue->bucket_count < requests_max)
        queue->bucket_count *= 2;
    queue->lanes = calloc(requests_max, sizeof *queue->lanes);
    queue->buckets = calloc(queue->bucket_count, sizeof(struct delivery_lane *));
    must(queue->lanes != NULL && queue->buckets != NULL);
    for (uint32_t i = requests_max; i-- > 0;) {
        queue->lanes[i] =
            (struct delivery_lane){.queue = queue, .job.run = work, .next = queue->free};
        queue->free = &queue->lanes[i];
    }
    pthread_mutex_init(&queue->mutex, NULL);
    if (worker_pool_init(&queue->pool, threads, requests_max, true, out_error, error_bytes))
        return queue;
    free_memory(queue);
    return NULL;
}

void delivery_queue_free(struct delivery_queue **queue)
{
    if (*queue == NULL)
        return;
    worker_pool_fini(&(*queue)->pool);
    must((*queue)->counters.waiting == 0);
    free_memory(*queue);
    *queue = NULL;
}

static void free_memory(struct delivery_queue *queue)
{
    pthread_mutex_destroy(&queue->mutex);
    free(queue->buckets);
    free(queue->lanes);
    free(queue);
}

void delivery_queue_set_lock_ms(struct delivery_queue *queue, uint32_t lock_ms)
{
    queue->lock_ms = lock_ms;
}

void delivery_queue_count(struct delivery_queue *queue,
                          struct delivery_queue_counters *out_counters)
{
    pthread_mutex_lock(&queue->mutex);
    *out_counters = queue->counters;
    pthread_mutex_unlock(&queue->mutex);
}

/* Where the lane of `path` hangs, or would: the pointer found there is NULL then. FNV-1a, for paths
 * are the names of people who do not choose them to collide; users_folder has hashed them, too. */
static struct delivery_lane **find(struct delivery_queue *queue, const char *path)
{
    uint32_t hash = 2166136261u;
    for (const char *at = path; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    struct delivery_lane **place = &queue->buckets[hash & (queue->bucket_count - 1)];
    while (*place != NULL && strcmp((*place)->path, path) != 0)
        place = &(*place)->next;
    return place;
}
