/* ocsp_response: what an OCSP response says of one certificate, and for how long.
 *
 * Pure: walks through the DER of RFC 6960 section 4.2.1 as far as it needs to. Whether the response
 * is signed by whom it should be is judged elsewhere; nothing that it says here may be relied upon
 * before that.
 */
#ifndef RINGPOST_PROTO_OCSP_RESPONSE_H
#define RINGPOST_PROTO_OCSP_RESPONSE_H

#include "proto/span.h"

enum ocsp_result {
    OCSP_DONE,
    OCSP_BAD,     /* no OCSP response, or a damaged one */
    OCSP_REFUSED, /* the responder has answered that it does not answer */
    OCSP_OTHER,   /* a response, but not about this certificate */
};

enum ocsp_status { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };

struct ocsp_facts {
    enum ocsp_status status;
    uint64_t begin_s; /* thisUpdate, in seconds since 1970 */
    uint64_t end_s;   /* nextUpdate; 0: none is named */
};

/* Looks for the certificate with this serial number, the bytes of its INTEGER with or without zeros
 * in front. Without OCSP_DONE there are no facts. */
enum ocsp_result ocsp_response_parse(struct span der, struct span serial,
                                     struct ocsp_facts *out_facts);

#endif
