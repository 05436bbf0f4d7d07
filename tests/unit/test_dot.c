/* test_dot: the coder in all its variants against a simple one, and the way back.
 *
 * The simple one looks at the whole message at once and knows nothing of pieces. Every comparison
 * is made on bytes before a guard page. Random data is rich in CR, LF, dots and NUL, and the same
 * at every run.
 */
#include "proto/dot.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 4096
#define WIRE_MAX    (2 * MESSAGE_MAX + DOT_END_MAX)

struct coded {
    char wire[WIRE_MAX];
    size_t wire_bytes;
    uint64_t octets;
    uint64_t header_bytes;
};

static struct guarded guarded_in, guarded_out;

static void setup(void)
{
    guarded_init(&guarded_in, WIRE_MAX);
    guarded_init(&guarded_out, WIRE_MAX);
}

static void teardown(void)
{
    guarded_fini(&guarded_in);
    guarded_fini(&guarded_out);
}

TestSuite(dot, .init = setup, .fini = teardown);

static void put(struct coded *coded, char byte)
{
    coded->wire[coded->wire_bytes++] = byte;
}

/* The definition, as simply as it can be said. */
static void code_simply(struct span message, struct coded *out_coded)
{
    size_t dots = 0;
    *out_coded = (struct coded){.wire_bytes = 0};
    for (size_t at = 0; at < message.length; at++) {
        char before = at == 0 ? '\n' : message.bytes[at - 1];
        char byte = message.bytes[at];
        if (byte == '.' && before == '\n') {
            put(out_coded, '.');
            dots++;
        }
        if (byte == '\n' && (at == 0 || before != '\r'))
            put(out_coded, '\r');
        put(out_coded, byte);
    }
    if (message.length > 0 && message.bytes[message.length - 1] != '\n') {
        put(out_coded, '\r');
        put(out_coded, '\n');
    }
    out_coded->octets = out_coded->wire_bytes - dots;
    out_coded->header_bytes = out_coded->wire_bytes;
    const char *empty = memmem(out_coded->wire, out_coded->wire_bytes, "\r\n\r\n", 4);
    if (out_coded->wire_bytes >= 2 && memcmp(out_coded->wire, "\r\n", 2) == 0)
        out_coded->header_bytes = 2;
    else if (empty != NULL)
        out_coded->header_bytes = (uint64_t)(empty - out_coded->wire) + 4;
    put(out_coded, '.');
    put(out_coded, '\r');
    put(out_coded, '\n');
}

/* Codes `piece` with outputs of `out_bytes` each, every one of them before a guard. */
static void code_piece(struct dot_coder *coder, struct span piece, size_t out_bytes,
                       struct coded *coded)
{
    struct span input = {guarded_copy(&guarded_in, piece.bytes, piece.length), piece.length};
    while (input.length > 0) {
        char *out = guarded_last(&guarded_out, out_bytes);
        size_t written = dot_code(coder, &input, out, out_bytes);
        cr_assert(written > 0 && written <= out_bytes);
        cr_assert(input.length == 0 || written == out_bytes);
        memcpy(coded->wire + coded->wire_bytes, out, written);
        coded->wire_bytes += written;
    }
}

static void finish(struct dot_coder *coder, struct coded *coded)
{
    coded->wire_bytes += dot_finish(coder, coded->wire + coded->wire_bytes);
    cr_assert(coder->wire_bytes == coded->wire_bytes);
    coded->octets = coder->octets;
    coded->header_bytes = coder->header_bytes;
}

static void expect_same(const struct coded *coded, const struct coded *expected)
{
    cr_assert(coded->wire_bytes == expected->wire_bytes);
    cr_assert(memcmp(coded->wire, expected->wire, coded->wire_bytes) == 0);
    cr_assert(coded->octets == expected->octets);
    cr_assert(coded->header_bytes == expected->header_bytes);
}

/* One message in pieces of `piece_bytes` into outputs of `out_bytes`, by one variant. */
static void expect_coded(struct span message, enum dot_variant variant, size_t piece_bytes,
                         size_t out_bytes)
{
    struct coded expected;
    struct coded coded = {.wire_bytes = 0};
    struct dot_coder coder;
    code_simply(message, &expected);
    dot_init(&coder);
    dot_use_variant(&coder, variant);
    for (size_t at = 0; at < message.length; at += piece_bytes) {
        size_t left = message.length - at;
        struct span piece = {message.bytes + at, left < piece_bytes ? left : piece_bytes};
        code_piece(&coder, piece, out_bytes, &coded);
    }
    finish(&coder, &coded);
    expect_same(&coded, &expected);
}

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525U + 1013904223U;
    return *random >> 16;
}

/* Bytes of which about one in `plainness` is special. */
static void fill_randomly(char *bytes, size_t count, uint32_t plainness, uint32_t *random)
{
    static const char special[] = {'\r', '\n', '\n', '.', '\0', '.', '\n', '\r'};
    for (size_t at = 0; at < count; at++) {
        uint32_t value = next_random(random);
        bool plain = value % plainness != 0;
        bytes[at] = plain ? (char)(value >> 8) : special[next_random(random) % sizeof(special)];
    }
}

struct known {
    struct span message, wire;
    uint64_t octets, header_bytes;
};

#define KNOWN(message, wire, octets, header_bytes)                                                 \
    {                                                                                              \
        {message, sizeof(message) - 1}, {wire, sizeof(wire) - 1}, octets, header_bytes             \
    }

static const struct known known[] = {
    KNOWN("", ".\r\n", 0, 0),
    KNOWN("\n", "\r\n.\r\n", 2, 2),
    KNOWN("\r\n", "\r\n.\r\n", 2, 2),
    KNOWN("\r", "\r\r\n.\r\n", 3, 3),
    KNOWN(".", "..\r\n.\r\n", 3, 4),
    KNOWN("..\n", "...\r\n.\r\n", 4, 5),
    KNOWN(".\r\n", "..\r\n.\r\n", 3, 4),
    KNOWN("a\n.b\n", "a\r\n..b\r\n.\r\n", 7, 8),
    KNOWN("a: b\n\nbody\n", "a: b\r\n\r\nbody\r\n.\r\n", 14, 8),
    KNOWN("a: b", "a: b\r\n.\r\n", 6, 6),
    KNOWN("\nbody\n\n", "\r\nbody\r\n\r\n.\r\n", 10, 2),
    KNOWN(".a\n\n.b", "..a\r\n\r\n..b\r\n.\r\n", 10, 7),
    KNOWN("a\r\r\n\r\n", "a\r\r\n\r\n.\r\n", 6, 6),
    KNOWN("a\r\n\r\r\nb", "a\r\n\r\r\nb\r\n.\r\n", 9, 9),
    KNOWN("a\rb\n\r.\n", "a\rb\r\n\r.\r\n.\r\n", 9, 9),
    KNOWN("a\0.\0\n\0", "a\0.\0\r\n\0\r\n.\r\n", 9, 9),
    KNOWN("\xff\x80.\n.\xfe", "\xff\x80.\r\n..\xfe\r\n.\r\n", 9, 10),
};

Test(dot, codes_what_is_known)
{
    for (size_t at = 0; at < sizeof(known) / sizeof(known[0]); at++) {
        struct coded coded = {.wire_bytes = 0};
        struct dot_coder coder;
        dot_init(&coder);
        code_piece(&coder, known[at].message, 64, &coded);
        finish(&coder, &coded);
        cr_expect(coded.wire_bytes == known[at].wire.length &&
                      memcmp(coded.wire, known[at].wire.bytes, coded.wire_bytes) == 0,
                  "wire of case %zu", at);
        cr_expect(coded.octets == known[at].octets, "octets of case %zu", at);
        cr_expect(coded.header_bytes == known[at].header_bytes, "header of case %zu", at);
    }
}

Test(dot, best_variant_is_there_and_scalar_always)
{
    cr_expect(dot_has_variant(DOT_SCALAR));
    cr_expect(dot_has_variant(dot_best_variant()));
#if defined(__x86_64__) || defined(__aarch64__)
    cr_expect(dot_best_variant() != DOT_SCALAR);
#endif
}

static void for_each_variant(struct span message, size_t piece_bytes, size_t out_bytes)
{
    for (int variant = 0; variant < DOT_VARIANTS; variant++) {
        if (dot_has_variant((enum dot_variant)variant))
            expect_coded(message, (enum dot_variant)variant, piece_bytes, out_bytes);
    }
}

Test(dot, variants_agree_on_every_length)
{
    char bytes[400];
    uint32_t random = 1;
    for (size_t count = 0; count <= sizeof(bytes); count++) {
        for (uint32_t plainness = 1; plainness <= 64; plainness *= 4) {
            fill_randomly(bytes, count, plainness, &random);
            for_each_variant((struct span){bytes, count}, sizeof(bytes), 2 * sizeof(bytes));
        }
    }
}

Test(dot, pieces_of_any_size_change_nothing)
{
    char bytes[331];
    uint32_t random = 2;
    for (uint32_t plainness = 1; plainness <= 32; plainness *= 2) {
        fill_randomly(bytes, sizeof(bytes), plainness, &random);
        struct span message = {bytes, sizeof(bytes)};
        for (size_t piece_bytes = 1; piece_bytes <= 150; piece_bytes++)
            for_each_variant(message, piece_bytes, 2 * sizeof(bytes));
    }
}

Test(dot, outputs_of_any_size_change_nothing)
{
    char bytes[331];
    uint32_t random = 3;
    for (uint32_t plainness = 1; plainness <= 32; plainness *= 2) {
        fill_randomly(bytes, sizeof(bytes), plainness, &random);
        struct span message = {bytes, sizeof(bytes)};
        for (size_t out_bytes = 1; out_bytes <= 150; out_bytes++) {
            for_each_variant(message, sizeof(bytes), out_bytes);
            for_each_variant(message, 1 + out_bytes / 3, out_bytes);
        }
    }
}

/* Both parts of every split of a message that is long enough for blocks on both sides. */
Test(dot, every_split_in_two_changes_nothing)
{
    char bytes[300];
    uint32_t random = 4;
    for (uint32_t plainness = 1; plainness <= 128; plainness *= 2) {
        struct coded expected;
        fill_randomly(bytes, sizeof(bytes), plainness, &random);
        code_simply((struct span){bytes, sizeof(bytes)}, &expected);
        for (size_t split = 0; split <= sizeof(bytes); split++) {
            for (int variant = 0; variant < DOT_VARIANTS; variant++) {
                if (!dot_has_variant((enum dot_variant)variant))
                    continue;
                struct coded coded = {.wire_bytes = 0};
                struct dot_coder coder;
                dot_init(&coder);
                dot_use_variant(&coder, (enum dot_variant)variant);
                code_piece(&coder, (struct span){bytes, split}, 600, &coded);
                code_piece(&coder, (struct span){bytes + split, sizeof(bytes) - split}, 600,
                           &coded);
                finish(&coder, &coded);
                expect_same(&coded, &expected);
            }
        }
    }
}

/* The worst for a block coder: every byte of every block needs an insertion. */
Test(dot, nothing_but_insertions)
{
    char bytes[1000];
    memset(bytes, '\n', sizeof(bytes));
    for (size_t out_bytes = 1; out_bytes < 300; out_bytes++)
        for_each_variant((struct span){bytes, sizeof(bytes)}, sizeof(bytes), out_bytes);
    for (size_t at = 0; at < sizeof(bytes); at += 2)
        bytes[at] = '.';
    for (size_t out_bytes = 1; out_bytes < 300; out_bytes++)
        for_each_variant((struct span){bytes, sizeof(bytes)}, sizeof(bytes), out_bytes);
}

/* An empty line at every place of a block ends the header. */
Test(dot, header_ends_at_every_offset)
{
    static const char *const empty_lines[] = {"\n\n", "\r\n\r\n", "\r\n\n", "\n\r\n"};
    char bytes[256];
    for (size_t form = 0; form < 4; form++) {
        for (size_t at = 0; at < 160; at++) {
            memset(bytes, 'h', sizeof(bytes));
            memcpy(bytes + at, empty_lines[form], strlen(empty_lines[form]));
            bytes[200] = bytes[201] = '\n';
            for_each_variant((struct span){bytes, sizeof(bytes)}, sizeof(bytes), 600);
            for_each_variant((struct span){bytes, sizeof(bytes)}, 40, 600);
        }
    }
}

/* Decodes all of `wire` in pieces; returns the bytes written. */
static size_t decode(struct dot_decoder *decoder, struct span wire, size_t piece_bytes,
                     size_t out_bytes, char *out)
{
    size_t used = 0;
    for (size_t at = 0; at < wire.length && !dot_decoder_ended(decoder);) {
        size_t left = wire.length - at;
        size_t count = left < piece_bytes ? left : piece_bytes;
        struct span input = {guarded_copy(&guarded_in, wire.bytes + at, count), count};
        char *room = guarded_last(&guarded_out, out_bytes);
        size_t written = dot_decode(decoder, &input, room, out_bytes);
        cr_assert(written <= out_bytes);
        cr_assert(written > 0 || input.length < count);
        memcpy(out + used, room, written);
        used += written;
        at += count - input.length;
    }
    return used;
}

/* What a decoder must give, made from the wire form as a whole. */
static size_t decode_simply(const struct coded *coded, enum dot_line_end line_end, char *out)
{
    size_t used = 0;
    for (size_t at = 0; at < coded->wire_bytes - 3; at++) {
        bool at_start = at == 0 || coded->wire[at - 1] == '\n';
        if (at_start && coded->wire[at] == '.')
            continue;
        if (line_end == DOT_TO_LF && memcmp(coded->wire + at, "\r\n", 2) == 0)
            continue;
        out[used++] = coded->wire[at];
    }
    return used;
}

Test(dot, decodes_what_was_coded)
{
    static char decoded[WIRE_MAX];
    static char expected[WIRE_MAX];
    static struct coded coded;
    char bytes[150];
    uint32_t random = 5;
    for (uint32_t round = 0; round < 60; round++) {
        size_t count = next_random(&random) % sizeof(bytes);
        fill_randomly(bytes, count, 1 + round % 7, &random);
        code_simply((struct span){bytes, count}, &coded);
        for (int line_end = DOT_TO_CRLF; line_end <= DOT_TO_LF; line_end++) {
            size_t expected_bytes = decode_simply(&coded, (enum dot_line_end)line_end, expected);
            for (size_t size = 1; size < 100; size += 1 + size / 8) {
                struct dot_decoder decoder;
                dot_decoder_init(&decoder, (enum dot_line_end)line_end);
                struct span wire = {coded.wire, coded.wire_bytes};
                size_t used = decode(&decoder, wire, size, 1 + round, decoded);
                cr_assert(dot_decoder_ended(&decoder));
                cr_assert(used == expected_bytes && memcmp(decoded, expected, used) == 0);
            }
        }
    }
}

struct way_back {
    struct span wire, crlf, lf;
    size_t left; /* bytes that are not the message's */
    bool ended;
};

#define BACK(wire, crlf, lf, left, ended)                                                          \
    {                                                                                              \
        {wire, sizeof(wire) - 1}, {crlf, sizeof(crlf) - 1}, {lf, sizeof(lf) - 1}, left, ended      \
    }

static const struct way_back ways_back[] = {
    BACK(".\r\n", "", "", 0, true),
    BACK("a\r\n.\r\n+OK", "a\r\n", "a\n", 3, true),
    BACK("..\r\n.\r\n", ".\r\n", ".\n", 0, true),
    BACK(".x\r\n", "x\r\n", "x\n", 0, false),
    BACK(".\rx\r\n.\r\n", "\rx\r\n", "\rx\n", 0, true),
    BACK(".\r\r\n.\r\n", "\r\r\n", "\r\n", 0, true),
    BACK("a\n.\r\n.\r\n", "a\n.\r\n", "a\n.\n", 0, true),
    BACK("a\rb\r\n.\r", "a\rb\r\n", "a\rb\n", 0, false),
    BACK(".\n\r\n.\r\n", "\n\r\n", "\n\n", 0, true),
};

Test(dot, decodes_what_is_known_and_stops_at_the_end)
{
    for (size_t at = 0; at < sizeof(ways_back) / sizeof(ways_back[0]); at++) {
        const struct way_back *way = &ways_back[at];
        for (int line_end = DOT_TO_CRLF; line_end <= DOT_TO_LF; line_end++) {
            char out[64];
            struct dot_decoder decoder;
            struct span input = way->wire;
            struct span expected = line_end == DOT_TO_CRLF ? way->crlf : way->lf;
            dot_decoder_init(&decoder, (enum dot_line_end)line_end);
            size_t written = dot_decode(&decoder, &input, out, sizeof(out));
            cr_expect(written == expected.length && memcmp(out, expected.bytes, written) == 0,
                      "bytes of case %zu", at);
            cr_expect(input.length == way->left, "rest of case %zu", at);
            cr_expect(dot_decoder_ended(&decoder) == way->ended, "end of case %zu", at);
        }
    }
}

Test(dot, scans_lines_at_every_split)
{
    static const char wire[] = "one\r\n\r\n..three\r\nfour\r\n";
    static const size_t ends[] = {0, 5, 7, 16, 22, 22, 22};
    size_t bytes = sizeof(wire) - 1;
    for (uint64_t wanted = 0; wanted < 7; wanted++) {
        for (size_t split = 0; split <= bytes; split++) {
            uint64_t lines = wanted;
            const char *first = guarded_copy(&guarded_in, wire, split);
            size_t at = dot_scan_lines((struct span){first, split}, &lines);
            const char *second = guarded_copy(&guarded_in, wire + split, bytes - split);
            if (lines > 0)
                at = split + dot_scan_lines((struct span){second, bytes - split}, &lines);
            cr_assert(at == ends[wanted]);
            cr_assert(lines == (wanted > 4 ? wanted - 4 : 0));
        }
    }
}
