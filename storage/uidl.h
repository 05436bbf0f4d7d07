/* uidl: what names a message for ever (RFC 1939 section 7).
 *
 * Ringpost makes its own for mail that arrives; what other servers gave is kept as long as the rule
 * allows it. Pure: time and random bits come from the caller.
 */
#ifndef RINGPOST_STORAGE_UIDL_H
#define RINGPOST_STORAGE_UIDL_H

#include "proto/mail.h"
#include "proto/span.h"

/* A UIDL of 24 characters from the time and 64 random bits: never reused, even when a crash takes
 * an unanswered delivery back that a session has already seen. `out_uidl` gets no NUL. */
#define UIDL_MADE_BYTES 24
void uidl_make(uint32_t time_s, uint64_t random, char out_uidl[UIDL_MADE_BYTES]);

/* Whether RFC 1939 section 7 allows it: 1..MAIL_UIDL_MAX octets from 0x21 to 0x7E. */
bool uidl_is_valid(struct span uidl);

#endif
