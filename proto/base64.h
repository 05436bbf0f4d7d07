/* base64: decodes what a SASL exchange carries (RFC 4648 section 4).
 *
 * Strict, as RFC 4422 and 5034 want it: only the 64 letters, padded to groups of four, and no bits
 * set that carry nothing, so that each content has exactly one spelling. No spaces and no line
 * ends.
 */
#ifndef RINGPOST_PROTO_BASE64_H
#define RINGPOST_PROTO_BASE64_H

#include "proto/span.h"

/* Decodes all of `coded` into `out_bytes`, which must hold coded.length / 4 * 3 octets and may be
 * the coded octets themselves: decoding never overtakes reading. False where it is not base64; what
 * `out_bytes` holds is then undefined. Empty decodes to empty. */
bool base64_decode(struct span coded, char *out_bytes, size_t *out_length);

#endif
