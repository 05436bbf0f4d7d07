/* maildir_box: see maildir_box.h. */
#include "tests/support/maildir_box.h"

#include "proto/dot.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define HOUR_NS INT64_C(3600000000000)

static const char *path_of(const char *name)
{
    static char paths[2][512];
    static int next;
    next = 1 - next;
    (void)snprintf(paths[next], sizeof paths[next], "%s/%s", MAILDIR_BOX_PATH, name);
    return paths[next];
}

void maildir_box_init(struct maildir_box *box, const char *format)
{
    memset(box, 0, sizeof *box);
    box->disk = fake_disk_make();
    fake_disk_step_clock(box->disk, 1000 * HOUR_NS);
    box->now = fake_disk_access(box->disk, DISK_NOW);
    box->wait = fake_disk_access(box->disk, DISK_WAIT);
    box->settings.mounted = "";
    box->settings.control = "";
    box->settings.messages_max = 1000;
    cr_assert_null(maildir_uidl_parse(span_of(format), &box->settings.uidl));
    static const char *const folders[] = {"new", "cur", "tmp"};
    for (int i = 0; i < 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%s/x", folders[i]);
        maildir_box_put(box, name, "");
        maildir_box_remove(box, name);
    }
    maildir_box_settle(box);
    maildir_init(&box->mailbox, &box->settings);
}

void maildir_box_fini(struct maildir_box *box)
{
    fake_disk_free(&box->disk);
}

void maildir_box_put(struct maildir_box *box, const char *name, const char *text)
{
    fake_disk_put(box->disk, path_of(name), text, strlen(text));
}

bool maildir_box_has(struct maildir_box *box, const char *name)
{
    size_t bytes;
    return fake_disk_peek(box->disk, path_of(name), &bytes) != NULL;
}

void maildir_box_rename(struct maildir_box *box, const char *from, const char *to)
{
    cr_assert_eq(disk_rename(box->disk, path_of(from), path_of(to)), 0);
}

void maildir_box_remove(struct maildir_box *box, const char *name)
{
    cr_assert_eq(disk_remove(box->disk, path_of(name)), 0);
}

void maildir_box_settle(struct maildir_box *box)
{
    fake_disk_step_clock(box->disk, 2 * HOUR_NS);
}

enum mail_result maildir_box_try(struct maildir_box *box, bool *out_waited)
{
    const struct mailbox_driver *driver = box->mailbox.driver;
    enum mail_result result = driver->open(&box->mailbox, &box->now, MAILDIR_BOX_PATH, &box->view);
    *out_waited = result == MAIL_LATER;
    if (result != MAIL_LATER)
        return result;
    cr_assert_eq(fake_disk_open_files(box->disk), 0);
    cr_assert_eq(fake_disk_blocks(box->disk), 0);
    return driver->open(&box->mailbox, &box->wait, MAILDIR_BOX_PATH, &box->view);
}

void maildir_box_open(struct maildir_box *box, uint32_t count)
{
    bool waited;
    enum mail_result result = maildir_box_try(box, &waited);
    cr_assert_eq(result, MAIL_DONE, "%d", (int)result);
    cr_assert_eq(box->view.count, count, "%u messages, not %u", box->view.count, count);
}

void maildir_box_close(struct maildir_box *box)
{
    box->mailbox.driver->close(&box->mailbox, box->disk);
    cr_assert_eq(fake_disk_open_files(box->disk), 0);
    cr_assert_eq(fake_disk_blocks(box->disk), 0);
}

void maildir_box_expect(struct maildir_box *box, uint32_t number, uint32_t octets, const char *uidl)
{
    struct mail_fact fact;
    uint32_t count;
    enum mail_result result =
        box->mailbox.driver->facts(&box->mailbox, &box->now, number, 1, &fact, &count);
    if (result == MAIL_LATER)
        result = box->mailbox.driver->facts(&box->mailbox, &box->wait, number, 1, &fact, &count);
    cr_assert_eq(result, MAIL_DONE);
    cr_assert_eq(fact.octets, octets, "message %u: %u octets, not %u", number, fact.octets, octets);
    cr_assert(fact.uidl_length == strlen(uidl) && memcmp(fact.uidl, uidl, strlen(uidl)) == 0,
              "message %u: %.*s, not %s", number, fact.uidl_length, fact.uidl, uidl);
}

/* What the sender would send of a raw range, checked against what the range says. */
static void code(struct maildir_box *box, const struct mail_range *range, char *out)
{
    static char raw[MAILDIR_BOX_WIRE];
    cr_assert(range->is_raw && range->raw_bytes < sizeof raw / 2);
    cr_assert_eq(range->raw_bytes == 0, range->bytes == 0);
    if (range->bytes == 0) {
        out[0] = '\0'; /* and the file is closed */
        return;
    }
    cr_assert_eq(disk_read(box->disk, range->file, raw, range->raw_bytes, range->offset, DISK_WAIT),
                 (int64_t)range->raw_bytes);
    struct dot_coder coder;
    struct span input = {raw, range->raw_bytes};
    dot_init(&coder);
    size_t bytes = dot_code(&coder, &input, out, MAILDIR_BOX_WIRE - DOT_END_MAX);
    bytes += dot_finish(&coder, out + bytes) - 3;
    out[bytes] = '\0';
    cr_assert_eq(bytes, range->bytes);
    cr_assert_eq(coder.octets, range->octets);
    box->mailbox.driver->sent(&box->mailbox);
}

enum mail_result maildir_box_body(struct maildir_box *box, uint32_t number,
                                  char out_wire[MAILDIR_BOX_WIRE])
{
    struct mail_range range;
    enum mail_result result = box->mailbox.driver->body(&box->mailbox, &box->now, number, &range);
    if (result == MAIL_LATER)
        result = box->mailbox.driver->body(&box->mailbox, &box->wait, number, &range);
    if (result == MAIL_DONE)
        code(box, &range, out_wire);
    return result;
}

enum mail_result maildir_box_top(struct maildir_box *box, uint32_t number, uint64_t lines,
                                 char out_wire[MAILDIR_BOX_WIRE])
{
    struct mail_range range;
    enum mail_result result =
        box->mailbox.driver->top(&box->mailbox, &box->now, number, lines, &range);
    if (result == MAIL_LATER)
        result = box->mailbox.driver->top(&box->mailbox, &box->wait, number, lines, &range);
    if (result == MAIL_DONE)
        code(box, &range, out_wire);
    return result;
}

enum mail_result maildir_box_commit(struct maildir_box *box, uint32_t numbers)
{
    memset(box->marks, 0, sizeof box->marks);
    box->marks[0] = numbers >> 1;
    cr_assert_eq(box->mailbox.driver->commit(&box->mailbox, &box->now, box->marks), MAIL_LATER);
    return box->mailbox.driver->commit(&box->mailbox, &box->wait, box->marks);
}
