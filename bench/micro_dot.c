/* micro_dot: how fast each variant of the coder is on this machine, by kind of mail.
 *
 * One line a variant and a kind: GB/s of input, and on x86 bytes for each tick of the time stamp
 * counter. Mail of 256 KB goes into one buffer again and again, so memory is no part of it.
 */
#include "bench/micro.h"
#include "proto/dot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAIL_BYTES (256 << 10)

static const char *const variant_names[DOT_VARIANTS] = {"scalar", "sse2", "avx2", "neon"};

struct kind {
    const char *name;
    const char *line_end;
    size_t shortest, longest; /* line, without its end */
    unsigned dot_every;       /* every n-th line starts with a dot; 0: none */
};

static const struct kind kinds[] = {
    {"text, CRLF", "\r\n", 20, 78, 0},   {"text, LF", "\n", 20, 78, 0},
    {"base64, CRLF", "\r\n", 76, 76, 0}, {"base64, LF", "\n", 76, 76, 0},
    {"dots, CRLF", "\r\n", 4, 24, 2},    {"dots, LF", "\n", 4, 24, 2},
};

static void measure_code(enum dot_variant variant, const char *name, struct span mail, char *out,
                         size_t out_bytes)
{
    struct micro micro;
    micro_init(&micro, mail.length);
    uint64_t written = 0;
    while (micro_goes_on(&micro)) {
        for (size_t at = 0; at < micro.repeats; at++) {
            struct dot_coder coder;
            struct span input = mail;
            dot_init(&coder);
            dot_use_variant(&coder, variant);
            written += dot_code(&coder, &input, out, out_bytes);
        }
        micro_round_ends(&micro);
    }
    micro_keep(written);
    char what[64];
    snprintf(what, sizeof(what), "code    %-7s %s", variant_names[variant], name);
    micro_print(&micro, what);
}

static void measure_decode(const char *name, struct span wire, char *out, size_t out_bytes)
{
    struct micro micro;
    micro_init(&micro, wire.length);
    uint64_t written = 0;
    while (micro_goes_on(&micro)) {
        for (size_t at = 0; at < micro.repeats; at++) {
            struct dot_decoder decoder;
            struct span input = wire;
            dot_decoder_init(&decoder, DOT_TO_LF);
            written += dot_decode(&decoder, &input, out, out_bytes);
        }
        micro_round_ends(&micro);
    }
    micro_keep(written);
    char what[64];
    snprintf(what, sizeof(what), "decode  to LF   %s", name);
    micro_print(&micro, what);
}

static void measure_scan(const char *name, struct span wire)
{
    struct micro micro;
    micro_init(&micro, wire.length);
    uint64_t found = 0;
    while (micro_goes_on(&micro)) {
        for (size_t at = 0; at < micro.repeats; at++) {
            uint64_t lines = UINT64_MAX;
            found += dot_scan_lines(wire, &lines);
        }
        micro_round_ends(&micro);
    }
    micro_keep(found);
    char what[64];
    snprintf(what, sizeof(what), "scan    lines   %s", name);
    micro_print(&micro, what);
}

static size_t write_mail(const struct kind *kind, char *out)
{
    unsigned random = 1;
    size_t used = 0;
    for (unsigned line = 0; used + kind->longest + 2 <= MAIL_BYTES; line++) {
        random = random * 1103515245U + 12345U;
        size_t length = kind->shortest + (random >> 16) % (kind->longest - kind->shortest + 1);
        memset(out + used, 'x', length);
        if (kind->dot_every > 0 && line % kind->dot_every == 0)
            out[used] = '.';
        used += length;
        memcpy(out + used, kind->line_end, strlen(kind->line_end));
        used += strlen(kind->line_end);
    }
    return used;
}

static void measure_kind(const struct kind *kind, char *mail, char *wire, char *back)
{
    struct span input = {mail, write_mail(kind, mail)};
    for (int variant = 0; variant < DOT_VARIANTS; variant++) {
        if (dot_has_variant((enum dot_variant)variant))
            measure_code((enum dot_variant)variant, kind->name, input, wire, 2 * MAIL_BYTES);
    }
    struct dot_coder coder;
    dot_init(&coder);
    size_t written = dot_code(&coder, &input, wire, 2 * MAIL_BYTES);
    measure_decode(kind->name, (struct span){wire, written}, back, 2 * MAIL_BYTES);
    measure_scan(kind->name, (struct span){wire, written});
}

int main(void)
{
    char *mail = malloc(MAIL_BYTES);
    char *wire = malloc(2 * MAIL_BYTES);
    char *back = malloc(2 * MAIL_BYTES);
    if (mail == NULL || wire == NULL || back == NULL)
        return 1;
    for (size_t at = 0; at < sizeof(kinds) / sizeof(kinds[0]); at++)
        measure_kind(&kinds[at], mail, wire, back);
    free(mail);
    free(wire);
    free(back);
    return 0;
}
