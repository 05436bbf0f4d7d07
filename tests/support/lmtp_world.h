/* lmtp_world: a small world around an LMTP session, for tests and fuzzers.
 *
 * Plays the part of core: cuts the input into lines and message bytes, answers the asks from a list
 * of users, collects what the session says, and writes down what was delivered to whom. It watches
 * over the promises of every session: as many answers as a client counts on, framed as they must
 * be, asks in an order that a store can obey. It never looks inside the session.
 */
#ifndef RINGPOST_TESTS_SUPPORT_LMTP_WORLD_H
#define RINGPOST_TESTS_SUPPORT_LMTP_WORLD_H

#include "proto/line.h"
#include "proto/lmtp.h"
#include "tests/support/session_world.h"

#define LMTP_WORLD_USERS_MAX      16
#define LMTP_WORLD_RECIPIENTS_MAX 1024

/* Borrowed by the world. */
struct lmtp_world_user {
    struct span name;
    enum lmtp_recipient_result recipient;
    enum mail_result result;
};

struct lmtp_world_recipient {
    const struct lmtp_world_user *user; /* NULL: where everybody is known */
    uint16_t name_length;
    uint16_t address_length;
    char name[LMTP_USER_NAME_MAX];
    char address[LMTP_ADDRESS_MAX];
};

struct lmtp_world {
    /* The fixture: set before lmtp_world_begin, kept for any number of sessions. */
    struct lmtp_settings settings;
    struct lmtp_world_user users[LMTP_WORLD_USERS_MAX];
    uint32_t user_count;
    bool knows_everybody;
    uint64_t tls_from; /* as in session_world.h */

    /* Manners of the world; no session may behave differently because of them. */
    bool has_tiny_plan;   /* a plan never has more than PLAN_ANSWER room */
    bool sends_each_line; /* never two answers in one plan */
    size_t block_bytes;   /* how much of a message is taken at once; at least 1 */

    /* The session, and what became of it. */
    struct lmtp session;
    struct lmtp_ask ask;
    struct lmtp_settings tls_settings;
    bool has_tls;
    uint64_t fed_bytes;
    struct session_world_bytes output;
    struct session_world_bytes record; /* of what the store did:
                                        * "from <PATH>" LF, the message, "to USER <ADDRESS>" LF for
                                        * each who got it, and "forgotten" LF */
    uint32_t recipient_count;
    uint32_t delivered_count; /* recipients of the message under way whose result was told */
    struct session_world_bytes letter;
    bool has_letter;
    uint32_t room_count;    /* LMTP_ASK_ROOM, all in all */
    uint32_t client_counts; /* recipients that a client takes for accepted */
    uint32_t answers_sent;
    uint32_t answers_before; /* answers when the bytes of DATA or BDAT began */
    bool is_last;            /* the bytes that come are those of DATA or BDAT LAST */

    /* Behind it. */
    struct line line;
    char line_buffer[LMTP_LINE_MAX];
    struct plan plan;
    struct lmtp_world_recipient recipients[LMTP_WORLD_RECIPIENTS_MAX]; /* not cleared: large */
};

/* Users joe and ann, a maildrop "full" that is full at RCPT, local parts as names with '+' as
 * delimiter, 1,000 octets a message, 3 recipients, 5 mistakes, no STARTTLS. The world is large:
 * keep it in static or allocated memory. */
void lmtp_world_init(struct lmtp_world *world);
void lmtp_world_fini(struct lmtp_world *world);

/* Borrows the name. */
void lmtp_world_add_user(struct lmtp_world *world, struct lmtp_world_user user);

/* Begins a new session and forgets the one before. The greeting is in the output. */
void lmtp_world_begin(struct lmtp_world *world);

/* Hands in bytes as one read would. Everything that the session says to them is in the output
 * afterwards. Bytes after the end of the session are ignored. */
void lmtp_world_feed(struct lmtp_world *world, struct span input);

/* What the session has said, and what was delivered; borrowed until the next call. */
struct span lmtp_world_output(const struct lmtp_world *world);
struct span lmtp_world_record(const struct lmtp_world *world);

bool lmtp_world_is_closed(const struct lmtp_world *world);

#endif
