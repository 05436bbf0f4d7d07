/* fuzz_pop3: a session in the small world, which watches every answer.
 *
 * The world checks that each line has one answer, framed as it must be, in words of our own. Here
 * the same bytes are handed in twice, at once and in pieces, and must lead to the same. Five octets
 * of the input set up the world: options, the size of the pieces, a fault's kind and ask, its
 * result, and TLS: options, and how many fours of octets a client says before it.
 */
#include "proto/must.h"
#include "tests/support/session_world.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 5

enum option {
    OPTION_LOGGED_IN = 1,
    OPTION_TINY_PLAN = 2,
    OPTION_IN_MEMORY = 4,
    OPTION_APOP = 8,
    OPTION_LAST = 16,
    OPTION_NO_PLAINTEXT = 32,
    OPTION_MANY_MESSAGES = 64,
    OPTION_FEW_REFUSALS = 128,
};

enum tls_option {
    TLS_OPTION_STLS = 1,
    TLS_OPTION_CERTIFICATE = 2,
    TLS_OPTIONS = 4,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void set_up(struct session_world *world, const uint8_t *head);
static void add_messages(struct session_world *world, uint32_t count);
static void run(struct session_world *world, bool is_logged_in, struct span input, size_t piece);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < HEAD_BYTES) {
        return 0;
    }
    struct session_world *world = malloc(sizeof(*world));
    must(world != NULL);
    session_world_init(world);
    set_up(world, bytes);
    bool is_logged_in = (bytes[0] & OPTION_LOGGED_IN) != 0;
    struct span input = {(const char *)bytes + HEAD_BYTES, count - HEAD_BYTES};

    run(world, is_logged_in, input, input.length);
    struct pop3 session = world->session;
    struct session_world_bytes first = {0};
    session_world_append(&first, session_world_output(world));
    run(world, is_logged_in, input, bytes[1] + 1U);
    /* How many facts are asked for at once depends on the room; so then does what the n-th meets.
     */
    if (world->faults[POP3_ASK_FACTS].at == 0) {
        must(span_equal((struct span){first.bytes, first.length}, session_world_output(world)));
        must(session.state == world->session.state && session.end == world->session.end);
    }
    free(first.bytes);
    session_world_fini(world);
    free(world);
    return 0;
}

static void set_up(struct session_world *world, const uint8_t *head)
{
    static const enum pop3_ask_kind kinds[8] = {POP3_ASK_AUTH,   POP3_ASK_OPEN,  POP3_ASK_FACTS,
                                                POP3_ASK_FACTS,  POP3_ASK_BODY,  POP3_ASK_TOP,
                                                POP3_ASK_COMMIT, POP3_ASK_COMMIT};
    static const enum mail_result results[4] = {MAIL_IN_USE, MAIL_TEMPORARY, MAIL_PERMANENT,
                                                MAIL_TOO_BIG};
    unsigned options = head[0];
    world->has_tiny_plan = (options & OPTION_TINY_PLAN) != 0;
    world->is_in_memory = (options & OPTION_IN_MEMORY) != 0;
    world->settings.apop = (options & OPTION_APOP) != 0;
    if (world->settings.apop) {
        world->timestamp = SPAN_LITERAL("<1.2@host>");
    }
    world->settings.last = (options & OPTION_LAST) != 0;
    world->settings.plaintext_login = (options & OPTION_NO_PLAINTEXT) == 0;
    world->settings.refusals_before_login_max = (options & OPTION_FEW_REFUSALS) != 0 ? 3 : 100;
    world->settings.refusals_after_login_max = (options & OPTION_FEW_REFUSALS) != 0 ? 3 : 100;
    world->faults[kinds[head[2] % 8]] =
        (struct session_world_fault){head[2] / 8, results[head[3] % 4]};
    world->facts_max = head[3] / 4;
    world->settings.stls = (head[4] & TLS_OPTION_STLS) != 0;
    if ((head[4] & TLS_OPTION_CERTIFICATE) != 0) {
        world->settings.external = !world->settings.stls;
        world->certificate = SPAN_LITERAL("joe");
    }
    world->tls_from = head[4] / TLS_OPTIONS * 4U;
    add_messages(world, (options & OPTION_MANY_MESSAGES) != 0 ? 140 : 3);
}

static void add_messages(struct session_world *world, uint32_t count)
{
    static const char *const texts[] = {"", ".\r\n", "A: b\r\n\r\n.x\r\ny\r\n", "A: b\r\n"};
    for (uint32_t i = 0; i < count; i++) {
        char uidl[MAIL_UIDL_MAX];
        memset(uidl, 'a' + (int)(i % 26), sizeof(uidl));
        session_world_add_message(world, (struct span){uidl, i % MAIL_UIDL_MAX + 1},
                                  span_of(texts[i % 4]));
    }
}

static void run(struct session_world *world, bool is_logged_in, struct span input, size_t piece)
{
    session_world_begin(world);
    if (is_logged_in) {
        session_world_feed(world, SPAN_LITERAL("USER joe\r\nPASS secret\r\n"));
    }
    for (size_t fed = 0; fed < input.length; fed += piece) {
        size_t length = input.length - fed < piece ? input.length - fed : piece;
        session_world_feed(world, (struct span){input.bytes + fed, length});
    }
}
