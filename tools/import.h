/* import: messages from somewhere else into one maildrop, in batches that are durable together.
 *
 * What the readers of mbox and Maildir share: the delivery, the counts, what to say. A message that
 * is too large is named and left out; a fault of the store ends the import, and what was committed
 * before is in. Holds the delivery lock from begin to end; sessions go on.
 */
#ifndef RINGPOST_TOOLS_IMPORT_H
#define RINGPOST_TOOLS_IMPORT_H

#include "storage/delivery.h"
#include "tools/command.h"
#include "tools/progress.h"

#include <time.h>

/* What is read from a source at a time. */
#define IMPORT_BUFFER_BYTES (128 * 1024)

struct import {
    struct run *run;
    const char *user;
    struct delivery delivery;
    struct progress progress;
    enum mail_result result; /* of the store; once it is not MAIL_DONE nothing more is put in */
    bool interrupted;
    bool in_message;
    bool message_too_big;
    uint32_t random_used; /* of the numbers in `random` */
    uint64_t random[16];
    uint64_t message_bytes; /* as read */
    uint64_t batch_count, batch_bytes;
    uint64_t done_count, done_bytes; /* durable */
    uint64_t skipped_count;          /* left out as they should be: trashed */
    uint64_t failed_count;           /* left out with a sentence */
};

/* Locks the maildrop in `path`, and makes it when it is missing. On failure a sentence has been
 * said and import_end must not be called. `path` is borrowed until import_end. */
enum ending import_begin(struct import *import, struct run *run, const char *user,
                         const char *path);

/* Whether to go on: false after a fault of the store, or when the person wants an end. */
bool import_goes_on(struct import *import);

/* Bytes of a message, and its end. `where` names it in a sentence, should it be too large. `time`
 * is in seconds since 1970; what does not fit 1970..2106 is taken as the nearest that does. */
void import_bytes(struct import *import, struct span bytes);
void import_message_end(struct import *import, int64_t time, const char *where);

/* Forgets the bytes of a message that could not be read to its end, or a source's last message
 * where the import is interrupted. */
void import_message_cancel(struct import *import);

/* Commits what is whole, frees the lock and says what has happened. */
enum ending import_end(struct import *import);

/* The two sources. Each says its own sentences; import_end is the caller's. */
enum ending import_from_mbox(struct run *run, const char *user, const char *path,
                             const char *source, const char *dialect);
enum ending import_from_maildir(struct run *run, const char *user, const char *path,
                                const char *source);

#endif
