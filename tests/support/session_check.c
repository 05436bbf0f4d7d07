/* session_check: the framing of RFC 1939 section 3, read back. */
#include "tests/support/session_check.h"

#include "proto/must.h"

#include <string.h>

#define FIRST_LINE_MAX 512

static struct span take_answer_line(struct span *rest);
static bool begins_with(struct span text, struct span beginning);

void session_check_answer(struct span answer, bool is_cut)
{
    struct span rest = answer;
    struct span first = take_answer_line(&rest);
    bool is_good = begins_with(first, SPAN_LITERAL("+OK"));
    must(first.length + 2 <= FIRST_LINE_MAX);
    must(is_good || begins_with(first, SPAN_LITERAL("-ERR ")) ||
         begins_with(first, SPAN_LITERAL("+ ")));
    if (rest.length == 0 && !is_cut) {
        return;
    }
    must(is_good);
    bool has_ended = false;
    while (rest.length > 0) {
        must(!has_ended);
        has_ended = span_equal(take_answer_line(&rest), SPAN_LITERAL("."));
    }
    must(has_ended == !is_cut);
}

void session_check_text(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.bytes[i];
        bool is_of_ours = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                          (byte >= '0' && byte <= '9') ||
                          (byte != '\0' && strchr(" .,;+-[]/=\r\n", byte) != NULL);
        must(is_of_ours);
    }
}

/* Without its end, which must be CRLF. */
static struct span take_answer_line(struct span *rest)
{
    must(rest->length > 0);
    const char *end = memchr(rest->bytes, '\n', rest->length);
    must(end != NULL && end > rest->bytes && end[-1] == '\r');
    struct span line = {rest->bytes, (size_t)(end - rest->bytes) - 1};
    *rest = (struct span){end + 1, rest->length - line.length - 2};
    return line;
}

static bool begins_with(struct span text, struct span beginning)
{
    return text.length >= beginning.length &&
           span_equal((struct span){text.bytes, beginning.length}, beginning);
}
