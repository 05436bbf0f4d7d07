/* test_wheel: deadlines come when they are due, never before, wherever they have been moved to. */
#include "core/wheel.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#define ENTRIES 300

static struct wheel wheel;
static struct wheel_entry entry;

static void make_wheel(void)
{
    wheel_init(&wheel, 1000);
}

TestSuite(wheel, .init = make_wheel);

/* The entry is due at `second` and not at the one before. */
static void expect_due_at(uint64_t second)
{
    cr_assert_null(wheel_take_due(&wheel, second - 1));
    cr_assert_eq(wheel_take_due(&wheel, second), &entry);
    cr_assert_null(wheel_take_due(&wheel, second));
    cr_assert_eq(wheel.count, 0);
}

Test(wheel, is_due_at_its_second)
{
    wheel_add(&wheel, &entry, 1010);
    cr_assert_eq(wheel.count, 1);
    expect_due_at(1010);
}

Test(wheel, a_deadline_in_the_past_is_due_with_the_next_second)
{
    wheel_add(&wheel, &entry, 17);
    expect_due_at(1001);
    wheel_add(&wheel, &entry, 1001);
    expect_due_at(1002);
}

Test(wheel, a_deadline_of_many_rounds_waits_for_its_own)
{
    uint64_t second = 1000 + 5 * WHEEL_SLOTS;
    wheel_add(&wheel, &entry, second);
    for (uint64_t now_s = 1001; now_s < second; now_s++)
        cr_assert_null(wheel_take_due(&wheel, now_s));
    expect_due_at(second);
}

Test(wheel, time_may_jump_over_rounds)
{
    wheel_add(&wheel, &entry, 1500);
    cr_assert_eq(wheel_take_due(&wheel, 1000 + 9 * WHEEL_SLOTS), &entry);
    cr_assert_eq(wheel.count, 0);
}

Test(wheel, time_that_stands_still_brings_nothing)
{
    wheel_add(&wheel, &entry, 1001);
    cr_assert_null(wheel_take_due(&wheel, 1000));
    cr_assert_null(wheel_take_due(&wheel, 1000));
    expect_due_at(1001);
}

Test(wheel, later_is_later)
{
    wheel_add(&wheel, &entry, 1010);
    wheel_move(&wheel, &entry, 1020);
    wheel_move(&wheel, &entry, 1030);
    expect_due_at(1030);
}

Test(wheel, later_by_whole_rounds_is_later)
{
    wheel_add(&wheel, &entry, 1010);
    wheel_move(&wheel, &entry, 1010 + 2 * WHEEL_SLOTS);
    cr_assert_null(wheel_take_due(&wheel, 1010));
    cr_assert_null(wheel_take_due(&wheel, 1010 + WHEEL_SLOTS));
    expect_due_at(1010 + 2 * WHEEL_SLOTS);
}

Test(wheel, earlier_is_earlier)
{
    wheel_add(&wheel, &entry, 1600);
    wheel_move(&wheel, &entry, 1005);
    expect_due_at(1005);
}

Test(wheel, later_and_earlier_again)
{
    wheel_add(&wheel, &entry, 1010);
    wheel_move(&wheel, &entry, 1900);
    wheel_move(&wheel, &entry, 1020);
    expect_due_at(1020);
}

Test(wheel, what_is_removed_never_comes)
{
    struct wheel_entry other;
    wheel_add(&wheel, &entry, 1010);
    wheel_add(&wheel, &other, 1010);
    wheel_remove(&wheel, &other);
    expect_due_at(1010);
}

Test(wheel, removing_an_idle_entry_is_found, .signal = SIGABRT)
{
    wheel_add(&wheel, &entry, 1010);
    wheel_remove(&wheel, &entry);
    wheel_remove(&wheel, &entry);
}

Test(wheel, many_of_one_second_come_one_by_one_and_may_come_back)
{
    static struct wheel_entry entries[ENTRIES];
    for (uint32_t i = 0; i < ENTRIES; i++)
        wheel_add(&wheel, &entries[i], 1003);
    struct wheel_entry *due;
    uint32_t count = 0;
    while ((due = wheel_take_due(&wheel, 1003)) != NULL) {
        cr_assert_lt(count++, ENTRIES);
        wheel_add(&wheel, due, 1004); /* as a session that lingers does */
    }
    cr_assert_eq(count, ENTRIES);
    cr_assert_eq(wheel.count, ENTRIES);
    for (count = 0; wheel_take_due(&wheel, 1004) != NULL;)
        count++;
    cr_assert_eq(count, ENTRIES);
}

static void change(struct wheel_entry *changed, uint64_t *deadline_s, uint64_t now_s)
{
    bool is_in = *deadline_s != 0;
    uint64_t wanted = now_s + 1 + (uint64_t)(rand() % (3 * WHEEL_SLOTS));
    if (!is_in)
        wheel_add(&wheel, changed, wanted);
    else if (rand() % 4 == 0)
        wheel_remove(&wheel, changed);
    else
        wheel_move(&wheel, changed, wanted);
    *deadline_s = is_in && changed->next == NULL ? 0 : wanted;
}

/* Against a mere row of deadlines. */
Test(wheel, agrees_with_a_row_of_deadlines)
{
    static struct wheel_entry entries[ENTRIES];
    static uint64_t deadlines[ENTRIES]; /* 0: not in the wheel */
    srand(7);
    for (uint64_t now_s = 1000; now_s < 12000;) {
        for (int changes = rand() % 8; changes > 0; changes--) {
            uint32_t which = (uint32_t)rand() % ENTRIES;
            change(&entries[which], &deadlines[which], now_s);
        }
        now_s += rand() % 20 == 0 ? (uint64_t)(rand() % (2 * WHEEL_SLOTS)) : 1;
        struct wheel_entry *due;
        while ((due = wheel_take_due(&wheel, now_s)) != NULL) {
            cr_assert_neq(deadlines[due - entries], 0);
            cr_assert_leq(deadlines[due - entries], now_s);
            deadlines[due - entries] = 0;
        }
        uint32_t waiting = 0;
        for (uint32_t i = 0; i < ENTRIES; i++) {
            cr_assert(deadlines[i] == 0 || deadlines[i] > now_s);
            waiting += deadlines[i] != 0;
        }
        cr_assert_eq(wheel.count, waiting);
    }
}
