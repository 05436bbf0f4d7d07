/* lmtp_transcript: an LMTP conversation written down as text, with what it must lead to.
 *
 * Read from tests/transcripts/lmtp/NAME.txt: what the client says, what the server answers, what
 * the store gets, and directives for settings and users. Knows nothing of how the bytes are to be
 * handed in; that is the test's.
 */
#ifndef RINGPOST_TESTS_SUPPORT_LMTP_TRANSCRIPT_H
#define RINGPOST_TESTS_SUPPORT_LMTP_TRANSCRIPT_H

#include "tests/support/lmtp_world.h"
#include "tests/support/transcript_script.h"

/* The format, a line each; `#` begins a comment line:
 *
 *   C: QUIT            the client's line; CRLF is added
 *   c: QU              the client's bytes, nothing is added
 *   S: 221 2.0.0 Bye.  the server's line; CRLF is added
 *   M: Subject: x      a line of the stored message; CRLF is added
 *   m: bytes           bytes of the stored message, nothing is added
 *   D: to joe <joe@x>  what else the record of the store says (lmtp_world.h); LF is added
 *   @greeting          the server's first line and LHLO with its answer, as nearly all begin
 *   @user max good full   one more user: the answer to RCPT, and the result of a delivery
 *   @users whole-address -    names are whole addresses, delimiter '-'
 *   @size 1000   @recipients 3   @mistakes 5   @starttls   @full-is-passing
 *   @tls               what the client says from here on is under TLS, which STARTTLS has begun
 *   @end quit          how it ends: quit, mistakes, chunk; not there: it stays open
 *
 * In C, c, m and M: the escapes of transcript_text.h.
 */
struct lmtp_transcript {
    struct lmtp_world world;
    struct transcript_script script; /* the world borrows spans of its text */
    struct session_world_bytes record;
    bool is_closed;
    enum lmtp_end end;
};

/* Reads a file; what is wrong with it is told on stderr, by line, and ends the test. To be freed by
 * lmtp_transcript_close. */
struct lmtp_transcript *lmtp_transcript_open(const char *path);
void lmtp_transcript_close(struct lmtp_transcript *transcript);

#endif
