/* maildir_list: the messages of a Maildir while they are gathered, found by the name up to its
 * info.
 *
 * Owns three blocks of the port's memory, which grow: items, their texts, and a hash table. Knows
 * names and facts, reads nothing. What a list is filled from is for maildir_scan.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_LIST_H
#define RINGPOST_STORAGE_MAILDIR_LIST_H

#include "proto/mail.h"
#include "proto/span.h"
#include "storage/disk.h"

/* One message. Texts are offsets into the list's text. */
struct maildir_item {
    uint32_t name, uidl, guid;
    uint32_t hash;
    uint32_t uid;                                           /* 0: none */
    uint32_t order;                                         /* Dovecot's O; UINT32_MAX: none */
    uint32_t octets;                                        /* valid with has_octets */
    uint8_t name_bytes, base_bytes, uidl_bytes, guid_bytes; /* 0: none */
    bool in_new;
    bool has_octets;
    bool is_counted;  /* the octets were counted, not told */
    bool is_left_out; /* of this session */
};

struct maildir_list {
    struct disk *disk;
    struct maildir_item *items;
    char *text;
    uint32_t *slots; /* index of an item plus one, or 0 */
    uint32_t count, items_max;
    uint32_t text_bytes, text_max;
    uint32_t slot_mask;
    uint32_t uid_validity; /* of the other server's list, 0: none */
};

/* An empty list; it owns nothing yet. */
void maildir_list_init(struct maildir_list *list, struct disk *disk);

/* Gives the memory back. Again, or without a list, does nothing. */
void maildir_list_fini(struct maildir_list *list);

/* Forgets all items and keeps the memory. */
void maildir_list_clear(struct maildir_list *list);

/* Adds a file; one that is there already by its base, seen in both folders while it moved, is taken
 * to be where it was seen last. A name that can be no message's is passed over. False where there
 * is no memory. */
bool maildir_list_add(struct maildir_list *list, struct span name, bool in_new);

/* The item of a file name or base, or NULL; valid until the next add. */
struct maildir_item *maildir_list_find(const struct maildir_list *list, struct span name);

/* Keep a text for an item. False where there is no memory. At most 255 bytes. */
bool maildir_list_set_uidl(struct maildir_list *list, struct maildir_item *item, struct span uidl);
bool maildir_list_set_guid(struct maildir_list *list, struct maildir_item *item, struct span guid);

/* Borrowed until the next change. */
struct span maildir_list_name(const struct maildir_list *list, const struct maildir_item *item);
struct span maildir_list_base(const struct maildir_list *list, const struct maildir_item *item);
struct span maildir_list_uidl(const struct maildir_list *list, const struct maildir_item *item);
struct span maildir_list_guid(const struct maildir_list *list, const struct maildir_item *item);

/* Puts the items in the order of message numbers: those with an order number by it, then those with
 * a UID by it, then the others as they were delivered. Items that are left out are dropped. Finding
 * is over afterwards. False where there is no memory. */
bool maildir_list_sort(struct maildir_list *list);

#endif
