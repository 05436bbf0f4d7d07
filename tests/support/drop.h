/* drop: a maildrop on the fake disk, in one call a verb.
 *
 * For tests that are about what is in a maildrop: deliver, look at what is live, compare. It reads
 * the files its own way (the walk over live records and the decoder), not through a session.
 */
#ifndef RINGPOST_TESTS_SUPPORT_DROP_H
#define RINGPOST_TESTS_SUPPORT_DROP_H

#include "storage/delivery.h"
#include "tests/support/drop_list.h"
#include "tests/support/fake_disk.h"

/* A fake disk with the store's sentinel. */
struct disk *drop_store(void);

/* Limits that no test meets by accident. */
extern const struct delivery_limits drop_limits;

/* Delivers one message as a batch of its own; `time_s` is 1000. */
enum mail_result drop_deliver(struct disk *disk, const char *path, const char *uidl,
                              struct span message);

/* Appends an expunge of `count` records from `first` on, as an UPDATE does. */
enum mail_result drop_expunge(struct disk *disk, const char *path, uint32_t first, uint32_t count);

/* drop_list_read of a maildrop on the fake disk. */
enum mail_result drop_read(struct disk *disk, const char *path, struct drop_list *out_list);

#endif
