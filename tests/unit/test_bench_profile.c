/* test_bench_profile: rates that change over a run, and what the profiles draw. */
#include "bench/kind.h"
#include "bench/profile.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(bench_profile);

#define DRAWS 200000

static char error[256];

static const struct profile *find(const char *name)
{
    const struct profile *profile = profile_find(name, error, sizeof error);
    cr_assert_not_null(profile, "%s", error);
    return profile;
}

static void expect_near(double value, double wanted, double tolerance, const char *what)
{
    cr_expect(fabs(value - wanted) <= tolerance, "%s: %g, not %g", what, value, wanted);
}

Test(bench_profile, an_unknown_one_gets_a_sentence)
{
    cr_assert_null(profile_find("isp-dya", error, sizeof error));
    cr_expect_str_eq(error, "--profile: there is no \"isp-dya\"; did you mean isp-day? There are "
                            "isp-day and specmail2001");
    cr_assert_null(profile_find("", error, sizeof error));
    cr_expect_not_null(strstr(error, "There are isp-day and specmail2001"), "%s", error);
}

Test(bench_profile, every_mix_is_one)
{
    struct mix mix;
    for (uint32_t i = 0; i < profile_count(); i++)
        cr_expect(mix_parse(profile_at(i)->mix, TARGET_POP3, &mix, error, sizeof error), "%s",
                  error);
}

/* The paper's own table: a million users make 41.67 first and 125 repeated checks a second. */
Test(bench_profile, the_rate_of_specmail2001_is_the_published_one)
{
    const struct profile *profile = find("specmail2001");
    struct rate rate;
    expect_near(profile_mean_rate(profile, 1000000), 166.67, 0.01, "sessions a second");
    profile_rate(profile, 100, &rate);
    cr_expect_eq(rate.count, 1);
    expect_near(rate.points[0], 100, 1e-9, "it stays");
}

Test(bench_profile, a_day_has_its_rate_on_the_average)
{
    const struct profile *profile = find("isp-day");
    struct rate rate;
    struct arrival arrival;
    expect_near(profile_mean_rate(profile, 3600), 1, 1e-9, "one session an hour each");
    profile_rate(profile, 1000, &rate);
    cr_assert_eq(rate.count, 25);
    expect_near(rate.points[24], rate.points[0], 1e-9, "midnight comes twice");
    cr_expect_gt(rate_highest(&rate), 4 * rate.points[3], "the night is quiet");
    uint64_t length_ns = 24000000000U;
    arrival_init(&arrival, &rate, true, length_ns, 0, 1, 1);
    uint32_t count = 0;
    for (; arrival_due_ns(&arrival) != UINT64_MAX; count++)
        arrival_advance(&arrival);
    expect_near(count, 24000, 500, "three deviations");
}

Test(bench_profile, specmail2001_draws_what_was_published)
{
    const struct profile *profile = find("specmail2001");
    struct random random = random_stream(1, 1);
    double messages = 0, octets = 0;
    uint32_t empty = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct profile_mailbox mailbox = profile_mailbox_draw(profile, &random);
        cr_assert(mailbox.messages <= 29 && mailbox.bytes == UINT64_MAX);
        empty += mailbox.messages == 0;
        messages += (double)mailbox.messages;
        octets += (double)profile_size_draw(profile, &random);
    }
    expect_near(100.0 * empty / DRAWS, 26.5, 0.4, "percent without mail");
    expect_near(messages / DRAWS, 3.43, 0.05, "messages of a mailbox");
    expect_near(octets / DRAWS / 1024, 24.5, 1.5, "KB of a message");
}

Test(bench_profile, a_day_draws_mailboxes_as_published)
{
    const struct profile *profile = find("isp-day");
    struct random random = random_stream(1, 1);
    uint32_t empty = 0, small = 0, large = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct profile_mailbox mailbox = profile_mailbox_draw(profile, &random);
        cr_assert_eq(mailbox.messages, UINT64_MAX);
        empty += mailbox.bytes == 0;
        small += mailbox.bytes <= 9000;
        large += mailbox.bytes > 1100000;
    }
    expect_near(100.0 * empty / DRAWS, 28, 0.5, "percent without mail");
    expect_near(100.0 * small / DRAWS, 50, 0.5, "percent up to 9 KB");
    expect_near(100.0 * large / DRAWS, 10, 0.4, "percent above 1.1 MB");
}
