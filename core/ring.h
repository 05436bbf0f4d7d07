/* ring: one io_uring, and the operations in flight on it.
 *
 * An operation is a struct embedded in its owner. Its address goes to the kernel as user data and
 * comes back with the completion, so an owner may be released only when all of its operations are
 * idle; whoever releases asserts that. A ring belongs to the one thread that made it
 * (IORING_SETUP_SINGLE_ISSUER), and its completions run only inside ring_run
 * (IORING_SETUP_DEFER_TASKRUN, kernel 6.1, the oldest that works).
 */
#ifndef RINGPOST_CORE_RING_H
#define RINGPOST_CORE_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

/* Submissions that are prepared before the kernel is told, and completions that may wait. More of
 * the latter are kept by the kernel (IORING_FEAT_NODROP) and cost a system call. */
#define RING_SUBMISSIONS 1024
#define RING_COMPLETIONS 8192

struct op {
    /* Runs at each completion, with its result (or -errno) and its flags. in_flight is false by
     * then, but for a multishot operation that goes on. */
    void (*done)(struct op *op, int result, uint32_t flags);
    bool in_flight;
};

struct ring {
    struct io_uring uring;
};

/* Makes a ring for the calling thread. False with a sentence in out_error where the kernel is too
 * old or forbids io_uring. */
bool ring_init(struct ring *ring, char *out_error, size_t error_bytes);
void ring_fini(struct ring *ring);

/* The file descriptor by which ring_post finds this ring. */
int ring_descriptor(const struct ring *ring);

/* A turn has two halves. The first tells the kernel what was prepared and, with `wait`, waits for a
 * completion; the second runs all that are there. What the owner wants to know of the time, he asks
 * between them. */
void ring_wait(struct ring *ring, bool wait);
void ring_run(struct ring *ring);

/* Tells the kernel now, without waiting. */
void ring_submit(struct ring *ring);

/* Start an operation; `op` must be idle. Multishot ones complete many times, the last time without
 * IORING_CQE_F_MORE. Received bytes come in buffers of the group (core/buffers.h). Buffers and
 * addresses given must stay until the operation is idle. */
void ring_accept_multishot(struct ring *ring, struct op *op, int socket);
void ring_receive_multishot(struct ring *ring, struct op *op, int socket, uint16_t buffer_group);
void ring_poll_writable(struct ring *ring, struct op *op, int file);
void ring_write(struct ring *ring, struct op *op, int file, const void *bytes, uint32_t count);
void ring_timeout(struct ring *ring, struct op *op, const struct __kernel_timespec *after);

/* Asks the kernel to end an operation early; it completes with -ECANCELED or with what it still
 * got. Nothing completes for the asking itself. */
void ring_cancel(struct ring *ring, struct op *op);

/* Lets `op`, whose owner lives on the ring with descriptor `target`, complete there with `result`,
 * from another thread's ring. Waits until the kernel has taken the message; to a ring whose thread
 * has ended it is lost. */
void ring_post(struct ring *from, int target, struct op *op, int result);

/* Marks an operation that will be completed by ring_post as in flight. */
void ring_expect(struct op *op);

#endif
