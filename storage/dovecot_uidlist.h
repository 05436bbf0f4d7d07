/* dovecot_uidlist: the lines of `dovecot-uidlist`, by which Dovecot remembers the UIDs of a
 * Maildir.
 *
 * Version 3: a header "3 V<uidvalidity> N<next uid> G<guid>", then lines "<uid> [<key><value> ...]
 * :<file name>" in ascending order of UIDs. Version 1, Courier's courierimapuiddb, is read, too:
 * "1 <uidvalidity> <next uid>", then "<uid> <file name>". Takes lines off memory and puts them
 * there; opens nothing, and never looks whether the files are there.
 */
#ifndef RINGPOST_STORAGE_DOVECOT_UIDLIST_H
#define RINGPOST_STORAGE_DOVECOT_UIDLIST_H

#include "proto/span.h"

/* 128 bits in hexadecimal digits. */
#define DOVECOT_UIDLIST_GUID_BYTES 32

/* Any header that is written fits: three fields of at most 10, 10 and 32 octets. */
#define DOVECOT_UIDLIST_HEADER_MAX 64

/* A line under way: how far the reader has come, and what the header says. */
struct dovecot_uidlist {
    uint32_t version; /* 1 or 3 */
    uint32_t uid_validity;
    uint32_t next_uid; /* above every UID read so far, whatever the header says: lines are appended
                        * without changing it */
    uint32_t last_uid; /* of the line read last; 0 before the first */
    bool has_guid;
    char guid[DOVECOT_UIDLIST_GUID_BYTES]; /* of the folder, digits of either case */
};

/* One message. The spans are borrowed from the line; empty where it has no such field. */
struct dovecot_uidlist_entry {
    uint32_t uid;    /* 1..4294967294 */
    bool has_size;   /* S: octets of the file */
    bool has_octets; /* W: octets with CRLF line ends */
    bool has_order;  /* O: those with a lower one come first, those without any last */
    uint32_t order;
    uint64_t size;
    uint64_t octets;
    struct span uidl;      /* P: instead of what the format makes */
    struct span guid;      /* G: instead of the file name up to its info */
    struct span file_name; /* as it was when the line was written: flags may have changed since */
};

enum dovecot_uidlist_result {
    DOVECOT_UIDLIST_DONE, /* a line was taken, and is good */
    DOVECOT_UIDLIST_BAD,  /* a line was taken that is none of a uidlist */
    DOVECOT_UIDLIST_MORE, /* no whole line is there: nothing was taken. At the end of the file what
                           * is left is a line that somebody is writing */
};

/* Takes the first line off `input`. A header that is BAD makes all of the file worthless. */
enum dovecot_uidlist_result dovecot_uidlist_read_header(struct span *input,
                                                        struct dovecot_uidlist *out_list);

/* Takes the next line off `input`. BAD: no UID, one that is not above the one before, no file name,
 * or one with `/` or NUL; the next line may be read all the same, but Dovecot will throw such a
 * file away. A field that is none (a small letter, a size that is no number) is passed over. */
enum dovecot_uidlist_result dovecot_uidlist_read_entry(struct dovecot_uidlist *list,
                                                       struct span *input,
                                                       struct dovecot_uidlist_entry *out_entry);

/* Write a line of version 3 with its end; return its length, or 0 where `room` is too small or the
 * entry can be none: a file name that is empty, or with `/`, NUL or LF in it, a UID of 0, a P or G
 * field with a space or a byte outside of 0x21..0x7E. */
size_t dovecot_uidlist_write_header(const struct dovecot_uidlist *list, char *out, size_t room);
size_t dovecot_uidlist_write_entry(const struct dovecot_uidlist_entry *entry, char *out,
                                   size_t room);

#endif
