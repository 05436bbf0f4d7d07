/* test_mbox_header: what is noted in headers, whatever pieces the message comes in.
 *
 * Each message is given whole, byte by byte, and cut at each place: the notes found and the bytes
 * passed on must always be the same.
 */
#include "storage/mbox_header.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(mbox_header);

struct sample {
    const char *message, *rest; /* what is passed on */
    const char *uidl;
    uint32_t uid, uid_validity, last_uid;
};

static const struct sample samples[] = {
    {"", "", "", 0, 0, 0},
    {"\nbody\nX-UIDL: no\n", "\nbody\nX-UIDL: no\n", "", 0, 0, 0},
    {"Subject: x\nX-UIDL: abc\n\nX-UID: 4\n", "Subject: x\n\nX-UID: 4\n", "abc", 0, 0, 0},
    {"x-uidl:abc\r\nX-UIDL: second\r\n\r\n", "\r\n", "abc", 0, 0, 0},
    {"X-UID: 12 \nX-IMAPbase: 1700000000 0000000034 keyword\nStatus: RO\nA: b\n\nc", "A: b\n\nc",
     "", 12, 1700000000, 34},
    {"X-IMAP: 17 3\n folded: X-UID: 5\nB: c\n continued\n\n", "B: c\n continued\n\n", "", 0, 17, 3},
    {"X-Status:\nX-Keywords: \n\tx\nContent-Length: 7\nLines: 1\nX-Mozilla-Status2: 0\n\n", "\n",
     "", 0, 0, 0},
    {"X-UIDLs: abc\nX-UID : 5\nX-UID-: 1\nno colon\nX-UID",
     "X-UIDLs: abc\nX-UID : 5\nX-UID-: 1\nno colon\nX-UID", "", 0, 0, 0},
    {"X-UID: 4294967296\nX-UIDL:\n\n", "\n", "", 0, 0, 0},
    {"X-UIDL: end", "", "end", 0, 0, 0},
    {"a-long-name-of-a-field: value\n\r\n", "a-long-name-of-a-field: value\n\r\n", "", 0, 0, 0},
};

static size_t take(struct mbox_header *header, struct span input, char *out)
{
    size_t used = 0;
    while (input.length > 0) {
        const struct span part = mbox_header_take(header, &input);
        memcpy(out + used, part.bytes, part.length);
        used += part.length;
    }
    return used;
}

static void check(const struct sample *sample, size_t first, size_t step)
{
    struct mbox_header header;
    char out[4096];
    size_t used = 0;
    const size_t length = strlen(sample->message);
    mbox_header_init(&header);
    for (size_t at = 0; at < length;) {
        const size_t left = length - at, wanted = at == 0 && first > 0 ? first : step;
        const size_t count = wanted < left ? wanted : left;
        used += take(&header, (struct span){sample->message + at, count}, out + used);
        at += count;
    }
    const struct span rest = mbox_header_end(&header);
    memcpy(out + used, rest.bytes, rest.length);
    out[used + rest.length] = '\0';
    cr_assert_str_eq(out, sample->rest);
    cr_assert(span_equal(header.uidl, span_of(sample->uidl)), "%s", sample->message);
    cr_assert_eq(header.uid, sample->uid);
    cr_assert_eq(header.uid_validity, sample->uid_validity);
    cr_assert_eq(header.last_uid, sample->last_uid);
}

Test(mbox_header, samples_in_all_pieces)
{
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const size_t length = strlen(samples[i].message);
        check(&samples[i], 0, length + 1);
        check(&samples[i], 0, 1);
        check(&samples[i], 0, 3);
        for (size_t first = 1; first < length; first++)
            check(&samples[i], first, length);
    }
}

Test(mbox_header, a_note_that_is_too_long)
{
    struct mbox_header header;
    char message[1000] = "X-UIDL: ", out[1000];
    memset(message + 8, 'x', 900);
    memcpy(message + 908, "\nA: b\n\n", 7);
    mbox_header_init(&header);
    cr_assert_eq(take(&header, (struct span){message, 915}, out), 6);
    cr_assert_eq(memcmp(out, "A: b\n\n", 6), 0);
    cr_assert(header.uidl.length > 70);
    cr_assert(header.uidl.length <= MBOX_HEADER_LINE_BYTES);
}

Test(mbox_header, notes_of_a_folder_are_no_message)
{
    struct mbox_header header;
    char out[100];
    mbox_header_init(&header);
    take(&header, SPAN_LITERAL("X-IMAP: 1 2\n\n"), out);
    cr_assert(header.is_internal);
    mbox_header_init(&header);
    take(&header, SPAN_LITERAL("X-IMAPbase: 1 2\n\n"), out);
    cr_assert_not(header.is_internal);
}
