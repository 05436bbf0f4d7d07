/* delivery_batch: what a lane of the delivery queue does with all that waits in it. */
#include "core/delivery_batch.h"

#include "proto/must.h"
#include "storage/uidl.h"

#include <sys/random.h>

static void add(struct delivery *delivery, struct delivery_request *request);
static enum mail_result told(enum mail_result result);
static void deliver_singly(struct delivery *delivery, struct delivery_request *batch);

bool delivery_batch(const struct disk_access *access, struct delivery_request *batch)
{
    struct delivery delivery;
    enum mail_result result = delivery_try(&delivery, access, batch->path, &batch->limits);
    if (result == MAIL_LATER)
        return false;
    const bool has_begun = result == MAIL_DONE;
    for (struct delivery_request *at = batch; at != NULL && has_begun; at = at->next)
        add(&delivery, at);
    if (has_begun)
        result = delivery_commit(&delivery);
    for (struct delivery_request *at = batch; at != NULL && result != MAIL_DONE; at = at->next)
        at->result = result;
    if (has_begun && result != MAIL_DONE && batch->next != NULL)
        deliver_singly(&delivery, batch);
    if (has_begun)
        delivery_end(&delivery);
    for (struct delivery_request *at = batch; at != NULL; at = at->next)
        at->result = told(at->result);
    return true;
}

/* Both would ask a sender for something that he cannot do. */
static enum mail_result told(enum mail_result result)
{
    return result == MAIL_LATER || result == MAIL_IN_USE ? MAIL_TEMPORARY : result;
}

/* After a batch that could not be committed: one message that the disk has no room for must not
 * take the others with it, and whether there is quota for one may depend on those before it. Where
 * it is not for want of space, the rest would fare no better. */
static void deliver_singly(struct delivery *delivery, struct delivery_request *batch)
{
    for (struct delivery_request *at = batch; at != NULL; at = at->next) {
        add(delivery, at);
        const enum mail_result result = delivery_commit(delivery);
        if (at->result == MAIL_DONE || result != MAIL_DONE)
            at->result = result;
        if (result != MAIL_DONE && result != MAIL_NO_SPACE)
            break;
    }
}

static void add(struct delivery *delivery, struct delivery_request *request)
{
    uint64_t random;
    /* So few bytes always come whole: getrandom(2). */
    must(getrandom(&random, sizeof random, 0) == sizeof random);
    uidl_make(request->time_s, random, request->uidl);
    delivery_use_limits(delivery, &request->limits);
    request->result =
        delivery_add(delivery, request->letter, request->head,
                     (struct span){request->uidl, sizeof request->uidl}, request->time_s);
}
