/* test_transcripts: every conversation of tests/transcripts, cut in every way a network may cut it.
 *
 * The same bytes must lead to the same answer whether they come line by line, all at once, in two
 * parts split anywhere, or byte by byte; and whatever the manners of the world are: with little
 * room in a plan, a few facts at a time, ranges of a file or of memory. Runs in the repository's
 * folder.
 */
#include "tests/support/transcript.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#define TRANSCRIPTS_MAX 128

struct path {
    char name[128];
};

static void run_by_steps(struct transcript *transcript, const char *name);
static void run_whole(struct transcript *transcript, const char *name);
static void run_split_anywhere(struct transcript *transcript, const char *name);
static void run_by_bytes(struct transcript *transcript, const char *name);
static void expect_output(const struct transcript *transcript, size_t expected_length,
                          const char *name, const char *way, size_t at);
static void expect_end(const struct transcript *transcript, const char *name, const char *way,
                       size_t at);

static size_t find_transcripts(struct path *out_paths)
{
    glob_t found;
    size_t count = 0;
    if (glob("tests/transcripts/*.txt", 0, NULL, &found) == 0) {
        for (; count < found.gl_pathc && count < TRANSCRIPTS_MAX; count++) {
            snprintf(out_paths[count].name, sizeof(out_paths[count].name), "%s",
                     found.gl_pathv[count]);
        }
        globfree(&found);
    }
    return count;
}

ParameterizedTestParameters(transcripts, conversation)
{
    static struct path paths[TRANSCRIPTS_MAX];
    return cr_make_param_array(struct path, paths, find_transcripts(paths));
}

ParameterizedTest(struct path *path, transcripts, conversation)
{
    struct transcript *transcript = transcript_open(path->name);
    struct session_world *world = &transcript->world;
    /* Where the world answers in smaller portions, the n-th facts are other ones. */
    bool is_portioned = world->faults[POP3_ASK_FACTS].at == 0;
    for (unsigned manners = 0; manners < 4; manners++) {
        world->sends_each_line = (manners & 1) != 0;
        world->has_tiny_plan = (manners & 2) != 0 && is_portioned;
        world->is_in_memory = (manners & 2) != 0;
        world->facts_max = manners == 1 && is_portioned ? 1 : 0;
        run_by_steps(transcript, path->name);
        run_whole(transcript, path->name);
        run_by_bytes(transcript, path->name);
        if (!world->sends_each_line) {
            run_split_anywhere(transcript, path->name);
        }
    }
    transcript_close(transcript);
}

/* A pattern that finds nothing would pass without a word. */
Test(transcripts, are_found)
{
    struct path paths[TRANSCRIPTS_MAX];
    size_t count = find_transcripts(paths);
    cr_assert(count >= 20, "only %zu transcripts under tests/transcripts", count);
    cr_assert(count < TRANSCRIPTS_MAX, "more transcripts than the list of them takes");
}

static void run_by_steps(struct transcript *transcript, const char *name)
{
    size_t fed = 0;
    session_world_begin(&transcript->world);
    for (uint32_t i = 0; i < transcript->step_count; i++) {
        const struct transcript_step *step = &transcript->steps[i];
        session_world_feed(&transcript->world,
                           (struct span){transcript->input.bytes + fed, step->input_length - fed});
        fed = step->input_length;
        expect_output(transcript, step->expected_length, name, "step by step", fed);
    }
    expect_end(transcript, name, "step by step", fed);
}

static void run_whole(struct transcript *transcript, const char *name)
{
    session_world_begin(&transcript->world);
    session_world_feed(&transcript->world,
                       (struct span){transcript->input.bytes, transcript->input.length});
    expect_output(transcript, transcript->expected.length, name, "at once", 0);
    expect_end(transcript, name, "at once", 0);
}

static void run_split_anywhere(struct transcript *transcript, const char *name)
{
    const char *bytes = transcript->input.bytes;
    size_t length = transcript->input.length;
    for (size_t at = 1; at < length; at++) {
        session_world_begin(&transcript->world);
        session_world_feed(&transcript->world, (struct span){bytes, at});
        session_world_feed(&transcript->world, (struct span){bytes + at, length - at});
        expect_output(transcript, transcript->expected.length, name, "split", at);
        expect_end(transcript, name, "split", at);
    }
}

static void run_by_bytes(struct transcript *transcript, const char *name)
{
    session_world_begin(&transcript->world);
    for (size_t i = 0; i < transcript->input.length; i++) {
        session_world_feed(&transcript->world, (struct span){transcript->input.bytes + i, 1});
    }
    expect_output(transcript, transcript->expected.length, name, "byte by byte", 0);
    expect_end(transcript, name, "byte by byte", 0);
}

static void expect_output(const struct transcript *transcript, size_t expected_length,
                          const char *name, const char *way, size_t at)
{
    struct span expected = {transcript->expected.bytes, expected_length};
    struct span output = session_world_output(&transcript->world);
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
              name, way, at, line, (int)(expected.length - same), expected.bytes + same,
              (int)(output.length - same), output.bytes + same);
}

static void expect_end(const struct transcript *transcript, const char *name, const char *way,
                       size_t at)
{
    const struct session_world *world = &transcript->world;
    cr_assert(session_world_is_closed(world) == transcript->is_closed,
              "%s, %s at octet %zu: the session is %s", name, way, at,
              session_world_is_closed(world) ? "closed" : "open");
    cr_assert(world->session.end == transcript->end, "%s, %s at octet %zu: it ended as %d, not %d",
              name, way, at, (int)world->session.end, (int)transcript->end);
    cr_assert(memcmp(world->removed, transcript->removed, sizeof(world->removed)) == 0,
              "%s, %s at octet %zu: other messages were removed", name, way, at);
}
