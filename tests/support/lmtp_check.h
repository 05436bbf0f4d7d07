/* lmtp_check: what must be true of every answer of every LMTP session.
 *
 * Looks at bytes only, so that no mistake of the session can hide behind the session's own idea of
 * what it said. A broken rule ends the test by must().
 */
#ifndef RINGPOST_TESTS_SUPPORT_LMTP_CHECK_H
#define RINGPOST_TESTS_SUPPORT_LMTP_CHECK_H

#include "proto/span.h"

/* Whole answers (RFC 5321 section 4.2): lines of up to 512 octets with CRLF, a code, the same in
 * each line of an answer, and an enhanced code of its class (RFC 2034 section 4); in words of our
 * own. Returns how many answers there are. */
uint32_t lmtp_check_answers(struct span answers);

/* The first digit of the last answer's code; '\0' where there is none. */
char lmtp_check_last_class(struct span answers);

#endif
