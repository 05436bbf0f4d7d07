/* wheel: deadlines of many sessions, in whole seconds, at no cost while they move. */
#include "core/wheel.h"

#include "proto/must.h"

#include <stddef.h>

static struct wheel_entry *slot_of(struct wheel *wheel, uint64_t second);
static struct wheel_entry *take_from(struct wheel *wheel, uint64_t second, uint64_t now_s);

void wheel_init(struct wheel *wheel, uint64_t now_s)
{
    wheel->now_s = now_s;
    wheel->count = 0;
    for (uint32_t i = 0; i < WHEEL_SLOTS; i++)
        wheel->slots[i] = (struct wheel_entry){&wheel->slots[i], &wheel->slots[i], 0};
}

void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t deadline_s)
{
    /* A deadline in the past comes due at the next second: its own slot is only seen a round later.
     */
    uint64_t second = deadline_s > wheel->now_s ? deadline_s : wheel->now_s + 1;
    struct wheel_entry *head = slot_of(wheel, second);
    *entry = (struct wheel_entry){head->next, head, deadline_s};
    head->next->previous = entry;
    head->next = entry;
    wheel->count++;
}

void wheel_remove(struct wheel *wheel, struct wheel_entry *entry)
{
    must(entry->next != NULL && wheel->count > 0);
    entry->next->previous = entry->previous;
    entry->previous->next = entry->next;
    entry->next = entry->previous = NULL;
    wheel->count--;
}

void wheel_move(struct wheel *wheel, struct wheel_entry *entry, uint64_t deadline_s)
{
    if (deadline_s >= entry->deadline_s) {
        entry->deadline_s = deadline_s;
        return;
    }
    wheel_remove(wheel, entry);
    wheel_add(wheel, entry, deadline_s);
}

struct wheel_entry *wheel_take_due(struct wheel *wheel, uint64_t now_s)
{
    while (wheel->now_s < now_s) {
        struct wheel_entry *due = take_from(wheel, wheel->now_s + 1, now_s);
        if (due != NULL)
            return due;
        wheel->now_s++;
    }
    return NULL;
}

static struct wheel_entry *slot_of(struct wheel *wheel, uint64_t second)
{
    return &wheel->slots[second % WHEEL_SLOTS];
}

/* One that is due, of the entries that the slot of `second` holds; the others move on. */
static struct wheel_entry *take_from(struct wheel *wheel, uint64_t second, uint64_t now_s)
{
    struct wheel_entry *head = slot_of(wheel, second);
    for (struct wheel_entry *entry = head->next; entry != head;) {
        struct wheel_entry *next = entry->next;
        if (entry->deadline_s <= now_s) {
            wheel_remove(wheel, entry);
            return entry;
        }
        if (slot_of(wheel, entry->deadline_s) != head) {
            uint64_t deadline_s = entry->deadline_s;
            wheel_remove(wheel, entry);
            wheel_add(wheel, entry, deadline_s);
        }
        entry = next;
    }
    return NULL;
}
