/* mailbox: an open maildrop of one session, whatever kind it is.
 *
 * The one vtable of the house: users of different kinds (native, Maildir, RAM, later replicated
 * stores) live in one process. Each request may answer MAIL_LATER when `access` does not allow to
 * wait; it has then changed nothing and is asked again on a thread that may. No driver may assume
 * that a read is instant. A mailbox is used by one request at a time.
 */
#ifndef RINGPOST_STORAGE_MAILBOX_H
#define RINGPOST_STORAGE_MAILBOX_H

#include "proto/mail.h"
#include "storage/disk.h"
#include "storage/maildir.h"
#include "storage/native.h"
#include "storage/ram_box.h"

struct mailbox;

struct mailbox_driver {
    const char *name;

    /* Locks the maildrop in folder `path` (of a native one users_folder, below the root of the
     * access's disk) and takes the snapshot. A user without a maildrop has an empty one, but only
     * where a sentinel says that his file system is mounted; else MAIL_TEMPORARY.
     * MAIL_IN_USE where another session has it. On any failure nothing stays open. */
    enum mail_result (*open)(struct mailbox *mailbox, const struct disk_access *access,
                             const char *path, struct mail_view *out_view);

    /* Facts of messages first..first+wanted-1, or as many as there are, or fewer; at least one.
     * With `wanted` 1 a damaged message is MAIL_PERMANENT; in a listing it keeps its place. */
    enum mail_result (*facts)(struct mailbox *mailbox, const struct disk_access *access,
                              uint32_t first, uint32_t wanted, struct mail_fact *out_facts,
                              uint32_t *out_count);

    /* The whole answer to RETR as a range, or the message as a raw one, checked before its first
     * byte leaves. MAIL_PERMANENT where the message is damaged, MAIL_TEMPORARY where another has
     * removed it; the others go on. */
    enum mail_result (*body)(struct mailbox *mailbox, const struct disk_access *access,
                             uint32_t number, struct mail_range *out_range);

    /* Header, blank line and `lines` lines of the body, in wire form, without the first line of the
     * answer and without the end. */
    enum mail_result (*top)(struct mailbox *mailbox, const struct disk_access *access,
                            uint32_t number, uint64_t lines, struct mail_range *out_range);

    /* Removes the messages whose bit number - 1 is set in `marks`, all of them durably or none.
     * Always MAIL_LATER with DISK_NOW. */
    enum mail_result (*commit)(struct mailbox *mailbox, const struct disk_access *access,
                               const uint64_t *marks);

    /* All ranges that were given so far have been sent: what was held open for them may be closed.
     * Called between requests, as often as it is so. NULL where nothing is. Never waits. */
    void (*sent)(struct mailbox *mailbox);

    /* Frees the lock and everything held. Never waits. */
    void (*close)(struct mailbox *mailbox, struct disk *disk);
};

struct mailbox {
    const struct mailbox_driver *driver;
    union {
        struct native native;
        struct ram_box ram;
        struct maildir maildir;
    };
};

extern const struct mailbox_driver mailbox_native;
extern const struct mailbox_driver mailbox_ram;
extern const struct mailbox_driver mailbox_maildir;

#endif
