/* session_check: what must be true of every answer of every POP3 session.
 *
 * Looks at bytes only, so that no mistake of the session can hide behind the session's own idea of
 * what it said. A broken rule ends the test by must().
 */
#ifndef RINGPOST_TESTS_SUPPORT_SESSION_CHECK_H
#define RINGPOST_TESTS_SUPPORT_SESSION_CHECK_H

#include "proto/span.h"

/* One whole answer to one line: status, first line of up to 512 octets, CRLF line ends; either one
 * line, or +OK and a "." at the end and nowhere before. A listing that was broken off (`is_cut`)
 * must not have a "." at all. */
void session_check_answer(struct span answer, bool is_cut);

/* A text of the session's own: only octets that our sentences are made of. Whoever wants to see
 * that a client is never echoed has it say something else. */
void session_check_text(struct span text);

#endif
