/* client_hello: what a server has to know of a TLS ClientHello before it answers.
 *
 * Pure: looks at the first bytes of a connection (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2)
 * and tells the host name (RFC 6066 section 3) and whether a certificate with an ECDSA key would be
 * understood, so that the right certificate can be chosen. Checks no more than it needs to walk
 * safely; the TLS library judges the message.
 */
#ifndef RINGPOST_PROTO_CLIENT_HELLO_H
#define RINGPOST_PROTO_CLIENT_HELLO_H

#include "proto/span.h"

/* A ClientHello that is longer than this, records and all, is taken as one without facts. */
#define CLIENT_HELLO_MAX 16384

/* RFC 1035 section 2.3.4. */
#define CLIENT_HELLO_HOST_MAX 255

enum client_hello_result {
    CLIENT_HELLO_DONE,
    CLIENT_HELLO_MORE, /* the bytes so far are the beginning of one */
    CLIENT_HELLO_BAD,  /* no TLS ClientHello: the library will say so to the peer */
};

struct client_hello {
    struct span host; /* lies in host_bytes, so do not copy the struct; empty where none was sent */
    bool takes_ecdsa; /* ECDSA signatures, and for TLS 1.2 an ECDHE-ECDSA suite */
    size_t bytes;     /* from the first of the input to the last record's end; 0: not known */
    char host_bytes[CLIENT_HELLO_HOST_MAX]; /* a record may end in the middle of the name */
};

/* Parses the bytes received so far, from the first on; the message may be spread over several
 * records, and bytes behind it are not looked at. `host` is valid ASCII of a host name (letters,
 * digits, hyphen, dot, underscore; 1..CLIENT_HELLO_HOST_MAX), else left out. `bytes` may be more
 * than there are, where the message ends before its record does. Without CLIENT_HELLO_DONE there
 * are no facts; with it there are none where the message is longer than CLIENT_HELLO_MAX, and that
 * is said as soon as it is known. */
enum client_hello_result client_hello_parse(struct span input, struct client_hello *out_hello);

#endif
