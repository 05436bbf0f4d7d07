/* fuzz_bench_script: what a server may say to ringbench, in pieces and all at once.
 *
 * The first octet of the input is the kind of session, the second the size of the pieces and
 * whether to pipeline, the rest what the server says. However it is cut, the session must go the
 * same way: the same commands, the same fault, the same octets.
 */
#include "bench/script.h"
#include "proto/must.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 2

/* What a session has said, and how it went. */
struct course {
    enum fault fault;
    uint64_t octets, said_sum;
    uint32_t messages;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static struct course play(const struct script_settings *settings, const struct kind *kind,
                          struct span says, size_t piece_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < HEAD_BYTES)
        return 0;
    struct span letter = SPAN_LITERAL("a letter\r\n.\r\n");
    struct script_settings settings = {
        .users = {.pattern = "user", .pattern_bytes = 4, .count = 1},
        .password = "secret",
        .commands = 2,
        .messages = 2,
        .pipelining = (bytes[1] & 1) != 0,
        .check_content = true,
        .letters = &letter,
        .letter_count = 1,
    };
    const struct kind *kind = kind_at(bytes[0] % kind_count());
    struct span says = {(const char *)bytes + HEAD_BYTES, count - HEAD_BYTES};
    struct course whole = play(&settings, kind, says, says.length + 1);
    struct course pieces = play(&settings, kind, says, (bytes[1] >> 1) + 1U);
    must(whole.fault == pieces.fault);
    must(whole.octets == pieces.octets && whole.messages == pieces.messages);
    must(whole.said_sum == pieces.said_sum);
    return 0;
}

/* Each answer is answered before the next is looked at, so that cuts make no difference. */
static struct course play(const struct script_settings *settings, const struct kind *kind,
                          struct span says, size_t piece_bytes)
{
    struct script script;
    struct script_out out;
    struct seen seen = {0};
    char example[SCRIPT_EXAMPLE_BYTES];
    struct course course = {0};
    script_begin(&script, settings, kind, 0, &seen, example, 1, 0);
    for (size_t fed = 0; fed < says.length && script.fault == FAULT_NONE; fed += piece_bytes) {
        size_t length = says.length - fed < piece_bytes ? says.length - fed : piece_bytes;
        /* A copy, so that a look past the piece is seen. */
        char *piece = malloc(length);
        must(piece != NULL);
        memcpy(piece, says.bytes + fed, length);
        struct span input = {piece, length};
        while (input.length > 0 && script.fault == FAULT_NONE) {
            if (script_take(&script, &input) != SCRIPT_ANSWERED)
                continue;
            out.count = 0;
            out.tail = (struct span){NULL, 0};
            enum script_wish wish = script_say(&script, &out, 0);
            for (size_t i = 0; i < out.count; i++)
                course.said_sum = course.said_sum * 31 + (uint8_t)out.bytes[i];
            course.said_sum += out.tail.length + (uint64_t)wish;
            if (wish == SCRIPT_HOLD || wish == SCRIPT_THINK)
                script_continue(&script);
        }
        free(piece);
    }
    (void)script_closed(&script, false);
    course.fault = script.fault;
    course.octets = script.message_octets;
    course.messages = script.message_count;
    script_end(&script);
    seen_forget(&seen);
    return course;
}
