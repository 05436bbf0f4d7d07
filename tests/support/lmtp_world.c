/* lmtp_world: the world's side of every ask.
 *
 * A broken promise of the session ends the test by must(). Answers are counted on what was said,
 * not on what the session thinks: a client that counts one answer too many takes mail for delivered
 * that is not.
 */
#include "tests/support/lmtp_world.h"

#include "proto/must.h"
#include "tests/support/lmtp_check.h"

#include <stdlib.h>
#include <string.h>

/* A tiny plan is a common one, filled up to PLAN_ANSWER room; its filler never gets sent. */
#define FILLER_BYTES (PLAN_TEXT_MAX - PLAN_ANSWER_TEXT)

#define BLOCK_BYTES_MAX 4096

static void throw_plaintext_away(struct lmtp_world *world, struct span *rest);
static bool take_line(struct lmtp_world *world, struct span *rest);
static bool take_data(struct lmtp_world *world, struct span *rest);
static void obey(struct lmtp_world *world);
static void judge(struct lmtp_world *world, const struct lmtp_ask *ask,
                  struct lmtp_answer *out_answer);
static void deliver(struct lmtp_world *world, uint32_t index, struct lmtp_answer *out_answer);
static void begin_tls(struct lmtp_world *world, struct lmtp_answer *out_answer);
static void forget(struct lmtp_world *world);
static void count_recipients(struct lmtp_world *world, struct span line, uint32_t answers_before);
static bool is_last_chunk(struct span line);
static bool is_command(struct span line, const char *name);
static uint32_t answers(const struct lmtp_world *world);
static struct span plan_text_of(const struct lmtp_world *world);
static void send_plan(struct lmtp_world *world);
static void renew_plan(struct lmtp_world *world);
static void record(struct lmtp_world *world, struct span before, struct span text,
                   struct span after);

void lmtp_world_init(struct lmtp_world *world)
{
    memset(world, 0, offsetof(struct lmtp_world, recipients));
    world->settings = (struct lmtp_settings){
        .host_name = SPAN_LITERAL("mail.example.org"),
        .users = {.format = LMTP_USER_LOCAL_PART, .delimiter = '+'},
        .message_octets_max = 1000,
        .recipients_max = 3,
        .mistakes_max = 5,
    };
    world->block_bytes = BLOCK_BYTES_MAX;
    lmtp_world_add_user(world, (struct lmtp_world_user){.name = SPAN_LITERAL("joe")});
    lmtp_world_add_user(world, (struct lmtp_world_user){.name = SPAN_LITERAL("ann")});
    lmtp_world_add_user(world, (struct lmtp_world_user){.name = SPAN_LITERAL("full"),
                                                        .recipient = LMTP_RECIPIENT_FULL});
}

void lmtp_world_fini(struct lmtp_world *world)
{
    free(world->output.bytes);
    free(world->record.bytes);
    free(world->letter.bytes);
}

void lmtp_world_add_user(struct lmtp_world *world, struct lmtp_world_user user)
{
    must(world->user_count < LMTP_WORLD_USERS_MAX);
    world->users[world->user_count] = user;
    world->user_count++;
}

void lmtp_world_begin(struct lmtp_world *world)
{
    world->output.length = 0;
    world->record.length = 0;
    world->has_tls = false;
    world->fed_bytes = 0;
    world->room_count = 0;
    world->answers_sent = 0;
    world->client_counts = 0;
    world->has_letter = false;
    forget(world);
    world->record.length = 0;
    /* What a session before has left must not help this one. */
    memset(&world->session, 0xA5, sizeof(world->session));
    line_init(&world->line, world->line_buffer, sizeof(world->line_buffer));
    renew_plan(world);
    world->ask = lmtp_begin(&world->session, &world->settings, &world->plan);
    must(world->ask.kind == LMTP_ASK_LINE);
    send_plan(world);
}

void lmtp_world_feed(struct lmtp_world *world, struct span input)
{
    /* Memory of its own, so that a sanitizer sees who still looks at the bytes of an old read. */
    char *bytes = malloc(input.length + 1);
    must(bytes != NULL);
    if (input.length > 0) {
        memcpy(bytes, input.bytes, input.length);
    }
    struct span rest = {bytes, input.length};
    world->fed_bytes += input.length;
    bool goes_on = true;
    while (goes_on && !lmtp_world_is_closed(world)) {
        throw_plaintext_away(world, &rest);
        goes_on =
            world->ask.kind == LMTP_ASK_DATA ? take_data(world, &rest) : take_line(world, &rest);
    }
    send_plan(world);
    free(bytes);
}

struct span lmtp_world_output(const struct lmtp_world *world)
{
    return (struct span){world->output.bytes, world->output.length};
}

struct span lmtp_world_record(const struct lmtp_world *world)
{
    return (struct span){world->record.bytes, world->record.length};
}

bool lmtp_world_is_closed(const struct lmtp_world *world)
{
    return world->ask.kind == LMTP_ASK_CLOSE;
}

/* What was sent before the handshake, whenever it comes. */
static void throw_plaintext_away(struct lmtp_world *world, struct span *rest)
{
    uint64_t offset = world->fed_bytes - rest->length;
    if (!world->has_tls || offset >= world->tls_from) {
        return;
    }
    uint64_t plaintext = world->tls_from - offset;
    size_t dropped = plaintext < rest->length ? (size_t)plaintext : rest->length;
    *rest = (struct span){rest->bytes + dropped, rest->length - dropped};
}

/* One line, and every ask that it leads to. False where there is none yet. */
static bool take_line(struct lmtp_world *world, struct span *rest)
{
    struct span line;
    enum line_result result = line_take(&world->line, rest, &line);
    if (result == LINE_MORE) {
        return false;
    }
    if (world->sends_each_line || !plan_has_answer_room(&world->plan)) {
        send_plan(world);
    }
    uint32_t before = answers(world);
    world->ask = result == LINE_DONE ? lmtp_line(&world->session, line, &world->plan)
                                     : lmtp_line_too_long(&world->session, &world->plan);
    while (world->ask.kind != LMTP_ASK_LINE && world->ask.kind != LMTP_ASK_CLOSE &&
           world->ask.kind != LMTP_ASK_DATA) {
        obey(world);
    }
    if (lmtp_world_is_closed(world)) {
        forget(world);
    }
    count_recipients(world, line, before);
    return true;
}

/* A block of a message, and, when it was the last, every ask that it leads to. */
static bool take_data(struct lmtp_world *world, struct span *rest)
{
    char block[BLOCK_BYTES_MAX];
    must(world->block_bytes > 0 && world->block_bytes <= sizeof(block));
    size_t count;
    size_t there = rest->length;
    enum lmtp_data_result result =
        lmtp_data(&world->session, rest, block, world->block_bytes, &count);
    must(count <= world->block_bytes && (count == 0 || world->has_letter));
    session_world_append(&world->letter, (struct span){block, count});
    if (result == LMTP_DATA_MORE) {
        must(rest->length < there || there == 0 || count > 0);
        return rest->length > 0;
    }
    do {
        obey(world);
    } while (world->ask.kind != LMTP_ASK_LINE && world->ask.kind != LMTP_ASK_CLOSE);
    uint32_t said = answers(world) - world->answers_before;
    if (world->is_last) {
        must(said == world->client_counts || (world->client_counts == 0 && said == 1));
        world->client_counts = 0;
    } else {
        must(said == 1);
    }
    return true;
}

static void obey(struct lmtp_world *world)
{
    struct lmtp_ask ask = world->ask;
    struct lmtp_answer answer = {.kind = ask.kind, .result = MAIL_DONE};
    switch (ask.kind) {
    case LMTP_ASK_ROOM:
        must(!plan_has_answer_room(&world->plan));
        world->room_count++;
        send_plan(world);
        break;
    case LMTP_ASK_RECIPIENT:
        judge(world, &ask, &answer);
        break;
    case LMTP_ASK_DATA:
        break;
    case LMTP_ASK_DELIVER:
        deliver(world, ask.deliver.index, &answer);
        break;
    case LMTP_ASK_FORGET:
        must(world->has_letter || world->recipient_count > 0);
        forget(world);
        break;
    case LMTP_ASK_TLS:
        begin_tls(world, &answer);
        break;
    case LMTP_ASK_LINE:
    case LMTP_ASK_CLOSE:
        must_fail("nothing to answer", __FILE__, __LINE__);
    }
    world->ask = lmtp_answer(&world->session, &answer, &world->plan);
}

static void judge(struct lmtp_world *world, const struct lmtp_ask *ask,
                  struct lmtp_answer *out_answer)
{
    struct span name = ask->recipient.user;
    struct span address = ask->recipient.address;
    must(ask->recipient.index == world->recipient_count);
    must(world->recipient_count < world->settings.recipients_max && !world->has_letter);
    must(name.length > 0 && name.length <= LMTP_USER_NAME_MAX);
    must(address.length > 0 && address.length <= LMTP_ADDRESS_MAX);
    const struct lmtp_world_user *user = NULL;
    for (uint32_t i = 0; i < world->user_count; i++) {
        if (span_equal(world->users[i].name, name)) {
            user = &world->users[i];
        }
    }
    out_answer->recipient = user != NULL             ? user->recipient
                            : world->knows_everybody ? LMTP_RECIPIENT_GOOD
                                                     : LMTP_RECIPIENT_UNKNOWN;
    if (out_answer->recipient == LMTP_RECIPIENT_GOOD) {
        must(world->recipient_count < LMTP_WORLD_RECIPIENTS_MAX);
        struct lmtp_world_recipient *recipient = &world->recipients[world->recipient_count];
        world->recipient_count++;
        recipient->user = user;
        recipient->name_length = (uint16_t)name.length;
        recipient->address_length = (uint16_t)address.length;
        memcpy(recipient->name, name.bytes, name.length);
        memcpy(recipient->address, address.bytes, address.length);
    }
}

static void deliver(struct lmtp_world *world, uint32_t index, struct lmtp_answer *out_answer)
{
    must(world->has_letter && index == world->delivered_count && index < world->recipient_count);
    must(plan_has_answer_room(&world->plan));
    if (index == 0) {
        record(world, SPAN_LITERAL("from <"), lmtp_reverse_path(&world->session),
               SPAN_LITERAL(">\n"));
        session_world_append(&world->record,
                             (struct span){world->letter.bytes, world->letter.length});
    }
    const struct lmtp_world_recipient *recipient = &world->recipients[index];
    out_answer->result = recipient->user != NULL ? recipient->user->result : MAIL_DONE;
    if (out_answer->result == MAIL_DONE) {
        record(world, SPAN_LITERAL("to "), (struct span){recipient->name, recipient->name_length},
               SPAN_LITERAL(" <"));
        record(world, SPAN_LITERAL(""),
               (struct span){recipient->address, recipient->address_length}, SPAN_LITERAL(">\n"));
    }
    world->delivered_count++;
    if (world->delivered_count == world->recipient_count) {
        world->has_letter = false;
        world->recipient_count = 0;
        world->delivered_count = 0;
        world->letter.length = 0;
    }
}

static void begin_tls(struct lmtp_world *world, struct lmtp_answer *out_answer)
{
    must(!world->has_tls && world->settings.starttls);
    send_plan(world);
    line_reset(&world->line);
    forget(world);
    world->has_tls = true;
    world->client_counts = 0;
    world->tls_settings = world->settings;
    world->tls_settings.starttls = false;
    out_answer->settings = &world->tls_settings;
}

static void forget(struct lmtp_world *world)
{
    if (world->has_letter || world->recipient_count > 0) {
        record(world, SPAN_LITERAL("forgotten\n"), SPAN_LITERAL(""), SPAN_LITERAL(""));
    }
    world->has_letter = false;
    world->letter.length = 0;
    world->recipient_count = 0;
    world->delivered_count = 0;
}

/* After a line: one answer was said, or bytes are asked for. Also keeps the client's count of its
 * recipients, from the commands and the codes that it sees. */
static void count_recipients(struct lmtp_world *world, struct span line, uint32_t answers_before)
{
    uint32_t said = answers(world) - answers_before;
    bool is_bdat = world->ask.kind == LMTP_ASK_DATA && is_command(line, "BDAT");
    must(said == (is_bdat ? 0U : 1U));
    struct span unsent = plan_text_of(world);
    char class = lmtp_check_last_class(unsent.length > 0 ? unsent : lmtp_world_output(world));
    if (!is_bdat && class == '2') {
        if (is_command(line, "RCPT")) {
            world->client_counts++;
        } else if (is_command(line, "RSET") || is_command(line, "LHLO") ||
                   is_command(line, "MAIL")) {
            world->client_counts = 0;
        }
    }
    if (world->ask.kind != LMTP_ASK_DATA) {
        return;
    }
    must(!world->ask.data.begins_letter || (!world->has_letter && world->recipient_count > 0));
    must(!world->ask.data.begins_letter || world->ask.data.is_wanted);
    world->has_letter = world->has_letter || world->ask.data.begins_letter;
    must(!world->ask.data.is_wanted || world->has_letter);
    world->answers_before = answers(world);
    world->is_last = !is_bdat || is_last_chunk(line);
}

/* BDAT, a word, LAST, and nothing more. */
static bool is_last_chunk(struct span line)
{
    uint32_t word_count = 0;
    struct span third = {NULL, 0};
    while (line.length > 0) {
        struct span word = span_take_word(&line);
        word_count += word.length > 0;
        third = word_count == 3 && word.length > 0 ? word : third;
    }
    return word_count == 3 && span_equal_ignoring_case(third, SPAN_LITERAL("LAST"));
}

static bool is_command(struct span line, const char *name)
{
    return line.length >= 4 &&
           span_equal_ignoring_case((struct span){line.bytes, 4}, span_of(name));
}

/* All that were said up to now, sent or not. */
static uint32_t answers(const struct lmtp_world *world)
{
    return world->answers_sent + lmtp_check_answers(plan_text_of(world));
}

static struct span plan_text_of(const struct lmtp_world *world)
{
    size_t skipped = world->has_tiny_plan ? FILLER_BYTES : 0;
    must(world->plan.piece_count <= 1);
    return (struct span){world->plan.text + skipped, world->plan.text_bytes - skipped};
}

static void send_plan(struct lmtp_world *world)
{
    struct span text = plan_text_of(world);
    world->answers_sent += lmtp_check_answers(text);
    session_world_append(&world->output, text);
    renew_plan(world);
}

static void renew_plan(struct lmtp_world *world)
{
    static const char filler[FILLER_BYTES];
    plan_init(&world->plan);
    if (world->has_tiny_plan) {
        plan_text(&world->plan, (struct span){filler, sizeof(filler)});
    }
}

static void record(struct lmtp_world *world, struct span before, struct span text,
                   struct span after)
{
    session_world_append(&world->record, before);
    session_world_append(&world->record, text);
    session_world_append(&world->record, after);
}
