/* maildir_uidl: the UIDLs of a Maildir's messages, as the server before us made them.
 *
 * A format is a word of our own (courier, filename), or a name or a template of
 * storage/uidl_format.h. Where it gives no UIDL, the file name does. Pure text; where UIDs come
 * from, and that no two messages share a UIDL, is for maildir_scan.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_UIDL_H
#define RINGPOST_STORAGE_MAILDIR_UIDL_H

#include "storage/uidl.h"
#include "storage/uidl_format.h"

#define MAILDIR_UIDL_TEMPLATE_MAX 63

struct maildir_uidl_format {
    bool is_courier;   /* from courierpop3dsizelist; what it lacks, by the file name */
    bool is_file_name; /* as Courier's oldest servers wrote it */
    bool needs_uid;
    uint32_t crc; /* of what was given: another format has other UIDLs */
    char text[MAILDIR_UIDL_TEMPLATE_MAX + 1];
};

/* Takes a word or a template. NULL, or a sentence's end that says what is wrong with it. */
const char *maildir_uidl_parse(struct span text, struct maildir_uidl_format *out_format);

/* Makes a UIDL; returns its length, 1..MAIL_UIDL_MAX. The parts' name is there, without a GUID it
 * stands for that. Where the format gives none that RFC 1939 allows, or needs a UID and there is
 * none, it is maildir_uidl_own. */
uint8_t maildir_uidl_make(const struct maildir_uidl_format *format, const struct uidl_parts *parts,
                          char out[MAIL_UIDL_MAX]);

/* The UIDL by the file name alone: the base where it can be a UIDL, else maildir_uidl_hash. */
uint8_t maildir_uidl_own(struct span base, char out[MAIL_UIDL_MAX]);

/* 32 hexadecimal digits, FNV-1a of 128 bits over the base. */
#define MAILDIR_UIDL_HASH_BYTES 32
uint8_t maildir_uidl_hash(struct span base, char out[MAIL_UIDL_MAX]);

#endif
