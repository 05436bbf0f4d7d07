/* drop_list: what is live in a maildrop, on whatever disk the test is linked with.
 *
 * It reads the files its own way (the walk over live records and the decoder), not through a
 * session.
 */
#ifndef RINGPOST_TESTS_SUPPORT_DROP_LIST_H
#define RINGPOST_TESTS_SUPPORT_DROP_LIST_H

#include "proto/mail.h"
#include "proto/span.h"
#include "storage/disk.h"

/* One live message; `content` is what a client would store, with CRLF, and is malloc's. */
struct drop_message {
    char uidl[MAIL_UIDL_MAX + 1];
    uint64_t offset;
    uint32_t wire_bytes;
    uint32_t time_s;
    struct span content;
};

/* What is live, checked byte for byte against its record: first line, checksum, end, totals. */
#define DROP_MESSAGES_MAX 1200
struct drop_list {
    struct drop_message *messages;
    uint32_t count;
};

/* MAIL_PERMANENT where anything does not fit. The list is freed by drop_list_free in any case. */
enum mail_result drop_list_read(const struct disk_access *access, const char *path,
                                struct drop_list *out_list);
void drop_list_free(struct drop_list *list);

#endif
