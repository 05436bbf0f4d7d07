/* session_world: the world's side of every ask.
 *
 * The store holds what the native maildrop would: whole answers to RETR, one after the other. A
 * broken promise of the session ends the test by must().
 */
#include "tests/support/session_world.h"

#include "proto/must.h"
#include "tests/support/session_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tiny plan is a common one, filled up to PLAN_ANSWER room. Its filler never gets sent: so many
 * pieces at the front are left out. No maildrop has this file. */
#define FILLER_PIECES (PLAN_PIECES_MAX - PLAN_ANSWER_PIECES)
#define FILLER_FILE   99

#define STORE_FILE 7

static void throw_plaintext_away(struct session_world *world, struct span *rest);
static void take_line(struct session_world *world, enum line_result result, struct span line);
static void obey(struct session_world *world);
static struct pop3_answer answer_to(struct session_world *world, const struct pop3_ask *ask,
                                    struct mail_fact *facts);
static void check_credentials(struct session_world *world, const struct pop3_auth *auth,
                              struct pop3_answer *out_answer);
static void check_certificate(struct session_world *world, const struct pop3_auth *auth,
                              struct pop3_answer *out_answer);
static void begin_tls(struct session_world *world, struct pop3_answer *out_answer);
static struct span copy_span(char **room, struct span span);
static void open_maildrop(struct session_world *world, struct pop3_answer *out_answer);
static void collect_facts(struct session_world *world, const struct pop3_ask *ask,
                          struct mail_fact *facts, struct pop3_answer *out_answer);
static void find_range(struct session_world *world, const struct pop3_ask *ask,
                       struct pop3_answer *out_answer);
static struct mail_range range_of(const struct session_world *world, uint64_t offset,
                                  uint64_t bytes);
static uint64_t top_bytes(const struct session_world *world,
                          const struct session_world_message *message, uint64_t lines);
static void send_plan(struct session_world *world);
static uint64_t plan_bytes(const struct plan *plan);
static void check_answers(struct session_world *world);
static void renew_plan(struct session_world *world);
static void lend_line_buffer(struct session_world *world);

void session_world_init(struct session_world *world)
{
    memset(world, 0, sizeof(*world));
    world->settings = (struct pop3_settings){
        .implementation = SPAN_LITERAL("Ringpost"),
        .plaintext_login = true,
        .refusals_before_login_max = 5,
        .refusals_after_login_max = 20,
    };
    session_world_add_account(world, SPAN_LITERAL("joe"), SPAN_LITERAL("secret"));
}

void session_world_fini(struct session_world *world)
{
    free(world->store.bytes);
    free(world->output.bytes);
}

void session_world_add_message(struct session_world *world, struct span uidl, struct span text)
{
    must(world->message_count < SESSION_WORLD_MESSAGES_MAX);
    must(uidl.length > 0 && uidl.length <= MAIL_UIDL_MAX);
    struct session_world_message *message = &world->messages[world->message_count];
    world->message_count++;
    message->fact.octets = (uint32_t)text.length;
    message->fact.uidl_length = (uint8_t)uidl.length;
    memcpy(message->fact.uidl, uidl.bytes, uidl.length);

    char first_line[64];
    snprintf(first_line, sizeof(first_line), "+OK %zu octets\r\n", text.length);
    message->offset = world->store.length;
    session_world_append(&world->store, span_of(first_line));
    message->text_offset = world->store.length;
    bool is_in_header = true;
    while (text.length > 0) {
        const char *end = memchr(text.bytes, '\n', text.length);
        must(end != NULL);
        struct span line = {text.bytes, (size_t)(end - text.bytes) + 1};
        if (line.bytes[0] == '.') {
            session_world_append(&world->store, SPAN_LITERAL("."));
        }
        session_world_append(&world->store, line);
        if (is_in_header) {
            message->header_bytes = world->store.length - message->text_offset;
            is_in_header = line.length > 2;
        }
        text = (struct span){end + 1, text.length - line.length};
    }
    message->text_bytes = world->store.length - message->text_offset;
    session_world_append(&world->store, SPAN_LITERAL(".\r\n"));
    message->bytes = world->store.length - message->offset;
}

void session_world_add_account(struct session_world *world, struct span name, struct span secret)
{
    must(world->account_count < SESSION_WORLD_ACCOUNTS_MAX);
    world->accounts[world->account_count] = (struct session_world_account){name, secret};
    world->account_count++;
}

void session_world_begin(struct session_world *world)
{
    world->output.length = 0;
    world->answer_count = 0;
    world->sends = 0;
    world->has_tls = false;
    world->fed_bytes = 0;
    memset(world->asked, 0, sizeof(world->asked));
    memset(world->removed, 0, sizeof(world->removed));
    memset(&world->auth, 0, sizeof(world->auth));
    /* What a session before has left must not help this one. */
    memset(&world->session, 0xA5, sizeof(world->session));
    line_init(&world->line, world->command_buffer, sizeof(world->command_buffer));
    renew_plan(world);
    world->ask = pop3_begin(&world->session, &world->settings, world->timestamp, &world->plan);
    must(world->ask.kind == POP3_ASK_LINE);
    send_plan(world);
    world->checked_bytes = world->output.length;
}

void session_world_feed(struct session_world *world, struct span input)
{
    /* Memory of its own, so that a sanitizer sees who still looks at the bytes of an old read. */
    char *bytes = malloc(input.length + 1);
    must(bytes != NULL);
    memcpy(bytes, input.bytes, input.length);
    struct span rest = {bytes, input.length};
    world->fed_bytes += input.length;
    throw_plaintext_away(world, &rest);
    while (!session_world_is_closed(world)) {
        struct span line;
        enum line_result result = line_take(&world->line, &rest, &line);
        if (result == LINE_MORE) {
            break;
        }
        take_line(world, result, line);
        throw_plaintext_away(world, &rest);
        lend_line_buffer(world);
    }
    send_plan(world);
    free(bytes);
}

struct span session_world_output(const struct session_world *world)
{
    return (struct span){world->output.bytes, world->output.length};
}

bool session_world_is_closed(const struct session_world *world)
{
    return world->ask.kind == POP3_ASK_CLOSE;
}

void session_world_append(struct session_world_bytes *bytes, struct span more)
{
    if (bytes->length + more.length > bytes->capacity) {
        bytes->capacity = (bytes->length + more.length) * 2;
        bytes->bytes = realloc(bytes->bytes, bytes->capacity);
        must(bytes->bytes != NULL);
    }
    if (more.length > 0) {
        memcpy(bytes->bytes + bytes->length, more.bytes, more.length);
        bytes->length += more.length;
    }
}

/* What was sent before the handshake, whenever it comes (PROTOCOL.md 16). */
static void throw_plaintext_away(struct session_world *world, struct span *rest)
{
    uint64_t offset = world->fed_bytes - rest->length;
    if (!world->has_tls || offset >= world->tls_from) {
        return;
    }
    uint64_t plaintext = world->tls_from - offset;
    size_t dropped = plaintext < rest->length ? (size_t)plaintext : rest->length;
    rest->bytes += dropped;
    rest->length -= dropped;
}

/* One line, and every ask that it leads to. */
static void take_line(struct session_world *world, enum line_result result, struct span line)
{
    if (world->sends_each_line ||
        !plan_has_room(&world->plan, PLAN_ANSWER_TEXT, PLAN_ANSWER_PIECES)) {
        send_plan(world);
    }
    world->asked[POP3_ASK_LINE]++;
    world->ask = result == LINE_DONE ? pop3_line(&world->session, line, &world->plan)
                                     : pop3_line_too_long(&world->session, &world->plan);
    while (world->ask.kind != POP3_ASK_LINE && world->ask.kind != POP3_ASK_CLOSE) {
        obey(world);
    }
    must(world->answer_count < SESSION_WORLD_ANSWERS_MAX);
    world->answer_ends[world->answer_count] = world->output.length + plan_bytes(&world->plan);
    world->answer_count++;
}

static void obey(struct session_world *world)
{
    struct mail_fact facts[POP3_FACTS_MAX];
    struct pop3_ask ask = world->ask;
    world->asked[ask.kind]++;
    struct pop3_answer answer = answer_to(world, &ask, facts);
    uint64_t said = plan_bytes(&world->plan);
    world->ask = pop3_answer(&world->session, &answer, &world->plan);
    /* No second greeting. */
    must(ask.kind != POP3_ASK_TLS || (said == 0 && plan_bytes(&world->plan) == 0));
}

static struct pop3_answer answer_to(struct session_world *world, const struct pop3_ask *ask,
                                    struct mail_fact *facts)
{
    struct pop3_answer answer = {.kind = ask->kind, .result = MAIL_DONE};
    const struct session_world_fault *fault = &world->faults[ask->kind];
    if (fault->at > 0 && fault->at == world->asked[ask->kind]) {
        answer.result = fault->result;
        answer.auth = POP3_AUTH_UNAVAILABLE;
        return answer;
    }
    switch (ask->kind) {
    case POP3_ASK_ROOM:
        send_plan(world);
        break;
    case POP3_ASK_AUTH:
        check_credentials(world, &ask->auth, &answer);
        break;
    case POP3_ASK_OPEN:
        open_maildrop(world, &answer);
        break;
    case POP3_ASK_FACTS:
        collect_facts(world, ask, facts, &answer);
        break;
    case POP3_ASK_BODY:
    case POP3_ASK_TOP:
        find_range(world, ask, &answer);
        break;
    case POP3_ASK_COMMIT:
        memcpy(world->removed, world->marks, sizeof(world->removed));
        break;
    case POP3_ASK_TLS:
        begin_tls(world, &answer);
        break;
    case POP3_ASK_LINE:
    case POP3_ASK_CLOSE:
        must_fail("nothing to answer", __FILE__, __LINE__);
    }
    return answer;
}

static void check_credentials(struct session_world *world, const struct pop3_auth *auth,
                              struct pop3_answer *out_answer)
{
    must(auth->on_behalf_of.length <= POP3_USER_NAME_MAX);
    if (auth->mechanism == POP3_MECHANISM_EXTERNAL) {
        check_certificate(world, auth, out_answer);
        return;
    }
    must(auth->user.length > 0 && auth->user.length <= POP3_USER_NAME_MAX);
    must(auth->password.length > 0 && auth->password.length <= POP3_PASSWORD_MAX);
    char *copy = world->auth_bytes;
    world->auth = (struct pop3_auth){.mechanism = auth->mechanism,
                                     .user = copy_span(&copy, auth->user),
                                     .password = copy_span(&copy, auth->password),
                                     .on_behalf_of = copy_span(&copy, auth->on_behalf_of)};
    out_answer->auth = POP3_AUTH_WRONG;
    for (uint32_t i = 0; i < world->account_count; i++) {
        if (span_equal(world->accounts[i].name, auth->user) &&
            span_equal(world->accounts[i].secret, auth->password) &&
            (auth->on_behalf_of.length == 0 || span_equal(auth->user, SPAN_LITERAL("master")))) {
            out_answer->auth = POP3_AUTH_RIGHT;
        }
    }
}

static void check_certificate(struct session_world *world, const struct pop3_auth *auth,
                              struct pop3_answer *out_answer)
{
    must(world->has_tls ? world->tls_settings.external : world->settings.external);
    must(auth->user.length == 0 && auth->password.length == 0);
    bool is_owner = auth->on_behalf_of.length == 0 ||
                    span_equal(auth->on_behalf_of, world->certificate) ||
                    span_equal(world->certificate, SPAN_LITERAL("master"));
    out_answer->auth = is_owner ? POP3_AUTH_RIGHT : POP3_AUTH_WRONG;
    if (auth->on_behalf_of.length == 0) {
        out_answer->auth_user = world->certificate;
    }
}

static void begin_tls(struct session_world *world, struct pop3_answer *out_answer)
{
    must(!world->has_tls && world->settings.stls);
    send_plan(world);
    line_reset(&world->line);
    world->has_tls = true;
    world->tls_settings = world->settings;
    world->tls_settings.stls = false;
    world->tls_settings.plaintext_login = true;
    world->tls_settings.external = world->certificate.length > 0;
    out_answer->tls.settings = &world->tls_settings;
}

static struct span copy_span(char **room, struct span span)
{
    struct span copy = {*room, span.length};
    if (span.length > 0) {
        memcpy(*room, span.bytes, span.length);
    }
    *room += span.length;
    return copy;
}

static void open_maildrop(struct session_world *world, struct pop3_answer *out_answer)
{
    memset(world->marks, 0, sizeof(world->marks));
    out_answer->open.view.count = world->message_count;
    for (uint32_t i = 0; i < world->message_count; i++) {
        out_answer->open.view.octets += world->messages[i].fact.octets;
    }
    out_answer->open.marks = world->message_count > 0 ? world->marks : NULL;
}

static void collect_facts(struct session_world *world, const struct pop3_ask *ask,
                          struct mail_fact *facts, struct pop3_answer *out_answer)
{
    uint32_t count = ask->facts.wanted;
    must(ask->facts.first > 0 && count > 0 && count <= POP3_FACTS_MAX);
    must(ask->facts.first <= world->message_count);
    if (count > world->message_count - ask->facts.first + 1) {
        count = world->message_count - ask->facts.first + 1;
    }
    if (world->facts_max > 0 && count > world->facts_max) {
        count = world->facts_max;
    }
    for (uint32_t i = 0; i < count; i++) {
        facts[i] = world->messages[ask->facts.first - 1 + i].fact;
    }
    out_answer->facts.facts = facts;
    out_answer->facts.count = count;
}

static void find_range(struct session_world *world, const struct pop3_ask *ask,
                       struct pop3_answer *out_answer)
{
    uint32_t number = ask->kind == POP3_ASK_BODY ? ask->body.number : ask->top.number;
    must(number > 0 && number <= world->message_count);
    const struct session_world_message *message = &world->messages[number - 1];
    if (ask->kind == POP3_ASK_BODY) {
        out_answer->range = range_of(world, message->offset, message->bytes);
    } else {
        out_answer->range =
            range_of(world, message->text_offset, top_bytes(world, message, ask->top.lines));
    }
}

static struct mail_range range_of(const struct session_world *world, uint64_t offset,
                                  uint64_t bytes)
{
    if (world->is_in_memory) {
        return (struct mail_range){.memory = world->store.bytes + offset, .bytes = bytes};
    }
    return (struct mail_range){.file = STORE_FILE, .offset = offset, .bytes = bytes};
}

/* Header, blank line and `lines` lines (RFC 1939 section 7). */
static uint64_t top_bytes(const struct session_world *world,
                          const struct session_world_message *message, uint64_t lines)
{
    const char *text = world->store.bytes + message->text_offset;
    uint64_t bytes = message->header_bytes;
    while (lines > 0 && bytes < message->text_bytes) {
        lines -= text[bytes] == '\n';
        bytes++;
    }
    return bytes;
}

static void send_plan(struct session_world *world)
{
    const struct plan *plan = &world->plan;
    for (uint32_t i = world->has_tiny_plan ? FILLER_PIECES : 0; i < plan->piece_count; i++) {
        const struct mail_range *range = &plan->pieces[i].range;
        struct span bytes = {range->memory, range->bytes};
        if (plan->pieces[i].kind == PIECE_TEXT) {
            bytes.bytes = plan->text + range->offset;
            if (world->asked[POP3_ASK_LINE] > 0) {
                session_check_text(bytes);
            }
        } else if (range->memory == NULL) {
            must(range->file == STORE_FILE);
            bytes.bytes = world->store.bytes + range->offset;
        }
        session_world_append(&world->output, bytes);
    }
    world->sends += plan_bytes(plan) > 0;
    renew_plan(world);
    check_answers(world);
}

/* Without the filler. */
static uint64_t plan_bytes(const struct plan *plan)
{
    uint64_t bytes = 0;
    bool is_tiny = plan->piece_count >= FILLER_PIECES && plan->pieces[1].range.file == FILLER_FILE;
    for (uint32_t i = is_tiny ? FILLER_PIECES : 0; i < plan->piece_count; i++) {
        bytes += plan->pieces[i].range.bytes;
    }
    return bytes;
}

static void check_answers(struct session_world *world)
{
    uint32_t done = 0;
    while (done < world->answer_count && world->answer_ends[done] <= world->output.length) {
        uint64_t end = world->answer_ends[done];
        struct span answer = {world->output.bytes + world->checked_bytes,
                              end - world->checked_bytes};
        bool is_last = end == world->output.length;
        session_check_answer(answer, is_last && session_world_is_closed(world) &&
                                         world->session.end == POP3_END_NONE);
        world->checked_bytes = end;
        done++;
    }
    world->answer_count -= done;
    memmove(world->answer_ends, world->answer_ends + done,
            world->answer_count * sizeof(world->answer_ends[0]));
}

static void renew_plan(struct session_world *world)
{
    plan_init(&world->plan);
    if (!world->has_tiny_plan) {
        return;
    }
    static const char filler[PLAN_TEXT_MAX - PLAN_ANSWER_TEXT];
    plan_text(&world->plan, (struct span){filler, sizeof(filler)});
    for (uint32_t i = 1; i < FILLER_PIECES; i++) {
        plan_range(&world->plan,
                   (struct mail_range){.file = FILLER_FILE, .offset = 2 * i, .bytes = 1});
    }
}

static void lend_line_buffer(struct session_world *world)
{
    bool is_long = world->line.limit == LINE_SASL_MAX;
    if (pop3_wants_long_line(&world->session) == is_long) {
        return;
    }
    if (is_long) {
        line_lend(&world->line, world->command_buffer, sizeof(world->command_buffer));
    } else {
        line_lend(&world->line, world->sasl_buffer, sizeof(world->sasl_buffer));
    }
}
