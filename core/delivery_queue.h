/* delivery_queue: letters to maildrops, in parallel, those to one maildrop together.
 *
 * Each maildrop that mail waits for has a lane. One thread at a time works a lane: it takes all
 * requests that wait there, appends them as one batch (storage/delivery.h), and so two syncs serve
 * them all. Lanes are worked side by side by a pool of threads of its own, so that neither sessions
 * nor logins wait for mail that comes in. No lock of a maildrop is held while a lane is idle, and
 * no thread waits for one that another process holds: the lane is tried again, after others.
 * Nothing here knows protocols or recipients' addresses.
 */
#ifndef RINGPOST_CORE_DELIVERY_QUEUE_H
#define RINGPOST_CORE_DELIVERY_QUEUE_H

#include "core/ring.h"
#include "storage/delivery.h"
#include "storage/uidl.h"

/* How long a maildrop may be locked by others before what waits for it is refused with
 * MAIL_TEMPORARY: less than a sender's patience (RFC 5321 section 4.5.3.2.6: ten minutes), and less
 * than the server takes to shut down. */
#define DELIVERY_LOCK_MS 20000

struct delivery_queue;

/* One letter to one maildrop, embedded in its owner: one for each recipient. The owner sets the
 * members up to `op.done`; all that they point at must stay until the op is idle again. A letter
 * may be in any number of requests at once, to one maildrop or many; it is the owner who counts
 * them and ends the letter after the last. */
struct delivery_request {
    const char *path;            /* the maildrop's folder (users_folder) */
    const struct letter *letter; /* letter_end answered MAIL_DONE */
    struct span head; /* lines in front of it, as delivery_add wants them; may be empty */
    struct delivery_limits limits;
    uint32_t time_s; /* of the delivery, seconds since 1970; also in the UIDL */
    struct op op;    /* op.done runs on the owner's ring when `result` is final; its own result
                      * number is 0 and says nothing */

    /* The answer. MAIL_DONE: the message survives any crash from now on. MAIL_FULL: the maildrop's
     * quota. MAIL_NO_SPACE: the disk is full. MAIL_TEMPORARY: store not mounted, I/O error.
     * MAIL_PERMANENT: an operator has to look at the maildrop. Unless MAIL_DONE, it is not there
     * and never will be by itself.
     */
    enum mail_result result;
    char uidl[UIDL_MADE_BYTES]; /* with MAIL_DONE; no NUL */

    int ring_descriptor; /* private to delivery_queue.c, as is `next` */
    struct delivery_request *next;
};

/* What has been done since the start. Requests that went together shared their syncs. */
struct delivery_queue_counters {
    uint64_t delivered; /* requests that ended with MAIL_DONE */
    uint64_t refused;   /* requests that ended with something else */
    uint64_t batches;   /* in how many groups */
    uint64_t syncs;     /* of data that these cost where nothing failed: two for one message, three
                         * for more */
    uint32_t waiting;   /* requests that have been submitted and not answered, now */
};

/* Starts `threads` threads that deliver into the store `disk`. At most `requests_max` requests are
 * in the queue at once, those being worked on included. NULL with a sentence where the system
 * refuses. */
struct delivery_queue *delivery_queue_make(struct disk *disk, uint32_t threads,
                                           uint32_t requests_max, char *out_error,
                                           size_t error_bytes);

/* Lets the queue run empty, ends the threads, frees, and clears the pointer; NULL does nothing. The
 * owners' rings must still be there. */
void delivery_queue_free(struct delivery_queue **queue);

/* Hands a request over; its op is idle. Never waits for a disk. False where the queue is full: then
 * nothing will complete and the request may be submitted again later. Requests to one maildrop are
 * appended in the order of their submission. From any thread that owns a ring. */
bool delivery_queue_submit(struct delivery_queue *queue, struct delivery_request *request,
                           struct ring *owner);

/* Another time than DELIVERY_LOCK_MS; before the first request. */
void delivery_queue_set_lock_ms(struct delivery_queue *queue, uint32_t lock_ms);

/* What has been done so far; from any thread. */
void delivery_queue_count(struct delivery_queue *queue,
                          struct delivery_queue_counters *out_counters);

#endif
