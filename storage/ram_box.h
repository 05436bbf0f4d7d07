/* ram_box: a maildrop in memory, for tests and for benchmarks that want no disk.
 *
 * It keeps the driver's interface honest: ranges of memory instead of files, and requests that
 * answer MAIL_LATER as often as they are told to.
 */
#ifndef RINGPOST_STORAGE_RAM_BOX_H
#define RINGPOST_STORAGE_RAM_BOX_H

#include "proto/mail.h"

#include <stdbool.h>

struct mailbox;
struct mailbox_driver;

/* One message: `wire` holds the whole answer to RETR; `body_offset` is where the first line of the
 * answer ends, `header_bytes` the wire bytes of header and blank line after it. */
struct ram_message {
    const char *wire;
    uint32_t wire_bytes;
    uint32_t body_offset;
    uint32_t header_bytes;
    struct mail_fact fact;
    bool removed;
};

/* The messages of one user; the owner's, and must outlive the sessions. */
struct ram_maildrop {
    struct ram_message *messages;
    uint32_t count;
    uint32_t later; /* this many requests with DISK_NOW answer MAIL_LATER first */
    bool locked;
};

struct ram_box {
    struct ram_maildrop *maildrop;
};

/* Prepares a mailbox that will open `maildrop`; the path given to open is not looked at. */
void ram_box_init(struct mailbox *mailbox, struct ram_maildrop *maildrop);

#endif
