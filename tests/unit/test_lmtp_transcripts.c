/* test_lmtp_transcripts: every conversation of tests/transcripts/lmtp, cut in every way.
 *
 * The same bytes must lead to the same answers and to the same deliveries in each way of
 * transcript_ways.h, and whatever the manners of the world are: with little room in a plan, and
 * with a few bytes of a message at a time. Runs in the repository's folder.
 */
#include "tests/support/lmtp_transcript.h"
#include "tests/unit/transcript_ways.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#define TRANSCRIPTS "tests/transcripts/lmtp/*.txt"

static void begin(void *transcript);
static void feed(void *transcript, struct span input);
static struct span output(const void *transcript);
static void expect_end(const void *transcript, const char *way, size_t at);

ParameterizedTestParameters(lmtp_transcripts, conversation)
{
    static struct transcript_ways_path paths[TRANSCRIPT_WAYS_FILES_MAX];
    return cr_make_param_array(struct transcript_ways_path, paths,
                               transcript_ways_find(TRANSCRIPTS, paths));
}

ParameterizedTest(struct transcript_ways_path *path, lmtp_transcripts, conversation)
{
    static const size_t blocks[4] = {4096, 1, 7, 2};
    struct lmtp_transcript *transcript = lmtp_transcript_open(path->name);
    struct lmtp_world *world = &transcript->world;
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
        world->has_tiny_plan = (manners & 2) != 0;
        world->block_bytes = blocks[manners];
        transcript_ways_all(&ways, !world->sends_each_line);
    }
    lmtp_transcript_close(transcript);
}

Test(lmtp_transcripts, are_found)
{
    transcript_ways_expect_found(TRANSCRIPTS, 20);
}

static void begin(void *transcript)
{
    lmtp_world_begin(&((struct lmtp_transcript *)transcript)->world);
}

static void feed(void *transcript, struct span input)
{
    lmtp_world_feed(&((struct lmtp_transcript *)transcript)->world, input);
}

static struct span output(const void *transcript)
{
    return lmtp_world_output(&((const struct lmtp_transcript *)transcript)->world);
}

static void expect_end(const void *any_transcript, const char *way, size_t at)
{
    const struct lmtp_transcript *transcript = any_transcript;
    const struct lmtp_world *world = &transcript->world;
    struct span expected = {transcript->record.bytes, transcript->record.length};
    struct span record = lmtp_world_record(world);
    cr_assert(span_equal(expected, record),
              "%s at octet %zu: the store was to get: %.*s\nbut it got: %.*s", way, at,
              (int)expected.length, expected.bytes, (int)record.length, record.bytes);
    cr_assert(lmtp_world_is_closed(world) == transcript->is_closed,
              "%s at octet %zu: the session is %s", way, at,
              lmtp_world_is_closed(world) ? "closed" : "open");
    cr_assert(world->session.end == transcript->end, "%s at octet %zu: it ended as %d, not %d", way,
              at, (int)world->session.end, (int)transcript->end);
}
