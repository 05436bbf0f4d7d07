/* mbox_header: what mail programs have noted for themselves in the header of an mbox message.
 *
 * X-UIDL, X-UID and X-IMAPbase say which UIDL an old server gave; these lines and others such as
 * Status come and go while a message stays the same, so what tells one message from another is all
 * but them. Takes the message in pieces of any size. Owns no memory but its own struct.
 */
#ifndef RINGPOST_STORAGE_MBOX_HEADER_H
#define RINGPOST_STORAGE_MBOX_HEADER_H

#include "proto/span.h"

/* Bytes that are kept of a noted line; a UIDL of 70 with its name fits well. */
#define MBOX_HEADER_LINE_BYTES 160

struct mbox_header {
    /* What was found. */
    struct span uidl; /* X-UIDL, trimmed, in `uidl_bytes`; empty: none. The first one counts */
    bool uidl_is_cut; /* and it was longer than this */
    uint32_t uid;     /* X-UID, or 0 */
    uint32_t uid_validity, last_uid; /* X-IMAPbase or X-IMAP, or 0 */
    bool is_internal;                /* X-IMAP: a mail that only holds notes, which no client saw */
    /* Where the reader is. Private to the room. */
    bool in_body;
    bool in_line; /* decided: the line is passed over or passed on */
    bool is_note; /* the line, and what continues it, is passed over */
    bool is_overfull;
    uint32_t held_bytes;
    char held[MBOX_HEADER_LINE_BYTES];
    char uidl_bytes[MBOX_HEADER_LINE_BYTES];
};

void mbox_header_init(struct mbox_header *header);

/* Takes bytes off the front of `input` and returns those that belong to the message itself, from
 * the input or from the header; they are good until the next call. Call until `input` is used up:
 * a call may return nothing. */
struct span mbox_header_take(struct mbox_header *header, struct span *input);

/* The message is over: what is still held and belongs to it. */
struct span mbox_header_end(struct mbox_header *header);

#endif
