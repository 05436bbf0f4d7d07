/* maildir_top: see maildir_top.h.
 *
 * An empty line is LF, or CRLF, behind a line's end: what the coder takes for one.
 */
#include "storage/maildir_top.h"

#include <string.h>

/* Where in the header the next byte stands. */
struct header {
    bool ended;
    uint32_t line_bytes; /* of the line so far, at most 2 are told apart */
    char first;          /* of them */
};

/* The bytes of the window that belong to the header; all of them while it has not ended. */
static size_t scan_header(struct header *header, struct span window)
{
    size_t at = 0;
    while (at < window.length && !header->ended) {
        const char *begin = window.bytes + at;
        const char *end = memchr(begin, '\n', window.length - at);
        size_t bytes = end == NULL ? window.length - at : (size_t)(end - begin);
        if (header->line_bytes == 0 && bytes > 0)
            header->first = begin[0];
        header->line_bytes += bytes < 2 ? (uint32_t)bytes : 2;
        at += bytes;
        if (end == NULL)
            break;
        at++;
        header->ended =
            header->line_bytes == 0 || (header->line_bytes == 1 && header->first == '\r');
        header->line_bytes = 0;
    }
    return at;
}

enum mail_result maildir_top_count(const struct disk_access *access, int file, uint64_t lines,
                                   struct maildir_size *out_size)
{
    struct header header = {.ended = false};
    struct dot_count count;
    dot_count_init(&count);
    uint64_t raw_bytes = 0;
    while (!header.ended || lines > 0) {
        int64_t got = disk_read(access->disk, file, access->scratch, DISK_SCRATCH_BYTES, raw_bytes,
                                access->patience);
        if (got < 0)
            return maildir_result(got);
        struct span window = {access->scratch, (size_t)got};
        size_t taken = scan_header(&header, window);
        if (header.ended)
            taken +=
                dot_scan_lines((struct span){window.bytes + taken, window.length - taken}, &lines);
        dot_count_take(&count, (struct span){window.bytes, taken});
        raw_bytes += taken;
        if (got < DISK_SCRATCH_BYTES)
            break;
    }
    return maildir_size_of(&count, raw_bytes, out_size);
}
