/* transcript_ways: four ways to hand bytes in, and one comparison. */
#include "tests/unit/transcript_ways.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>

static void by_steps(const struct transcript_ways *ways);
static void whole(const struct transcript_ways *ways);
static void split_anywhere(const struct transcript_ways *ways);
static void by_bytes(const struct transcript_ways *ways);
static struct span span_of_bytes(const struct session_world_bytes *bytes);
static void expect_output(const struct transcript_ways *ways, size_t expected_length,
                          const char *way, size_t at);
static void expect_all(const struct transcript_ways *ways, const char *way, size_t at);

void transcript_ways_all(const struct transcript_ways *ways, bool splits)
{
    by_steps(ways);
    whole(ways);
    by_bytes(ways);
    if (splits) {
        split_anywhere(ways);
    }
}

size_t transcript_ways_find(const char *pattern,
                            struct transcript_ways_path out_paths[TRANSCRIPT_WAYS_FILES_MAX])
{
    glob_t found;
    size_t count = 0;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (; count < found.gl_pathc && count < TRANSCRIPT_WAYS_FILES_MAX; count++) {
            snprintf(out_paths[count].name, sizeof(out_paths[count].name), "%s",
                     found.gl_pathv[count]);
        }
        globfree(&found);
    }
    return count;
}

void transcript_ways_expect_found(const char *pattern, size_t least)
{
    struct transcript_ways_path paths[TRANSCRIPT_WAYS_FILES_MAX];
    size_t count = transcript_ways_find(pattern, paths);
    cr_assert(count >= least, "only %zu transcripts are %s", count, pattern);
    cr_assert(count < TRANSCRIPT_WAYS_FILES_MAX, "more transcripts than the list of them takes");
}

static void by_steps(const struct transcript_ways *ways)
{
    struct span input = span_of_bytes(&ways->script->input);
    size_t fed = 0;
    ways->begin(ways->transcript);
    for (uint32_t i = 0; i < ways->script->step_count; i++) {
        const struct transcript_script_step *step = &ways->script->steps[i];
        ways->feed(ways->transcript, (struct span){input.bytes + fed, step->input_length - fed});
        fed = step->input_length;
        expect_output(ways, step->expected_length, "step by step", fed);
    }
    ways->expect_end(ways->transcript, "step by step", fed);
}

static void whole(const struct transcript_ways *ways)
{
    ways->begin(ways->transcript);
    ways->feed(ways->transcript, span_of_bytes(&ways->script->input));
    expect_all(ways, "at once", 0);
}

static void split_anywhere(const struct transcript_ways *ways)
{
    struct span input = span_of_bytes(&ways->script->input);
    for (size_t at = 1; at < input.length; at++) {
        ways->begin(ways->transcript);
        ways->feed(ways->transcript, (struct span){input.bytes, at});
        ways->feed(ways->transcript, (struct span){input.bytes + at, input.length - at});
        expect_all(ways, "split", at);
    }
}

static void by_bytes(const struct transcript_ways *ways)
{
    struct span input = span_of_bytes(&ways->script->input);
    ways->begin(ways->transcript);
    for (size_t i = 0; i < input.length; i++) {
        ways->feed(ways->transcript, (struct span){input.bytes + i, 1});
    }
    expect_all(ways, "byte by byte", 0);
}

static void expect_all(const struct transcript_ways *ways, const char *way, size_t at)
{
    expect_output(ways, ways->script->expected.length, way, at);
    ways->expect_end(ways->transcript, way, at);
}

static void expect_output(const struct transcript_ways *ways, size_t expected_length,
                          const char *way, size_t at)
{
    struct span expected = {ways->script->expected.bytes, expected_length};
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

static struct span span_of_bytes(const struct session_world_bytes *bytes)
{
    return (struct span){bytes->bytes, bytes->length};
}
