/* test_transcripts: every conversation of tests/transcripts, cut in every way a network may cut it.
 *
 * The same bytes must lead to the same answer in each way of transcript_ways.h, and whatever the
 * manners of the world are: with little room in a plan, a few facts at a time, ranges of a file or
 * of memory. Runs in the repository's folder.
 */
#include "tests/support/transcript.h"
#include "tests/unit/transcript_ways.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#define TRANSCRIPTS_MAX 128

struct path {
    char name[128];
};

static void begin(void *transcript);
static void feed(void *transcript, struct span input);
static struct span output(const void *transcript);
static void expect_end(const void *transcript, const char *way, size_t at);

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
    struct transcript_ways ways = {
        .name = path->name,
        .input = {transcript->input.bytes, transcript->input.length},
        .expected = {transcript->expected.bytes, transcript->expected.length},
        .steps = transcript->steps,
        .step_count = transcript->step_count,
        .transcript = transcript,
        .begin = begin,
        .feed = feed,
        .output = output,
        .expect_end = expect_end,
    };
    for (unsigned manners = 0; manners < 4; manners++) {
        world->sends_each_line = (manners & 1) != 0;
        world->has_tiny_plan = (manners & 2) != 0 && is_portioned;
        world->is_in_memory = (manners & 2) != 0;
        world->facts_max = manners == 1 && is_portioned ? 1 : 0;
        transcript_ways_by_steps(&ways);
        transcript_ways_whole(&ways);
        transcript_ways_by_bytes(&ways);
        if (!world->sends_each_line) {
            transcript_ways_split_anywhere(&ways);
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

static void begin(void *transcript)
{
    session_world_begin(&((struct transcript *)transcript)->world);
}

static void feed(void *transcript, struct span input)
{
    session_world_feed(&((struct transcript *)transcript)->world, input);
}

static struct span output(const void *transcript)
{
    return session_world_output(&((const struct transcript *)transcript)->world);
}

static void expect_end(const void *any_transcript, const char *way, size_t at)
{
    const struct transcript *transcript = any_transcript;
    const struct session_world *world = &transcript->world;
    cr_assert(session_world_is_closed(world) == transcript->is_closed,
              "%s at octet %zu: the session is %s", way, at,
              session_world_is_closed(world) ? "closed" : "open");
    cr_assert(world->session.end == transcript->end, "%s at octet %zu: it ended as %d, not %d", way,
              at, (int)world->session.end, (int)transcript->end);
    cr_assert(memcmp(world->removed, transcript->removed, sizeof(world->removed)) == 0,
              "%s at octet %zu: other messages were removed", way, at);
}
