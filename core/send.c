/* send: moves a plan to a socket, in as few system calls as its pieces allow. */
#include "core/send.h"

#include "core/disk_posix.h"
#include "proto/must.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The pieces that leave together, and how many bytes they have. */
struct gathered {
    struct iovec vectors[PLAN_PIECES_MAX];
    uint32_t count;
    uint64_t bytes;
    uint32_t piece_end; /* the first piece that does not belong to them */
};

static enum send_result send_copied(int socket, const struct plan *plan, uint32_t piece_end,
                                    bool more, struct send_cursor *cursor,
                                    const struct disk_access *access);
static enum send_result gather(const struct plan *plan, uint32_t piece_end,
                               struct send_cursor *cursor, const struct disk_access *access,
                               struct gathered *out_gathered);
static enum send_result bytes_of(const struct plan *plan, const struct piece *piece,
                                 struct send_cursor *cursor, const struct disk_access *access,
                                 char *buffer, const char **out_bytes);
static enum send_result send_range(int socket, const struct plan *plan, struct send_cursor *cursor,
                                   bool *nonblocking, const struct disk_access *access);
static bool is_copied(const struct piece *piece);
static void advance(const struct plan *plan, struct send_cursor *cursor, uint64_t bytes);
static enum send_result failed(int error);

enum send_result send_plan(int socket, const struct plan *plan, uint32_t piece_end, bool more,
                           struct send_cursor *cursor, bool *nonblocking,
                           const struct disk_access *access, struct send_counters *counters)
{
    uint64_t begun = counters->bytes;
    while (cursor->piece < piece_end) {
        if (counters->bytes - begun >= SEND_TURN_BYTES)
            return SEND_YIELD;
        struct send_cursor before = *cursor;
        enum send_result result;
        if (is_copied(&plan->pieces[cursor->piece])) {
            result = send_copied(socket, plan, piece_end, more, cursor, access);
            counters->calls++;
        } else {
            result = send_range(socket, plan, cursor, nonblocking, access);
            counters->range_calls++;
        }
        for (uint32_t i = before.piece; i < cursor->piece; i++)
            counters->bytes += plan->pieces[i].range.bytes;
        counters->bytes += cursor->sent - before.sent;
        if (result != SEND_DONE)
            return result;
    }
    return SEND_DONE;
}

static enum send_result send_copied(int socket, const struct plan *plan, uint32_t piece_end,
                                    bool more, struct send_cursor *cursor,
                                    const struct disk_access *access)
{
    struct gathered gathered;
    enum send_result result = gather(plan, piece_end, cursor, access, &gathered);
    if (result != SEND_DONE)
        return result;
    more = more || gathered.piece_end < piece_end;
    int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    struct msghdr message = {.msg_iov = gathered.vectors, .msg_iovlen = gathered.count};
    ssize_t sent = gathered.count == 1
                       ? send(socket, gathered.vectors[0].iov_base, gathered.bytes, flags)
                       : sendmsg(socket, &message, flags);
    if (sent < 0)
        return failed(errno);
    advance(plan, cursor, (uint64_t)sent);
    return (uint64_t)sent < gathered.bytes ? SEND_FULL : SEND_DONE;
}

/* Texts where they lie and small ranges read into scratch, from the cursor on. */
static enum send_result gather(const struct plan *plan, uint32_t piece_end,
                               struct send_cursor *cursor, const struct disk_access *access,
                               struct gathered *out_gathered)
{
    out_gathered->count = 0;
    out_gathered->bytes = 0;
    out_gathered->piece_end = cursor->piece;
    uint64_t skip = cursor->sent;
    char *buffer = access->scratch;
    while (out_gathered->piece_end < piece_end) {
        const struct piece *piece = &plan->pieces[out_gathered->piece_end];
        if (!is_copied(piece))
            break;
        const char *bytes;
        enum send_result result = bytes_of(plan, piece, cursor, access, buffer, &bytes);
        /* What could not be read must not hold up what stands before it. */
        if (result != SEND_DONE && out_gathered->count == 0)
            return result;
        if (result != SEND_DONE)
            break;
        buffer += SEND_COPY_MAX;
        struct iovec vector = {(char *)(uintptr_t)bytes + skip, piece->range.bytes - skip};
        out_gathered->vectors[out_gathered->count++] = vector;
        out_gathered->bytes += vector.iov_len;
        out_gathered->piece_end++;
        skip = 0;
    }
    return SEND_DONE;
}

static enum send_result bytes_of(const struct plan *plan, const struct piece *piece,
                                 struct send_cursor *cursor, const struct disk_access *access,
                                 char *buffer, const char **out_bytes)
{
    const struct mail_range *range = &piece->range;
    *out_bytes = piece->kind == PIECE_TEXT ? plan->text + range->offset : range->memory;
    if (*out_bytes != NULL)
        return SEND_DONE;
    must(SEND_COPY_MAX * PLAN_PIECES_MAX <= DISK_SCRATCH_BYTES);
    enum disk_patience patience = cursor->populated ? DISK_WAIT : DISK_NOW;
    int64_t got =
        disk_read(access->disk, range->file, buffer, range->bytes, range->offset, patience);
    if (got == -EAGAIN) {
        cursor->cold = *range;
        return SEND_COLD;
    }
    if (got < 0 || (uint64_t)got < range->bytes)
        return SEND_DAMAGED;
    cursor->populated = false;
    *out_bytes = buffer;
    return SEND_DONE;
}

/* One window of a large range, from the page cache to the socket. */
static enum send_result send_range(int socket, const struct plan *plan, struct send_cursor *cursor,
                                   bool *nonblocking, const struct disk_access *access)
{
    const struct mail_range *range = &plan->pieces[cursor->piece].range;
    uint64_t window = range->bytes - cursor->sent;
    if (window > SEND_WINDOW_BYTES)
        window = SEND_WINDOW_BYTES;
    off_t offset = (off_t)(range->offset + cursor->sent);
    if (!cursor->populated &&
        !disk_posix_is_resident(range->file, (uint64_t)offset, window, access->scratch)) {
        cursor->cold = (struct mail_range){NULL, range->file, (uint64_t)offset, window};
        return SEND_COLD;
    }
    if (!*nonblocking) {
        if (ioctl(socket, FIONBIO, &(int){1}) != 0)
            return SEND_BROKEN;
        *nonblocking = true;
    }
    ssize_t sent = sendfile(socket, range->file, &offset, window);
    if (sent < 0)
        return failed(errno);
    if (sent == 0)
        return SEND_DAMAGED;
    cursor->populated = false;
    advance(plan, cursor, (uint64_t)sent);
    return (uint64_t)sent < window ? SEND_FULL : SEND_DONE;
}

/* Memory is gathered whatever its size: nothing of it needs to be read. */
static bool is_copied(const struct piece *piece)
{
    return piece->kind == PIECE_TEXT || piece->range.memory != NULL ||
           piece->range.bytes <= SEND_COPY_MAX;
}

static void advance(const struct plan *plan, struct send_cursor *cursor, uint64_t bytes)
{
    cursor->sent += bytes;
    while (cursor->piece < plan->piece_count &&
           cursor->sent >= plan->pieces[cursor->piece].range.bytes) {
        cursor->sent -= plan->pieces[cursor->piece].range.bytes;
        cursor->piece++;
    }
}

static enum send_result failed(int error)
{
    if (error == EAGAIN || error == EINTR)
        return SEND_FULL;
    return error == EIO ? SEND_DAMAGED : SEND_BROKEN;
}
