/* ram_box: see ram_box.h.
 *
 * Nothing is copied: ranges point into the owner's messages. Message numbers count the messages
 * that no earlier session has removed; the lock keeps that set still while a session lives.
 */
#include "storage/ram_box.h"

#include "proto/dot.h"
#include "proto/must.h"
#include "storage/mailbox.h"

static enum mail_result ram_open(struct mailbox *mailbox, const struct disk_access *access,
                                 const char *path, struct mail_view *out_view);
static enum mail_result ram_facts(struct mailbox *mailbox, const struct disk_access *access,
                                  uint32_t first, uint32_t wanted, struct mail_fact *out_facts,
                                  uint32_t *out_count);
static enum mail_result ram_body(struct mailbox *mailbox, const struct disk_access *access,
                                 uint32_t number, struct mail_range *out_range);
static enum mail_result ram_top(struct mailbox *mailbox, const struct disk_access *access,
                                uint32_t number, uint64_t lines, struct mail_range *out_range);
static enum mail_result ram_commit(struct mailbox *mailbox, const struct disk_access *access,
                                   const uint64_t *marks);
static void ram_close(struct mailbox *mailbox, struct disk *disk);

const struct mailbox_driver mailbox_ram = {
    .name = "ram",
    .open = ram_open,
    .facts = ram_facts,
    .body = ram_body,
    .top = ram_top,
    .commit = ram_commit,
    .close = ram_close,
};

void ram_box_init(struct mailbox *mailbox, struct ram_maildrop *maildrop)
{
    mailbox->driver = &mailbox_ram;
    mailbox->ram.maildrop = maildrop;
}

/* Whether this request must be asked again where it may wait. */
static bool comes_later(struct ram_maildrop *maildrop, const struct disk_access *access)
{
    if (access->patience == DISK_WAIT || maildrop->later == 0)
        return false;
    maildrop->later--;
    return true;
}

/* The message of a number, by counting: a box is small, or has nothing removed before the number.
 */
static struct ram_message *message_at(struct ram_maildrop *maildrop, uint32_t number)
{
    must(number >= 1);
    for (uint32_t i = 0; i < maildrop->count; i++)
        if (!maildrop->messages[i].removed && --number == 0)
            return &maildrop->messages[i];
    must_fail("a message has that number", __FILE__, __LINE__);
}

static enum mail_result ram_open(struct mailbox *mailbox, const struct disk_access *access,
                                 const char *path, struct mail_view *out_view)
{
    (void)path;
    struct ram_maildrop *maildrop = mailbox->ram.maildrop;
    if (comes_later(maildrop, access))
        return MAIL_LATER;
    if (maildrop->locked)
        return MAIL_IN_USE;
    maildrop->locked = true;
    struct mail_view view = {0};
    for (uint32_t i = 0; i < maildrop->count; i++) {
        if (maildrop->messages[i].removed)
            continue;
        view.count++;
        view.octets += maildrop->messages[i].fact.octets;
    }
    *out_view = view;
    return MAIL_DONE;
}

static enum mail_result ram_facts(struct mailbox *mailbox, const struct disk_access *access,
                                  uint32_t first, uint32_t wanted, struct mail_fact *out_facts,
                                  uint32_t *out_count)
{
    struct ram_maildrop *maildrop = mailbox->ram.maildrop;
    if (comes_later(maildrop, access))
        return MAIL_LATER;
    const struct ram_message *message = message_at(maildrop, first);
    const struct ram_message *end = maildrop->messages + maildrop->count;
    uint32_t count = 0;
    for (; message < end && count < wanted; message++)
        if (!message->removed)
            out_facts[count++] = message->fact;
    *out_count = count;
    return MAIL_DONE;
}

static enum mail_result ram_body(struct mailbox *mailbox, const struct disk_access *access,
                                 uint32_t number, struct mail_range *out_range)
{
    if (comes_later(mailbox->ram.maildrop, access))
        return MAIL_LATER;
    const struct ram_message *message = message_at(mailbox->ram.maildrop, number);
    *out_range = (struct mail_range){.memory = message->wire, .bytes = message->wire_bytes};
    return MAIL_DONE;
}

static enum mail_result ram_top(struct mailbox *mailbox, const struct disk_access *access,
                                uint32_t number, uint64_t lines, struct mail_range *out_range)
{
    if (comes_later(mailbox->ram.maildrop, access))
        return MAIL_LATER;
    const struct ram_message *message = message_at(mailbox->ram.maildrop, number);
    const char *body = message->wire + message->body_offset + message->header_bytes;
    const char *end = message->wire + message->wire_bytes - 3; /* the final ".CRLF" */
    size_t body_bytes = dot_scan_lines((struct span){body, (size_t)(end - body)}, &lines);
    *out_range = (struct mail_range){.memory = message->wire + message->body_offset,
                                     .bytes = message->header_bytes + body_bytes};
    return MAIL_DONE;
}

static enum mail_result ram_commit(struct mailbox *mailbox, const struct disk_access *access,
                                   const uint64_t *marks)
{
    if (access->patience == DISK_NOW)
        return MAIL_LATER;
    struct ram_maildrop *maildrop = mailbox->ram.maildrop;
    uint32_t index = 0; /* number - 1 */
    for (uint32_t i = 0; i < maildrop->count; i++) {
        if (maildrop->messages[i].removed)
            continue;
        maildrop->messages[i].removed = (marks[index / 64] >> index % 64 & 1) != 0;
        index++;
    }
    return MAIL_DONE;
}

static void ram_close(struct mailbox *mailbox, struct disk *disk)
{
    (void)disk;
    mailbox->ram.maildrop->locked = false;
}
