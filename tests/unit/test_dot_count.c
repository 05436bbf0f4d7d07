/* test_dot_count: the count in all its variants against the coder, which has its own test.
 *
 * Bytes are rich in CR, LF and dots, lie before a guard page, and are the same at every run.
 */
#include "proto/dot_count.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <string.h>

#define MESSAGE_MAX 600

static struct guarded guarded;

static void setup(void)
{
    guarded_init(&guarded, 4096);
}

static void teardown(void)
{
    guarded_fini(&guarded);
}

TestSuite(dot_count, .init = setup, .fini = teardown);

static void expect_same(struct span message, enum dot_variant variant, size_t piece_bytes)
{
    char wire[2 * MESSAGE_MAX + DOT_END_MAX];
    struct dot_coder coder;
    struct span input = message;
    dot_init(&coder);
    (void)dot_code(&coder, &input, wire, sizeof wire);
    cr_assert_eq(input.length, 0);
    (void)dot_finish(&coder, wire);

    struct dot_count count;
    dot_count_init(&count);
    count.variant = variant;
    for (size_t at = 0; at < message.length; at += piece_bytes) {
        size_t left = message.length - at;
        size_t bytes = left < piece_bytes ? left : piece_bytes;
        dot_count_take(&count,
                       (struct span){guarded_copy(&guarded, message.bytes + at, bytes), bytes});
    }
    dot_count_finish(&count);
    cr_assert_eq(count.octets, coder.octets);
    cr_assert_eq(count.stuffed_dots, coder.stuffed_dots);
}

static void expect_same_everywhere(struct span message)
{
    static const size_t pieces[] = {1, 2, 15, 16, 17, 33, 64, MESSAGE_MAX};
    for (int variant = 0; variant < DOT_VARIANTS; variant++) {
        if (!dot_has_variant((enum dot_variant)variant))
            continue;
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
            expect_same(message, (enum dot_variant)variant, pieces[i]);
    }
}

Test(dot_count, small_messages)
{
    static const char *const messages[] = {"",     "\n",     "\r\n",   ".",      ".\n",    "..\r\n",
                                           "\r",   "a\r",    "\n.\n.", "\r\n.",  "\r.\n.", "a",
                                           "\r\r", "a\n\rb", "\n\n\n", "...\n.", ".\r.\n", "a.\nb"};
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        expect_same_everywhere(span_of(messages[i]));
    expect_same_everywhere(SPAN_LITERAL("a\0\n.\0\n\377."));
}

Test(dot_count, random_messages_of_every_length)
{
    static const char alphabet[8] = "\r\n..\nab\r";
    uint32_t random = 1;
    char message[MESSAGE_MAX];
    for (size_t length = 0; length < MESSAGE_MAX; length += 7) {
        for (size_t i = 0; i < length; i++) {
            random = random * 1664525U + 1013904223U;
            message[i] = alphabet[random >> 29];
        }
        expect_same_everywhere((struct span){message, length});
    }
}

/* A sender that has kept nothing but the place goes on with the same bytes. */
Test(dot_count, the_coder_goes_on_from_its_place)
{
    struct span message = SPAN_LITERAL(".a\n.\r\n\n..b\r\r\n.c\n\rd");
    char whole[64], parts[64];
    for (size_t first = 0; first < 24; first++) {
        struct dot_coder coder;
        struct span input = message;
        dot_init(&coder);
        size_t whole_bytes = dot_code(&coder, &input, whole, sizeof whole);
        if (first > whole_bytes)
            break;
        input = message;
        dot_init(&coder);
        size_t bytes = dot_code(&coder, &input, parts, first);
        cr_assert_eq(bytes, first);
        dot_resume(&coder, coder.place);
        bytes += dot_code(&coder, &input, parts + bytes, sizeof parts - bytes);
        cr_assert_eq(bytes, whole_bytes);
        cr_assert_arr_eq(parts, whole, bytes);
    }
}
