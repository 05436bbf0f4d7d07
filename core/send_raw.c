/* send_raw: see send_raw.h. */
#include "core/send_raw.h"

#include "proto/must.h"

#include <errno.h>
#include <string.h>

_Static_assert(DOT_LINE_START == 0, "zeroes are the begin of a message");

/* The line end that the last line lacks; of it only what is left to send. */
static enum send_result code_end(struct send_raw *raw, const struct mail_range *range, char *out,
                                 size_t room, size_t *out_bytes)
{
    uint64_t left = range->bytes - raw->wire;
    size_t added = raw->place == DOT_LINE_START ? 0 : 2;
    if (left == 0 || left > added)
        return SEND_DAMAGED;
    size_t count = left < room ? (size_t)left : room;
    memcpy(out, &"\r\n"[added - left], count);
    raw->wire += count;
    *out_bytes = count;
    return SEND_DONE;
}

enum send_result send_raw_code(struct send_raw *raw, const struct mail_range *range,
                               const struct disk_access *access, bool *populated,
                               struct mail_range *out_cold, char *out, size_t room,
                               size_t *out_bytes)
{
    must(room > 0 && raw->taken <= range->raw_bytes);
    uint64_t left = range->raw_bytes - raw->taken;
    if (left == 0)
        return code_end(raw, range, out, room, out_bytes);
    char *window = access->scratch + DISK_SCRATCH_BYTES - SEND_RAW_WINDOW;
    must(out + room <= window || out >= window + SEND_RAW_WINDOW || out + room <= access->scratch);
    size_t wanted = left < SEND_RAW_WINDOW ? (size_t)left : SEND_RAW_WINDOW;
    wanted = wanted < room ? wanted : room;
    uint64_t offset = range->offset + raw->taken;
    int64_t got = disk_read(access->disk, range->file, window, wanted, offset,
                            *populated ? DISK_WAIT : DISK_NOW);
    if (got == -EAGAIN) {
        uint64_t ahead = left < SEND_RAW_AHEAD ? left : SEND_RAW_AHEAD;
        *out_cold = (struct mail_range){.file = range->file, .offset = offset, .bytes = ahead};
        return SEND_COLD;
    }
    if (got < 0 || (size_t)got < wanted)
        return SEND_DAMAGED;
    *populated = false;
    struct dot_coder coder;
    dot_resume(&coder, raw->place);
    struct span input = {window, wanted};
    size_t count = dot_code(&coder, &input, out, room);
    raw->taken += wanted - input.length;
    raw->wire += count;
    raw->place = coder.place;
    *out_bytes = count;
    /* All of it is here: a line end may follow in the next window, nothing else. */
    uint64_t end = raw->taken == range->raw_bytes && raw->place != DOT_LINE_START ? 2 : 0;
    bool is_whole = raw->taken == range->raw_bytes;
    if (raw->wire > range->bytes || (is_whole && raw->wire + end != range->bytes))
        return SEND_DAMAGED;
    return SEND_DONE;
}
