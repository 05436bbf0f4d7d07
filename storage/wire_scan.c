/* wire_scan: recognises stored messages by nothing but their bytes.
 *
 * Lines are followed byte by byte: only damage, verification and a lost index bring anybody here,
 * so that plainness counts more than speed.
 */
#include "storage/wire_scan.h"

#include "storage/crc32c.h"
#include "storage/native_format.h"
#include "storage/native_index.h"

#include <string.h>

/* Where a walk over one message stands. */
struct walk {
    uint64_t octets;
    uint64_t wire_bytes; /* behind the first line */
    uint64_t header_bytes;
    uint64_t line_bytes; /* of the line so far */
    char first, second;  /* bytes of the line */
    bool was_cr;
    bool header_ended;
    bool ended; /* the end has been seen */
};

static enum mail_result fill(struct wire_scan *scan, uint64_t offset, uint64_t end);
static bool read_first_line(const char *bytes, uint32_t count, uint32_t *out_octets,
                            uint32_t *out_line_bytes);
static uint32_t find_candidate(const char *bytes, uint32_t count);
static bool walk_byte(struct walk *walk, char byte);
static bool walk_line_end(struct walk *walk);

enum mail_result wire_scan_at(struct wire_scan *scan, uint64_t offset, uint64_t end,
                              struct wire_message *out_message, bool *out_found)
{
    uint32_t octets, line_bytes;
    *out_found = false;
    enum mail_result result = fill(scan, offset, end);
    if (result != MAIL_DONE)
        return result;
    if (!read_first_line(scan->buffer, scan->buffered, &octets, &line_bytes) ||
        octets > end - offset)
        return MAIL_DONE;

    struct walk walk = {0};
    uint32_t crc = 0;
    uint32_t at = line_bytes;
    while (!walk.ended) {
        while (at < scan->buffered && !walk.ended) {
            if (!walk_byte(&walk, scan->buffer[at++]) || walk.octets > octets)
                return MAIL_DONE;
        }
        crc = crc32c(crc, scan->buffer, at);
        if (walk.ended)
            break;
        result = fill(scan, scan->buffer_offset + scan->buffered, end);
        if (result != MAIL_DONE || scan->buffered == 0)
            return result;
        at = 0;
    }
    uint64_t wire_bytes = line_bytes + walk.wire_bytes;
    if (walk.octets != octets || wire_bytes > UINT32_MAX)
        return MAIL_DONE;
    *out_message = (struct wire_message){
        .offset = offset,
        .wire_bytes = (uint32_t)wire_bytes,
        .octets = octets,
        .header_bytes = (uint32_t)walk.header_bytes,
        .wire_crc = crc,
    };
    *out_found = true;
    return MAIL_DONE;
}

enum mail_result wire_scan_next(struct wire_scan *scan, uint64_t offset, uint64_t end,
                                struct wire_message *out_message, bool *out_found)
{
    *out_found = false;
    while (offset < end) {
        enum mail_result result = fill(scan, offset, end);
        if (result != MAIL_DONE || scan->buffered == 0)
            return result;
        uint32_t at = find_candidate(scan->buffer, scan->buffered);
        offset += at;
        if (at == scan->buffered)
            continue;
        result = wire_scan_at(scan, offset, end, out_message, out_found);
        if (result != MAIL_DONE || *out_found)
            return result;
        offset++;
    }
    return MAIL_DONE;
}

void wire_scan_init(struct wire_scan *scan, const struct disk_access *access, int wire,
                    char *buffer, uint32_t buffer_bytes)
{
    *scan = (struct wire_scan){
        .access = access,
        .wire = wire,
        .buffer = buffer,
        .buffer_bytes = buffer_bytes,
    };
}

/* Makes the buffer begin at `offset`; it is empty at `end` and at the end of the file. Bytes that
 * are there already are not read again. */
static enum mail_result fill(struct wire_scan *scan, uint64_t offset, uint64_t end)
{
    uint64_t wanted = offset < end ? end - offset : 0;
    if (wanted > scan->buffer_bytes)
        wanted = scan->buffer_bytes;
    uint32_t kept = 0;
    if (offset >= scan->buffer_offset && offset < scan->buffer_offset + scan->buffered) {
        uint32_t skip = (uint32_t)(offset - scan->buffer_offset);
        kept = scan->buffered - skip;
        kept = kept < wanted ? kept : (uint32_t)wanted;
        memmove(scan->buffer, scan->buffer + skip, kept);
    }
    scan->buffer_offset = offset;
    scan->buffered = kept;
    if (kept == wanted)
        return MAIL_DONE;
    int64_t got = disk_read(scan->access->disk, scan->wire, scan->buffer + kept,
                            (size_t)wanted - kept, offset + kept, scan->access->patience);
    if (got < 0)
        return native_result(got);
    scan->buffered += (uint32_t)got;
    return MAIL_DONE;
}

/* The line must be exactly as record_first_line writes it for some number. */
static bool read_first_line(const char *bytes, uint32_t count, uint32_t *out_octets,
                            uint32_t *out_line_bytes)
{
    uint64_t octets = 0;
    uint32_t digits = 4;
    for (; digits < count && digits < RECORD_FIRST_LINE_MAX; digits++) {
        if (bytes[digits] < '0' || bytes[digits] > '9')
            break;
        octets = octets * 10 + (uint64_t)(bytes[digits] - '0');
    }
    if (digits == 4 || octets > UINT32_MAX)
        return false;
    char line[RECORD_FIRST_LINE_MAX];
    *out_octets = (uint32_t)octets;
    *out_line_bytes = record_first_line(*out_octets, line);
    return *out_line_bytes <= count && memcmp(bytes, line, *out_line_bytes) == 0;
}

/* Where the first bytes that can begin a message are, also when the buffer ends in them; else
 * `count`. */
static uint32_t find_candidate(const char *bytes, uint32_t count)
{
    static const char begin[4] = {'+', 'O', 'K', ' '};
    for (uint32_t at = 0; at < count; at++) {
        const char *plus = memchr(bytes + at, '+', count - at);
        if (!plus)
            return count;
        at = (uint32_t)(plus - bytes);
        uint32_t there = count - at < sizeof(begin) ? count - at : sizeof(begin);
        if (memcmp(plus, begin, there) == 0)
            return at;
    }
    return count;
}

/* One byte behind the first line; false where it can not be the wire form of anything. */
static bool walk_byte(struct walk *walk, char byte)
{
    walk->wire_bytes++;
    walk->line_bytes++;
    if (walk->line_bytes == 1)
        walk->first = byte;
    else if (walk->line_bytes == 2)
        walk->second = byte;
    if (byte == '\n')
        return walk->was_cr && walk_line_end(walk);
    walk->was_cr = byte == '\r';
    return true;
}

static bool walk_line_end(struct walk *walk)
{
    uint64_t bytes = walk->line_bytes;
    bool has_dot = walk->first == '.';
    walk->line_bytes = 0;
    walk->was_cr = false;
    if (has_dot && bytes == 3) {
        walk->ended = true;
        if (!walk->header_ended)
            walk->header_bytes = walk->wire_bytes - bytes;
        return true;
    }
    if (has_dot && walk->second != '.')
        return false;
    walk->octets += has_dot ? bytes - 1 : bytes;
    if (bytes == 2 && !walk->header_ended) {
        walk->header_ended = true;
        walk->header_bytes = walk->wire_bytes;
    }
    return true;
}
