/* maildir_box: a Maildir on the fake disk and a session on it, in one call a verb.
 *
 * The Maildir is at MAILDIR_BOX_PATH. The clock stands still unless a test moves it on.
 */
#ifndef RINGPOST_TESTS_SUPPORT_MAILDIR_BOX_H
#define RINGPOST_TESTS_SUPPORT_MAILDIR_BOX_H

#include "storage/mailbox.h"
#include "tests/support/fake_disk.h"

#define MAILDIR_BOX_PATH  "mail/joe/Maildir"
#define MAILDIR_BOX_MARKS 4

struct maildir_box {
    struct disk *disk;
    struct disk_access now, wait;
    struct maildir_settings settings;
    struct mailbox mailbox;
    struct mail_view view;
    uint64_t marks[MAILDIR_BOX_MARKS];
};

/* An empty Maildir whose folders are old; the format of the UIDLs as in the configuration. */
void maildir_box_init(struct maildir_box *box, const char *format);
void maildir_box_fini(struct maildir_box *box);

/* Puts a file below the Maildir, "cur/1.h:2,S" or "dovecot-uidlist". */
void maildir_box_put(struct maildir_box *box, const char *name, const char *text);
bool maildir_box_has(struct maildir_box *box, const char *name);

/* What others do. */
void maildir_box_rename(struct maildir_box *box, const char *from, const char *to);
void maildir_box_remove(struct maildir_box *box, const char *name);

/* Lets two hours pass, so that times that were new are old. */
void maildir_box_settle(struct maildir_box *box);

/* Opens where it may not wait, and where that is not enough, where it may; says which. */
enum mail_result maildir_box_try(struct maildir_box *box, bool *out_waited);
void maildir_box_open(struct maildir_box *box, uint32_t count);
void maildir_box_close(struct maildir_box *box);

/* Ends the test where message `number` has not these octets and this UIDL. */
void maildir_box_expect(struct maildir_box *box, uint32_t number, uint32_t octets,
                        const char *uidl);

/* RETR: the raw file as it would be sent; *out_wire gets the coded bytes, NUL-terminated. */
#define MAILDIR_BOX_WIRE 4096
enum mail_result maildir_box_body(struct maildir_box *box, uint32_t number,
                                  char out_wire[MAILDIR_BOX_WIRE]);
enum mail_result maildir_box_top(struct maildir_box *box, uint32_t number, uint64_t lines,
                                 char out_wire[MAILDIR_BOX_WIRE]);

/* Bit `number` of the list is set. */
enum mail_result maildir_box_commit(struct maildir_box *box, uint32_t numbers);

#endif
