/* session_world: a small world around a POP3 session, for tests and fuzzers.
 *
 * Plays the part of core: cuts the input into lines, hands them to the session, answers its asks
 * from a maildrop in memory, and collects what it says. Faults strike at the n-th ask of a kind. It
 * also watches over the promises of every session: one answer a line, framed as it must be. It
 * never looks inside the session.
 */
#ifndef RINGPOST_TESTS_SUPPORT_SESSION_WORLD_H
#define RINGPOST_TESTS_SUPPORT_SESSION_WORLD_H

#include "proto/line.h"
#include "proto/pop3.h"

#define SESSION_WORLD_MESSAGES_MAX 512
#define SESSION_WORLD_ACCOUNTS_MAX 4
#define SESSION_WORLD_ANSWERS_MAX  4096 /* more than a plan can hold */
#define SESSION_WORLD_ASK_KINDS    (POP3_ASK_CLOSE + 1)

struct session_world_message {
    struct mail_fact fact;
    uint64_t offset;       /* of the answer to RETR in `store` */
    uint64_t text_offset;  /* behind its first line */
    uint64_t header_bytes; /* of the text, with the blank line */
    uint64_t text_bytes;   /* stuffed, without the "." */
    uint64_t bytes;        /* of the whole answer */
};

/* Borrowed by the world. */
struct session_world_account {
    struct span name;
    struct span secret; /* the password, or for APOP the digest */
};

struct session_world_fault {
    uint32_t at; /* strikes at the n-th ask of its kind, n from 1; 0: never */
    enum mail_result result;
};

/* Growing bytes. */
struct session_world_bytes {
    char *bytes;
    size_t length;
    size_t capacity;
};

struct session_world {
    /* The fixture: set before session_world_begin, kept for any number of sessions. */
    struct pop3_settings settings;
    struct span timestamp;
    struct session_world_bytes store;
    struct session_world_message messages[SESSION_WORLD_MESSAGES_MAX];
    uint32_t message_count;
    struct session_world_account accounts[SESSION_WORLD_ACCOUNTS_MAX];
    uint32_t account_count;
    struct session_world_fault faults[SESSION_WORLD_ASK_KINDS];
    uint64_t tls_from; /* the client's octets from this one on are under TLS, once it has begun;
                        * those before it that come too late for the session are thrown away */
    struct span certificate; /* whose certificate the client shows; empty: nobody's. It opens the
                              * owner's maildrop, and master's every maildrop */

    /* Manners of the world; no session may behave differently because of them. */
    bool has_tiny_plan;   /* a plan never has more than PLAN_ANSWER room */
    bool sends_each_line; /* never two answers in one plan */
    bool is_in_memory;    /* ranges are of memory, not of a file */
    uint32_t facts_max;   /* how many facts an answer holds at the most; 0: as many as wanted */

    /* The session, and what became of it. */
    struct pop3 session;
    struct pop3_ask ask;
    struct pop3_settings tls_settings;
    bool has_tls;
    uint64_t fed_bytes;
    uint32_t asked[SESSION_WORLD_ASK_KINDS];
    struct session_world_bytes output;
    uint32_t sends;
    uint64_t answer_ends[SESSION_WORLD_ANSWERS_MAX]; /* of answers that are not checked yet */
    uint32_t answer_count;
    uint64_t checked_bytes; /* of the output */
    uint64_t marks[(SESSION_WORLD_MESSAGES_MAX + 63) / 64];
    uint64_t removed[(SESSION_WORLD_MESSAGES_MAX + 63) / 64];
    struct pop3_auth auth; /* the last that was asked for; its spans are copies in auth_bytes */
    char auth_bytes[2 * POP3_USER_NAME_MAX + POP3_PASSWORD_MAX];

    struct plan plan;
    struct line line;
    char command_buffer[LINE_COMMAND_MAX];
    char sasl_buffer[LINE_SASL_MAX];
};

/* An empty maildrop, joe with the password "secret", everything allowed but APOP, LAST, STLS and
 * EXTERNAL. Under TLS passwords are accepted, and EXTERNAL where there is a certificate. The world
 * is large: keep it in static or allocated memory. */
void session_world_init(struct session_world *world);
void session_world_fini(struct session_world *world);

/* Stores a message; `text` has CRLF line ends, the last line too, and is not stuffed. */
void session_world_add_message(struct session_world *world, struct span uidl, struct span text);

/* Borrows both spans. "master" may log in on behalf of everybody. */
void session_world_add_account(struct session_world *world, struct span name, struct span secret);

/* Begins a new session and forgets the one before. The greeting is in the output. */
void session_world_begin(struct session_world *world);

/* Hands in bytes as one read would. Everything that the session says to them is in the output
 * afterwards. Bytes after the end of the session are ignored. */
void session_world_feed(struct session_world *world, struct span input);

/* What the session has said so far, borrowed until the next call. */
struct span session_world_output(const struct session_world *world);

bool session_world_is_closed(const struct session_world *world);

/* Appends a copy. */
void session_world_append(struct session_world_bytes *bytes, struct span more);

#endif
