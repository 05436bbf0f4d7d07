/* lmtp_trace: the head lines that a mail store writes in front of a message it takes.
 *
 * Return-Path (RFC 5321 section 4.4), Delivered-To and Received, each whole lines with CRLF, in the
 * order in which they stand in a message. Pure: date, identity and addresses come as texts. Never
 * lets a CR, LF, NUL or other control character of a text reach a header.
 */
#ifndef RINGPOST_PROTO_LMTP_TRACE_H
#define RINGPOST_PROTO_LMTP_TRACE_H

#include "proto/lmtp.h"
#include "proto/span.h"

/* Longest text for `date`; RFC 5322 section 3.3 needs 31. */
#define LMTP_TRACE_DATE_MAX 64

/* Longest identity of a delivery, for the log and the Received line. */
#define LMTP_TRACE_ID_MAX 64

/* Room for every set of lines: three addresses, three host names, identity, date, and less than
 * 256 octets of our own. */
#define LMTP_TRACE_MAX                                                                             \
    (3 * LMTP_ADDRESS_MAX + 3 * LMTP_HOST_NAME_MAX + LMTP_TRACE_ID_MAX + LMTP_TRACE_DATE_MAX + 256)

struct lmtp_trace {
    bool has_return_path; /* which lines are wanted, by the operator's will */
    bool has_delivered_to;
    bool has_received;

    struct span reverse_path; /* lmtp_reverse_path; empty: the null path <> */
    struct span recipient;    /* the address of RCPT, whose copy this is, for Delivered-To and
                               * Received:    it gives away no other recipient */

    struct span client_name;    /* lmtp_client_name */
    struct span client_address; /* "192.0.2.1", "IPv6:2001:db8::1"; empty: a local socket */
    struct span host_name;      /* of this server */
    struct span id;             /* 0..LMTP_TRACE_ID_MAX octets; empty: none */
    struct span date;           /* "Wed, 25 Nov 2026 22:28:51 +0000" */
    bool has_tls;               /* LMTPS instead of LMTP (RFC 3848) */
    bool is_utf8;               /* UTF8LMTP instead of LMTP (RFC 6531 section 4.3) */
};

/* Writes the wanted lines, perhaps none, into `out` and returns their octets. Each text may be as
 * long as its limit, LMTP_ADDRESS_MAX, LMTP_HOST_NAME_MAX or the above; what is longer is our own
 * mistake. Octets that must not stand in a header, be they a peer's, become '?'. */
size_t lmtp_trace_compose(const struct lmtp_trace *trace, char out[LMTP_TRACE_MAX]);

#endif
