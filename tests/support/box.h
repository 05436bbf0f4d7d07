/* box: a session on a native maildrop of the fake disk, in one call a verb.
 *
 * For tests that are about what a session sees: it goes through the driver, as the server does, and
 * ends the test where the driver answers what the verb does not expect.
 */
#ifndef RINGPOST_TESTS_SUPPORT_BOX_H
#define RINGPOST_TESTS_SUPPORT_BOX_H

#include "storage/mailbox.h"
#include "tests/support/drop.h"

#define BOX_PATH      "ab/cd/user"
#define BOX_MARKS_MAX 4096

struct box {
    struct disk *disk;
    struct disk_access now, wait;
    struct mailbox mailbox;
    struct mail_view view;
    uint64_t marks[BOX_MARKS_MAX / 64];
};

/* A store, and the same with messages "m1".."mN" whose UIDLs are "u1".."uN". */
void box_init(struct box *box);
void box_fini(struct box *box);
void box_fill(struct box *box, uint32_t first, uint32_t count);

/* Opens with DISK_WAIT and checks the number of messages; closes. */
void box_open(struct box *box, uint32_t count);
void box_close(struct box *box);

/* Marks `number`, and the UPDATE. */
void box_mark(struct box *box, uint32_t number);
enum mail_result box_commit(struct box *box);

/* Opens, marks, commits, closes; all of it must be done. */
void box_remove(struct box *box, const uint32_t *numbers, uint32_t count);

/* Whether number has the UIDL "u<message>" and the content "m<message>" CRLF. */
bool box_holds(struct box *box, uint32_t number, uint32_t message);

/* The bytes of a range, borrowed from the fake disk. */
struct span box_bytes(struct box *box, const struct mail_range *range);

/* The results of the driver with DISK_WAIT. */
enum mail_result box_body(struct box *box, uint32_t number, struct mail_range *out_range);
enum mail_result box_top(struct box *box, uint32_t number, uint64_t lines,
                         struct mail_range *out_range);
enum mail_result box_fact(struct box *box, uint32_t number, struct mail_fact *out_fact);

/* The bytes of the record in the index, to be looked at or damaged. */
char *box_record(struct box *box, uint32_t ordinal);

#endif
