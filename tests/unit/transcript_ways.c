/* transcript_ways: four ways to hand bytes in, and one comparison. */
#include "tests/unit/transcript_ways.h"

#include <criterion/criterion.h>

static void expect_output(const struct transcript_ways *ways, size_t expected_length,
                          const char *way, size_t at);
static void expect_all(const struct transcript_ways *ways, const char *way, size_t at);

void transcript_ways_by_steps(const struct transcript_ways *ways)
{
    size_t fed = 0;
    ways->begin(ways->transcript);
    for (uint32_t i = 0; i < ways->step_count; i++) {
        const struct transcript_step *step = &ways->steps[i];
        ways->feed(ways->transcript,
                   (struct span){ways->input.bytes + fed, step->input_length - fed});
        fed = step->input_length;
        expect_output(ways, step->expected_length, "step by step", fed);
    }
    ways->expect_end(ways->transcript, "step by step", fed);
}

void transcript_ways_whole(const struct transcript_ways *ways)
{
    ways->begin(ways->transcript);
    ways->feed(ways->transcript, ways->input);
    expect_all(ways, "at once", 0);
}

void transcript_ways_split_anywhere(const struct transcript_ways *ways)
{
    struct span input = ways->input;
    for (size_t at = 1; at < input.length; at++) {
        ways->begin(ways->transcript);
        ways->feed(ways->transcript, (struct span){input.bytes, at});
        ways->feed(ways->transcript, (struct span){input.bytes + at, input.length - at});
        expect_all(ways, "split", at);
    }
}

void transcript_ways_by_bytes(const struct transcript_ways *ways)
{
    ways->begin(ways->transcript);
    for (size_t i = 0; i < ways->input.length; i++) {
        ways->feed(ways->transcript, (struct span){ways->input.bytes + i, 1});
    }
    expect_all(ways, "byte by byte", 0);
}

static void expect_all(const struct transcript_ways *ways, const char *way, size_t at)
{
    expect_output(ways, ways->expected.length, way, at);
    ways->expect_end(ways->transcript, way, at);
}

static void expect_output(const struct transcript_ways *ways, size_t expected_length,
                          const char *way, size_t at)
{
    struct span expected = {ways->expected.bytes, expected_length};
    struct span output = ways->output(ways->transcript);
    size_t same = 0;
    size_t line = 1;
    while (same < expected.length && same < output.length &&
           expected.bytes[same] == output.bytes[same]) {
        line += expected.bytes[same] == '\n';
        same++;
    }
    cr_assert(span_equal(expected, output),
              "%s, %s at octet %zu: the answer differs in its line %zu\n"
              "expected from there: %.*s\nbut it is: %.*s",
              ways->name, way, at, line, (int)(expected.length - same), expected.bytes + same,
              (int)(output.length - same), output.bytes + same);
}
