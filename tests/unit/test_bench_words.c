/* test_bench_words: what a person writes on ringbench's command line, right and wrong. */
#include "bench/arrival.h"
#include "bench/kind.h"
#include "bench/option.h"
#include "bench/search.h"
#include "bench/source.h"
#include "bench/target.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <string.h>

TestSuite(bench_words);

static char error[512];

struct place {
    bool flag;
    const char *text;
    uint64_t count, bytes, time;
};

static const struct option table[] = {
    {"--flag", NULL, OPTION_FLAG, offsetof(struct place, flag), .help = ""},
    {"--text", "T", OPTION_TEXT, offsetof(struct place, text), .help = ""},
    {"--count", "N", OPTION_COUNT, offsetof(struct place, count), .help = "", .least = 2,
     .most = 20000},
    {"--bytes", "B", OPTION_BYTES, offsetof(struct place, bytes), .help = "", .least = 1,
     .most = 1U << 20},
    {"--time", "T", OPTION_DURATION, offsetof(struct place, time), .help = "", .least = 1000000,
     .most = 3600000000000},
    {.name = NULL},
};

static bool read_words(char **words, struct place *out_place, const char **out_words)
{
    bool help;
    memset(out_place, 0, sizeof *out_place);
    return option_read("test", words, table, out_place, out_words, 2, &help);
}

Test(bench_words, options_of_every_type)
{
    struct place place;
    const char *words[3];
    char *given[] = {"one", "--flag", "--text=a=b", "--count", "2k",    "--bytes",
                     "2k",  "--time", "50ms",       "--",      "--two", NULL};
    cr_assert(read_words(given, &place, words));
    cr_assert_str_eq(words[0], "one");
    cr_assert_str_eq(words[1], "--two");
    cr_assert_null(words[2]);
    cr_assert(place.flag);
    cr_assert_str_eq(place.text, "a=b");
    cr_assert_eq(place.count, 2000);
    cr_assert_eq(place.bytes, 2048);
    cr_assert_eq(place.time, 50000000);
}

static void expect_sentence(char **words, const char *sentence)
{
    struct place place;
    const char *out_words[3];
    cr_redirect_stderr();
    cr_assert_not(read_words(words, &place, out_words));
    fflush(stderr);
    cr_assert_stderr_eq_str(sentence);
}

Test(bench_words, an_option_with_a_slip)
{
    char *words[] = {"--cuont", "3", NULL};
    expect_sentence(words, "ringbench: test has no option --cuont; did you mean --count?\n");
}

Test(bench_words, a_value_is_missing)
{
    char *words[] = {"--count", NULL};
    expect_sentence(words, "ringbench: --count needs a value: --count N\n");
}

Test(bench_words, a_value_is_no_time)
{
    char *words[] = {"--time", "5 days", NULL};
    expect_sentence(words, "ringbench: --time: \"5 days\" is no time; write 60s, 50ms, 2m or 1h\n");
}

Test(bench_words, values_at_their_limits)
{
    static char *const limits[][3] = {{"--count", "2", "1"},
                                      {"--count", "20k", "20001"},
                                      {"--bytes", "1M", "1048577"},
                                      {"--time", "1h", "61m"},
                                      {"--time", "1ms", "999us"}};
    cr_redirect_stderr();
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct place place;
        const char *out_words[3];
        char *words[] = {limits[i][0], limits[i][1], NULL};
        cr_assert(read_words(words, &place, out_words), "%s %s", words[0], words[1]);
        words[1] = limits[i][2];
        cr_assert_not(read_words(words, &place, out_words), "%s %s", words[0], words[1]);
    }
}

Test(bench_words, a_time_beyond_its_limits)
{
    char *words[] = {"--time", "61m", NULL};
    expect_sentence(words, "ringbench: --time: from 1ms to 1h\n");
}

Test(bench_words, a_size_beyond_its_limits)
{
    char *words[] = {"--bytes", "2M", NULL};
    expect_sentence(words, "ringbench: --bytes: from 1 to 1M\n");
}

Test(bench_words, a_word_too_many)
{
    char *words[] = {"a", "b", "c", NULL};
    expect_sentence(words,
                    "ringbench: test: \"c\" is one word too many; see ringbench test --help\n");
}

Test(bench_words, targets)
{
    struct target target;
    cr_assert(target_parse("pop3://mail.example.org", &target, error, sizeof error));
    cr_assert(target.protocol == TARGET_POP3 && !target.tls);
    cr_assert_str_eq(target.host, "mail.example.org");
    cr_assert_str_eq(target.port, "110");
    cr_assert(target_parse("pop3s://[::1]:1995/", &target, error, sizeof error));
    cr_assert(target.tls);
    cr_assert_str_eq(target.host, "::1");
    cr_assert_str_eq(target.port, "1995");
    cr_assert(target_parse("lmtp://127.0.0.1:24", &target, error, sizeof error));
    cr_assert_eq(target.protocol, TARGET_LMTP);
    cr_assert(target_parse("lmtp:unix:/run/ringpost/lmtp", &target, error, sizeof error));
    cr_assert(target.protocol == TARGET_LMTP && target.address.ss_family == AF_UNIX);
    cr_assert_str_eq(target.host, "/run/ringpost/lmtp");
    cr_assert_str_eq(target.port, "");
    char path[200] = "pop3s:unix:/";
    memset(path + 12, 'x', 107);
    cr_assert_not(target_parse(path, &target, error, sizeof error), "108 octets");
    path[12 + 106] = '\0';
    cr_assert(target_parse(path, &target, error, sizeof error) && target.tls, "107 octets");
    static const char *const bad[] = {
        "lmtp:unix:a",    "lmtp:unix:", "pop3:unix",   "imap://a",    "pop3:/a",
        "pop3://",        "pop3://:1",  "pop3://a:0",  "pop3://a:x",  "pop3://a/b",
        "pop3://a:65536", "pop3://[a",  "pop3://a:1x", "pop3://[a]b", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_not(target_parse(bad[i], &target, error, sizeof error), "%s", bad[i]);
}

Test(bench_words, sources)
{
    struct source_range range;
    cr_assert(source_range_parse("127.1.0.1-127.1.1.0", AF_INET, &range, error, sizeof error));
    cr_assert_eq(range.count, 256);
    cr_assert(source_range_parse("10.0.0.1", AF_INET, &range, error, sizeof error));
    cr_assert_eq(range.count, 1);
    cr_assert(source_range_parse("fd00::ff-fd00::1:0", AF_INET6, &range, error, sizeof error));
    cr_assert_eq(range.count, 0x10000 - 0xFF + 1);
    static const char *const bad[] = {
        "x",          "127.1.0.2-127.1.0.1", "127.1.0.1-",
        "-127.1.0.1", "fd00::1-127.1.0.1",   "127.1.0.1-fd00::1",
        "",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(source_range_parse(bad[i], AF_INET, &range, error, sizeof error), "%s",
                      bad[i]);
        cr_assert_not_null(strstr(error, "is no range; write"), "%s", error);
    }
    cr_assert_not(source_range_parse("fd00::1-fd01::1", AF_INET6, &range, error, sizeof error),
                  "only the last 64 bits count");
    cr_assert_not(source_range_parse("::1", AF_INET, &range, error, sizeof error));
    cr_assert_str_eq(error, "--sources: these are IPv6, and the target has an IPv4 address");
    cr_assert_not(source_range_parse("127.1.0.1", AF_UNIX, &range, error, sizeof error));
    cr_assert_str_eq(error, "--sources: these are IPv4, and the target has no such address");
}

Test(bench_words, users)
{
    struct user_range range;
    char name[USER_NAME_MAX];
    cr_assert(user_range_parse("u%d@example.org:9-12", &range, error, sizeof error));
    cr_assert_eq(range.count, 4);
    cr_assert_eq(user_range_name(&range, 3, name), 15);
    cr_assert_arr_eq(name, "u12@example.org", 15);
    cr_assert(user_range_parse("alice", &range, error, sizeof error));
    cr_assert_eq(range.count, 1);
    cr_assert_eq(user_range_name(&range, 0, name), 5);
    static const char *const bad[] = {"",        "u%d",       "u%d:",    "u%d:5",
                                      "u%d:5-4", "u%d%d:1-2", "u%d:1-x", "u%d:0-9999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_not(user_range_parse(bad[i], &range, error, sizeof error), "%s", bad[i]);
    cr_assert_not(user_range_parse("u:1-5", &range, error, sizeof error));
    cr_assert_str_eq(error, "--users: \"u:1-5\" has no %d where its numbers go; write "
                            "'user%d:1-1000'");
    cr_assert(user_range_parse("u:1-", &range, error, sizeof error), "some have such a name");
}

Test(bench_words, a_mix_is_drawn_by_its_shares)
{
    struct mix mix;
    struct random random = {7};
    uint32_t drawn[KINDS_MAX] = {0};
    cr_assert(kind_count() <= KINDS_MAX);
    cr_assert(mix_parse("poll=8,drain=2,top=0", TARGET_POP3, &mix, error, sizeof error));
    cr_assert(mix_has_stage(&mix, STAGE_DRAIN));
    cr_assert_not(mix_has_stage(&mix, STAGE_TOP));
    for (int i = 0; i < 100000; i++)
        drawn[mix_draw(&mix, &random)]++;
    for (uint32_t i = 0; i < kind_count(); i++) {
        double share = strcmp(kind_at(i)->name, "poll") == 0    ? 0.8
                       : strcmp(kind_at(i)->name, "drain") == 0 ? 0.2
                                                                : 0;
        cr_assert_float_eq(drawn[i] / 1e5, share, 0.01, "%s", kind_at(i)->name);
    }
}

Test(bench_words, a_wrong_mix_says_which_kinds_there_are)
{
    struct mix mix;
    cr_assert_not(mix_parse("pol=80", TARGET_POP3, &mix, error, sizeof error));
    cr_assert_not_null(strstr(error, "\"pol\"; did you mean poll? The kinds are poll, uidl"));
    cr_assert_not(mix_parse("deliver", TARGET_POP3, &mix, error, sizeof error));
    cr_assert_not(mix_parse("poll=x", TARGET_POP3, &mix, error, sizeof error));
    cr_assert_not(mix_parse("poll=1x", TARGET_POP3, &mix, error, sizeof error));
    cr_assert_not(mix_parse("poll=0", TARGET_POP3, &mix, error, sizeof error));
    cr_assert_not(mix_parse("", TARGET_POP3, &mix, error, sizeof error));
    cr_assert(mix_parse("deliver", TARGET_LMTP, &mix, error, sizeof error));
}

/* How many of a stream are due before the end. */
static uint32_t count_due(struct arrival *arrival, uint64_t before_ns)
{
    uint32_t count = 0;
    while (arrival_due_ns(arrival) < before_ns) {
        arrival_advance(arrival);
        count++;
    }
    return count;
}

Test(bench_words, arrivals_keep_their_rate)
{
    struct rate rate;
    struct arrival arrival;
    uint64_t length_ns = 10000000000U;
    cr_assert(rate_parse("1k", &rate, error, sizeof error));
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 4; i++) {
        arrival_init(&arrival, &rate, false, length_ns, i, 4, 1);
        sum += count_due(&arrival, length_ns);
    }
    cr_assert_eq(sum, 10000);
    sum = 0;
    for (uint32_t i = 0; i < 4; i++) {
        arrival_init(&arrival, &rate, true, length_ns, i, 4, 1);
        sum += count_due(&arrival, length_ns);
    }
    cr_assert(sum > 9700 && sum < 10300, "%u", sum); /* three deviations */
}

Test(bench_words, a_ramp_goes_from_its_first_to_its_last_rate)
{
    struct rate rate;
    struct arrival arrival;
    cr_assert(rate_parse("100..300", &rate, error, sizeof error));
    arrival_init(&arrival, &rate, false, 10000000000U, 0, 1, 1);
    uint32_t first_half = count_due(&arrival, 5000000000U);
    uint32_t second_half = count_due(&arrival, 10000000000U);
    cr_assert(first_half > 730 && first_half < 770, "%u", first_half);
    cr_assert(second_half > 1230 && second_half < 1270, "%u", second_half);
    static const char *const bad[] = {"", "0", "x", "10..", "..10", "1..2..3", "-5", "1e9", "5x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_not(rate_parse(bad[i], &rate, error, sizeof error), "%s", bad[i]);
}

/* 5005 sessions lie under such a ramp; its first second alone has 50. */
Test(bench_words, a_ramp_from_next_to_nothing_begins_at_once)
{
    struct rate rate;
    struct arrival arrival;
    cr_assert(rate_parse("0.01..1000", &rate, error, sizeof error));
    arrival_init(&arrival, &rate, false, 10000000000U, 0, 1, 1);
    uint32_t first = count_due(&arrival, 1000000000U);
    cr_assert(first >= 50 && first <= 52, "%u", first);
    uint32_t sum = first + count_due(&arrival, 10000000000U);
    cr_assert(sum >= 5000 && sum <= 5001, "%u", sum);
    sum = 0;
    for (uint32_t i = 0; i < 4; i++) {
        arrival_init(&arrival, &rate, true, 10000000000U, i, 4, 1);
        sum += count_due(&arrival, 10000000000U);
    }
    cr_assert(sum > 4788 && sum < 5213, "%u", sum); /* three deviations */
}

Test(bench_words, a_rate_of_many_points_is_kept_on_each_line)
{
    struct rate rate = {.points = {10, 1000, 1, 1}, .count = 4};
    struct arrival arrival;
    arrival_init(&arrival, &rate, false, 3000000000U, 0, 1, 1);
    static const uint32_t wanted[] = {505, 500, 1};
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t count = count_due(&arrival, (i + 1) * 1000000000ULL);
        cr_assert(count + 1 >= wanted[i] && count <= wanted[i] + 1, "second %u: %u", i, count);
    }
    cr_assert_eq(arrival_due_ns(&arrival), UINT64_MAX);
}

Test(bench_words, a_search_comes_close_to_the_border)
{
    static const double firsts[] = {1, 100, 5000, 1e6};
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        struct search search;
        search_init(&search, firsts[i]);
        while (search_goes_on(&search, search.rate <= 3141))
            ;
        cr_assert(search.good <= 3141 && search.good * SEARCH_CLOSENESS >= 3141, "%g from %g",
                  search.good, firsts[i]);
    }
    struct search search;
    search_init(&search, 100);
    while (search_goes_on(&search, false))
        ;
    cr_assert_eq(search.good, 0);
}
