/* test_bench_script: the client's side of whole sessions, without a socket. */
#include "bench/script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct script_settings settings;
static struct seen seen;
static struct script script;
static struct script_out out;
static char example[SCRIPT_EXAMPLE_BYTES];

static void setup(void)
{
    char error[256];
    settings = (struct script_settings){.password = "pw of %u", .commands = 2, .messages = 1};
    cr_assert(user_range_parse("user%d:7-9", &settings.users, error, sizeof error));
    seen = (struct seen){0};
}

static void teardown(void)
{
    seen_forget(&seen);
}

TestSuite(bench_script, .init = setup, .fini = teardown);

static const struct kind *kind_named(const char *name)
{
    for (uint32_t i = 0; i < kind_count(); i++)
        if (strcmp(kind_at(i)->name, name) == 0)
            return kind_at(i);
    cr_assert_fail("there is no kind %s", name);
    return NULL;
}

static void begin(const char *kind)
{
    script_begin(&script, &settings, kind_named(kind), 0, &seen, example, 1, 0);
    out.count = 0;
}

static enum script_result hear(const char *text)
{
    struct span input = {text, strlen(text)};
    enum script_result result = SCRIPT_MORE;
    while (input.length > 0 && result != SCRIPT_FAILED)
        result = script_take(&script, &input);
    return result;
}

/* The server says `answer`, and then the client says `command` (all that it may say). */
static void exchange(const char *answer, const char *command)
{
    cr_assert_neq(hear(answer), SCRIPT_FAILED, "%s: %s", answer, example);
    out.count = 0;
    out.tail = (struct span){NULL, 0};
    (void)script_say(&script, &out, 0);
    cr_assert_eq(out.count, strlen(command), "%.*s", (int)out.count, out.bytes);
    cr_assert_arr_eq(out.bytes, command, out.count);
}

static void expect_end(const char *answer)
{
    cr_assert_eq(hear(answer), SCRIPT_ANSWERED, "%s", example);
    cr_assert_eq(script_say(&script, &out, 0), SCRIPT_END);
    cr_assert_eq(script_closed(&script, false), FAULT_NONE);
    script_end(&script);
}

static void expect_fault(const char *answer, enum fault fault, const char *part_of_example)
{
    cr_assert_eq(hear(answer), SCRIPT_FAILED);
    cr_assert_eq(script.fault, fault, "%s: %s", fault_name(script.fault), example);
    cr_assert_not_null(strstr(example, part_of_example), "%s", example);
    script_end(&script);
}

static void log_in(const char *then)
{
    exchange("+OK ready\r\n", "USER user7\r\n");
    exchange("+OK\r\n", "PASS pw of user7\r\n");
    exchange("+OK\r\n", then);
}

/* A session of kind fetch up to the answer to UIDL; `then` is what is said after it. */
static void fetch_up_to(const char *stat, const char *list, const char *uidl, const char *then)
{
    begin("fetch");
    log_in("STAT\r\n");
    exchange(stat, "LIST\r\n");
    exchange(list, "UIDL\r\n");
    exchange(uidl, then);
}

Test(bench_script, poll)
{
    begin("poll");
    cr_assert_eq(script_say(&script, &out, 0), SCRIPT_WAIT);
    log_in("STAT\r\n");
    exchange("+OK 0 0\r\n", "QUIT\r\n");
    expect_end("+OK bye\r\n");
}

Test(bench_script, auth_plain_and_login)
{
    settings.auth = SCRIPT_AUTH_PLAIN;
    begin("poll");
    exchange("+OK\r\n", "AUTH PLAIN AHVzZXI3AHB3IG9mIHVzZXI3\r\n");
    exchange("+OK\r\n", "STAT\r\n");
    script_end(&script);
    settings.auth = SCRIPT_AUTH_LOGIN;
    begin("poll");
    exchange("+OK\r\n", "AUTH LOGIN\r\n");
    exchange("+ VXNlcm5hbWU6\r\n", "dXNlcjc=\r\n");
    exchange("+ UGFzc3dvcmQ6\r\n", "cHcgb2YgdXNlcjc=\r\n");
    exchange("+OK\r\n", "STAT\r\n");
    script_end(&script);
}

/* The example of RFC 1939 section 7. */
Test(bench_script, apop_answers_the_timestamp_of_the_greeting)
{
    settings.auth = SCRIPT_AUTH_APOP;
    settings.password = "tanstaaf";
    begin("poll");
    exchange("+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n",
             "APOP user7 c4c9334bac560ecc979e58001b3e22fb\r\n");
    exchange("+OK\r\n", "STAT\r\n");
    script_end(&script);
}

Test(bench_script, apop_needs_a_timestamp)
{
    char greeting[3 * SCRIPT_TIMESTAMP_BYTES] = "+OK <";
    settings.auth = SCRIPT_AUTH_APOP;
    static const char *const without[] = {"+OK ready\r\n", "+OK <ready\r\n", "+OK ready>\r\n"};
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        begin("poll");
        expect_fault(without[i], FAULT_REFUSED, "no timestamp");
    }
    for (size_t length = SCRIPT_TIMESTAMP_BYTES - 1; length <= SCRIPT_TIMESTAMP_BYTES; length++) {
        memset(greeting + 5, 'x', length - 2);
        memcpy(greeting + 5 + length - 2, ">\r\n", 4);
        begin("poll");
        if (length < SCRIPT_TIMESTAMP_BYTES)
            cr_assert_eq(hear(greeting), SCRIPT_ANSWERED);
        else
            cr_assert_eq(hear(greeting), SCRIPT_FAILED);
        script_end(&script);
    }
}

Test(bench_script, stls_comes_first_and_waits_for_tls)
{
    settings.stls = true;
    begin("poll");
    exchange("+OK\r\n", "STLS\r\n");
    exchange("+OK\r\n", "");
    cr_assert_eq(script_say(&script, &out, 0), SCRIPT_TLS);
    script_tls_began(&script);
    exchange("", "USER user7\r\n");
    script_end(&script);
}

Test(bench_script, fetch_takes_what_is_new_only)
{
    fetch_up_to("+OK 2 30\r\n", "+OK\r\n1 10\r\n2 20\r\n.\r\n", "+OK\r\n1 a\r\n2 b\r\n.\r\n",
                "RETR 1\r\n");
    exchange("+OK\r\n01234567\r\n.\r\n", "RETR 2\r\n");
    exchange("+OK\r\n..0123456789abcdefg\r\n.\r\n", "QUIT\r\n");
    cr_assert_eq(script.message_octets, 30);
    expect_end("+OK\r\n");
    cr_assert(seen.is_known && seen.count == 2);
    fetch_up_to("+OK 3 33\r\n", "+OK\r\n1 10\r\n2 20\r\n3 3\r\n.\r\n",
                "+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n", "RETR 3\r\n");
    exchange("+OK\r\nx\r\n.\r\n", "QUIT\r\n");
    expect_end("+OK\r\n");
    cr_assert_eq(seen.count, 3);
    /* One was removed by somebody else: that is no fault of the server. */
    fetch_up_to("+OK 2 13\r\n", "+OK\r\n1 10\r\n2 3\r\n.\r\n", "+OK\r\n1 a\r\n2 c\r\n.\r\n",
                "QUIT\r\n");
    expect_end("+OK\r\n");
}

Test(bench_script, a_session_that_breaks_off_remembers_nothing_new)
{
    fetch_up_to("+OK 1 10\r\n", "+OK\r\n1 10\r\n.\r\n", "+OK\r\n1 a\r\n.\r\n", "RETR 1\r\n");
    cr_assert_eq(script_closed(&script, false), FAULT_CLOSED);
    cr_assert_not_null(strstr(example, "waiting for RETR 1"), "%s", example);
    script_end(&script);
    cr_assert_not(seen.is_known);
}

Test(bench_script, a_cut_answer_is_told_from_a_closed_connection)
{
    fetch_up_to("+OK 1 10\r\n", "+OK\r\n1 10\r\n.\r\n", "+OK\r\n1 a\r\n.\r\n", "RETR 1\r\n");
    cr_assert_eq(hear("+OK\r\n0123"), SCRIPT_MORE);
    cr_assert_eq(script_closed(&script, true), FAULT_CUT);
    cr_assert_not_null(strstr(example, "the server reset the connection in the middle of"));
    script_end(&script);
}

Test(bench_script, drain_deletes_and_forgets)
{
    begin("drain");
    log_in("STAT\r\n");
    exchange("+OK 1 2\r\n", "LIST\r\n");
    exchange("+OK\r\n1 2\r\n.\r\n", "UIDL\r\n");
    exchange("+OK\r\n1 a\r\n.\r\n", "RETR 1\r\n");
    exchange("+OK\r\n\r\n.\r\n", "DELE 1\r\n");
    exchange("+OK\r\n", "QUIT\r\n");
    expect_end("+OK\r\n");
    cr_assert(seen.is_known && seen.are_gone && seen.count == 1);
}

/* A session of the kind uidl that finds the user's messages so. */
static void look(const char *stat, const char *uidl)
{
    begin("uidl");
    log_in("STAT\r\n");
    exchange(stat, "UIDL\r\n");
    exchange(uidl, "QUIT\r\n");
    expect_end("+OK\r\n");
}

Test(bench_script, what_was_deleted_may_not_come_again)
{
    uint64_t gone[] = {1, 2};
    struct listing listing = {.uidl_count = 2, .uidls = gone};
    settings.check_deletes = true;
    look("+OK 3 9\r\n", "+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n");
    seen.are_gone = true; /* as after a session of the kind drain */
    look("+OK 0 0\r\n", "+OK\r\n.\r\n");
    seen_keep(&seen, &listing, true);
    look("+OK 1 3\r\n", "+OK\r\n1 d\r\n.\r\n");
    seen.are_gone = true;
    begin("uidl");
    log_in("STAT\r\n");
    exchange("+OK 2 6\r\n", "UIDL\r\n");
    expect_fault("+OK\r\n1 e\r\n2 d\r\n.\r\n", FAULT_NOT_DELETED, "deleted are there again");
    settings.check_deletes = false;
    look("+OK 2 6\r\n", "+OK\r\n1 e\r\n2 d\r\n.\r\n");
}

Test(bench_script, a_maildrop_that_others_emptied_may_fill_again)
{
    look("+OK 2 6\r\n", "+OK\r\n1 a\r\n2 b\r\n.\r\n");
    look("+OK 0 0\r\n", "+OK\r\n.\r\n");
    look("+OK 2 6\r\n", "+OK\r\n1 c\r\n2 d\r\n.\r\n");
    begin("poll"); /* also where only the count was seen to shrink */
    log_in("STAT\r\n");
    exchange("+OK 1 3\r\n", "QUIT\r\n");
    expect_end("+OK\r\n");
    look("+OK 2 6\r\n", "+OK\r\n1 e\r\n2 f\r\n.\r\n");
    cr_assert(seen.is_known && seen.count == 2);
}

Test(bench_script, pipelining_says_all_that_it_can)
{
    settings.pipelining = true;
    begin("all");
    log_in("STAT\r\nLIST\r\nUIDL\r\n");
    exchange("+OK 2 4\r\n+OK\r\n1 2\r\n2 2\r\n.\r\n", "");
    exchange("+OK\r\n1 a\r\n2 b\r\n.\r\n", "RETR 1\r\nRETR 2\r\nQUIT\r\n");
    expect_end("+OK\r\n\r\n.\r\n+OK\r\n\r\n.\r\n+OK\r\n");
}

Test(bench_script, thinking_comes_before_each_command_after_the_login)
{
    settings.thinks = true;
    begin("poll");
    log_in("");
    cr_assert_eq(script_say(&script, &out, 0), SCRIPT_THINK);
    script_continue(&script);
    exchange("", "STAT\r\n");
    exchange("+OK 0 0\r\n", "");
    cr_assert_eq(script_say(&script, &out, 0), SCRIPT_THINK);
    script_continue(&script);
    exchange("", "QUIT\r\n");
    expect_end("+OK\r\n");
}

Test(bench_script, hold_goes_on_when_it_is_told)
{
    begin("hold");
    log_in("STAT\r\n");
    exchange("+OK 0 0\r\n", "");
    cr_assert_eq(script_say(&script, &out, 0), SCRIPT_HOLD);
    script_continue(&script);
    exchange("", "QUIT\r\n");
    expect_end("+OK\r\n");
}

Test(bench_script, noop_and_outlook)
{
    begin("noop");
    log_in("NOOP\r\n");
    exchange("+OK\r\n", "NOOP\r\n");
    exchange("+OK\r\n", "QUIT\r\n");
    expect_end("+OK\r\n");
    begin("outlook");
    exchange("+OK\r\n", "CAPA\r\n");
    exchange("+OK\r\nUIDL\r\n.\r\n", "USER user7\r\n");
    script_end(&script);
}

Test(bench_script, what_repeats_itself_can_be_hurried)
{
    struct span letter = SPAN_LITERAL(".\r\n");
    settings.commands = settings.messages = 1000000;
    settings.letters = &letter;
    settings.letter_count = 1;
    begin("noop");
    log_in("NOOP\r\n");
    exchange("+OK\r\n", "NOOP\r\n");
    script_hurry(&script);
    exchange("+OK\r\n", "NOOP\r\n");
    exchange("+OK\r\n", "QUIT\r\n");
    expect_end("+OK\r\n");
    begin("deliver");
    exchange("220 hello\r\n", "LHLO ringbench.example\r\n");
    exchange("250 ok\r\n", "MAIL FROM:<ringbench@example.org>\r\n");
    script_hurry(&script);
    exchange("250 ok\r\n", "RCPT TO:<user7>\r\n");
    exchange("250 ok\r\n", "DATA\r\n");
    exchange("354 go\r\n", "");
    exchange("250 taken\r\n", "QUIT\r\n");
    expect_end("221 bye\r\n");
}

Test(bench_script, retr_goes_round)
{
    settings.commands = 3;
    begin("retr");
    log_in("STAT\r\n");
    exchange("+OK 2 5\r\n", "LIST\r\n");
    exchange("+OK\r\n1 3\r\n2 2\r\n.\r\n", "RETR 1\r\n");
    exchange("+OK\r\na\r\n.\r\n", "RETR 2\r\n");
    exchange("+OK\r\n\r\n.\r\n", "RETR 1\r\n");
    exchange("+OK\r\na\r\n.\r\n", "QUIT\r\n");
    expect_end("+OK\r\n");
    begin("retr");
    log_in("STAT\r\n");
    exchange("+OK 1 3\r\n", "LIST\r\n");
    exchange("+OK\r\n1 3\r\n.\r\n", "RETR 1\r\n");
    script_hurry(&script);
    exchange("+OK\r\na\r\n.\r\n", "QUIT\r\n");
    expect_end("+OK\r\n");
    begin("retr");
    log_in("STAT\r\n");
    exchange("+OK 0 0\r\n", "LIST\r\n");
    exchange("+OK\r\n.\r\n", "QUIT\r\n");
    expect_end("+OK\r\n");
}

Test(bench_script, refusals)
{
    begin("poll");
    exchange("+OK\r\n", "USER user7\r\n");
    expect_fault("-ERR go\x01 away\r\n", FAULT_REFUSED, "user7: USER was answered \"-ERR go? away");
}

Test(bench_script, listings_that_do_not_agree)
{
    begin("list");
    log_in("STAT\r\n");
    exchange("+OK 2 30\r\n", "LIST\r\n");
    expect_fault("+OK\r\n1 30\r\n.\r\n", FAULT_LISTING, "LIST has 1 messages, STAT says 2");
    begin("list");
    log_in("STAT\r\n");
    exchange("+OK 1 30\r\n", "LIST\r\n");
    expect_fault("+OK\r\n1 31\r\n.\r\n", FAULT_LISTING, "LIST has 31 octets in all, STAT says 30");
    begin("list");
    log_in("STAT\r\n");
    exchange("+OK 2 30\r\n", "LIST\r\n");
    expect_fault("+OK\r\n2 30\r\n.\r\n", FAULT_LISTING, "row 1 of LIST is \"2 30\"");
    begin("poll");
    log_in("STAT\r\n");
    expect_fault("+OK many\r\n", FAULT_LISTING, "STAT was answered \"+OK many\"");
}

Test(bench_script, uidls_that_cannot_be)
{
    static const char *const bad[] = {"1 a b", "1", "1 ", "2 a", "x a", "1 a\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char answer[64];
        begin("uidl");
        log_in("STAT\r\n");
        exchange("+OK 1 30\r\n", "UIDL\r\n");
        snprintf(answer, sizeof answer, "+OK\r\n%s\r\n.\r\n", bad[i]);
        expect_fault(answer, FAULT_LISTING, "row 1 of UIDL");
    }
    begin("uidl");
    log_in("STAT\r\n");
    exchange("+OK 2 30\r\n", "UIDL\r\n");
    expect_fault("+OK\r\n1 a\r\n2 a\r\n.\r\n", FAULT_UIDL_REPEATS, "message 2");
}

Test(bench_script, a_uidl_that_changes_is_found)
{
    fetch_up_to("+OK 1 2\r\n", "+OK\r\n1 2\r\n.\r\n", "+OK\r\n1 a\r\n.\r\n", "RETR 1\r\n");
    exchange("+OK\r\n\r\n.\r\n", "QUIT\r\n");
    expect_end("+OK\r\n");
    begin("uidl");
    log_in("STAT\r\n");
    exchange("+OK 1 2\r\n", "UIDL\r\n");
    expect_fault("+OK\r\n1 b\r\n.\r\n", FAULT_UIDL_CHANGED, "have another UIDL now");
}

Test(bench_script, octets_that_are_not_those_of_list)
{
    fetch_up_to("+OK 1 10\r\n", "+OK\r\n1 10\r\n.\r\n", "+OK\r\n1 a\r\n.\r\n", "RETR 1\r\n");
    expect_fault("+OK\r\n0123456\r\n.\r\n", FAULT_OCTETS, "RETR 1 brought 9 octets, LIST says 10");
}

Test(bench_script, answers_without_an_end)
{
    fetch_up_to("+OK 1 10\r\n", "+OK\r\n1 10\r\n.\r\n", "+OK\r\n1 a\r\n.\r\n", "RETR 1\r\n");
    cr_assert_eq(hear("+OK\r\n0123456789"), SCRIPT_MORE);
    script_end(&script);
    fetch_up_to("+OK 1 10\r\n", "+OK\r\n1 10\r\n.\r\n", "+OK\r\n1 a\r\n.\r\n", "RETR 1\r\n");
    expect_fault("+OK\r\n01234567890", FAULT_OCTETS,
                 "RETR 1 has brought more than the 10 octets of");
    begin("top");
    log_in("STAT\r\n");
    exchange("+OK 1 3\r\n", "LIST\r\n");
    exchange("+OK\r\n1 3\r\n.\r\n", "UIDL\r\n");
    exchange("+OK\r\n1 a\r\n.\r\n", "TOP 1 0\r\n");
    expect_fault("+OK\r\na\r\n\r\nmore", FAULT_OCTETS,
                 "TOP 1 has brought more than the 3 octets of");
    begin("list");
    log_in("STAT\r\n");
    exchange("+OK 1 3\r\n", "LIST\r\n");
    expect_fault("+OK\r\n1 3\r\n2 0\r\n3 0\r\n", FAULT_LISTING, "LIST has 2 messages, STAT says 1");
    begin("outlook");
    exchange("+OK\r\n", "CAPA\r\n");
    cr_assert_neq(hear("+OK\r\n"), SCRIPT_FAILED);
    for (int i = 0; i < ANSWER_LINES_MAX; i++)
        cr_assert_neq(hear("X\r\n"), SCRIPT_FAILED, "%d: %s", i, example);
    expect_fault("X\r\n", FAULT_LISTING, "row 1001 of CAPA is \"X\"");
    begin("deliver");
    exchange("220 here\r\n", "LHLO ringbench.example\r\n");
    for (int i = 0; i < ANSWER_LINES_MAX; i++)
        cr_assert_neq(hear("250-X\r\n"), SCRIPT_FAILED, "%d: %s", i, example);
    expect_fault("250-X\r\n", FAULT_FRAMING, "LHLO was answered");
}

Test(bench_script, sizes_whose_sum_is_none)
{
    begin("list");
    log_in("STAT\r\n");
    exchange("+OK 2 8\r\n", "LIST\r\n");
    expect_fault("+OK\r\n1 9223372036854775807\r\n2 9223372036854775807\r\n.\r\n", FAULT_LISTING,
                 "LIST has 18446744073709551614 octets in all");
    begin("list");
    log_in("STAT\r\n");
    exchange("+OK 3 8\r\n", "LIST\r\n");
    expect_fault("+OK\r\n1 9223372036854775807\r\n2 9223372036854775807\r\n3 10\r\n", FAULT_LISTING,
                 "row 3 of LIST is \"3 10\"");
}

Test(bench_script, bytes_that_nobody_asked_for)
{
    begin("hold");
    log_in("STAT\r\n");
    exchange("+OK 0 0\r\n", "");
    expect_fault("+OK\r\n", FAULT_UNASKED, "5 bytes");
}

Test(bench_script, lmtp)
{
    struct span letter = SPAN_LITERAL("a\r\n.\r\n");
    settings.letters = &letter;
    settings.letter_count = 1;
    settings.messages = 2;
    begin("deliver");
    exchange("220 hello\r\n", "LHLO ringbench.example\r\n");
    for (int i = 0; i < 2; i++) {
        exchange("250-a\r\n250 b\r\n", "MAIL FROM:<ringbench@example.org>\r\n");
        exchange("250 ok\r\n", "RCPT TO:<user7>\r\n");
        exchange("250 ok\r\n", "DATA\r\n");
        exchange("354 go\r\n", "");
        cr_assert_eq(out.tail.length, 6);
    }
    exchange("250 taken\r\n", "QUIT\r\n");
    cr_assert_eq(script.message_count, 2);
    expect_end("221 bye\r\n");
}

Test(bench_script, lmtp_says_who_it_is_again_after_starttls)
{
    settings.stls = true;
    for (int i = 0; i < 2; i++) {
        settings.pipelining = i == 1;
        begin("deliver");
        exchange("220 hello\r\n", "LHLO ringbench.example\r\n");
        exchange("250-STARTTLS\r\n250 b\r\n", "STARTTLS\r\n");
        exchange("220 go\r\n", "");
        cr_assert_eq(script_say(&script, &out, 0), SCRIPT_TLS);
        script_tls_began(&script);
        exchange("", "LHLO ringbench.example\r\n");
        script_end(&script);
    }
    begin("deliver");
    exchange("220 hello\r\n", "LHLO ringbench.example\r\n");
    exchange("250 b\r\n", "STARTTLS\r\n");
    expect_fault("502 no\r\n", FAULT_REFUSED, "STLS was answered \"502 no\"");
}

Test(bench_script, lmtp_pipelines_up_to_data)
{
    struct span letter = SPAN_LITERAL(".\r\n");
    settings.letters = &letter;
    settings.letter_count = 1;
    settings.pipelining = true;
    begin("deliver");
    exchange("220 hello\r\n", "LHLO ringbench.example\r\n");
    exchange("250 b\r\n", "MAIL FROM:<ringbench@example.org>\r\nRCPT TO:<user7>\r\nDATA\r\n");
    exchange("250 ok\r\n250 ok\r\n", "");
    cr_assert_eq(out.tail.length, 0);
    exchange("354 go\r\n", "");
    cr_assert_eq(out.tail.length, 3);
    exchange("250 taken\r\n", "QUIT\r\n");
    script_end(&script);
}

Test(bench_script, lmtp_says_no)
{
    begin("deliver");
    exchange("220 hello\r\n", "LHLO ringbench.example\r\n");
    exchange("250 b\r\n", "MAIL FROM:<ringbench@example.org>\r\n");
    expect_fault("354 what\r\n", FAULT_FRAMING, "MAIL was answered \"354 what\"");
}
