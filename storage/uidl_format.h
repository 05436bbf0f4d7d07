/* uidl_format: the UIDL that an old server made of what it knew of a message.
 *
 * Servers make UIDLs from the message's UID, the UIDVALIDITY of its mailbox, the name of its file
 * or its GUID, by a rule that is one of their settings. The rule is written here as Dovecot's
 * pop3_uidl_format is, in the form of 2.3 and before or in that of 2.4, and means what it means to
 * Dovecot. Clients keep UIDLs: what a format makes today it makes for ever. Knows no file.
 */
#ifndef RINGPOST_STORAGE_UIDL_FORMAT_H
#define RINGPOST_STORAGE_UIDL_FORMAT_H

#include "proto/mail.h"
#include "proto/span.h"

/* The largest width or offset of a variable. */
#define UIDL_FORMAT_WIDTH_MAX 99

/* What a format may name. 0 or an empty span is something that is not known. */
struct uidl_parts {
    uint32_t uid;          /* %u */
    uint32_t uid_validity; /* %v */
    struct span name;      /* %f: of the file in a Maildir, without its info */
    struct span guid;      /* %g */
};

enum uidl_format_result {
    UIDL_FORMAT_DONE,
    UIDL_FORMAT_WRONG,   /* the format is none: uidl_format_mistake says why */
    UIDL_FORMAT_UNKNOWN, /* it names a part that is not known */
    UIDL_FORMAT_INVALID, /* what comes out is no UIDL: empty, too long, or an octet that none has */
};

/* The format behind a server's name: dovecot, courier, cyrus, uw, or own (the file's name: qmail);
 * any other text is a format itself and is returned as it is. */
struct span uidl_format_named(struct span text);

/* NULL where it is a format, else the end of a sentence that says what is wrong with it. */
const char *uidl_format_mistake(struct span format);

/* Whether it names a UID or a UIDVALIDITY, which only the old server's index knows. */
bool uidl_format_needs_uid(struct span format);

/* Whether it names a part that differs from message to message: UID, file name or GUID. */
bool uidl_format_tells_apart(struct span format);

/* Writes the UIDL. %u %v %f %g and %%, where [-][offset.][0]width and the letters X (hexadecimal),
 * L and U (case) may stand behind the percent sign: the offset skips characters, from the end with
 * a minus sign; a width with a zero fills with zeros, another cuts. %{uid}, %{uidvalidity},
 * %{filename}, %{guid}, with "| hex(8)" behind the name. `out_length` counts the bytes in
 * `out_uidl`, which get no NUL. */
enum uidl_format_result uidl_format_write(struct span format, const struct uidl_parts *parts,
                                          char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length);

#endif
