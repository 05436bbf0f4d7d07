/* text_file: a file of text, whole in memory.
 *
 * The size is only a first guess of how much there is to read: the file may grow or shrink
 * meanwhile. Whoever writes such a file for us exchanges it by rename, so what is read is one state
 * of it.
 */
#include "core/text_file.h"

#include "core/large.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNTED_BYTES 128

static char *read_all(int file, size_t guess, size_t bytes_max, size_t *out_bytes);

char *text_file_read(const char *path, size_t bytes_max, size_t *out_bytes, char *out_error,
                     size_t error_bytes)
{
    /* Without O_NONBLOCK the open of a pipe would wait for its other end. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        snprintf(out_error, error_bytes, "%s: cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    char *bytes = text_file_read_open(file, path, bytes_max, out_bytes, out_error, error_bytes);
    close(file);
    return bytes;
}

char *text_file_read_open(int file, const char *path, size_t bytes_max, size_t *out_bytes,
                          char *out_error, size_t error_bytes)
{
    struct stat facts;
    if (fstat(file, &facts) < 0) {
        snprintf(out_error, error_bytes, "%s: cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    if (!S_ISREG(facts.st_mode)) {
        snprintf(out_error, error_bytes, "%s: is not a file with text in it", path);
        return NULL;
    }
    char *bytes = read_all(file, (size_t)facts.st_size, bytes_max, out_bytes);
    if (bytes == NULL && errno == EFBIG)
        snprintf(out_error, error_bytes, "%s: is larger than the %zu bytes that are read at most",
                 path, bytes_max);
    else if (bytes == NULL)
        snprintf(out_error, error_bytes, "%s: cannot be read: %s", path, strerror(errno));
    return bytes;
}

/* NULL with errno; EFBIG where there is more than `bytes_max`. */
static char *read_all(int file, size_t guess, size_t bytes_max, size_t *out_bytes)
{
    /* One byte more than expected sees the end without growing, one more holds the NUL. */
    size_t room = (guess < bytes_max ? guess : bytes_max) + 2;
    char *bytes = large_alloc(room);
    size_t used = 0;
    while (bytes != NULL) {
        ssize_t got = pread(file, bytes + used, room - used - 1, (off_t)used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        used += (size_t)got;
        if (used > bytes_max) {
            errno = EFBIG;
            break;
        }
        if (got == 0) {
            bytes[used] = '\0';
            *out_bytes = used;
            return bytes;
        }
        if (used + 1 < room)
            continue;
        room *= 2;
        char *larger = realloc(bytes, room);
        if (larger == NULL)
            break;
        bytes = larger;
    }
    int error = errno;
    free(bytes);
    errno = error;
    return NULL;
}

bool text_file_is_text(const char *path, struct span text, char *out_error, size_t error_bytes)
{
    const char *nul = text.length == 0 ? NULL : memchr(text.bytes, '\0', text.length);
    if (nul == NULL)
        return true;
    const size_t line =
        text_file_line_ends((struct span){text.bytes, (size_t)(nul - text.bytes)}) + 1;
    snprintf(out_error, error_bytes, "%s:%zu: there is a NUL byte; write plain text", path, line);
    return false;
}

/* In blocks whose sum fits a byte, so that the compiler counts by vectors. */
size_t text_file_line_ends(struct span text)
{
    size_t ends = 0, at = 0;
    for (; at + COUNTED_BYTES <= text.length; at += COUNTED_BYTES) {
        uint8_t some = 0;
        for (size_t i = 0; i < COUNTED_BYTES; i++)
            some = (uint8_t)(some + (text.bytes[at + i] == '\n'));
        ends += some;
    }
    for (; at < text.length; at++)
        ends += text.bytes[at] == '\n';
    return ends;
}
