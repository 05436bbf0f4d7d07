/* ring: one io_uring, and the operations in flight on it. */
#include "core/ring.h"

#include "proto/must.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#if defined(__has_feature)
#define THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#define THREAD_SANITIZER 0
#endif

/* The kernel orders what the sender of a message wrote before what its receiver reads; the thread
 * sanitizer cannot see the kernel and has to be told. */
#if defined(__SANITIZE_THREAD__) || THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#define order_before_run(op) __tsan_release(op)
#define order_after_post(op) __tsan_acquire(op)
#else
#define order_before_run(op) ((void)(op))
#define order_after_post(op) ((void)(op))
#endif

static struct io_uring_sqe *prepare(struct ring *ring, struct op *op);
static void run(struct io_uring_cqe *cqe);

bool ring_init(struct ring *ring, char *out_error, size_t error_bytes)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL,
        .cq_entries = RING_COMPLETIONS,
    };
    int error = io_uring_queue_init_params(RING_SUBMISSIONS, &ring->uring, &params);
    if (error == 0) {
        /* Spares a look-up of the descriptor in each io_uring_enter; works without. */
        (void)io_uring_register_ring_fd(&ring->uring);
        return true;
    }
    const char *why = "io_uring could not be set up";
    if (error == -EINVAL)
        why = "this kernel is too old: Linux 6.1 or later is needed (IORING_SETUP_DEFER_TASKRUN)";
    else if (error == -ENOSYS || error == -EPERM || error == -EACCES)
        why = "io_uring is switched off here: allow it in the seccomp filter of the container, or "
              "set the sysctl kernel.io_uring_disabled to 0";
    else if (error == -ENOMEM)
        why = "no memory for io_uring: raise RLIMIT_MEMLOCK (LimitMEMLOCK= in systemd)";
    snprintf(out_error, error_bytes, "%s (%s)", why, strerror(-error));
    return false;
}

void ring_fini(struct ring *ring)
{
    io_uring_queue_exit(&ring->uring);
}

int ring_descriptor(const struct ring *ring)
{
    return ring->uring.ring_fd;
}

void ring_wait(struct ring *ring, bool wait)
{
    int result = wait ? io_uring_submit_and_wait(&ring->uring, 1)
                      : io_uring_submit_and_get_events(&ring->uring);
    must(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
}

void ring_run(struct ring *ring)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned seen = 0;
    io_uring_for_each_cqe(&ring->uring, head, cqe)
    {
        run(cqe);
        seen++;
    }
    io_uring_cq_advance(&ring->uring, seen);
}

void ring_submit(struct ring *ring)
{
    (void)io_uring_submit(&ring->uring);
}

void ring_accept_multishot(struct ring *ring, struct op *op, int socket)
{
    struct io_uring_sqe *sqe = prepare(ring, op);
    io_uring_prep_multishot_accept(sqe, socket, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, op);
}

void ring_receive_multishot(struct ring *ring, struct op *op, int socket, uint16_t buffer_group)
{
    struct io_uring_sqe *sqe = prepare(ring, op);
    io_uring_prep_recv_multishot(sqe, socket, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = buffer_group;
    io_uring_sqe_set_data(sqe, op);
}

void ring_poll_writable(struct ring *ring, struct op *op, int file)
{
    struct io_uring_sqe *sqe = prepare(ring, op);
    io_uring_prep_poll_add(sqe, file, POLLOUT);
    io_uring_sqe_set_data(sqe, op);
}

void ring_write(struct ring *ring, struct op *op, int file, const void *bytes, uint32_t count)
{
    struct io_uring_sqe *sqe = prepare(ring, op);
    io_uring_prep_write(sqe, file, bytes, count, (uint64_t)-1);
    io_uring_sqe_set_data(sqe, op);
}

void ring_timeout(struct ring *ring, struct op *op, const struct __kernel_timespec *after)
{
    struct io_uring_sqe *sqe = prepare(ring, op);
    /* liburing's prototype lacks the const; the kernel copies the time when it is submitted. */
    io_uring_prep_timeout(sqe, (struct __kernel_timespec *)(uintptr_t)after, 0, 0);
    io_uring_sqe_set_data(sqe, op);
}

void ring_cancel(struct ring *ring, struct op *op)
{
    must(op->in_flight);
    struct io_uring_sqe *sqe = prepare(ring, NULL);
    io_uring_prep_cancel(sqe, op, 0);
    io_uring_sqe_set_data(sqe, NULL);
}

void ring_post(struct ring *from, int target, struct op *op, int result)
{
    order_before_run(op);
    for (;;) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&from->uring);
        must(sqe != NULL);
        io_uring_prep_msg_ring(sqe, target, (unsigned)result, (uint64_t)(uintptr_t)op, 0);
        io_uring_sqe_set_data(sqe, NULL);
        struct io_uring_cqe *cqe;
        int error;
        do {
            (void)io_uring_submit(&from->uring);
            error = io_uring_wait_cqe(&from->uring, &cqe);
        } while (error == -EINTR || error == -EAGAIN);
        must(error == 0);
        int sent = cqe->res;
        io_uring_cqe_seen(&from->uring, cqe);
        if (sent >= 0 || sent == -EOWNERDEAD)
            return;
        /* The target's completions are full: it is busy and will have taken some in a moment. */
        must(sent == -EOVERFLOW || sent == -ENOMEM || sent == -EAGAIN);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

void ring_expect(struct op *op)
{
    must(!op->in_flight);
    op->in_flight = true;
}

static struct io_uring_sqe *prepare(struct ring *ring, struct op *op)
{
    if (op != NULL)
        ring_expect(op);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
    while (sqe == NULL) {
        (void)io_uring_submit(&ring->uring);
        sqe = io_uring_get_sqe(&ring->uring);
    }
    return sqe;
}

static void run(struct io_uring_cqe *cqe)
{
    struct op *op = io_uring_cqe_get_data(cqe);
    if (op == NULL)
        return;
    order_after_post(op);
    must(op->in_flight);
    if (!(cqe->flags & IORING_CQE_F_MORE))
        op->in_flight = false;
    op->done(op, cqe->res, cqe->flags);
}
