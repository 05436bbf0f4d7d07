/* send: moves a plan to a socket, in as few system calls as its pieces allow. */
#include "core/send.h"

#include "core/disk_posix.h"
#include "proto/must.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Scratch for bytes that leave together; the rest is where raw ones are read. */
#define GATHER_BYTES (DISK_SCRATCH_BYTES - SEND_RAW_WINDOW)
_Static_assert(GATHER_BYTES >= 2 * SEND_RAW_WINDOW, "a window is coded whole");

/* The pieces that leave together, and how many bytes they have. */
struct gathered {
    struct iovec vectors[PLAN_PIECES_MAX];
    uint32_t count;
    uint64_t bytes;
    uint32_t piece_end; /* the first piece that does not belong to them */
    uint32_t raw_piece; /* the last raw one among them; its coder stands at `raw` after them */
    struct send_raw raw;
    size_t scratch_used;
};

static enum send_result send_copied(struct send_stream *stream, const struct plan *plan,
                                    uint32_t piece_end, bool more,
                                    const struct disk_access *access);
static enum send_result gather(struct send_stream *stream, const struct plan *plan,
                               uint32_t piece_end, const struct disk_access *access,
                               struct gathered *out_gathered);
static enum send_result bytes_of(struct send_stream *stream, const struct plan *plan,
                                 const struct piece *piece, const struct disk_access *access,
                                 struct gathered *gathered, const char **out_bytes);
static enum send_result add_raw(struct send_stream *stream, const struct mail_range *range,
                                const struct disk_access *access, struct gathered *gathered,
                                uint64_t *skip);
static void add_vector(struct gathered *gathered, const char *bytes, uint64_t count);
static void move_raw(struct send_stream *stream, uint32_t piece_before,
                     const struct gathered *gathered);
static enum send_result collect_raw(struct send_stream *stream, const struct mail_range *range,
                                    const struct disk_access *access, char *buffer, size_t room,
                                    size_t *out_count);
static enum send_result send_range(struct send_stream *stream, const struct plan *plan,
                                   const struct disk_access *access, uint64_t now_ms);
static bool is_warm(const struct send_stream *stream, int file, uint64_t offset, uint64_t bytes,
                    uint64_t now_ms);
static void set_warm(struct send_stream *stream, int file, uint64_t offset, uint64_t bytes,
                     uint64_t now_ms);
static bool is_copied(const struct piece *piece);
static void advance(struct send_stream *stream, const struct plan *plan, uint64_t bytes);
static enum send_result failed(int error);

void send_begin(struct send_stream *stream)
{
    stream->piece = 0;
    stream->sent = 0;
    stream->raw = (struct send_raw){0};
    stream->stalled = false;
}

enum send_result send_plan(struct send_stream *stream, const struct plan *plan, uint32_t piece_end,
                           bool more, const struct disk_access *access, uint64_t now_ms,
                           struct send_counters *counters)
{
    while (stream->piece < piece_end) {
        bool is_large = plan->pieces[stream->piece].range.bytes > SEND_COPY_MAX;
        if (is_large && counters->turn_left == 0)
            return SEND_YIELD;
        uint64_t begun = counters->bytes;
        uint32_t piece_before = stream->piece;
        uint64_t sent_before = stream->sent;
        enum send_result result;
        if (is_copied(&plan->pieces[stream->piece])) {
            result = send_copied(stream, plan, piece_end, more, access);
            counters->calls++;
        } else {
            result = send_range(stream, plan, access, now_ms);
            counters->range_calls++;
        }
        for (uint32_t i = piece_before; i < stream->piece; i++)
            counters->bytes += plan->pieces[i].range.bytes;
        counters->bytes += stream->sent - sent_before;
        send_count_turn(counters, counters->bytes - begun);
        stream->stalled = stream->stalled || result == SEND_FULL;
        if (result != SEND_DONE)
            return result;
    }
    return SEND_DONE;
}

enum send_result send_collect(struct send_stream *stream, const struct plan *plan,
                              uint32_t piece_end, const struct disk_access *access, char *buffer,
                              size_t room, size_t *out_count)
{
    *out_count = 0;
    while (stream->piece < piece_end && room > 0) {
        const struct piece *piece = &plan->pieces[stream->piece];
        const struct mail_range *range = &piece->range;
        uint64_t left = range->bytes - stream->sent;
        size_t count = left < room ? (size_t)left : room;
        const char *from = piece->kind == PIECE_TEXT ? plan->text + range->offset : range->memory;
        if (from != NULL) {
            memcpy(buffer, from + stream->sent, count);
        } else if (range->is_raw) {
            enum send_result result = collect_raw(stream, range, access, buffer, room, &count);
            if (result != SEND_DONE)
                return result;
        } else {
            uint64_t offset = range->offset + stream->sent;
            int64_t got = disk_read(access->disk, range->file, buffer, count, offset,
                                    stream->populated ? DISK_WAIT : DISK_NOW);
            if (got == -EAGAIN) {
                uint64_t window = left < SEND_WINDOW_BYTES ? left : SEND_WINDOW_BYTES;
                stream->cold =
                    (struct mail_range){.file = range->file, .offset = offset, .bytes = window};
                return SEND_COLD;
            }
            if (got < 0 || (size_t)got < count)
                return SEND_DAMAGED;
            stream->populated = false;
        }
        buffer += count;
        room -= count;
        *out_count += count;
        advance(stream, plan, count);
    }
    return SEND_DONE;
}

static enum send_result send_copied(struct send_stream *stream, const struct plan *plan,
                                    uint32_t piece_end, bool more, const struct disk_access *access)
{
    struct gathered gathered;
    enum send_result result = gather(stream, plan, piece_end, access, &gathered);
    if (result != SEND_DONE)
        return result;
    more = more || gathered.piece_end < piece_end;
    int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    struct msghdr message = {.msg_iov = gathered.vectors, .msg_iovlen = gathered.count};
    ssize_t sent = gathered.count == 1
                       ? send(stream->socket, gathered.vectors[0].iov_base, gathered.bytes, flags)
                       : sendmsg(stream->socket, &message, flags);
    if (sent < 0)
        return failed(errno);
    uint32_t piece_before = stream->piece;
    advance(stream, plan, (uint64_t)sent);
    move_raw(stream, piece_before, &gathered);
    return (uint64_t)sent < gathered.bytes ? SEND_FULL : SEND_DONE;
}

/* Texts where they lie, small ranges read and raw ones coded into scratch, from the cursor on. */
static enum send_result gather(struct send_stream *stream, const struct plan *plan,
                               uint32_t piece_end, const struct disk_access *access,
                               struct gathered *out_gathered)
{
    *out_gathered = (struct gathered){.piece_end = stream->piece, .raw_piece = UINT32_MAX};
    uint64_t skip = stream->sent;
    while (out_gathered->piece_end < piece_end) {
        const struct piece *piece = &plan->pieces[out_gathered->piece_end];
        if (!is_copied(piece))
            break;
        uint64_t before = out_gathered->bytes;
        uint64_t wanted = piece->range.bytes - skip;
        enum send_result result = SEND_DONE;
        if (piece->kind == PIECE_RANGE && piece->range.is_raw) {
            result = add_raw(stream, &piece->range, access, out_gathered, &skip);
        } else {
            const char *bytes;
            result = bytes_of(stream, plan, piece, access, out_gathered, &bytes);
            if (result == SEND_DONE)
                add_vector(out_gathered, bytes + skip, wanted);
        }
        /* What could not be read must not hold up what stands before it. */
        if (result != SEND_DONE && out_gathered->count == 0)
            return result;
        if (result != SEND_DONE || out_gathered->bytes - before < wanted)
            break;
        out_gathered->piece_end++;
        skip = 0;
    }
    return SEND_DONE;
}

static void add_vector(struct gathered *gathered, const char *bytes, uint64_t count)
{
    gathered->vectors[gathered->count++] = (struct iovec){(char *)(uintptr_t)bytes, (size_t)count};
    gathered->bytes += count;
}

/* A window of a raw piece, from where its coder stands; what of it has left already is skipped. */
static enum send_result add_raw(struct send_stream *stream, const struct mail_range *range,
                                const struct disk_access *access, struct gathered *gathered,
                                uint64_t *skip)
{
    struct send_raw raw = {0};
    if (gathered->piece_end == stream->piece)
        raw = stream->raw;
    must(raw.wire <= *skip);
    size_t skipped = (size_t)(*skip - raw.wire);
    char *out = access->scratch + gathered->scratch_used;
    size_t room = GATHER_BYTES - gathered->scratch_used;
    /* A window that has left in part must be coded as far as before, and further. */
    if (gathered->count > 0 && room < SEND_RAW_ROOM)
        return SEND_YIELD;
    size_t coded;
    enum send_result result =
        send_raw_code(&raw, range, access, &stream->populated, &stream->cold, out, room, &coded);
    if (result != SEND_DONE)
        return result;
    must(coded > skipped);
    add_vector(gathered, out + skipped, coded - skipped);
    gathered->scratch_used += coded;
    gathered->raw_piece = gathered->piece_end;
    gathered->raw = raw;
    return SEND_DONE;
}

/* The coder goes on from the end of its window when all of that has left; from the begin of a piece
 * that nothing was coded of. */
static void move_raw(struct send_stream *stream, uint32_t piece_before,
                     const struct gathered *gathered)
{
    if (stream->piece != piece_before)
        stream->raw = (struct send_raw){0};
    if (stream->piece == gathered->raw_piece && stream->sent >= gathered->raw.wire)
        stream->raw = gathered->raw;
}

static enum send_result collect_raw(struct send_stream *stream, const struct mail_range *range,
                                    const struct disk_access *access, char *buffer, size_t room,
                                    size_t *out_count)
{
    if (stream->sent == 0)
        stream->raw = (struct send_raw){0};
    struct send_raw raw = stream->raw;
    enum send_result result = send_raw_code(&raw, range, access, &stream->populated, &stream->cold,
                                            buffer, room, out_count);
    if (result == SEND_DONE)
        stream->raw = raw;
    return result;
}

static enum send_result bytes_of(struct send_stream *stream, const struct plan *plan,
                                 const struct piece *piece, const struct disk_access *access,
                                 struct gathered *gathered, const char **out_bytes)
{
    const struct mail_range *range = &piece->range;
    *out_bytes = piece->kind == PIECE_TEXT ? plan->text + range->offset : range->memory;
    if (*out_bytes != NULL)
        return SEND_DONE;
    if (GATHER_BYTES - gathered->scratch_used < range->bytes)
        return SEND_YIELD; /* the next send has room for it */
    char *buffer = access->scratch + gathered->scratch_used;
    enum disk_patience patience = stream->populated ? DISK_WAIT : DISK_NOW;
    int64_t got =
        disk_read(access->disk, range->file, buffer, range->bytes, range->offset, patience);
    if (got == -EAGAIN) {
        stream->cold = *range;
        return SEND_COLD;
    }
    if (got < 0 || (uint64_t)got < range->bytes)
        return SEND_DAMAGED;
    stream->populated = false;
    gathered->scratch_used += range->bytes;
    *out_bytes = buffer;
    return SEND_DONE;
}

/* One window of a large range, from the page cache to the socket. */
static enum send_result send_range(struct send_stream *stream, const struct plan *plan,
                                   const struct disk_access *access, uint64_t now_ms)
{
    const struct mail_range *range = &plan->pieces[stream->piece].range;
    uint64_t window = range->bytes - stream->sent;
    if (window > SEND_WINDOW_BYTES)
        window = SEND_WINDOW_BYTES;
    off_t offset = (off_t)(range->offset + stream->sent);
    uint64_t known =
        range->resident_bytes > stream->sent ? range->resident_bytes - stream->sent : 0;
    bool is_known = known >= window && !stream->stalled && !stream->is_careful;
    bool is_fresh = stream->populated || is_known;
    bool is_believed = is_warm(stream, range->file, (uint64_t)offset, window, now_ms);
    if (!is_fresh && !is_believed &&
        (stream->is_careful || !disk_posix_is_resident(access->disk, range->file, (uint64_t)offset,
                                                       window, access->scratch))) {
        stream->is_careful = true;
        stream->cold =
            (struct mail_range){.file = range->file, .offset = (uint64_t)offset, .bytes = window};
        return SEND_COLD;
    }
    if (!is_believed)
        set_warm(stream, range->file, (uint64_t)offset, is_known ? known : window, now_ms);
    if (!stream->nonblocking) {
        if (ioctl(stream->socket, FIONBIO, &(int){1}) != 0)
            return SEND_BROKEN;
        stream->nonblocking = true;
    }
    ssize_t sent = sendfile(stream->socket, range->file, &offset, window);
    if (sent < 0)
        return failed(errno);
    if (sent == 0)
        return SEND_DAMAGED;
    stream->populated = false;
    advance(stream, plan, (uint64_t)sent);
    return (uint64_t)sent < window ? SEND_FULL : SEND_DONE;
}

static bool is_warm(const struct send_stream *stream, int file, uint64_t offset, uint64_t bytes,
                    uint64_t now_ms)
{
    const struct mail_range *warm = &stream->warm;
    return now_ms < stream->warm_until_ms && file == warm->file && offset >= warm->offset &&
           offset + bytes <= warm->offset + warm->bytes;
}

/* A range that goes on where the last one ended grows it, and does not prolong its time. */
static void set_warm(struct send_stream *stream, int file, uint64_t offset, uint64_t bytes,
                     uint64_t now_ms)
{
    struct mail_range *warm = &stream->warm;
    if (now_ms < stream->warm_until_ms && file == warm->file &&
        offset == warm->offset + warm->bytes) {
        warm->bytes += bytes;
        return;
    }
    *warm = (struct mail_range){.file = file, .offset = offset, .bytes = bytes};
    stream->warm_until_ms = now_ms + SEND_BELIEF_MS;
}

/* Memory is gathered whatever its size: nothing of it needs to be read. A raw range in windows. */
static bool is_copied(const struct piece *piece)
{
    return piece->kind == PIECE_TEXT || piece->range.memory != NULL || piece->range.is_raw ||
           piece->range.bytes <= SEND_COPY_MAX;
}

static void advance(struct send_stream *stream, const struct plan *plan, uint64_t bytes)
{
    stream->sent += bytes;
    while (stream->piece < plan->piece_count &&
           stream->sent >= plan->pieces[stream->piece].range.bytes) {
        stream->sent -= plan->pieces[stream->piece].range.bytes;
        stream->piece++;
    }
}

static enum send_result failed(int error)
{
    if (error == EAGAIN || error == EINTR)
        return SEND_FULL;
    return error == EIO ? SEND_DAMAGED : SEND_BROKEN;
}
