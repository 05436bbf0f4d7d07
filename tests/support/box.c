/* box: a session on a native maildrop of the fake disk, in one call a verb.
 *
 * See box.h. The wire file is looked at by its name, because a range only has a handle.
 */
#include "tests/support/box.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

void box_init(struct box *box)
{
    memset(box, 0, sizeof *box);
    box->disk = drop_store();
    box->now = fake_disk_access(box->disk, DISK_NOW);
    box->wait = fake_disk_access(box->disk, DISK_WAIT);
    box->mailbox.driver = &mailbox_native;
}

void box_fini(struct box *box)
{
    fake_disk_free(&box->disk);
}

void box_fill(struct box *box, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        char uidl[16], text[16];
        (void)snprintf(uidl, sizeof uidl, "u%u", i);
        int bytes = snprintf(text, sizeof text, "m%u\n", i);
        cr_assert_eq(drop_deliver(box->disk, BOX_PATH, uidl, (struct span){text, (size_t)bytes}),
                     MAIL_DONE);
    }
}

void box_open(struct box *box, uint32_t count)
{
    cr_assert_eq(box->mailbox.driver->open(&box->mailbox, &box->wait, BOX_PATH, &box->view),
                 MAIL_DONE);
    cr_assert_eq(box->view.count, count, "%u messages, not %u", box->view.count, count);
    memset(box->marks, 0, sizeof box->marks);
}

void box_close(struct box *box)
{
    box->mailbox.driver->close(&box->mailbox, box->disk);
    cr_assert_eq(fake_disk_open_files(box->disk), 0);
}

void box_mark(struct box *box, uint32_t number)
{
    box->marks[(number - 1) / 64] |= (uint64_t)1 << (number - 1) % 64;
}

enum mail_result box_commit(struct box *box)
{
    return box->mailbox.driver->commit(&box->mailbox, &box->wait, box->marks);
}

void box_remove(struct box *box, const uint32_t *numbers, uint32_t count)
{
    cr_assert_eq(box->mailbox.driver->open(&box->mailbox, &box->wait, BOX_PATH, &box->view),
                 MAIL_DONE);
    memset(box->marks, 0, sizeof box->marks);
    for (uint32_t i = 0; i < count; i++)
        box_mark(box, numbers[i]);
    cr_assert_eq(box_commit(box), MAIL_DONE);
    box_close(box);
}

bool box_holds(struct box *box, uint32_t number, uint32_t message)
{
    char expected[64], content[16];
    struct mail_fact fact;
    struct mail_range range;
    int uidl = snprintf(expected, sizeof expected, "u%u", message);
    if (box_fact(box, number, &fact) != MAIL_DONE || fact.uidl_length != uidl ||
        memcmp(fact.uidl, expected, (size_t)uidl) != 0)
        return false;
    int octets = snprintf(content, sizeof content, "m%u\r\n", message);
    int bytes = snprintf(expected, sizeof expected, "+OK %d octets\r\n%s.\r\n", octets, content);
    if ((int)fact.octets != octets || box_body(box, number, &range) != MAIL_DONE)
        return false;
    struct span got = box_bytes(box, &range);
    return got.length == (size_t)bytes && memcmp(got.bytes, expected, got.length) == 0;
}

struct span box_bytes(struct box *box, const struct mail_range *range)
{
    size_t bytes;
    const char *wire = fake_disk_peek(box->disk, BOX_PATH "/wire.1", &bytes);
    cr_assert(range->memory == NULL && range->offset + range->bytes <= bytes);
    return (struct span){wire + range->offset, range->bytes};
}

enum mail_result box_body(struct box *box, uint32_t number, struct mail_range *out_range)
{
    return box->mailbox.driver->body(&box->mailbox, &box->wait, number, out_range);
}

enum mail_result box_top(struct box *box, uint32_t number, uint64_t lines,
                         struct mail_range *out_range)
{
    return box->mailbox.driver->top(&box->mailbox, &box->wait, number, lines, out_range);
}

enum mail_result box_fact(struct box *box, uint32_t number, struct mail_fact *out_fact)
{
    uint32_t count;
    return box->mailbox.driver->facts(&box->mailbox, &box->wait, number, 1, out_fact, &count);
}

char *box_record(struct box *box, uint32_t ordinal)
{
    size_t bytes;
    char *index = fake_disk_peek(box->disk, BOX_PATH "/index", &bytes);
    cr_assert(((size_t)ordinal + 1) * RECORD_BYTES <= bytes);
    return index + (size_t)ordinal * RECORD_BYTES;
}
