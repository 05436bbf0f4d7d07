/* courier_sizelist: the lines of `courierpop3dsizelist`, by which Courier's POP3 server remembers
 * sizes and UIDLs of a Maildir.
 *
 * A header "/<version> <next uid> [<uidvalidity>]", then lines "<file name> <octets>
 * <uid>[:<uidvalidity>[:<utf8>]]"; version 1 has no uidvalidity, 2 has, 3 says of each message
 * whether its header has 8-bit bytes. Takes lines off memory and makes the UIDLs; opens nothing.
 */
#ifndef RINGPOST_STORAGE_COURIER_SIZELIST_H
#define RINGPOST_STORAGE_COURIER_SIZELIST_H

#include "proto/span.h"

struct courier_sizelist {
    uint32_t version; /* 1..3 */
    uint64_t next_uid;
    uint64_t uid_validity; /* 0 where the header has none */
};

struct courier_sizelist_entry {
    struct span file_name; /* borrowed from the line; as it was when the line was written */
    uint64_t octets; /* with CR LF for each LF: a CR that was there already is counted beside */
    uint64_t uid;    /* 0: the UIDL is the file name */
    uint64_t uid_validity; /* 0: not part of the UIDL */
};

enum courier_sizelist_result {
    COURIER_SIZELIST_DONE, /* a line was taken, and is good */
    COURIER_SIZELIST_BAD,  /* a line was taken that is none of a size list */
    COURIER_SIZELIST_MORE, /* no whole line is there, nothing was taken */
};

/* Takes the first line off `input`. A header that is BAD makes all of the file worthless. */
enum courier_sizelist_result courier_sizelist_read_header(struct span *input,
                                                          struct courier_sizelist *out_list);

/* Takes the next line off `input`; the file name may hold spaces. After BAD the next line may be
 * read all the same. */
enum courier_sizelist_result courier_sizelist_read_entry(struct span *input,
                                                         struct courier_sizelist_entry *out_entry);

/* The UIDL that Courier's server gives the message, without a NUL: "UID<uid>-<uidvalidity>",
 * "UID<uid>", or for uid 0 that of the file name. Returns its length, or 0 where `room` is too
 * small.
 */
size_t courier_sizelist_uidl(const struct courier_sizelist_entry *entry, char *out, size_t room);

/* The UIDL that Courier's oldest servers made of a file name: the name up to its info, with `+` and
 * two digits for each byte outside of 0x21..0x7E and for `'`, `"` and `+`. The same return. */
size_t courier_sizelist_name_uidl(struct span file_name, char *out, size_t room);

#endif
