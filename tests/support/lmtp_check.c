/* lmtp_check: the framing of RFC 5321 section 4.2, read back. */
#include "tests/support/lmtp_check.h"

#include "proto/must.h"

#include <string.h>

#define LINE_MAX 512

static void check_line(struct span line);
static bool is_of_ours(char byte);
static bool begins_with(struct span text, struct span beginning);

uint32_t lmtp_check_answers(struct span answers)
{
    uint32_t count = 0;
    struct span before = {NULL, 0};
    while (answers.length > 0) {
        const char *end = memchr(answers.bytes, '\n', answers.length);
        must(end != NULL && end > answers.bytes && end[-1] == '\r');
        struct span line = {answers.bytes, (size_t)(end - answers.bytes) - 1};
        check_line(line);
        must(before.length == 0 || memcmp(before.bytes, line.bytes, 3) == 0);
        before = line.bytes[3] == '-' ? line : (struct span){NULL, 0};
        count += line.bytes[3] == ' ';
        answers = (struct span){end + 1, answers.length - line.length - 2};
    }
    must(before.length == 0);
    return count;
}

char lmtp_check_last_class(struct span answers)
{
    if (answers.length < 2) {
        return '\0';
    }
    const char *before = memrchr(answers.bytes, '\n', answers.length - 1);
    return before != NULL ? before[1] : answers.bytes[0];
}

static void check_line(struct span line)
{
    must(line.length > 4 && line.length + 2 <= LINE_MAX);
    must(line.bytes[0] >= '2' && line.bytes[0] <= '5');
    must(line.bytes[1] >= '0' && line.bytes[1] <= '5');
    must(line.bytes[2] >= '0' && line.bytes[2] <= '9');
    must(line.bytes[3] == ' ' || line.bytes[3] == '-');
    for (size_t i = 4; i < line.length; i++) {
        must(is_of_ours(line.bytes[i]));
    }
    bool has_no_code = begins_with(line, SPAN_LITERAL("354 ")) ||
                       begins_with(line, SPAN_LITERAL("250-")) ||
                       begins_with(line, SPAN_LITERAL("250 ENHANCEDSTATUSCODES")) ||
                       begins_with(line, SPAN_LITERAL("220 mail"));
    must(has_no_code || (line.length > 9 && line.bytes[4] == line.bytes[0] &&
                         line.bytes[5] == '.' && line.bytes[7] == '.'));
}

static bool is_of_ours(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr(" .,;:-<>@'", byte) != NULL);
}

static bool begins_with(struct span text, struct span beginning)
{
    return text.length >= beginning.length &&
           span_equal((struct span){text.bytes, beginning.length}, beginning);
}
