/* import: messages from somewhere else into one maildrop, in batches that are durable together.
 *
 * What the readers of mbox, Maildir, Cyrus and POP3 share: the delivery, which messages are there
 * already, the UIDLs, the counts, what to say. A message that cannot be taken is named and left
 * out; a fault of the store ends the import, and what was committed before is in. The same import
 * again adds only what is new. Holds the delivery lock from begin to end; sessions go on.
 */
#ifndef RINGPOST_TOOLS_IMPORT_H
#define RINGPOST_TOOLS_IMPORT_H

#include "storage/delivery.h"
#include "storage/uidl_format.h"
#include "tools/command.h"
#include "tools/content_hash.h"
#include "tools/import_memory.h"
#include "tools/progress.h"
#include "tools/remote.h"

#include <time.h>

/* What is read from a source at a time. */
#define IMPORT_BUFFER_BYTES (128 * 1024)

/* A batch is committed when it has so many bytes, so that an end by force costs little. */
#define IMPORT_BATCH_BYTES_MAX (32 * 1024 * 1024)

/* How a source is to be read; NULL is the default of each. */
struct import_order {
    const char *dialect;     /* of an mbox */
    const char *uidl_format; /* a name or a format of storage/uidl_format.h, or "made" */
    bool removes_gone;       /* what came by an import and is not in the source any more goes */
    struct remote_order remote;
};

/* What is known of a message before or after its bytes. Spans are borrowed for the call. */
struct import_label {
    struct span uidl;  /* that the old server gave; empty: it is to be made */
    struct span key;   /* what a UIDL is made of, where one has to be: the same for the same message
                          in each import. Empty: its content */
    struct span file;  /* the file's name, a surer sign than a UIDL that is foretold; or empty */
    bool is_guess;     /* the UIDL is foretold: the old server may yet give it to another message */
    int64_t time;      /* seconds since 1970; what does not fit 1970..2106 becomes the nearest */
    const char *where; /* names the message in a sentence */
};

struct import {
    struct run *run;
    const char *user;
    const char *path;
    const struct import_order *order;
    struct delivery delivery;
    struct progress progress;
    struct known known;
    struct import_memory memory;
    struct content_hash content; /* of the message, where content_counts */
    bool content_counts;         /* set by sources whose UIDLs are made of content */
    bool content_ended;
    unsigned char digest[CONTENT_HASH_BYTES];
    enum mail_result result; /* of the store; once it is not MAIL_DONE nothing more is put in */
    bool interrupted;
    bool source_is_cut; /* set by sources that were not read to their end, before import_end */
    bool in_message;
    bool message_too_big;
    uint64_t message_bytes; /* as read */
    uint64_t batch_count, batch_bytes;
    struct run_counts counts; /* durable */
};

/* Locks the maildrop in `path`, and makes it when it is missing. On failure a sentence has been
 * said and import_end must not be called. `path` and `order` are borrowed until import_end. */
enum ending import_begin(struct import *import, struct run *run, const char *user, const char *path,
                         const struct import_order *order);

/* Whether to go on: false after a fault of the store, or when the person wants an end. */
bool import_goes_on(struct import *import);

/* Whether an earlier import has brought this message: then it is counted as known, and its bytes
 * need not be read. A label with neither `uidl` nor `key` is never known. */
bool import_is_known(struct import *import, const struct import_label *label);

/* Bytes of a message, or all that is in an open file (0, or -errno), and the message's end, after
 * which the counts are right. */
void import_bytes(struct import *import, struct span bytes);
ssize_t import_file(struct import *import, int file, char buffer[IMPORT_BUFFER_BYTES]);
void import_message_end(struct import *import, const struct import_label *label);

/* Where content_counts: what was noted in the header of the message whose bytes are all there.
 * Good until the next message. */
const struct mbox_header *import_header(struct import *import);

/* Forgets the bytes of a message that could not be read to its end, or a source's last message
 * where the import is interrupted. */
void import_message_cancel(struct import *import);

/* One sentence "WHERE: WHY", and one message more that failed. */
void import_refuse(struct import *import, const char *where, const char *why);

/* Draws how far it is, of `total` in the same unit as `done`; 0: unknown. A process of many leaves
 * that to the one that waits for it. */
void import_expect(struct import *import, uint64_t total);
void import_step(struct import *import, uint64_t done);

/* Commits what is whole, removes what is gone where that is wanted and all of the source could be
 * read, frees everything and says what has happened. */
enum ending import_end(struct import *import);

/* The sources. Each says its own sentences. */
enum ending import_from_mbox(struct run *run, const char *user, const char *path,
                             const char *source, const struct import_order *order);
enum ending import_from_maildir(struct run *run, const char *user, const char *path,
                                const char *source, const struct import_order *order);
enum ending import_from_cyrus(struct run *run, const char *user, const char *path,
                              const char *source, const struct import_order *order);
enum ending import_from_pop3(struct run *run, const char *user, const char *path,
                             const char *source, const struct import_order *order);

#endif
