/* remote_talk: what is said to another POP3 server, and what it answers.
 *
 * One command and its answer at a time. Whatever is no POP3 ends the connection; whatever fails is
 * a sentence in the remote's `error` that says what to do.
 */
#ifndef RINGPOST_TOOLS_REMOTE_TALK_H
#define RINGPOST_TOOLS_REMOTE_TALK_H

#include "tools/remote.h"

/* A server that says nothing for so long is given up. */
#define REMOTE_SILENCE_S 120

/* Says `command`, a line with its CRLF, and reads the first line of the answer: +OK is REMOTE_DONE,
 * -ERR is REMOTE_REFUSED. */
enum remote_result remote_say(struct remote *remote, const char *command);

/* The rest of an answer of several lines (RFC 1939 section 3); `out_octets` is what `sink` got.
 * REMOTE_REFUSED where it is more than `octets_max`, for it may have no end. */
enum remote_result remote_read_body(struct remote *remote, const struct remote_sink *sink,
                                    uint64_t octets_max, uint64_t *out_octets);

/* What a result of libcurl means: REMOTE_REFUSED, REMOTE_LOST or REMOTE_FAILED with a sentence, or
 * that there is nothing to explain. */
enum remote_result remote_explain(struct remote *remote, CURLcode code);

/* The sentence "URL WHAT (libcurl's reason, if any): ADVICE"; always REMOTE_FAILED. */
enum remote_result remote_fail(struct remote *remote, const char *what, const char *advice);

#endif
