/* residency: which bytes of files are in memory, so that who sends them waits for no device.
 *
 * The kernel counts pages that are still on their way from the device as well, and sendfile(2)
 * would wait for them. They are told from others by reading here and there, for as long as somebody
 * has waited for a device lately: else nothing is on its way. Safe for use by many threads.
 */
#ifndef RINGPOST_CORE_RESIDENCY_H
#define RINGPOST_CORE_RESIDENCY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct residency {
    atomic_uint missed_s; /* when something was last not in memory, by a steady clock */
};

/* Something was not in memory: it, and what the kernel reads ahead of it, is on its way now. Also
 * makes a residency of zeros a good one. */
void residency_miss(struct residency *residency);

/* Whether the kernel can say it (cachestat(2), kernel 6.5); then `out_resident` is whether `bytes`,
 * at least one, from `offset` on are in memory. What is not there counts as a miss. */
bool residency_find(struct residency *residency, int file, uint64_t offset, uint64_t bytes,
                    bool *out_resident);

/* Waits until sendfile(2) will not have to: a read is content with the part of a folio that has
 * come, sendfile wants all of it. So the bytes are sent to nobody. For threads that may wait. */
void residency_settle(int file, uint64_t offset, uint64_t bytes);

#endif
