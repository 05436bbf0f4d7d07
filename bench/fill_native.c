/* fill_native: letters straight into a native store.
 *
 * The inside of the room fill_target. Uses the same delivery as the server, so what it makes is
 * what a server would have made; only maildrops that have never held anything are filled.
 */
#include "bench/fill_target.h"

#include "core/disk_posix.h"
#include "core/store.h"
#include "storage/uidl.h"

#include <stdlib.h>

/* No limits but those of the format. */
static const struct delivery_limits limits = {.message_octets_max = 4000000000U,
                                              .messages_max = 10000000};

static bool judge(struct fill_target *target, enum mail_result result);

bool fill_native_open(struct fill_target *target)
{
    bool made;
    target->access = (struct disk_access){
        .disk = store_open(target->place, STORE_MAKE_FOLDER, &made, target->error,
                           sizeof target->error),
        .patience = DISK_WAIT,
        .scratch = malloc(DISK_SCRATCH_BYTES),
    };
    if (target->access.disk == NULL)
        return false;
    disk_posix_put_off_syncs(target->access.disk);
    return target->access.scratch != NULL || fill_target_fail(target, "not enough memory");
}

bool fill_native_begin(struct fill_target *target)
{
    struct span user = target->user;
    if (!users_folder(user, target->user_folder))
        return fill_target_fail(target, "%.*s cannot be the name of a user", (int)user.length,
                                user.bytes);
    enum mail_result result =
        delivery_begin(&target->delivery, &target->access, target->user_folder, &limits);
    if (result != MAIL_DONE)
        return judge(target, result);
    /* The first record is the header. */
    if (target->delivery.tail.record_count <= 1)
        return true;
    delivery_end(&target->delivery);
    return fill_target_fail(target, "the maildrop of %.*s is not empty; fill changes none",
                            (int)user.length, user.bytes);
}

bool fill_native_put(struct fill_target *target, const struct specimen *letter, uint64_t random)
{
    struct delivery *delivery = &target->delivery;
    char uidl[UIDL_MADE_BYTES];
    enum mail_result result = MAIL_DONE;
    if (delivery_batch_room(delivery) == 0)
        result = delivery_commit(delivery);
    if (result == MAIL_DONE)
        result = delivery_write(delivery, (struct span){letter->bytes, letter->count});
    uidl_make(letter->time_s, random, uidl);
    if (result == MAIL_DONE)
        result = delivery_message_end(delivery, (struct span){uidl, sizeof uidl}, letter->time_s);
    if (result == MAIL_DONE)
        return true;
    delivery_end(delivery);
    return judge(target, result);
}

bool fill_native_end(struct fill_target *target)
{
    enum mail_result result = delivery_commit(&target->delivery);
    delivery_end(&target->delivery);
    return result == MAIL_DONE || judge(target, result);
}

static bool judge(struct fill_target *target, enum mail_result result)
{
    return fill_target_fail(target, "the store could not take mail of %.*s: %s",
                            (int)target->user.length, target->user.bytes,
                            result == MAIL_TOO_BIG ? "too much of it"
                            : result == MAIL_PERMANENT
                                ? "the maildrop is damaged; run ringpost verify"
                                : "is the disk full, and may this user write there?");
}
