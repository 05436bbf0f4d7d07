/* fuzz_dot: any message, in any pieces, by any variant, gives one wire form, and comes back from
 * it.
 *
 * The first two bytes choose the sizes of input pieces and outputs; the rest is the message. The
 * byte coder, told all at once, is what the others are compared with.
 */
#include "proto/dot.h"
#include "proto/must.h"

#include <string.h>

#define MESSAGE_MAX 65536
#define WIRE_MAX    (2 * MESSAGE_MAX + DOT_END_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static char whole[WIRE_MAX], wire[WIRE_MAX], back[WIRE_MAX];

static size_t code_whole(struct dot_coder *coder, struct span message)
{
    dot_init(coder);
    dot_use_variant(coder, DOT_SCALAR);
    size_t used = dot_code(coder, &message, whole, sizeof(whole) - DOT_END_MAX);
    must(message.length == 0);
    used += dot_finish(coder, whole + used);
    must(used == coder->wire_bytes);
    must(coder->octets + coder->stuffed_dots + 3 == used);
    must(coder->header_bytes <= used - 3);
    return used;
}

static size_t code_in_pieces(struct dot_coder *coder, struct span message, size_t piece_bytes,
                             size_t out_bytes)
{
    size_t used = 0;
    while (message.length > 0) {
        size_t count = message.length < piece_bytes ? message.length : piece_bytes;
        struct span piece = {message.bytes, count};
        size_t room = sizeof(wire) - used < out_bytes ? sizeof(wire) - used : out_bytes;
        used += dot_code(coder, &piece, wire + used, room);
        message.bytes += count - piece.length;
        message.length -= count - piece.length;
    }
    return used + dot_finish(coder, wire + used);
}

static void check_wire_form(struct span coded)
{
    must(coded.length >= 3 && memcmp(coded.bytes + coded.length - 3, ".\r\n", 3) == 0);
    for (size_t at = 0; at + 3 < coded.length; at++) {
        bool at_start = at == 0 || coded.bytes[at - 1] == '\n';
        must(coded.bytes[at] != '\n' || (at > 0 && coded.bytes[at - 1] == '\r'));
        must(!at_start || coded.bytes[at] != '.' || coded.bytes[at + 1] == '.');
    }
}

/* The message decoded and coded again is the same wire form. */
static void check_way_back(struct span coded, size_t piece_bytes, enum dot_line_end line_end)
{
    struct dot_decoder decoder;
    struct dot_coder coder;
    size_t used = 0;
    dot_decoder_init(&decoder, line_end);
    for (struct span left = coded; left.length > 0;) {
        size_t count = left.length < piece_bytes ? left.length : piece_bytes;
        struct span piece = {left.bytes, count};
        used += dot_decode(&decoder, &piece, back + used, sizeof(back) - used);
        must(piece.length < count);
        left = (struct span){piece.bytes, left.length - (count - piece.length)};
    }
    must(dot_decoder_ended(&decoder));
    if (line_end == DOT_TO_LF && memmem(whole, coded.length, "\r\r\n", 3) != NULL)
        return; /* a lone CR before the line end becomes a part of it */
    struct span message = {back, used};
    dot_init(&coder);
    used = dot_code(&coder, &message, wire, sizeof(wire));
    used += dot_finish(&coder, wire + used);
    must(used == coded.length && memcmp(wire, coded.bytes, used) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < 2 || count - 2 > MESSAGE_MAX)
        return 0;
    struct span message = {(const char *)bytes + 2, count - 2};
    size_t piece_bytes = 1 + (size_t)bytes[0];
    size_t out_bytes = 1 + (size_t)bytes[1];
    struct dot_coder expected;
    struct span coded = {whole, code_whole(&expected, message)};
    check_wire_form(coded);
    for (int variant = 0; variant < DOT_VARIANTS; variant++) {
        if (!dot_has_variant((enum dot_variant)variant))
            continue;
        struct dot_coder coder;
        dot_init(&coder);
        dot_use_variant(&coder, (enum dot_variant)variant);
        size_t used = code_in_pieces(&coder, message, piece_bytes, out_bytes);
        must(used == coded.length && memcmp(wire, whole, used) == 0);
        must(coder.octets == expected.octets && coder.header_bytes == expected.header_bytes);
    }
    check_way_back(coded, piece_bytes, DOT_TO_CRLF);
    check_way_back(coded, piece_bytes, DOT_TO_LF);
    uint64_t lines = 1 + (uint64_t)bytes[1];
    must(dot_scan_lines(coded, &lines) <= coded.length);
    /* The decoder must also live with what is no wire form. */
    struct dot_decoder decoder;
    dot_decoder_init(&decoder, DOT_TO_LF);
    must(dot_decode(&decoder, &message, back, sizeof(back)) <= count);
    return 0;
}
