/* maildir: the driver of a Maildir that other programs read and write at the same time.
 *
 * It never writes a message and never locks anybody out but our own sessions. What it learns, sizes
 * and UIDLs, is kept in `ringpost-index` inside the Maildir, so that a session of which nothing has
 * changed reads one header. Messages are sent from their files, coded on the way. Renames by others
 * are followed; a message that is gone fails alone.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_H
#define RINGPOST_STORAGE_MAILDIR_H

#include "proto/plan.h"
#include "storage/disk.h"
#include "storage/maildir_index.h"
#include "storage/maildir_uidl.h"

/* Our own files: beside `new`, `cur` and `tmp`, or in the control folder. */
#define MAILDIR_LOCK_NAME      "ringpost-lock"
#define MAILDIR_INDEX_NAME     "ringpost-index"
#define MAILDIR_NEW_INDEX_NAME "ringpost-index.new"

/* A folder with this file in it says that its file system is mounted: a Maildir that is missing
 * below is an empty one then, else a fault. */
#define MAILDIR_SENTINEL "ringpost-maildirs"

/* Path of a Maildir from the root folder, with the NUL. */
#define MAILDIR_PATH_BYTES 262

/* "/cur/" and a name, or one of ours. */
#define MAILDIR_FILE_BYTES (MAILDIR_PATH_BYTES + 5 + MAILDIR_NAME_MAX)

struct maildir_settings {
    struct maildir_uidl_format uidl;
    bool move_new;         /* from `new` to `cur` at the login */
    bool mark_seen;        /* the flag S at RETR */
    const char *mounted;   /* folder of MAILDIR_SENTINEL, from the root; "": a missing Maildir is
                            * always a fault */
    const char *control;   /* folder for our own files of all Maildirs, from the root; "": they are
                            * in each */
    uint32_t messages_max; /* a fuller one is MAIL_TOO_BIG */
};

struct mailbox;
struct maildir_session;

struct maildir {
    const struct maildir_settings *settings;
    struct maildir_session *session; /* a block of the port's memory while it is open */
};

/* Prepares a mailbox that will open a Maildir; the settings must outlive it. The path that `open`
 * is given is the Maildir's, below the root of a disk that has it; `open` keeps no reference. */
void maildir_init(struct mailbox *mailbox, const struct maildir_settings *settings);

#endif
