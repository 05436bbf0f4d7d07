/* delivery_batch: what a lane of the delivery queue does with all that waits in it.
 *
 * One opening, one append, one answer for each request. It knows no threads and no rings, so that
 * every fault of a disk can be tried on it.
 */
#ifndef RINGPOST_CORE_DELIVERY_BATCH_H
#define RINGPOST_CORE_DELIVERY_BATCH_H

#include "core/delivery_queue.h"

/* Delivers the requests that hang together by `next`, 1..DELIVERY_BATCH_MAX of them and all with
 * the same path, in this order; sets `result` and `uidl` of each. Together if that is possible; if
 * not, one by one, so that each gets the answer that it would have got alone. Needs DISK_WAIT; uses
 * all of the scratch. False, and nothing has been done, where another has
 * the lock of the maildrop: an import, an UPDATE, another process. */
bool delivery_batch(const struct disk_access *access, struct delivery_request *batch);

#endif
