/* wheel: deadlines of many sessions, in whole seconds, at no cost while they move.
 *
 * Activity only writes a new deadline into the entry; the entry stays in its slot until that comes
 * up, and is then put where the deadline has moved to. A deadline is reached within a second after
 * its time, never before. Belongs to one thread; knows no clock.
 */
#ifndef RINGPOST_CORE_WHEEL_H
#define RINGPOST_CORE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_SLOTS 1024 /* a power of two; longer deadlines go round more than once */

struct wheel_entry {
    struct wheel_entry *next, *previous;
    uint64_t deadline_s;
};

struct wheel {
    struct wheel_entry slots[WHEEL_SLOTS]; /* heads of circular lists */
    uint64_t now_s;                        /* slots up to this second have been looked at */
    uint32_t count;
};

void wheel_init(struct wheel *wheel, uint64_t now_s);

/* Puts an idle entry in. */
void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t deadline_s);
void wheel_remove(struct wheel *wheel, struct wheel_entry *entry);

/* Moves a deadline. Later costs one store; earlier moves the entry at once. */
void wheel_move(struct wheel *wheel, struct wheel_entry *entry, uint64_t deadline_s);

/* The next entry whose deadline has come by `now_s`, taken out; NULL when there is none left. */
struct wheel_entry *wheel_take_due(struct wheel *wheel, uint64_t now_s);

#endif
