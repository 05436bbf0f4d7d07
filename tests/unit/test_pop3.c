/* test_pop3: what a session asks for, exactly, and what it promises beside its words.
 *
 * The words are tested by tests/transcripts. Here the test itself is the world: it looks at each
 * ask and chooses each answer. The last tests use the world of tests/support.
 */
#include "proto/pop3.h"
#include "tests/support/session_world.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct pop3_settings settings;
static struct pop3 session;
static struct plan plan;
static struct pop3_ask ask;
static uint64_t marks[4];
static char line_bytes[LINE_SASL_MAX];

static void setup(void)
{
    settings = (struct pop3_settings){.implementation = SPAN_LITERAL("Ringpost"),
                                      .plaintext_login = true,
                                      .refusals_before_login_max = 100,
                                      .refusals_after_login_max = 100};
    memset(&session, 0xA5, sizeof(session));
    memset(marks, 0, sizeof(marks));
    plan_init(&plan);
    ask = pop3_begin(&session, &settings, SPAN_LITERAL(""), &plan);
}

TestSuite(pop3, .init = setup);

static void say(const char *line)
{
    plan_init(&plan);
    strcpy(line_bytes, line);
    ask = pop3_line(&session, span_of(line_bytes), &plan);
}

static void answer(struct pop3_answer what)
{
    ask = pop3_answer(&session, &what, &plan);
}

static void log_in(uint32_t count, uint64_t octets)
{
    say("USER joe");
    say("PASS secret");
    answer((struct pop3_answer){.kind = POP3_ASK_AUTH, .auth = POP3_AUTH_RIGHT});
    cr_assert(ask.kind == POP3_ASK_OPEN);
    answer(
        (struct pop3_answer){.kind = POP3_ASK_OPEN,
                             .open = {.view = {count, octets}, .marks = count > 0 ? marks : NULL}});
    cr_assert(ask.kind == POP3_ASK_LINE);
}

static void answer_one_fact(uint32_t octets)
{
    struct mail_fact fact = {.octets = octets, .uidl_length = 1, .uidl = "u"};
    answer((struct pop3_answer){.kind = POP3_ASK_FACTS, .facts = {.facts = &fact, .count = 1}});
}

static bool said(const char *text)
{
    return span_equal((struct span){plan.text, plan.text_bytes}, span_of(text));
}

Test(pop3, begins_with_a_line)
{
    cr_assert(ask.kind == POP3_ASK_LINE);
    cr_assert(said("+OK POP3 server ready\r\n"));
    cr_assert(session.state == POP3_AUTHORIZATION && session.end == POP3_END_NONE);
    cr_assert(sizeof(session) < 512);
}

Test(pop3, longest_texts_fit_in_one_answer)
{
    char longest[POP3_TIMESTAMP_MAX];
    memset(longest, 'x', sizeof(longest));
    settings.apop = true;
    settings.stls = true;
    settings.external = true;
    settings.implementation = (struct span){longest, POP3_IMPLEMENTATION_MAX};
    plan_init(&plan);
    pop3_begin(&session, &settings, (struct span){longest, sizeof(longest)}, &plan);
    cr_assert(plan.text_bytes <= PLAN_ANSWER_TEXT);
    say("CAPA");
    cr_assert(plan.text_bytes > 200 && plan.text_bytes <= PLAN_ANSWER_TEXT);
}

Test(pop3, pass_asks_with_name_and_password)
{
    say("USER joe@example.org");
    say("PASS  a b ");
    cr_assert(ask.kind == POP3_ASK_AUTH);
    cr_assert(ask.auth.mechanism == POP3_MECHANISM_PASS);
    cr_assert(span_equal(ask.auth.user, span_of("joe@example.org")));
    cr_assert(span_equal(ask.auth.password, span_of(" a b ")));
    cr_assert(ask.auth.on_behalf_of.length == 0);
    cr_assert(plan_is_empty(&plan), "nothing is said before the maildrop is open");
    answer((struct pop3_answer){.kind = POP3_ASK_AUTH, .auth = POP3_AUTH_RIGHT});
    cr_assert(ask.kind == POP3_ASK_OPEN);
    cr_assert(span_equal(pop3_user_name(&session), span_of("joe@example.org")));
    cr_assert(plan_is_empty(&plan), "nothing is said before the maildrop is open");
}

Test(pop3, apop_asks_with_name_and_digest)
{
    settings.apop = true;
    say("APOP mrose c4c9334bac560ecc979e58001b3e22fb");
    cr_assert(ask.kind == POP3_ASK_AUTH && ask.auth.mechanism == POP3_MECHANISM_APOP);
    cr_assert(span_equal(ask.auth.user, span_of("mrose")));
    cr_assert(span_equal(ask.auth.password, span_of("c4c9334bac560ecc979e58001b3e22fb")));
    cr_assert(span_equal(pop3_user_name(&session), span_of("mrose")));
}

Test(pop3, plain_is_decoded_in_place)
{
    say("AUTH PLAIN AGpvZQBzZWNyZXQ=");
    cr_assert(ask.kind == POP3_ASK_AUTH && ask.auth.mechanism == POP3_MECHANISM_PLAIN);
    cr_assert(span_equal(ask.auth.user, span_of("joe")));
    cr_assert(span_equal(ask.auth.password, span_of("secret")));
    cr_assert(ask.auth.on_behalf_of.length == 0);
    cr_assert(ask.auth.password.bytes > line_bytes);
    cr_assert(ask.auth.password.bytes < line_bytes + sizeof(line_bytes));
}

Test(pop3, plain_on_behalf_opens_the_other_maildrop)
{
    say("AUTH PLAIN am9lAG1hc3RlcgBrZXk="); /* joe, master, key */
    cr_assert(span_equal(ask.auth.user, span_of("master")));
    cr_assert(span_equal(ask.auth.password, span_of("key")));
    cr_assert(span_equal(ask.auth.on_behalf_of, span_of("joe")));
    answer((struct pop3_answer){.kind = POP3_ASK_AUTH, .auth = POP3_AUTH_RIGHT});
    cr_assert(span_equal(pop3_user_name(&session), span_of("joe")));
}

Test(pop3, plain_on_behalf_of_oneself_is_nothing_special)
{
    say("AUTH PLAIN am9lAGpvZQBrZXk="); /* joe, joe, key */
    cr_assert(ask.kind == POP3_ASK_AUTH && ask.auth.on_behalf_of.length == 0);
    cr_assert(span_equal(pop3_user_name(&session), span_of("joe")));
}

Test(pop3, wants_long_lines_in_an_exchange_only)
{
    cr_assert_not(pop3_wants_long_line(&session));
    say("AUTH LOGIN");
    cr_assert(pop3_wants_long_line(&session));
    say("am9l");
    cr_assert(pop3_wants_long_line(&session));
    say("c2VjcmV0");
    cr_assert(ask.kind == POP3_ASK_AUTH && ask.auth.mechanism == POP3_MECHANISM_LOGIN);
    cr_assert(span_equal(ask.auth.user, span_of("joe")));
    cr_assert(span_equal(ask.auth.password, span_of("secret")));
    cr_assert_not(pop3_wants_long_line(&session));
    answer((struct pop3_answer){.kind = POP3_ASK_AUTH, .auth = POP3_AUTH_WRONG});
    cr_assert_not(pop3_wants_long_line(&session));
    say("AUTH PLAIN");
    cr_assert(pop3_wants_long_line(&session));
    plan_init(&plan);
    pop3_line_too_long(&session, &plan);
    cr_assert_not(pop3_wants_long_line(&session));
}

Test(pop3, keeps_no_password)
{
    static const char password[] = "Xyzzy-Plugh";
    say("USER joe");
    say("PASS Xyzzy-Plugh");
    cr_assert(memmem(&session, sizeof(session), password, sizeof(password) - 1) == NULL);
    answer((struct pop3_answer){.kind = POP3_ASK_AUTH, .auth = POP3_AUTH_WRONG});
    say("AUTH PLAIN AGpvZQBYeXp6eS1QbHVnaA==");
    cr_assert(span_equal(ask.auth.password, span_of(password)));
    cr_assert(memmem(&session, sizeof(session), password, sizeof(password) - 1) == NULL);
}

static void begin_tls(const struct pop3_settings *tls_settings)
{
    answer((struct pop3_answer){.kind = POP3_ASK_TLS, .tls = {.settings = tls_settings}});
}

Test(pop3, stls_asks_for_tls_and_begins_anew)
{
    settings.stls = true;
    struct pop3_settings tls_settings = settings;
    tls_settings.stls = false;
    say("NONSENSE");
    say("USER joe");
    say("STLS");
    cr_assert(said("+OK Begin TLS negotiation now.\r\n") && ask.kind == POP3_ASK_TLS);
    plan_init(&plan);
    begin_tls(&tls_settings);
    cr_assert(ask.kind == POP3_ASK_LINE && plan_is_empty(&plan));
    struct pop3 fresh;
    pop3_begin(&fresh, &tls_settings, SPAN_LITERAL(""), &plan);
    cr_assert(session.refusals == 1);
    fresh.refusals = 1;
    cr_assert(memcmp(&session, &fresh, sizeof(session)) == 0);
}

Test(pop3, stls_lends_no_more_refusals)
{
    settings.stls = true;
    settings.refusals_before_login_max = 2;
    struct pop3_settings tls_settings = settings;
    tls_settings.stls = false;
    say("NONSENSE");
    say("STLS");
    begin_tls(&tls_settings);
    say("NONSENSE");
    cr_assert(ask.kind == POP3_ASK_CLOSE && session.end == POP3_END_REFUSALS);
}

Test(pop3, stls_under_tls_breaks_a_promise, .signal = SIGABRT)
{
    settings.stls = true;
    say("STLS");
    begin_tls(&settings);
}

Test(pop3, apop_without_a_timestamp_breaks_a_promise, .signal = SIGABRT)
{
    settings.stls = true;
    struct pop3_settings tls_settings = settings;
    tls_settings.stls = false;
    tls_settings.apop = true;
    say("STLS");
    begin_tls(&tls_settings);
}

Test(pop3, line_before_tls_breaks_a_promise, .signal = SIGABRT)
{
    settings.stls = true;
    say("STLS");
    say("NOOP");
}

static void answer_right(struct span user)
{
    answer((struct pop3_answer){.kind = POP3_ASK_AUTH, .auth = POP3_AUTH_RIGHT, .auth_user = user});
}

Test(pop3, external_asks_with_the_wish_alone)
{
    settings.external = true;
    settings.plaintext_login = false;
    say("AUTH EXTERNAL am9l");
    cr_assert(ask.kind == POP3_ASK_AUTH && ask.auth.mechanism == POP3_MECHANISM_EXTERNAL);
    cr_assert(span_equal(ask.auth.on_behalf_of, span_of("joe")));
    cr_assert(ask.auth.user.length == 0 && ask.auth.password.length == 0);
    answer_right((struct span){NULL, 0});
    cr_assert(ask.kind == POP3_ASK_OPEN);
    cr_assert(span_equal(pop3_user_name(&session), span_of("joe")));
}

Test(pop3, external_takes_the_name_of_the_certificate)
{
    settings.external = true;
    say("AUTH EXTERNAL");
    cr_assert(said("+ \r\n") && pop3_wants_long_line(&session));
    say("");
    cr_assert(ask.kind == POP3_ASK_AUTH && ask.auth.on_behalf_of.length == 0);
    answer_right(SPAN_LITERAL("ann"));
    cr_assert(ask.kind == POP3_ASK_OPEN);
    cr_assert(span_equal(pop3_user_name(&session), span_of("ann")));
}

/* What stands in a certificate is no promise of ours: it must neither end the process nor open a
 * maildrop. An empty name must not become the one that USER has left behind. */
Test(pop3, names_that_are_none_let_nobody_in)
{
    static char longest[POP3_USER_NAME_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    const struct span names[] = {{NULL, 0}, SPAN_LITERAL("a\0b"), {longest, sizeof(longest)}};
    settings.external = true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        say("USER joe");
        say("AUTH EXTERNAL =");
        cr_assert(ask.kind == POP3_ASK_AUTH);
        answer_right(names[i]);
        cr_assert(ask.kind == POP3_ASK_LINE, "name %zu", i);
        cr_assert(said("-ERR [AUTH] The certificate does not open this maildrop.\r\n"));
        cr_assert(session.state == POP3_AUTHORIZATION);
    }
    longest[0] = 'y';
    say("AUTH EXTERNAL =");
    answer_right((struct span){longest, POP3_USER_NAME_MAX});
    cr_assert(ask.kind == POP3_ASK_OPEN && pop3_user_name(&session).bytes[0] == 'y');
}

Test(pop3, any_right_answer_may_rename_the_user)
{
    say("USER JOE");
    say("PASS secret");
    answer_right(SPAN_LITERAL("joe"));
    cr_assert(span_equal(pop3_user_name(&session), span_of("joe")));
}

Test(pop3, sums_have_64_bits)
{
    log_in(3, 3ULL << 32);
    say("STAT");
    cr_assert(said("+OK 3 12884901888\r\n"));
    say("DELE 2");
    answer_one_fact(UINT32_MAX);
    say("STAT");
    cr_assert(said("+OK 2 8589934593\r\n"));
}

Test(pop3, sum_never_wraps_when_records_differ)
{
    log_in(1, 10);
    say("DELE 1");
    answer_one_fact(11);
    say("STAT");
    cr_assert(said("+OK 0 0\r\n"));
}

Test(pop3, marks_are_bits_of_the_world)
{
    log_in(130, 130);
    static const char *const lines[] = {"DELE 1", "DELE 64", "DELE 65", "DELE 130"};
    for (size_t i = 0; i < 4; i++) {
        say(lines[i]);
        cr_assert(ask.kind == POP3_ASK_FACTS && ask.facts.wanted == 1);
        answer_one_fact(1);
    }
    cr_assert(marks[0] == (1ULL << 63 | 1) && marks[1] == 1 && marks[2] == 2 && marks[3] == 0);
    cr_assert(pop3_is_marked(&session, 64) && pop3_is_marked(&session, 130));
    cr_assert_not(pop3_is_marked(&session, 2));
    say("QUIT");
    cr_assert(ask.kind == POP3_ASK_COMMIT && plan_is_empty(&plan));
}

Test(pop3, rset_clears_every_word_of_the_marks)
{
    log_in(130, 130);
    say("DELE 1");
    answer_one_fact(1);
    say("DELE 130");
    answer_one_fact(1);
    say("RSET");
    cr_assert(marks[0] == 0 && marks[1] == 0 && marks[2] == 0);
    say("QUIT");
    cr_assert(ask.kind == POP3_ASK_CLOSE && session.end == POP3_END_QUIT);
}

Test(pop3, retr_and_top_ask_for_ranges)
{
    log_in(5, 5);
    say("RETR 5");
    cr_assert(ask.kind == POP3_ASK_BODY && ask.body.number == 5);
    answer((struct pop3_answer){.kind = POP3_ASK_BODY, .range = {.file = 3, .bytes = 77}});
    cr_assert(plan.piece_count == 1 && plan.text_bytes == 0);
    say("TOP 4 18446744073709551615");
    cr_assert(ask.kind == POP3_ASK_TOP && ask.top.number == 4 && ask.top.lines == UINT64_MAX);
    answer((struct pop3_answer){.kind = POP3_ASK_TOP, .range = {.file = 3, .bytes = 5}});
    cr_assert(plan.piece_count == PLAN_ANSWER_PIECES);
    cr_assert(session.retrieved_count == 1 && session.retrieved_octets == 77);
}

Test(pop3, retr_of_neighbours_is_one_piece)
{
    log_in(3, 3);
    plan_init(&plan);
    for (uint32_t i = 0; i < 3; i++) {
        char line[] = "RETR 1";
        line[5] = (char)('1' + i);
        ask = pop3_line(&session, span_of(line), &plan);
        answer((struct pop3_answer){.kind = POP3_ASK_BODY,
                                    .range = {.file = 3, .offset = 1000 + 50 * i, .bytes = 50}});
    }
    cr_assert(plan.piece_count == 1);
    cr_assert(plan.pieces[0].range.offset == 1000 && plan.pieces[0].range.bytes == 150);
}

/* The file of a Maildir is not in the form of an answer: what is missing is said around it. */
Test(pop3, retr_of_a_raw_message_has_its_frame_said)
{
    struct mail_range raw = {
        .file = 5, .raw_bytes = 90, .bytes = 101, .octets = 100, .is_raw = true};
    log_in(1, 100);
    say("RETR 1");
    answer((struct pop3_answer){.kind = POP3_ASK_BODY, .range = raw});
    cr_assert(said("+OK 100 octets\r\n.\r\n"));
    cr_assert(plan.piece_count == 3 && plan.pieces[1].range.is_raw);
    cr_assert(plan.pieces[0].range.bytes == 16 && plan.pieces[2].range.bytes == 3);
    say("TOP 1 0");
    answer((struct pop3_answer){.kind = POP3_ASK_TOP, .range = raw});
    cr_assert(said("+OK\r\n.\r\n") && plan.piece_count == 3);
    raw.bytes = raw.octets = raw.raw_bytes = 0;
    say("RETR 1");
    answer((struct pop3_answer){.kind = POP3_ASK_BODY, .range = raw});
    cr_assert(said("+OK 0 octets\r\n.\r\n") && plan.piece_count == 1);
    plan_init(&plan);
    raw.bytes = 101;
    plan_range(&plan, raw);
    raw.offset = 101;
    plan_range(&plan, raw);
    cr_assert(plan.piece_count == 2, "each has an end of its own");
}

Test(pop3, listing_asks_for_windows)
{
    log_in(200, 200);
    say("LIST");
    cr_assert(ask.kind == POP3_ASK_FACTS);
    cr_assert(ask.facts.first == 1 && ask.facts.wanted == POP3_FACTS_MAX);
    cr_assert(plan_is_empty(&plan), "+OK waits for the first facts");
    answer_one_fact(9);
    cr_assert(said("+OK\r\n1 9\r\n"));
    cr_assert(ask.facts.first == 2 && ask.facts.wanted == POP3_FACTS_MAX);
    static struct mail_fact facts[POP3_FACTS_MAX];
    answer((struct pop3_answer){.kind = POP3_ASK_FACTS,
                                .facts = {.facts = facts, .count = POP3_FACTS_MAX}});
    cr_assert(ask.facts.first == 130 && ask.facts.wanted == 71);
}

Test(pop3, listing_passes_over_marked_messages)
{
    log_in(200, 200);
    marks[0] = UINT64_MAX;
    marks[1] = 1;
    say("UIDL");
    cr_assert(ask.kind == POP3_ASK_FACTS && ask.facts.first == 66);
}

Test(pop3, listing_wants_no_more_than_has_room)
{
    static const char filler[PLAN_TEXT_MAX];
    log_in(200, 200);
    plan_init(&plan);
    plan_text(&plan, (struct span){filler, PLAN_TEXT_MAX - PLAN_ANSWER_TEXT});
    char line[] = "UIDL";
    ask = pop3_line(&session, span_of(line), &plan);
    cr_assert(ask.kind == POP3_ASK_FACTS && ask.facts.wanted == 6);
    struct mail_fact facts[6];
    for (size_t i = 0; i < 6; i++) {
        facts[i] = (struct mail_fact){.uidl_length = MAIL_UIDL_MAX};
        memset(facts[i].uidl, 'u', MAIL_UIDL_MAX);
    }
    answer((struct pop3_answer){.kind = POP3_ASK_FACTS, .facts = {.facts = facts, .count = 6}});
    cr_assert(ask.kind == POP3_ASK_ROOM);
    plan_init(&plan);
    answer((struct pop3_answer){.kind = POP3_ASK_ROOM});
    cr_assert(ask.kind == POP3_ASK_FACTS && ask.facts.first == 7);
    cr_assert(plan_is_empty(&plan), "+OK is said once");
}

Test(pop3, room_that_is_none_breaks_a_promise, .signal = SIGABRT)
{
    static const char filler[PLAN_TEXT_MAX];
    log_in(200, 200);
    say("LIST");
    plan_text(&plan, (struct span){filler, PLAN_TEXT_MAX - PLAN_ANSWER_TEXT});
    answer_one_fact(9);
    cr_assert(ask.kind == POP3_ASK_ROOM);
    answer((struct pop3_answer){.kind = POP3_ASK_ROOM});
}

Test(pop3, line_before_the_answer_breaks_a_promise, .signal = SIGABRT)
{
    log_in(1, 1);
    say("RETR 1");
    say("NOOP");
}

Test(pop3, answer_to_another_question_breaks_a_promise, .signal = SIGABRT)
{
    log_in(1, 1);
    say("RETR 1");
    answer((struct pop3_answer){.kind = POP3_ASK_TOP, .range = {.file = 3, .bytes = 5}});
}

Test(pop3, line_after_the_end_breaks_a_promise, .signal = SIGABRT)
{
    say("QUIT");
    cr_assert(ask.kind == POP3_ASK_CLOSE && session.state == POP3_ENDED);
    say("NOOP");
}

/* A refused command leaves everything that a later command could notice as it was. */
Test(pop3, refused_commands_change_nothing)
{
    static const char *const lines[] = {"DELE 9", "DELE 0", "DELE",   "RETR 9", "RSET 1", "QUIT 1",
                                        "TOP 1",  "LIST 9", "UIDL x", "USER x", "AUTH",   "XYZ"};
    log_in(2, 30);
    say("DELE 1");
    answer_one_fact(10);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct pop3 before = session;
        say(lines[i]);
        cr_assert(ask.kind == POP3_ASK_LINE && memcmp(plan.text, "-ERR ", 5) == 0, "%s", lines[i]);
        before.refusals++;
        cr_assert(memcmp(&before, &session, sizeof(session)) == 0, "%s", lines[i]);
    }
}

static struct session_world *new_world(void)
{
    struct session_world *world = malloc(sizeof(*world));
    cr_assert(world != NULL);
    session_world_init(world);
    for (int i = 0; i < 3; i++) {
        session_world_add_message(world, SPAN_LITERAL("u"), SPAN_LITERAL("A: b\r\n\r\nc\r\n"));
    }
    return world;
}

static void delete_world(struct session_world *world)
{
    session_world_fini(world);
    free(world);
}

Test(pop3, pipelined_answers_leave_in_one_send)
{
    struct session_world *world = new_world();
    session_world_begin(world);
    uint32_t sends = world->sends;
    session_world_feed(world, SPAN_LITERAL("USER joe\r\nPASS secret\r\nSTAT\r\nLIST\r\nUIDL\r\n"
                                           "RETR 1\r\nRETR 2\r\nRETR 3\r\nDELE 1\r\nQUIT\r\n"));
    cr_assert(session_world_is_closed(world));
    cr_assert(world->sends == sends + 1, "%u sends", world->sends - sends);
    cr_assert(world->asked[POP3_ASK_COMMIT] == 1);
    delete_world(world);
}

/* PROTOCOL.md 11: whatever a client says, wherever it says it, it does not come back. */
Test(pop3, never_echoes)
{
    static const char *const lines[] = {
        "ZQXJ",           "ZQXJ ZQXJ",  "USER ZQXJ",         "PASS ZQXJ",
        "APOP ZQXJ ZQXJ", "AUTH ZQXJ",  "AUTH PLAIN ZQXJ",   "AUTH LOGIN ZQXJ",
        "ZQXJ",           "RETR ZQXJ",  "LIST ZQXJ",         "UIDL ZQXJ",
        "TOP ZQXJ 1",     "TOP 1 ZQXJ", "DELE ZQXJ",         "STAT ZQXJ",
        "CAPA ZQXJ",      "QUIT ZQXJ",  "NOOP ZQXJ",         "RSET ZQXJ",
        "AUTH PLAIN",     "ZQXJ",       "LAST ZQXJ",         "UTF8 ZQXJ",
        "USER ZQXJ",      "STLS ZQXJ",  "AUTH EXTERNAL ZQXJ"};
    struct session_world *world = new_world();
    world->settings.apop = true;
    world->settings.external = true;
    world->timestamp = SPAN_LITERAL("<1@h>");
    world->settings.refusals_before_login_max = 100;
    world->settings.refusals_after_login_max = 100;
    session_world_begin(world);
    for (int state = 0; state < 2; state++) {
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
            session_world_feed(world, span_of(lines[i]));
            session_world_feed(world, SPAN_LITERAL("\r\n"));
        }
        session_world_feed(world, SPAN_LITERAL("USER joe\r\nPASS secret\r\n"));
    }
    struct span output = session_world_output(world);
    cr_assert(world->session.state == POP3_TRANSACTION);
    cr_assert(memmem(output.bytes, output.length, "ZQXJ", 4) == NULL);
    delete_world(world);
}
