/* fuzz_lmtp: a session in the small world, which watches every answer.
 *
 * The world counts the answers as a client would and checks their framing. Here the same bytes are
 * handed in twice, at once and in pieces, and must lead to the same answers and deliveries. Four
 * octets of the input set up the world: options, the size of the pieces, the size of the blocks of
 * a message, and how many fours of octets a client says before TLS.
 */
#include "proto/must.h"
#include "tests/support/lmtp_world.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 4

enum option {
    OPTION_GREETED = 1,
    OPTION_RECIPIENTS = 2, /* two of them, and one who has no room when it comes to it */
    OPTION_TINY_PLAN = 4,
    OPTION_WHOLE_ADDRESS = 8,
    OPTION_SMALL_SIZE = 16,
    OPTION_STARTTLS = 32,
    OPTION_EVERYBODY = 64,
    OPTION_FEW_MISTAKES = 128,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void set_up(struct lmtp_world *world, const uint8_t *head);
static void run(struct lmtp_world *world, unsigned options, struct span input, size_t piece);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < HEAD_BYTES) {
        return 0;
    }
    static struct lmtp_world the_world;
    struct lmtp_world *world = &the_world;
    lmtp_world_init(world);
    set_up(world, bytes);
    struct span input = {(const char *)bytes + HEAD_BYTES, count - HEAD_BYTES};

    run(world, bytes[0], input, input.length);
    enum lmtp_end end = world->session.end;
    enum lmtp_state state = world->session.state;
    struct session_world_bytes output = {0}, record = {0};
    session_world_append(&output, lmtp_world_output(world));
    session_world_append(&record, lmtp_world_record(world));

    world->has_tiny_plan = (bytes[0] & OPTION_TINY_PLAN) != 0;
    world->block_bytes = bytes[2] + 1U;
    run(world, bytes[0], input, bytes[1] + 1U);
    must(end == world->session.end && state == world->session.state);
    must(span_equal((struct span){output.bytes, output.length}, lmtp_world_output(world)));
    must(span_equal((struct span){record.bytes, record.length}, lmtp_world_record(world)));
    free(output.bytes);
    free(record.bytes);
    lmtp_world_fini(world);
    return 0;
}

static void set_up(struct lmtp_world *world, const uint8_t *head)
{
    unsigned options = head[0];
    lmtp_world_add_user(world,
                        (struct lmtp_world_user){.name = SPAN_LITERAL("max"), .result = MAIL_FULL});
    if ((options & OPTION_WHOLE_ADDRESS) != 0) {
        world->settings.users =
            (struct lmtp_user_rule){.format = LMTP_USER_WHOLE_ADDRESS, .delimiter = '-'};
    }
    world->settings.recipients_max = 5;
    world->settings.message_octets_max = (options & OPTION_SMALL_SIZE) != 0 ? 12 : 1000;
    world->settings.starttls = (options & OPTION_STARTTLS) != 0;
    world->settings.mistakes_max = (options & OPTION_FEW_MISTAKES) != 0 ? 3 : 100;
    world->knows_everybody = (options & OPTION_EVERYBODY) != 0;
    world->tls_from = head[3] * 4U;
}

static void run(struct lmtp_world *world, unsigned options, struct span input, size_t piece)
{
    lmtp_world_begin(world);
    if ((options & (OPTION_GREETED | OPTION_RECIPIENTS)) != 0) {
        lmtp_world_feed(world, SPAN_LITERAL("LHLO x\r\n"));
    }
    if ((options & OPTION_RECIPIENTS) != 0) {
        lmtp_world_feed(world, SPAN_LITERAL("MAIL FROM:<>\r\nRCPT TO:<joe>\r\nRCPT TO:<max>\r\n"));
    }
    for (size_t fed = 0; fed < input.length; fed += piece) {
        size_t length = input.length - fed < piece ? input.length - fed : piece;
        lmtp_world_feed(world, (struct span){input.bytes + fed, length});
    }
}
