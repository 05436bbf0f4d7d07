/* test_lmtp: what a session asks for, exactly, and what it promises beside its words.
 *
 * The words are tested by tests/transcripts/lmtp. Here the test itself is the world: it looks at
 * each ask and chooses each answer. The last tests use the world of tests/support.
 */
#include "proto/lmtp.h"
#include "tests/support/guarded.h"
#include "tests/support/lmtp_world.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lmtp_settings settings;
static struct lmtp session;
static struct plan plan;
static struct lmtp_ask ask;

static void setup(void)
{
    settings = (struct lmtp_settings){.host_name = SPAN_LITERAL("mail.example.org"),
                                      .users = {LMTP_USER_LOCAL_PART, '+'},
                                      .message_octets_max = 1000,
                                      .recipients_max = 1000,
                                      .mistakes_max = 100};
    memset(&session, 0xA5, sizeof(session));
    plan_init(&plan);
    ask = lmtp_begin(&session, &settings, &plan);
}

TestSuite(lmtp, .init = setup);

static void say(const char *line)
{
    plan_init(&plan);
    ask = lmtp_line(&session, span_of(line), &plan);
}

static void answer(struct lmtp_answer what)
{
    ask = lmtp_answer(&session, &what, &plan);
}

static void expect_said(const char *text)
{
    struct span said = {plan.text, plan.text_bytes};
    cr_assert(span_equal(said, span_of(text)), "%.*s", (int)said.length, said.bytes);
}

static void begin_message(unsigned recipient_count)
{
    say("LHLO client");
    say("MAIL FROM:<a@b>");
    for (unsigned i = 0; i < recipient_count; i++) {
        say("RCPT TO:<joe@example.org>");
        answer((struct lmtp_answer){.kind = LMTP_ASK_RECIPIENT});
        expect_said("250 2.1.5 Good.\r\n");
    }
}

static enum lmtp_data_result take(const char *bytes, size_t out_bytes, const char *expected)
{
    char out[256];
    size_t count = 99;
    struct span input = span_of(bytes);
    enum lmtp_data_result result = lmtp_data(&session, &input, out, out_bytes, &count);
    cr_assert(span_equal((struct span){out, count}, span_of(expected)), "%.*s", (int)count, out);
    return result;
}

Test(lmtp, begins_with_its_name)
{
    cr_assert(ask.kind == LMTP_ASK_LINE);
    expect_said("220 mail.example.org LMTP server ready\r\n");
    cr_assert(lmtp_client_name(&session).length == 0);
}

Test(lmtp, a_recipient_is_asked_for_with_name_and_address)
{
    begin_message(0);
    say("RCPT TO:<@relay:\"Joe\"+x@b>");
    cr_assert(ask.kind == LMTP_ASK_LINE);
    char line[] = "RCPT TO:<@relay:Joe+x@Example.org>";
    say(line);
    cr_assert(ask.kind == LMTP_ASK_RECIPIENT);
    cr_assert(span_equal(ask.recipient.user, SPAN_LITERAL("joe")));
    cr_assert(span_equal(ask.recipient.address, SPAN_LITERAL("Joe+x@Example.org")));
    cr_assert(ask.recipient.address.bytes == line + sizeof("RCPT TO:<@relay:") - 1);
    cr_assert(ask.recipient.index == 0);
    cr_assert(plan.text_bytes == 0);
    memset(line, 'x', sizeof(line) - 1);
    cr_assert(span_equal(ask.recipient.user, SPAN_LITERAL("joe")));
    answer((struct lmtp_answer){.kind = LMTP_ASK_RECIPIENT, .recipient = LMTP_RECIPIENT_FULL});
    say("RCPT TO:<joe>");
    cr_assert(ask.recipient.index == 0);
    answer((struct lmtp_answer){.kind = LMTP_ASK_RECIPIENT, .recipient = LMTP_RECIPIENT_GOOD});
    say("RCPT TO:<joe>");
    cr_assert(ask.recipient.index == 1);
}

Test(lmtp, what_the_head_lines_need_is_kept)
{
    char name[] = "LHLO client.example.org";
    say(name);
    memset(name, 'x', sizeof(name) - 1);
    char path[] = "MAIL FROM:<@relay:Some.Body@b.example> SMTPUTF8";
    say(path);
    memset(path, 'x', sizeof(path) - 1);
    cr_assert(span_equal(lmtp_client_name(&session), SPAN_LITERAL("client.example.org")));
    cr_assert(span_equal(lmtp_reverse_path(&session), SPAN_LITERAL("Some.Body@b.example")));
    cr_assert(lmtp_is_utf8(&session));
    say("RSET");
    cr_assert(lmtp_reverse_path(&session).length == 0 && !lmtp_is_utf8(&session));
    say("MAIL FROM:<>");
    cr_assert(lmtp_reverse_path(&session).length == 0 && !lmtp_is_utf8(&session));
}

Test(lmtp, data_is_one_letter_and_one_delivery_a_recipient)
{
    begin_message(2);
    say("DATA");
    cr_assert(ask.kind == LMTP_ASK_DATA && ask.data.begins_letter && ask.data.is_wanted);
    cr_assert(take("..a", 256, ".a") == LMTP_DATA_MORE);
    cr_assert(take("", 1, "") == LMTP_DATA_MORE);
    cr_assert(take("\r\n.\r\nQUIT", 256, "\r\n") == LMTP_DATA_END);
    plan_init(&plan);
    answer((struct lmtp_answer){.kind = LMTP_ASK_DATA});
    cr_assert(ask.kind == LMTP_ASK_DELIVER && ask.deliver.index == 0);
    expect_said("");
    answer((struct lmtp_answer){.kind = LMTP_ASK_DELIVER, .result = MAIL_DONE});
    cr_assert(ask.kind == LMTP_ASK_DELIVER && ask.deliver.index == 1);
    answer((struct lmtp_answer){.kind = LMTP_ASK_DELIVER, .result = MAIL_NO_SPACE});
    cr_assert(ask.kind == LMTP_ASK_LINE);
    expect_said("250 2.0.0 Delivered.\r\n452 4.3.1 The disk is full; try again later.\r\n");
    cr_assert(session.messages_count == 1 && session.deliveries_count == 1);
}

Test(lmtp, what_follows_a_message_stays_in_the_input)
{
    begin_message(1);
    say("DATA");
    char out[16];
    size_t count;
    struct span input = SPAN_LITERAL("x\r\n.\r\nQUIT\r\n");
    cr_assert(lmtp_data(&session, &input, out, sizeof(out), &count) == LMTP_DATA_END);
    cr_assert(span_equal(input, SPAN_LITERAL("QUIT\r\n")));
    answer((struct lmtp_answer){.kind = LMTP_ASK_DATA});
    answer((struct lmtp_answer){.kind = LMTP_ASK_DELIVER});
    begin_message(1);
    say("BDAT 3 LAST");
    input = SPAN_LITERAL("x\r\nQUIT\r\n");
    cr_assert(lmtp_data(&session, &input, out, sizeof(out), &count) == LMTP_DATA_END);
    cr_assert(span_equal(input, SPAN_LITERAL("QUIT\r\n")));
}

Test(lmtp, no_more_is_written_than_there_is_room)
{
    struct guarded guarded;
    guarded_init(&guarded, 4096);
    for (size_t out_bytes = 1; out_bytes < 16; out_bytes++) {
        begin_message(1);
        say(out_bytes % 2 == 0 ? "DATA" : "BDAT 12 LAST");
        struct span input = SPAN_LITERAL("a\r\r\n.\rb\r\n.\r\n");
        char *out = guarded_last(&guarded, out_bytes);
        size_t count = 0;
        size_t total = 0;
        while (lmtp_data(&session, &input, out, out_bytes, &count) == LMTP_DATA_MORE) {
            cr_assert(count <= out_bytes);
            total += count;
        }
        total += count;
        cr_assert(input.length == 0);
        cr_assert(total == (out_bytes % 2 == 0 ? 8 : 12), "%zu: %zu", out_bytes, total);
        answer((struct lmtp_answer){.kind = LMTP_ASK_DATA});
        answer((struct lmtp_answer){.kind = LMTP_ASK_DELIVER});
    }
    guarded_fini(&guarded);
}

/* Who gets no bytes must be able to tell that all were taken. */
Test(lmtp, what_is_not_written_is_taken_at_once)
{
    settings.message_octets_max = 3;
    begin_message(1);
    say("DATA");
    char out[1];
    size_t count;
    struct span input = SPAN_LITERAL("0123456789");
    for (unsigned i = 0; i < 3; i++) {
        cr_assert(lmtp_data(&session, &input, out, sizeof(out), &count) == LMTP_DATA_MORE);
        cr_assert(count == 1 && input.length == 9 - i);
    }
    cr_assert(lmtp_data(&session, &input, out, sizeof(out), &count) == LMTP_DATA_MORE);
    cr_assert(count == 0 && input.length == 0);
    input = SPAN_LITERAL("ab\r\n.\r\nQUIT");
    cr_assert(lmtp_data(&session, &input, out, sizeof(out), &count) == LMTP_DATA_END);
    cr_assert(count == 0 && span_equal(input, SPAN_LITERAL("QUIT")));
}

Test(lmtp, chunks_are_one_letter)
{
    begin_message(1);
    say("BDAT 0");
    cr_assert(ask.kind == LMTP_ASK_DATA && ask.data.begins_letter);
    cr_assert(take("", 1, "") == LMTP_DATA_END);
    answer((struct lmtp_answer){.kind = LMTP_ASK_DATA});
    cr_assert(ask.kind == LMTP_ASK_LINE);
    say("BDAT 5");
    cr_assert(ask.kind == LMTP_ASK_DATA && !ask.data.begins_letter && ask.data.is_wanted);
    cr_assert(take("..", 256, "..") == LMTP_DATA_MORE);
    cr_assert(take("abc", 2, "ab") == LMTP_DATA_MORE);
    cr_assert(take("cBDAT", 256, "c") == LMTP_DATA_END);
    answer((struct lmtp_answer){.kind = LMTP_ASK_DATA});
    say("BDAT 0 LAST");
    cr_assert(ask.kind == LMTP_ASK_DATA && !ask.data.begins_letter);
    cr_assert(take("x", 1, "") == LMTP_DATA_END);
    answer((struct lmtp_answer){.kind = LMTP_ASK_DATA});
    cr_assert(ask.kind == LMTP_ASK_DELIVER);
}

Test(lmtp, a_refused_chunk_is_not_wanted)
{
    begin_message(1);
    say("BDAT 1001");
    cr_assert(ask.kind == LMTP_ASK_DATA && !ask.data.begins_letter && !ask.data.is_wanted);
    cr_assert(take("abc", 1, "") == LMTP_DATA_MORE);
    cr_assert(session.chunk_left == 998);
}

Test(lmtp, what_is_held_is_given_up_once)
{
    begin_message(1);
    say("RSET");
    cr_assert(ask.kind == LMTP_ASK_FORGET);
    answer((struct lmtp_answer){.kind = LMTP_ASK_FORGET});
    cr_assert(ask.kind == LMTP_ASK_LINE);
    say("RSET");
    cr_assert(ask.kind == LMTP_ASK_LINE);
    say("MAIL FROM:<>");
    say("RSET");
    cr_assert(ask.kind == LMTP_ASK_LINE);
}

/* The longest answer of all is that to LHLO. */
Test(lmtp, longest_texts_fit_in_one_answer)
{
    char longest[LMTP_HOST_NAME_MAX];
    memset(longest, 'x', sizeof(longest));
    settings.host_name = (struct span){longest, sizeof(longest)};
    settings.message_octets_max = UINT64_MAX;
    settings.starttls = true;
    settings.mistakes_max = 1;
    plan_init(&plan);
    lmtp_begin(&session, &settings, &plan);
    cr_assert(plan.text_bytes <= PLAN_ANSWER_TEXT);
    say("LHLO x");
    cr_assert(plan.text_bytes > 350 && plan.text_bytes <= PLAN_ANSWER_TEXT);
    cr_assert(plan.piece_count == 1);
    say("X");
    cr_assert(plan.text_bytes <= PLAN_ANSWER_TEXT);
}

Test(lmtp, the_largest_chunk_wraps_nothing)
{
    settings.message_octets_max = UINT64_MAX;
    begin_message(1);
    say("BDAT 1");
    cr_assert(take("x", 1, "x") == LMTP_DATA_END);
    answer((struct lmtp_answer){.kind = LMTP_ASK_DATA});
    say("BDAT 18446744073709551615 LAST");
    cr_assert(!ask.data.is_wanted);
    cr_assert(take("y", 1, "") == LMTP_DATA_MORE);
}

Test(lmtp, tls_forgets_all_but_the_mistakes)
{
    settings.starttls = true;
    settings.mistakes_max = 2;
    say("LHLO client");
    say("X");
    say("STARTTLS");
    cr_assert(ask.kind == LMTP_ASK_TLS);
    expect_said("220 2.0.0 Begin TLS.\r\n");
    struct lmtp_settings encrypted = settings;
    encrypted.starttls = false;
    plan_init(&plan);
    answer((struct lmtp_answer){.kind = LMTP_ASK_TLS, .settings = &encrypted});
    cr_assert(ask.kind == LMTP_ASK_LINE && plan.text_bytes == 0);
    cr_assert(lmtp_client_name(&session).length == 0);
    say("X");
    cr_assert(ask.kind == LMTP_ASK_CLOSE && session.end == LMTP_END_MISTAKES);
}

Test(lmtp, an_answer_of_another_kind_is_our_own_mistake, .signal = SIGABRT)
{
    begin_message(1);
    say("DATA");
    answer((struct lmtp_answer){.kind = LMTP_ASK_DELIVER});
}

Test(lmtp, bytes_that_were_not_asked_for_are_our_own_mistake, .signal = SIGABRT)
{
    begin_message(1);
    take("x", 1, "");
}

static void say_recipients(struct lmtp_world *world, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char line[64];
        snprintf(line, sizeof(line), "RCPT TO:<u%u@example.org>\r\n", i);
        lmtp_world_feed(world, span_of(line));
    }
}

static unsigned count_in(struct span text, const char *what)
{
    unsigned count = 0;
    for (size_t i = 0; i + strlen(what) <= text.length; i++) {
        count += memcmp(text.bytes + i, what, strlen(what)) == 0;
    }
    return count;
}

/* The answers fill more than a plan, which is sent in between. */
Test(lmtp, a_thousand_recipients_and_one_more)
{
    struct lmtp_world *world = malloc(sizeof(*world));
    lmtp_world_init(world);
    world->settings.recipients_max = 1000;
    world->knows_everybody = true;
    for (unsigned is_too_big = 0; is_too_big < 2; is_too_big++) {
        world->settings.message_octets_max = is_too_big ? 2 : 1000;
        lmtp_world_begin(world);
        lmtp_world_feed(world, SPAN_LITERAL("LHLO client\r\nMAIL FROM:<a@b>\r\n"));
        say_recipients(world, 1001);
        cr_assert(count_in(lmtp_world_output(world), "250 2.1.5 Good.\r\n") == 1000);
        cr_assert(count_in(lmtp_world_output(world), "452 4.5.3 ") == 1);
        lmtp_world_feed(world, SPAN_LITERAL("DATA\r\nx\r\n.\r\nQUIT\r\n"));
        cr_assert(count_in(lmtp_world_output(world), "250 2.0.0 Delivered.\r\n") ==
                  (is_too_big ? 0 : 1000));
        cr_assert(count_in(lmtp_world_output(world), "552 5.3.4 ") == (is_too_big ? 1000 : 0));
        cr_assert(count_in(lmtp_world_record(world), "to u") == (is_too_big ? 0 : 1000));
        cr_assert(count_in(lmtp_world_record(world), "to u999 <u999@example.org>\n") ==
                  (is_too_big ? 0 : 1));
        cr_assert(world->room_count >= 1);
        cr_assert(lmtp_world_is_closed(world));
    }
    lmtp_world_fini(world);
    free(world);
}

/* Wherever a connection is cut, a message that has not ended is nothing. */
Test(lmtp, nothing_is_delivered_before_the_last_octet)
{
    static const char *const messages[] = {"DATA\r\nx\r\n.y\r\n..\r\n.\r\n", "DATA\r\n.\r\n",
                                           "BDAT 2\r\nx\nBDAT 9 LAST\r\n0.\r\n.\r\n67",
                                           "BDAT 0 LAST\r\n"};
    struct lmtp_world *world = malloc(sizeof(*world));
    lmtp_world_init(world);
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        for (size_t length = 0; length <= strlen(messages[i]); length++) {
            lmtp_world_begin(world);
            lmtp_world_feed(world, SPAN_LITERAL("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<joe>\r\n"));
            lmtp_world_feed(world, (struct span){messages[i], length});
            unsigned delivered = length == strlen(messages[i]);
            cr_assert(count_in(lmtp_world_record(world), "to joe") == delivered, "%zu, %zu", i,
                      length);
            cr_assert(count_in(lmtp_world_output(world), "Delivered") == delivered);
        }
    }
    lmtp_world_fini(world);
    free(world);
}

/* 30 MB, in one line of 10 MB and many others, in constant memory. */
Test(lmtp, a_large_message_passes_in_blocks)
{
    settings.message_octets_max = 64U << 20;
    begin_message(1);
    say("DATA");
    static char block[65536], out[sizeof(block)];
    memset(block, 'x', sizeof(block));
    uint64_t total = 0;
    size_t count;
    for (unsigned i = 0; i < 480; i++) {
        block[0] = i < 160 ? 'x' : '\r';
        block[1] = i < 160 ? 'x' : '\n';
        struct span input = {block, sizeof(block)};
        cr_assert(lmtp_data(&session, &input, out, sizeof(out), &count) == LMTP_DATA_MORE);
        cr_assert(input.length == 0);
        total += count;
    }
    cr_assert(total == 480 * sizeof(block));
    cr_assert(take("\r\n.\r\n", 16, "\r\n") == LMTP_DATA_END);
    cr_assert(session.message_octets == total + 2);
}
