/* delivery: messages into a native maildrop, in batches that are durable together.
 *
 * Raw bytes are coded into the wire form as they come (proto/dot.h), in constant memory whatever
 * the size. A message that fits the buffer is placed exactly behind the one before it, first line
 * and all, so that neighbours make one range; a larger one leaves a gap of a few bytes before its
 * first line, whose length is known only at the end. Order of writes: wire, sync, index, sync,
 * answer. Nothing is seen by sessions before the index has it. Always runs where waiting is
 * allowed.
 */
#ifndef RINGPOST_STORAGE_DELIVERY_H
#define RINGPOST_STORAGE_DELIVERY_H

#include "proto/span.h"
#include "storage/letter.h"
#include "storage/native_index.h"
#include "storage/uidl.h"
#include "storage/users.h"

/* Messages of one batch; 512 records of 128 bytes are a quarter of the scratch memory. */
#define DELIVERY_BATCH_MAX 512

/* Bytes of the lines that are put in front of a letter. */
#define DELIVERY_HEAD_MAX 8192

struct delivery_limits {
    uint64_t message_octets_max; /* a larger message is MAIL_TOO_BIG; at most 4,000,000,000. Letters
                                  * have their own limit, and are not measured again */
    uint64_t octets_max;         /* of the maildrop with the message, else MAIL_FULL; 0: none */
    uint32_t messages_max;       /* of the maildrop with the message, else MAIL_FULL */
};

/* A batch on its way. Private to delivery.c. The scratch memory holds wire form that has not been
 * written yet, and behind it the records of the batch. */
struct delivery {
    const struct disk_access *access;
    const char *path;
    struct delivery_limits limits;
    int index;
    int wire;
    struct native_tail tail;
    uint64_t wire_end;       /* where in the file the first byte of the buffer belongs */
    uint64_t batch_start;    /* where in the file the batch begins */
    uint32_t buffered;       /* bytes in the buffer */
    uint32_t message_start;  /* in the buffer: where the message under way begins; its first line is
                              * not known yet and has RECORD_FIRST_LINE_MAX bytes of room */
    uint64_t message_offset; /* of a message that outgrew the buffer: its place in the file */
    bool in_message;
    bool has_written;        /* this batch has, and no record names it yet */
    bool outgrown;           /* the front of the message under way is in the file already */
    enum mail_result failed; /* why this batch can not be committed any more, or MAIL_DONE */
    struct dot_coder coder;
    uint32_t batch_count;
    uint32_t live_count; /* with the batch */
    uint64_t live_octets;
};

/* Opens the maildrop in folder `path`, making it when it is missing (the store's sentinel must be
 * there), and takes DISK_LOCK_DELIVERY. `access` and its scratch are used until delivery_end;
 * `path` is borrowed as long. On failure nothing stays open and delivery_end must not be called. */
enum mail_result delivery_begin(struct delivery *delivery, const struct disk_access *access,
                                const char *path, const struct delivery_limits *limits);

/* The same, but MAIL_LATER at once where another has the lock: an import, an UPDATE, another
 * process.
 */
enum mail_result delivery_try(struct delivery *delivery, const struct disk_access *access,
                              const char *path, const struct delivery_limits *limits);

/* Bytes of the message that is being put in, in any pieces; the first call begins the message.
 * After a failure the message must be given up with delivery_message_cancel. */
enum mail_result delivery_write(struct delivery *delivery, struct span raw);

/* Appends a letter that has ended, with the lines `head` in front of it, as a message of the batch.
 * `head` is finished: each of its lines ends in CRLF, none is empty or begins with a dot; at most
 * DELIVERY_HEAD_MAX bytes; it may be empty. The message lies directly behind the one before it,
 * whatever its size. `uidl` as for delivery_message_end; not while another message is under way.
 * MAIL_FULL by the quota, or MAIL_TEMPORARY because the letter could not be read: then this message
 * is not in the batch, and the batch goes on. Where the maildrop could not be written the whole
 * batch has failed, and delivery_commit says so again. */
enum mail_result delivery_add(struct delivery *delivery, const struct letter *letter,
                              struct span head, struct span uidl, uint32_t time_s);

/* Other limits from the next message on. */
void delivery_use_limits(struct delivery *delivery, const struct delivery_limits *limits);

/* Ends the message: it now belongs to the batch. `uidl` must be 1..MAIL_UIDL_MAX characters of
 * 0x21..0x7E and new in this maildrop; uidl_make makes one. An empty message is allowed. */
enum mail_result delivery_message_end(struct delivery *delivery, struct span uidl, uint32_t time_s);

/* Forgets the bytes since the last delivery_message_end. */
void delivery_message_cancel(struct delivery *delivery);

/* How many messages more this batch can take before it must be committed. */
uint32_t delivery_batch_room(const struct delivery *delivery);

/* Makes the batch durable. MAIL_DONE: every message of it survives any crash from now on. Else none
 * of them is there. The next batch may follow. */
enum mail_result delivery_commit(struct delivery *delivery);

/* Gives up what has not been committed, frees the lock and closes. */
void delivery_end(struct delivery *delivery);

/* Whether a message of `octets` would be within the quota just now: an early answer for a sender,
 * before he sends it. Takes no lock and makes nothing; a missing maildrop is empty. MAIL_DONE,
 * MAIL_FULL, or MAIL_LATER with DISK_NOW; on any fault MAIL_DONE, for the delivery will meet it and
 * say more. */
enum mail_result delivery_check_quota(const struct disk_access *access, const char *path,
                                      const struct delivery_limits *limits, uint64_t octets);

#endif
