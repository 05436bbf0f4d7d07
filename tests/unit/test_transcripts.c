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
#include <string.h>

#define TRANSCRIPTS "tests/transcripts/*.txt"

static void begin(void *transcript);
static void feed(void *transcript, struct span input);
static struct span output(const void *transcript);
static void expect_end(const void *transcript, const char *way, size_t at);

ParameterizedTestParameters(transcripts, conversation)
{
    static struct transcript_ways_path paths[TRANSCRIPT_WAYS_FILES_MAX];
    return cr_make_param_array(struct transcript_ways_path, paths,
                               transcript_ways_find(TRANSCRIPTS, paths));
}

ParameterizedTest(struct transcript_ways_path *path, transcripts, conversation)
{
    struct transcript *transcript = transcript_open(path->name);
    struct session_world *world = &transcript->world;
    /* Where the world answers in smaller portions, the n-th facts are other ones. */
    bool is_portioned = world->faults[POP3_ASK_FACTS].at == 0;
    struct transcript_ways ways = {
        .name = path->name,
        .script = &transcript->script,
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
        transcript_ways_all(&ways, !world->sends_each_line);
    }
    transcript_close(transcript);
}

Test(transcripts, are_found)
{
    transcript_ways_expect_found(TRANSCRIPTS, 20);
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
