/* test_ram_box: the driver in memory behaves as the interface says. */
#include "storage/mailbox.h"

#include <criterion/criterion.h>
#include <string.h>

#define ONE "+OK 14 octets\r\nA: b\r\n\r\none\r\n.\r\n"
#define TWO "+OK 18 octets\r\nA: b\r\n\r\n..x\r\ny\r\n.\r\n"

static struct ram_message messages[3];
static struct ram_maildrop maildrop;
static struct mailbox mailbox;
static const struct disk_access now = {.patience = DISK_NOW};
static const struct disk_access wait = {.patience = DISK_WAIT};

static struct ram_message message_of(const char *wire, uint32_t octets, const char *uidl)
{
    struct ram_message message = {
        .wire = wire,
        .wire_bytes = (uint32_t)strlen(wire),
        .body_offset = 15,
        .header_bytes = 8,
        .fact = {.octets = octets, .uidl_length = (uint8_t)strlen(uidl)},
    };
    memcpy(message.fact.uidl, uidl, strlen(uidl));
    return message;
}

static void begin(void)
{
    messages[0] = message_of(ONE, 14, "u1");
    messages[1] = message_of(TWO, 18, "u2");
    messages[2] = message_of(ONE, 14, "u3");
    maildrop = (struct ram_maildrop){.messages = messages, .count = 3};
    ram_box_init(&mailbox, &maildrop);
}

TestSuite(ram_box, .init = begin);

static void open_box(uint32_t count, uint64_t octets)
{
    struct mail_view view;
    cr_assert_eq(mailbox.driver->open(&mailbox, &now, "", &view), MAIL_DONE);
    cr_assert_eq(view.count, count);
    cr_assert_eq(view.octets, octets);
}

Test(ram_box, one_session_at_a_time)
{
    struct mailbox other;
    struct mail_view view;
    open_box(3, 46);
    ram_box_init(&other, &maildrop);
    cr_assert_eq(other.driver->open(&other, &now, "", &view), MAIL_IN_USE);
    mailbox.driver->close(&mailbox, NULL);
    cr_assert_eq(other.driver->open(&other, &now, "", &view), MAIL_DONE);
}

Test(ram_box, facts_in_windows)
{
    struct mail_fact facts[4];
    uint32_t count;
    open_box(3, 46);
    cr_assert_eq(mailbox.driver->facts(&mailbox, &now, 2, 1, facts, &count), MAIL_DONE);
    cr_assert_eq(count, 1);
    cr_assert_eq(facts[0].octets, 18);
    cr_assert_eq(mailbox.driver->facts(&mailbox, &now, 2, 4, facts, &count), MAIL_DONE);
    cr_assert_eq(count, 2);
    cr_assert_eq(memcmp(facts[1].uidl, "u3", 2), 0);
}

Test(ram_box, body_and_top)
{
    static const struct {
        uint64_t lines;
        const char *expected;
    } tops[] = {{0, "A: b\r\n\r\n"},
                {1, "A: b\r\n\r\n..x\r\n"},
                {2, "A: b\r\n\r\n..x\r\ny\r\n"},
                {UINT64_MAX, "A: b\r\n\r\n..x\r\ny\r\n"}};
    struct mail_range range;
    open_box(3, 46);
    cr_assert_eq(mailbox.driver->body(&mailbox, &now, 2, &range), MAIL_DONE);
    cr_assert_eq(range.bytes, strlen(TWO));
    cr_assert_eq(memcmp(range.memory, TWO, range.bytes), 0);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(mailbox.driver->top(&mailbox, &now, 2, tops[i].lines, &range), MAIL_DONE);
        cr_assert_eq(range.bytes, strlen(tops[i].expected));
        cr_assert_eq(memcmp(range.memory, tops[i].expected, range.bytes), 0);
    }
}

Test(ram_box, commit_removes_by_number)
{
    uint64_t marks = 1 << 1;
    struct mail_range range;
    open_box(3, 46);
    cr_assert_eq(mailbox.driver->commit(&mailbox, &now, &marks), MAIL_LATER);
    cr_assert_eq(mailbox.driver->commit(&mailbox, &wait, &marks), MAIL_DONE);
    mailbox.driver->close(&mailbox, NULL);
    open_box(2, 28);
    cr_assert_eq(mailbox.driver->body(&mailbox, &now, 2, &range), MAIL_DONE);
    cr_assert_eq(range.memory, messages[2].wire);
    marks = 1 << 1;
    cr_assert_eq(mailbox.driver->commit(&mailbox, &wait, &marks), MAIL_DONE);
    mailbox.driver->close(&mailbox, NULL);
    open_box(1, 14);
    cr_assert_not(messages[0].removed);
}

Test(ram_box, later_as_often_as_told)
{
    struct mail_view view;
    struct mail_range range;
    maildrop.later = 1;
    cr_assert_eq(mailbox.driver->open(&mailbox, &now, "", &view), MAIL_LATER);
    open_box(3, 46);
    maildrop.later = 2;
    cr_assert_eq(mailbox.driver->body(&mailbox, &wait, 1, &range), MAIL_DONE);
    cr_assert_eq(mailbox.driver->body(&mailbox, &now, 1, &range), MAIL_LATER);
    cr_assert_eq(mailbox.driver->top(&mailbox, &now, 1, 0, &range), MAIL_LATER);
    cr_assert_eq(mailbox.driver->top(&mailbox, &now, 1, 0, &range), MAIL_DONE);
}
