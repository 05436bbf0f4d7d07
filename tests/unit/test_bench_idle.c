/* test_bench_idle: the lot among users who have no session. */
#include "bench/idle.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(bench_idle);

#define USERS 1000

Test(bench_idle, each_is_taken_once_and_then_nobody_is_left)
{
    struct idle idle;
    struct random random = random_stream(1, 1);
    bool taken[USERS] = {false};
    uint64_t user;
    cr_assert(idle_init(&idle, USERS));
    for (int i = 0; i < USERS; i++) {
        cr_assert(idle_take(&idle, &random, &user));
        cr_assert_lt(user, USERS);
        cr_assert_not(taken[user], "user %d twice", (int)user);
        taken[user] = true;
    }
    cr_assert_not(idle_take(&idle, &random, &user));
    idle_give(&idle, 777);
    cr_assert(idle_take(&idle, &random, &user));
    cr_assert_eq(user, 777);
    idle_fini(&idle);
}

Test(bench_idle, who_has_a_session_is_never_taken)
{
    struct idle idle;
    struct random random = random_stream(2, 1);
    bool busy[USERS] = {false};
    uint64_t order[USERS], user, count = 0;
    cr_assert(idle_init(&idle, USERS));
    for (int i = 0; i < 100000; i++) {
        if (count > 0 && random_below(&random, 2) == 0) {
            uint64_t at = random_below(&random, count);
            busy[order[at]] = false;
            idle_give(&idle, order[at]);
            order[at] = order[--count];
        } else if (idle_take(&idle, &random, &user)) {
            cr_assert_not(busy[user]);
            busy[user] = true;
            order[count++] = user;
        }
        cr_assert_eq(idle.count + count, USERS);
    }
    idle_fini(&idle);
}

/* Before, whoever followed a row of busy users came for all of them. */
Test(bench_idle, all_are_as_likely_as_any)
{
    struct idle idle;
    struct random random = random_stream(3, 1);
    uint64_t others[8], user;
    int drawn[16] = {0};
    cr_assert(idle_init(&idle, 16));
    for (int i = 0; i < 8; i++)
        cr_assert(idle_take(&idle, &random, &others[i]));
    for (int i = 0; i < 80000; i++) {
        cr_assert(idle_take(&idle, &random, &user));
        drawn[user]++;
        idle_give(&idle, user);
    }
    for (int i = 0; i < 8; i++)
        cr_assert_eq(drawn[others[i]], 0);
    for (int i = 0; i < 16; i++)
        cr_assert(drawn[i] == 0 || (drawn[i] > 9500 && drawn[i] < 10500), "user %d: %d of 80000", i,
                  drawn[i]);
    idle_fini(&idle);
}

Test(bench_idle, many_users_cost_nothing_until_they_come)
{
    struct idle idle;
    struct random random = random_stream(4, 1);
    uint64_t user;
    cr_assert(idle_init(&idle, 100000000));
    for (int i = 0; i < 1000; i++)
        cr_assert(idle_take(&idle, &random, &user) && user < 100000000);
    idle_fini(&idle);
}
