/* transcript: a conversation written down as text, with what it must lead to.
 *
 * Read from tests/transcripts/NAME.txt, in a format that reads like the session: what the client
 * says, what the server answers, and directives for the maildrop and for what fails. Knows nothing
 * of how the bytes are to be handed in; that is the test's.
 */
#ifndef RINGPOST_TESTS_SUPPORT_TRANSCRIPT_H
#define RINGPOST_TESTS_SUPPORT_TRANSCRIPT_H

#include "tests/support/session_world.h"
#include "tests/support/transcript_script.h"

/* The format, a line each; `#` begins a comment line:
 *
 *   C: STAT            the client's line; CRLF is added
 *   c: ST              the client's bytes, nothing is added
 *   S: +OK 2 320       the server's line; CRLF is added
 *   @listing list 1 9  the server's lines for generated messages 1 to 9 ("uidl 1 9" too)
 *   @message UIDL      a message of the maildrop; its lines follow as "M: text"
 *   @messages 300      so many generated messages
 *   @account joe pass  one more account; the secret is all that follows the second space
 *   @apop <1.2@host>   APOP works, with this timestamp
 *   @last   @no-plaintext   @stls   @external   @refusals BEFORE AFTER
 *   @certificate joe   whose certificate the client shows
 *   @tls               what the client says from here on is under TLS, which STLS has begun
 *   @fault body 2 permanent    the second ask of that kind fails so
 *   @end quit          how it ends: quit, quit-failed, refusals, cut; not there: it stays open
 *   @removed 1 3       what COMMIT removes; nothing when it is not there
 *
 * In C, c, S and @account: \r \n \\ \xHH, and \{300*a} for 300 letters a.
 */

struct transcript {
    struct session_world world;
    struct transcript_script script; /* the world borrows spans of its text */
    bool is_closed;
    enum pop3_end end;
    uint64_t removed[(SESSION_WORLD_MESSAGES_MAX + 63) / 64];

    /* While it is read. */
    struct session_world_bytes secrets[SESSION_WORLD_ACCOUNTS_MAX];
    struct span message_uidl; /* of the message whose lines are being read; empty: none */
    struct session_world_bytes message;
};

/* Reads a file; what is wrong with it is told on stderr, by line, and ends the test. To be freed by
 * transcript_close. */
struct transcript *transcript_open(const char *path);
void transcript_close(struct transcript *transcript);

#endif
