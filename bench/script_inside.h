/* script_inside: what the two protocols and the machine around them say to each other.
 *
 * The inside of the room script. A protocol has one function that says the next command and one
 * that judges a whole answer; rows of listings are handed in before it. Owns nothing.
 */
#ifndef RINGPOST_BENCH_SCRIPT_INSIDE_H
#define RINGPOST_BENCH_SCRIPT_INSIDE_H

#include "bench/script.h"

/* Appends the next command and answers SCRIPT_SAID, or says what to wait for. */
enum script_wish script_pop3_next(struct script *script, struct script_out *out, uint64_t now_ns);
enum script_wish script_lmtp_next(struct script *script, struct script_out *out, uint64_t now_ns);

/* Says the next command of the login, and goes on to the next stage with the last of them. */
enum script_wish script_login_next(struct script *script, struct script_out *out, uint64_t now_ns);

/* Keeps what stands in angle brackets in the greeting, with them, for APOP (RFC 1939 section 7);
 * false after script_fail. */
bool script_login_timestamp(struct script *script);

/* Judges an answer, whose head is in script->answer; false after script_fail. */
bool script_pop3_judge(struct script *script, const struct script_asked *asked);
bool script_lmtp_judge(struct script *script, const struct script_asked *asked);

/* An answer that has not come to its end yet; false after script_fail where it never should. */
bool script_pop3_goes_on(struct script *script, const struct script_asked *asked);

/* One row of LIST, UIDL or CAPA; false after script_fail. */
bool script_pop3_row(struct script *script, const struct script_asked *asked);

/* Which form the answer to a step has. */
enum answer_form script_pop3_form(enum step step);

/* Puts a question into the queue; `format` makes the line, without its end, that asks it. */
void script_ask(struct script *script, struct script_out *out, enum step step, uint32_t number,
                uint64_t now_ns, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Goes on to the kind's next stage. */
void script_advance(struct script *script);

/* Fails with FAULT_REFUSED and the head of the answer, or another fault with the same example. */
bool script_refused(struct script *script, const struct script_asked *asked, enum fault fault);

#endif
