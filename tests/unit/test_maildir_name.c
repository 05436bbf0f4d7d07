/* test_maildir_name: names as they are seen in Maildirs, taken apart and put in order.
 *
 * The order must be one: nothing before itself, and never in a circle, whatever the names; else a
 * sort may do anything.
 */
#include "storage/maildir_name.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <string.h>

static struct guarded guarded_a, guarded_b;

static void setup(void)
{
    guarded_init(&guarded_a, 4096);
    guarded_init(&guarded_b, 4096);
}

static void teardown(void)
{
    guarded_fini(&guarded_a);
    guarded_fini(&guarded_b);
}

TestSuite(maildir_name, .init = setup, .fini = teardown);

static struct span guard(const struct guarded *guarded, const char *text)
{
    return (struct span){guarded_copy(guarded, text, strlen(text)), strlen(text)};
}

#define NO_SIZE UINT64_MAX

struct parsed {
    const char *name, *base;
    uint64_t size, wire_size;
    unsigned flags;
};

static const struct parsed good[] = {
    {"1204680122.27852.host", "1204680122.27852.host", NO_SIZE, NO_SIZE, 0},
    {"1.M2P3.host,S=1234,W=1300:2,S", "1.M2P3.host,S=1234,W=1300", 1234, 1300, MAILDIR_SEEN},
    {"1.M2P3.host,W=0,S=0:2,", "1.M2P3.host,W=0,S=0", 0, 0, 0},
    {"1.h:2,DFPRST", "1.h", NO_SIZE, NO_SIZE, 63},
    {"1.h:2,Sab", "1.h", NO_SIZE, NO_SIZE, MAILDIR_SEEN},
    {"1.h:1,S", "1.h", NO_SIZE, NO_SIZE, 0},
    {"1.h:2S", "1.h", NO_SIZE, NO_SIZE, 0},
    {"1.h:", "1.h", NO_SIZE, NO_SIZE, 0},
    {"1.h:2,S,S=5", "1.h", NO_SIZE, NO_SIZE, MAILDIR_SEEN},
    {"1.h,S=12x,S=7", "1.h,S=12x,S=7", 7, NO_SIZE, 0},
    {"1.h,S=5,S=7", "1.h,S=5,S=7", 5, NO_SIZE, 0},
    {"1.h,S=,W=-1", "1.h,S=,W=-1", NO_SIZE, NO_SIZE, 0},
    {"1.h,S=18446744073709551616,", "1.h,S=18446744073709551616,", NO_SIZE, NO_SIZE, 0},
    {"1.h,X=5,,S", "1.h,X=5,,S", NO_SIZE, NO_SIZE, 0},
    {",S=5", ",S=5", 5, NO_SIZE, 0},
    {"x", "x", NO_SIZE, NO_SIZE, 0},
};

Test(maildir_name, names_are_taken_apart)
{
    for (size_t at = 0; at < sizeof(good) / sizeof(good[0]); at++) {
        const struct parsed *expected = &good[at];
        struct maildir_name name;
        cr_assert(maildir_name_parse(guard(&guarded_a, expected->name), &name));
        cr_expect(span_equal(name.base, span_of(expected->base)), "%s", expected->name);
        cr_expect(name.has_size == (expected->size != NO_SIZE), "%s", expected->name);
        cr_expect(!name.has_size || name.size == expected->size, "%s", expected->name);
        cr_expect(name.has_wire_size == (expected->wire_size != NO_SIZE), "%s", expected->name);
        cr_expect(!name.has_wire_size || name.wire_size == expected->wire_size, "%s",
                  expected->name);
        cr_expect(name.flags == expected->flags, "%s", expected->name);
    }
}

Test(maildir_name, what_can_be_no_message_is_refused)
{
    struct maildir_name name;
    cr_expect(!maildir_name_parse((struct span){"", 0}, &name));
    cr_expect(!maildir_name_parse(SPAN_LITERAL("."), &name));
    cr_expect(!maildir_name_parse(SPAN_LITERAL(".."), &name));
    cr_expect(!maildir_name_parse(SPAN_LITERAL(".1.M2.host:2,S"), &name));
    cr_expect(!maildir_name_parse(SPAN_LITERAL("1/2"), &name));
    cr_expect(!maildir_name_parse(SPAN_LITERAL("1.\0host"), &name));
}

/* Each name comes before all that follow it. */
static const char *const in_order[] = {
    "0.a",
    "1.host",
    "9.M999999.host",
    "09.M1000000.host",
    "9.M1000000.host",
    "10.27.host",
    "10.A2.host",
    "10.M.host",
    "10.P4.hostM5",
    "10.V1I2P3.host",
    "10.P4M0.host",
    "10.P5M2.host",
    "10.M3.host",
    "10.M3.host,S=1",
    "10.V1I2M00004P9.host",
    "10.P3M10.host",
    "10.M99999999999999999999999999.host",
    "11",
    "18446744073709551616.host",
    "99999999999999999999999999.host",
    "",
    "x",
    "host.M5",
};

Test(maildir_name, order_is_that_of_delivery_and_without_circles)
{
    size_t count = sizeof(in_order) / sizeof(in_order[0]);
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) {
            struct span first = guard(&guarded_a, in_order[a]);
            struct span second = guard(&guarded_b, in_order[b]);
            int order = maildir_name_compare(first, second);
            int expected = (a > b) - (a < b);
            cr_expect((order > 0) - (order < 0) == expected, "'%s' and '%s'", in_order[a],
                      in_order[b]);
        }
    }
}
