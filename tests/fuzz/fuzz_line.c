/* fuzz_line: lines from bytes in pieces, against a reader that sees all bytes at once.
 *
 * The first octet of the input is the limit, the second the size of the pieces, the rest the bytes.
 */
#include "proto/line.h"
#include "proto/must.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 2

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static size_t must_take_lines(struct line *line, struct span piece, struct span whole, size_t at);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < HEAD_BYTES) {
        return 0;
    }
    uint32_t limit = bytes[0] + 1U;
    size_t piece_bytes = bytes[1] + 1U;
    struct span whole = {(const char *)bytes + HEAD_BYTES, count - HEAD_BYTES};
    char *buffer = malloc(limit);
    must(buffer != NULL);
    struct line line;
    line_init(&line, buffer, limit);
    size_t line_at = 0; /* where the line that has not ended yet begins in `whole` */
    for (size_t fed = 0; fed < whole.length; fed += piece_bytes) {
        size_t length = whole.length - fed < piece_bytes ? whole.length - fed : piece_bytes;
        /* A copy, so that a look back at the piece before is seen. */
        char *piece = malloc(length);
        must(piece != NULL);
        memcpy(piece, whole.bytes + fed, length);
        line_at = must_take_lines(&line, (struct span){piece, length}, whole, line_at);
        must(line_is_partial(&line) == (line_at < fed + length));
        free(piece);
    }
    must(span_holds((struct span){whole.bytes + line_at, whole.length - line_at}, '\n') == false);
    free(buffer);
    return 0;
}

/* Returns where the next line begins. */
static size_t must_take_lines(struct line *line, struct span piece, struct span whole, size_t at)
{
    struct span taken;
    enum line_result result;
    while ((result = line_take(line, &piece, &taken)) != LINE_MORE) {
        const char *end = memchr(whole.bytes + at, '\n', whole.length - at);
        must(end != NULL);
        struct span expected = {whole.bytes + at, (size_t)(end - whole.bytes) - at};
        at += expected.length + 1;
        bool is_too_long = expected.length + 1 > line->limit;
        must(is_too_long == (result == LINE_TOO_LONG));
        if (expected.length > 0 && expected.bytes[expected.length - 1] == '\r') {
            expected.length--;
        }
        must(is_too_long || span_equal(taken, expected));
    }
    must(piece.length == 0);
    return at;
}
