/* maildir_uids: what an old server has noted beside a Maildir: UIDs, UIDLs and the order.
 *
 * Reads Dovecot's dovecot-uidlist or Courier's courierpop3dsizelist whole, and finds messages in it
 * by their file names. It owns that text. A list that is damaged is refused with a sentence: a
 * guess would cost somebody all his mail a second time.
 */
#ifndef RINGPOST_TOOLS_MAILDIR_UIDS_H
#define RINGPOST_TOOLS_MAILDIR_UIDS_H

#include "proto/mail.h"
#include "proto/span.h"
#include "tools/command.h"

enum maildir_uids_kind {
    MAILDIR_UIDS_NONE, /* there is no such file */
    MAILDIR_UIDS_DOVECOT,
    MAILDIR_UIDS_COURIER,
};

/* One message. Spans are borrowed from the list. */
struct maildir_uids_entry {
    struct span base; /* of the file's name, without its info */
    uint32_t uid;     /* Dovecot's; 0: its place is where its file's name says (Courier) */
    uint32_t order;   /* counts before the UID; UINT32_MAX: it has none */
    struct span guid; /* empty: that is the base */
    struct span uidl; /* that the server gives whatever its format says, or empty */
};

struct maildir_uids {
    enum maildir_uids_kind kind;
    uint32_t uid_validity;              /* 0 where it has none (Courier) */
    uint32_t next_uid;                  /* that the server would give to new mail */
    struct maildir_uids_entry *entries; /* sorted by their bases */
    size_t count;
    char *text;  /* of the file */
    char *uidls; /* that were made of Courier's lines */
};

/* Reads the list of the Maildir `source`, whose open folder is `root`: the file of `wanted`, or,
 * where that is MAILDIR_UIDS_NONE, Dovecot's, else Courier's. */
enum ending maildir_uids_read(struct maildir_uids *list, int root, const char *source,
                              enum maildir_uids_kind wanted);
void maildir_uids_free(struct maildir_uids *list);

/* The entry of a file, or NULL. */
const struct maildir_uids_entry *maildir_uids_find(const struct maildir_uids *list,
                                                   struct span base);

#endif
