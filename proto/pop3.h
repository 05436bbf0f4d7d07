/* pop3: a POP3 session without input and output (RFC 1939, 2449, 2595, 3206, 5034).
 *
 * A line or the answer to the last question goes in; at most one question, the ask, comes out, and
 * what there is to say is appended to a plan. The session knows no clock, no socket and no disk.
 * The world answers an ask before it hands in the next line, so pipelining, back-pressure and
 * "busy" are one mechanism. A session owns no memory but its own struct.
 *
 * The way of a session: pop3_begin says the greeting and asks for a line; then pop3_line and
 * pop3_answer take turns until the ask is POP3_ASK_CLOSE. Whoever runs it sends the plan whenever
 * it has no further line to hand in, and always before it obeys POP3_ASK_ROOM, POP3_ASK_TLS and
 * POP3_ASK_CLOSE.
 */
#ifndef RINGPOST_PROTO_POP3_H
#define RINGPOST_PROTO_POP3_H

#include "proto/mail.h"
#include "proto/plan.h"
#include "proto/span.h"

/* Longest user name that a command line can carry: 255 - "USER " - CRLF (RFC 2449 section 4). */
#define POP3_USER_NAME_MAX 248

/* Longest `<…>` of a greeting (RFC 1939 section 7, APOP). */
#define POP3_TIMESTAMP_MAX 128

/* The password of a PASS line is shorter; RFC 4616 section 2 wants 255 octets to be accepted. */
#define POP3_PASSWORD_MAX 255

/* Leaves CAPA, with all that it may list one day, within one PLAN_ANSWER_TEXT. */
#define POP3_IMPLEMENTATION_MAX 128

/* Facts asked for at once: 128 lines of UIDL fill two thirds of a plan. */
#define POP3_FACTS_MAX 128

/* What a connection may do, by the operator's will and by how it is protected; shared by many
 * sessions and constant while they live. */
struct pop3_settings {
    struct span implementation; /* the CAPA tag's value, as "Ringpost"; not empty */
    bool apop;                  /* announce and accept APOP */
    bool last;                  /* accept LAST (RFC 1460), off by default */
    bool plaintext_login;       /* USER, PASS, AUTH PLAIN and LOGIN on this connection */
    bool stls;                  /* announce and accept STLS; never where TLS is on already */
    bool external; /* announce and accept AUTH EXTERNAL: the peer's certificate is verified */
    /* The n-th -ERR ends the connection, n from 1 on (PROTOCOL.md 20). After login a fault of the
     * storage does not count: damaged messages must not keep a client from the others. */
    uint32_t refusals_before_login_max;
    uint32_t refusals_after_login_max;
};

enum pop3_ask_kind {
    POP3_ASK_LINE,   /* the next line, whenever there is one */
    POP3_ASK_ROOM,   /* send the plan, then pop3_answer with POP3_ASK_ROOM */
    POP3_ASK_AUTH,   /* check `auth` */
    POP3_ASK_OPEN,   /* lock the maildrop of pop3_user_name and take its snapshot */
    POP3_ASK_FACTS,  /* of messages from `first` on, `wanted` or fewer, at least one */
    POP3_ASK_BODY,   /* the whole answer to RETR `number` as a range */
    POP3_ASK_TOP,    /* header, blank line and `lines` lines of `number`, as a range in wire form */
    POP3_ASK_COMMIT, /* remove the marked messages durably */
    POP3_ASK_TLS,    /* send the plan, throw away all input that has come, a half line too (RFC
                      * 2595 section 4), begin TLS; answer when it is there, or end the connection */
    POP3_ASK_CLOSE,  /* send the plan and close */
};

enum pop3_mechanism {
    POP3_MECHANISM_PASS,
    POP3_MECHANISM_APOP,
    POP3_MECHANISM_PLAIN,
    POP3_MECHANISM_LOGIN,
    POP3_MECHANISM_EXTERNAL, /* RFC 4422 appendix A: the proof is the certificate, the world's */
};

/* Spans are borrowed until pop3_line or pop3_answer that returned them is called again or the line
 * they came in is given up: whoever checks later copies them first, and wipes the copy. */
struct pop3_auth {
    enum pop3_mechanism mechanism;
    struct span user;     /* authentication identity, 1..POP3_USER_NAME_MAX octets, no NUL; empty
                           * for EXTERNAL */
    struct span password; /* 1..POP3_PASSWORD_MAX octets, no NUL; for APOP the 32 hexadecimal digits
                           * of the digest; empty for EXTERNAL */
    struct span on_behalf_of; /* authorization identity of PLAIN and EXTERNAL, shaped like a user's
                               * name; empty: whoever was authenticated. Who says POP3_AUTH_RIGHT
                               * lets `user`, or the certificate's owner, into its maildrop */
};

struct pop3_ask {
    enum pop3_ask_kind kind;
    union {
        struct pop3_auth auth;
        struct {
            uint32_t first, wanted; /* wanted: 1..POP3_FACTS_MAX */
        } facts;
        struct {
            uint32_t number;
        } body;
        struct {
            uint32_t number;
            uint64_t lines;
        } top;
    };
};

enum pop3_auth_result {
    POP3_AUTH_RIGHT,
    POP3_AUTH_WRONG,       /* -ERR [AUTH] */
    POP3_AUTH_UNAVAILABLE, /* -ERR [SYS/TEMP]: the check could not be made */
};

/* The world's answer; `kind` repeats the ask's. */
struct pop3_answer {
    enum pop3_ask_kind kind;
    enum pop3_auth_result auth; /* POP3_ASK_AUTH */
    enum mail_result result;    /* all that ask the storage; never MAIL_LATER */
    union {
        struct {
            struct mail_view view;
            uint64_t *marks; /* (count + 63) / 64 zeroed words, the world's, kept until the end; the
                              * session sets bit number - 1 of a message marked as deleted */
        } open;
        struct {
            const struct mail_fact *facts; /* borrowed until pop3_answer returns */
            uint32_t count;                /* 1..wanted */
        } facts;
        struct mail_range range; /* POP3_ASK_BODY, POP3_ASK_TOP */
        struct {
            const struct pop3_settings *settings; /* from here on; must outlive the session */
        } tls;
        /* POP3_AUTH_RIGHT: whose maildrop it is; empty: as asked. EXTERNAL with an empty
         * `on_behalf_of` takes the name from the certificate. Borrowed until pop3_answer returns;
         * a name that cannot be a user's is refused like a wrong one. */
        struct span auth_user;
    };
};

enum pop3_state { POP3_AUTHORIZATION, POP3_TRANSACTION, POP3_ENDED };

/* How the session came to its end, for the log. */
enum pop3_end {
    POP3_END_NONE,        /* not yet: if the connection goes now, it was the peer or the world */
    POP3_END_QUIT,        /* QUIT was answered +OK */
    POP3_END_QUIT_FAILED, /* QUIT was answered -ERR, nothing was removed */
    POP3_END_REFUSALS,    /* too many -ERR */
};

/* What the answer that is under way goes on with. Private to the files of the session. */
enum pop3_pending {
    POP3_PENDING_NONE,
    POP3_PENDING_LIST,
    POP3_PENDING_UIDL,
    POP3_PENDING_ONE_LIST,
    POP3_PENDING_ONE_UIDL,
    POP3_PENDING_DELE,
    POP3_PENDING_SASL_PLAIN,
    POP3_PENDING_SASL_LOGIN_USER,
    POP3_PENDING_SASL_LOGIN_PASSWORD,
    POP3_PENDING_SASL_EXTERNAL,
};

struct pop3 {
    const struct pop3_settings *settings;
    enum pop3_state state;
    enum pop3_ask_kind asked;
    enum pop3_pending pending;
    enum pop3_mechanism mechanism; /* of the last POP3_ASK_AUTH */
    enum pop3_end end;
    uint32_t number; /* the message, or the next one of a listing, that `pending` is about */
    uint32_t refusals;
    uint32_t last_read; /* for LAST */
    struct mail_view view;
    uint64_t *marks;
    uint32_t marked_count;
    uint64_t marked_octets;
    uint32_t retrieved_count;  /* RETR, for the log */
    uint64_t retrieved_octets; /* bytes in wire form */
    bool listing_begun;        /* the +OK of a listing was said: only closing can break it off */
    bool just_user;            /* the line before was a good USER */
    uint8_t user_name_length;
    char user_name[POP3_USER_NAME_MAX];
};

/* Begins a session and appends the greeting. `timestamp` is the `<…>` for APOP, unique to this
 * connection, and empty where APOP is off. `settings` must outlive the session. Asks for a line. */
struct pop3_ask pop3_begin(struct pop3 *session, const struct pop3_settings *settings,
                           struct span timestamp, struct plan *plan);

/* One line without its end; allowed only when the last ask was POP3_ASK_LINE. The plan must have
 * PLAN_ANSWER room, else the caller sends it first. The line is borrowed during the call, and
 * longer where the ask says so. Its bytes must lie in memory that may be written: base64 is decoded
 * in place, so that no session needs room for it. */
struct pop3_ask pop3_line(struct pop3 *session, struct span line, struct plan *plan);

/* A line was too long and has been swallowed: one -ERR (PROTOCOL.md 10). Same rules as pop3_line.
 */
struct pop3_ask pop3_line_too_long(struct pop3 *session, struct plan *plan);

/* The answer to the last ask; its kind must be the same. POP3_ASK_FACTS and _ROOM may be asked many
 * times for one listing. The plan must have PLAN_ANSWER room; for POP3_ASK_FACTS the room that it
 * had when they were asked, because the session wants no more than fits.
 *
 * POP3_ASK_TLS is answered with the settings of the encrypted connection, which do not offer STLS,
 * and APOP only where the greeting had a timestamp. The session is then as it was after the
 * greeting, says nothing and asks for a line; only the count of refusals stays, so that STLS buys
 * nobody more guesses. */
struct pop3_ask pop3_answer(struct pop3 *session, const struct pop3_answer *answer,
                            struct plan *plan);

/* Whose maildrop it is: the name that came with the answer, else `on_behalf_of` where given, else
 * the name that was checked. Valid from POP3_ASK_OPEN on, borrowed from the session. */
struct span pop3_user_name(const struct pop3 *session);

/* Whether the next line belongs to a SASL exchange and may have LINE_SASL_MAX octets. */
bool pop3_wants_long_line(const struct pop3 *session);

/* Whether message `number` (from 1) is marked as deleted. */
bool pop3_is_marked(const struct pop3 *session, uint32_t number);

#endif
