/* test_native_places: which messages' places in the wire file a session keeps, and that they are
 * the right ones whatever was asked before.
 */
#include "tests/support/box.h"
#include "tests/support/fake_disk.h"

#include "storage/native.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COUNT 40

static struct box box;

static void begin_box(void)
{
    box_init(&box);
    box_fill(&box, 1, COUNT);
}

static void end_box(void)
{
    box_fini(&box);
}

TestSuite(native_places, .init = begin_box, .fini = end_box);

static void list(uint32_t first, uint32_t wanted)
{
    struct mail_fact facts[COUNT];
    uint32_t count;
    cr_assert_eq(box.mailbox.driver->facts(&box.mailbox, &box.wait, first, wanted, facts, &count),
                 MAIL_DONE);
}

static bool has_text_of(const struct mail_range *range, uint32_t message)
{
    char text[32];
    const struct span bytes = box_bytes(&box, range);
    const int length = snprintf(text, sizeof text, "\r\nm%u\r\n.\r\n", message);
    return bytes.length > (size_t)length &&
           memcmp(bytes.bytes + bytes.length - length, text, (size_t)length) == 0;
}

/* The reads of a body that this session has checked: those of the index. */
static uint64_t reads_of(uint32_t number)
{
    struct mail_range range;
    fake_disk_counts_reset(box.disk);
    cr_assert_eq(box_body(&box, number, &range), MAIL_DONE);
    cr_assert(has_text_of(&range, number));
    return fake_disk_calls(box.disk, FAKE_READ);
}

Test(native_places, a_listing_keeps_those_of_its_end)
{
    struct mail_range range;
    box_open(&box, COUNT);
    for (uint32_t number = 1; number <= COUNT; number++)
        cr_assert_eq(box_body(&box, number, &range), MAIL_DONE); /* and is not read again */
    list(1, COUNT);
    for (uint32_t number = COUNT - NATIVE_PLACES + 1; number <= COUNT; number++)
        cr_expect_eq(reads_of(number), 0, "%u", number);
    cr_expect_eq(reads_of(COUNT - NATIVE_PLACES), 1, "it is before them");
    cr_expect_eq(reads_of(COUNT - 1), 0, "they were read with it");
    cr_expect_eq(reads_of(COUNT), 1, "but not this one");
    list(1, NATIVE_PLACES);
    for (uint32_t number = 1; number <= NATIVE_PLACES; number++)
        cr_expect_eq(reads_of(number), 0, "%u", number);
    list(NATIVE_PLACES + 1, 1);
    cr_expect_eq(reads_of(NATIVE_PLACES + 1), 0);
    box_close(&box);
}

/* Whatever is asked in whatever order, a message is itself, and a damaged one none. */
Test(native_places, each_message_is_itself_after_any_other_question)
{
    const uint32_t damaged[] = {3, 17, 18, 36};
    uint32_t seed = 1;
    box_remove(&box, (const uint32_t[]){5, 20}, 2); /* 1..4, 6..19, 21..40 are 1..38 */
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++)
        box_record(&box, damaged[i])[9] ^= 1;
    box_open(&box, COUNT - 2);
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525 + 1013904223;
        const uint32_t number = 1 + (seed >> 16) % (COUNT - 2);
        const uint32_t message = number + (number >= 5) + (number + 1 >= 20);
        const uint32_t left = COUNT - 2 - number + 1;
        bool is_damaged = false;
        for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++)
            is_damaged = is_damaged || damaged[i] == message;
        struct mail_range range;
        if (seed >> 30 == 0 && left > 1)
            list(number, 2 + (seed >> 8) % (left - 1));
        else if (is_damaged)
            cr_assert_eq(box_body(&box, number, &range), MAIL_PERMANENT);
        else
            cr_assert(box_body(&box, number, &range) == MAIL_DONE && has_text_of(&range, message),
                      "step %d, number %u", step, number);
    }
    box_close(&box);
}
