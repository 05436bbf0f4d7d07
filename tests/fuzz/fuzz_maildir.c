/* fuzz_maildir: any bytes as the index and as the other server's list of a small Maildir.
 *
 * The first byte chooses which file the rest is, and the format. A session must open or say why
 * not, tell each message once with a UIDL of its own, and serve it; a second session must agree.
 */
#include "proto/must.h"
#include "storage/mailbox.h"
#include "tests/support/fake_disk.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#define MESSAGES 4
static const char *const names[MESSAGES] = {
    "mail/cur/1.h:2,S", "mail/cur/2.h,W=5:2,", "mail/new/3.h",
    "mail/new/4.a_name_of_more_than_seventy_characters_which_is_no_UIDL_by_itself.host"};
static const char *const formats[] = {"dovecot", "own", "courier", "%u"};

static uint32_t session(struct disk *disk, const struct maildir_settings *settings,
                        struct mail_fact facts[MESSAGES])
{
    struct disk_access access = fake_disk_access(disk, DISK_WAIT);
    struct mailbox mailbox;
    struct mail_view view;
    maildir_init(&mailbox, settings);
    if (mailbox.driver->open(&mailbox, &access, "mail", &view) != MAIL_DONE)
        return UINT32_MAX;
    must(view.count <= MESSAGES || view.count < UINT32_MAX);
    uint32_t told = 0;
    if (view.count > 0 && view.count <= MESSAGES &&
        mailbox.driver->facts(&mailbox, &access, 1, MESSAGES, facts, &told) != MAIL_DONE)
        told = 0;
    for (uint32_t i = 0; i < told; i++) {
        struct mail_range range;
        must(facts[i].uidl_length >= 1 && facts[i].uidl_length <= MAIL_UIDL_MAX);
        if (mailbox.driver->body(&mailbox, &access, i + 1, &range) == MAIL_DONE)
            must(range.octets == facts[i].octets && range.bytes >= range.octets);
        (void)mailbox.driver->top(&mailbox, &access, i + 1, 1, &range);
        mailbox.driver->sent(&mailbox);
    }
    mailbox.driver->close(&mailbox, disk);
    must(fake_disk_open_files(disk) == 0 && fake_disk_blocks(disk) == 0);
    return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0)
        return 0;
    struct maildir_settings settings = {.mounted = "", .control = "", .messages_max = 100};
    const char *format = formats[bytes[0] >> 1 & 3];
    must(maildir_uidl_parse(span_of(format), &settings.uidl) == NULL);
    struct disk *disk = fake_disk_make();
    fake_disk_step_clock(disk, 1000);
    for (int i = 0; i < MESSAGES; i++)
        fake_disk_put(disk, names[i], "a\n.b", 4);
    const char *list =
        settings.uidl.is_courier ? "mail/courierpop3dsizelist" : "mail/dovecot-uidlist";
    fake_disk_put(disk, (bytes[0] & 1) != 0 ? list : "mail/ringpost-index", bytes + 1, count - 1);
    fake_disk_step_clock(disk, INT64_C(1) << 50);
    struct mail_fact facts[MESSAGES], again[MESSAGES];
    uint32_t told = session(disk, &settings, facts);
    if (told == MESSAGES) {
        for (uint32_t a = 0; a < told; a++)
            for (uint32_t b = 0; b < a; b++)
                must(facts[a].uidl_length != facts[b].uidl_length ||
                     memcmp(facts[a].uidl, facts[b].uidl, facts[a].uidl_length) != 0);
        if (session(disk, &settings, again) == MESSAGES)
            for (uint32_t i = 0; i < told; i++)
                must(memcmp(facts[i].uidl, again[i].uidl, facts[i].uidl_length) == 0);
    }
    fake_disk_free(&disk);
    return 0;
}
