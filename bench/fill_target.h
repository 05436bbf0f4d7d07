/* fill_target: where the letters of ringbench fill go.
 *
 * One interface over four kinds of places: Maildirs, mbox files, a native store, an LMTP server. A
 * mailbox that is there already is never touched, but for LMTP, where the server decides. Nothing
 * is synced before the end: whoever loses power fills again.
 */
#ifndef RINGPOST_BENCH_FILL_TARGET_H
#define RINGPOST_BENCH_FILL_TARGET_H

#include "bench/specimen.h"
#include "bench/target.h"
#include "storage/delivery.h"

#include <stdio.h>

enum fill_kind { FILL_MAILDIR, FILL_MBOX, FILL_NATIVE, FILL_LMTP };

#define FILL_PATH_MAX 4096

struct fill_target {
    enum fill_kind kind;
    const char *place;        /* a folder, a store or a URL; %u in a folder is the user's name */
    char path[FILL_PATH_MAX]; /* of the mailbox under way */
    FILE *mbox;
    struct disk_access access;
    struct delivery delivery;
    char user_folder[USERS_FOLDER_BYTES];
    FILE *server; /* LMTP */
    struct target server_target;
    struct span user; /* whose mailbox is under way; borrowed */
    char error[512];  /* after a function has answered false */
};

/* Opens; for FILL_NATIVE the store is made where its folder is missing. */
bool fill_target_open(struct fill_target *target, enum fill_kind kind, const char *place);
void fill_target_close(struct fill_target *target);

/* Begins a mailbox, which must not be there yet. `user` is borrowed until the end of it. */
bool fill_target_begin(struct fill_target *target, struct span user);

/* Puts a letter in. `number` tells the letters of a mailbox apart, `random` is made of the seed. */
bool fill_target_put(struct fill_target *target, const struct specimen *letter, uint64_t number,
                     uint64_t random);

/* Ends the mailbox: all of it is there now. */
bool fill_target_end(struct fill_target *target);

/* After the last mailbox: waits until a store is on stable storage, all of it at once. */
bool fill_target_finish(struct fill_target *target);

/* The same for the kinds of their own; private to the room. */
bool fill_native_open(struct fill_target *target);
bool fill_native_begin(struct fill_target *target);
bool fill_native_put(struct fill_target *target, const struct specimen *letter, uint64_t random);
bool fill_native_end(struct fill_target *target);
bool fill_lmtp_open(struct fill_target *target);
bool fill_lmtp_put(struct fill_target *target, const struct specimen *letter);

/* Writes a sentence into target->error; false, so that one can return it. */
bool fill_target_fail(struct fill_target *target, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
