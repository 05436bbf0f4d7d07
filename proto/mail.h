/* mail: what protocol and storage say to each other about a maildrop.
 *
 * Plain facts without behaviour: the snapshot a session works on, the facts of one message, where
 * the bytes of an answer lie, and how a request to the storage ended.
 */
#ifndef RINGPOST_PROTO_MAIL_H
#define RINGPOST_PROTO_MAIL_H

#include <stdbool.h>
#include <stdint.h>

/* RFC 1939 section 7: a UIDL is 1 to 70 characters of 0x21 to 0x7E. */
#define MAIL_UIDL_MAX 70

/* How a request to the storage ended. Each failure has the response code that a client is told
 * (RFC 2449 IN-USE, RFC 3206 SYS/TEMP and SYS/PERM), and LMTP the sender a status (RFC 3463).
 * MAIL_LATER never reaches a session: it says that the answer needs a wait that the asker did not
 * allow. A POP3 session never meets MAIL_FULL. */
enum mail_result {
    MAIL_DONE,
    MAIL_LATER,
    MAIL_IN_USE,    /* another session holds the maildrop */
    MAIL_TEMPORARY, /* try again: I/O error, store not mounted */
    MAIL_PERMANENT, /* an operator has to look: damaged data */
    MAIL_TOO_BIG,   /* a limit of one message or one request refuses it */
    MAIL_FULL,      /* a limit of the maildrop refuses it: its quota of messages or octets */
    MAIL_NO_SPACE,  /* try again: the disk is full */
    MAIL_PARTLY,    /* only of an UPDATE: some messages are removed, the others are not */
};

/* The maildrop as it was when the session began (RFC 1939 section 5: a snapshot). Message numbers
 * 1..count, deletions of this session not regarded. `octets` is the sum as RETR would send it,
 * with CRLF line ends and without stuffing. */
struct mail_view {
    uint32_t count;
    uint64_t octets;
};

/* One message as LIST and UIDL show it. */
struct mail_fact {
    uint32_t octets;
    uint8_t uidl_length; /* 1..MAIL_UIDL_MAX */
    char uidl[MAIL_UIDL_MAX];
};

/* A range of bytes of a file, or of memory where the driver keeps its mail there. Both stay as they
 * are until the driver is told that all has been sent, or the maildrop is closed. Most ranges are
 * already in the form of the wire. A raw one is a message as another program has stored it, which
 * the sender codes on its way (proto/dot.h): line ends and stuffed dots, without the ".CRLF". */
struct mail_range {
    const char *memory; /* the first byte, or NULL: then `file` and `offset` count */
    int file;           /* the storage's handle */
    uint32_t raw_bytes; /* of a raw range: bytes in the file */
    uint64_t offset;
    uint64_t bytes; /* in wire form */
    /* So many bytes from `offset` on, also behind this range, were in memory a moment ago and can
     * be sent without a wait. */
    uint64_t resident_bytes;
    uint32_t octets; /* of a raw range: what LIST says of the message */
    bool is_raw;
};

#endif
