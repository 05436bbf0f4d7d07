/* lmtp: an LMTP session without input and output (RFC 2033 with RFC 5321's syntax; RFC 1870, 2034,
 * 2920, 3030, 3207, 6152, 6531).
 *
 * A line or the answer to the last question goes in; at most one question, the ask, comes out, and
 * what there is to say is appended to a plan. The bytes of a message go through lmtp_data. The
 * session knows no clock, no socket and no store, and keeps no recipients but their number: the
 * world keeps the accepted ones, in order. A session owns no memory but its own struct.
 */
#ifndef RINGPOST_PROTO_LMTP_H
#define RINGPOST_PROTO_LMTP_H

#include "proto/dot.h"
#include "proto/lmtp_command.h"
#include "proto/lmtp_path.h"
#include "proto/lmtp_user.h"
#include "proto/mail.h"
#include "proto/plan.h"
#include "proto/span.h"

/* Longest command line with its CRLF. RFC 5321 section 4.5.3.1.4 has 512; SIZE adds 26 (RFC 1870),
 * BODY 17 (RFC 6152), SMTPUTF8 10 (RFC 6531). Twice 512 also holds a source route or parameters
 * that are not offered, so that these get the answer that says so. */
#define LMTP_LINE_MAX 1024

/* RFC 1035 section 2.3.4: a name has up to 255 octets. For ours, and for the client's in LHLO. */
#define LMTP_HOST_NAME_MAX 255

/* What a connection may do, by the operator's will and by how it is protected; shared by many
 * sessions and constant while they live. */
struct lmtp_settings {
    struct span host_name;       /* of this server, 1..LMTP_HOST_NAME_MAX octets, printable ASCII */
    struct lmtp_user_rule users; /* which user an address means */
    uint64_t message_octets_max; /* announced as SIZE; at least 1. Counted with CRLF, unstuffed */
    uint32_t recipients_max;     /* good ones of one message; at least 1. RFC 5321 4.5.3.1.8: 100 */
    uint32_t mistakes_max;       /* the n-th mistake ends the connection with 421, n from 1 on. No
                                  * mistakes are recipients and messages that are not taken, and
                                  * what was pipelined behind them */
    bool full_is_passing; /* mail for a full maildrop is to be tried again: 452 4.2.2, not 552 */
    bool starttls;        /* announce and accept STARTTLS; never where TLS is on already */
};

/* The way of a session: lmtp_begin says the greeting and asks for a line; then lmtp_line and
 * lmtp_answer take turns, with lmtp_data between them, until the ask is LMTP_ASK_CLOSE. Whoever
 * runs it sends the plan whenever it has no further input to hand in, and always before it obeys
 * LMTP_ASK_ROOM, LMTP_ASK_TLS and LMTP_ASK_CLOSE.
 *
 * One message, as the world sees it: RECIPIENT once a RCPT (it looks the user up, and keeps him
 * where he is good), DATA once for DATA and once for each BDAT (it calls lmtp_data and gives the
 * bytes to a letter), DELIVER (the letter is complete and goes to all kept recipients; each result
 * is handed in, in order), LINE. Where a transaction is given up, FORGET comes instead of DELIVER.
 * A world that cannot keep a letter which has begun goes on calling lmtp_data, throws the bytes
 * away, and tells the failure as the result of every recipient. */
enum lmtp_ask_kind {
    LMTP_ASK_LINE,      /* the next line, whenever there is one: lmtp_line, lmtp_line_too_long */
    LMTP_ASK_ROOM,      /* send the plan, then lmtp_answer with LMTP_ASK_ROOM */
    LMTP_ASK_RECIPIENT, /* may mail for `recipient` come in? Then keep him until DELIVER, FORGET,
                         * TLS or CLOSE */
    LMTP_ASK_DATA,      /* call lmtp_data, also with an empty input, until it says LMTP_DATA_END;
                         * then lmtp_answer with LMTP_ASK_DATA */
    LMTP_ASK_DELIVER,   /* the result of recipient `deliver.index`; for index 0 first end the letter
                         * and deliver it. Answer when it is durable */
    LMTP_ASK_FORGET,    /* give up the letter and the recipients, whichever are there */
    LMTP_ASK_TLS,       /* send the plan, throw away all input that has come, a half line too (RFC
                         * 3207 section 4.2), forget as above, begin TLS; answer when it is there,
                         * or end the connection */
    LMTP_ASK_CLOSE,     /* send the plan, forget as above and close. Further input is ignored */
};

struct lmtp_ask {
    enum lmtp_ask_kind kind;
    union {
        struct {
            struct span user;    /* 1..LMTP_USER_NAME_MAX octets, no NUL and no control character,
                                  * but perhaps UTF-8, spaces or a '/'. Borrowed from the session
                                  * until lmtp_answer returns */
            struct span address; /* as the client wrote it, without <>, 1..LMTP_ADDRESS_MAX octets,
                                  * safe in a header line. Borrowed from the line: valid until the
                                  * bytes of the line are given up, so that who answers later
                                  * copies it first */
            uint32_t index;      /* 0..recipients_max - 1: how many are kept already. The same
                                  * user may come twice and then has two results */
        } recipient;
        struct {
            bool begins_letter; /* the first bytes of a message: begin a letter */
            bool is_wanted;     /* false: lmtp_data gives no bytes, they only have to go by; there
                                 * is then no letter to begin, and none to go on with */
        } data;
        struct {
            uint32_t index; /* in the order in which the recipients were kept */
        } deliver;
    };
};

enum lmtp_recipient_result {
    LMTP_RECIPIENT_GOOD,      /* 250 2.1.5: the world keeps him */
    LMTP_RECIPIENT_UNKNOWN,   /* 550 5.1.1: nobody has this name */
    LMTP_RECIPIENT_FULL,      /* 552 5.2.2, or 452 4.2.2: his quota is used up */
    LMTP_RECIPIENT_TEMPORARY, /* 451 4.3.0: who knows; the sender tries again */
};

/* The world's answer; `kind` repeats the ask's. ROOM, DATA and FORGET need no more. */
struct lmtp_answer {
    enum lmtp_ask_kind kind;
    enum lmtp_recipient_result recipient; /* LMTP_ASK_RECIPIENT */
    /* LMTP_ASK_DELIVER: MAIL_DONE 250 2.0.0, and then the mail is durable; MAIL_FULL 552 5.2.2 or
     * 452 4.2.2; MAIL_TOO_BIG 552 5.3.4; MAIL_NO_SPACE 452 4.3.1; MAIL_TEMPORARY and MAIL_IN_USE
     * 451 4.3.0; MAIL_PERMANENT 554 5.3.0. Never MAIL_LATER. */
    enum mail_result result;
    /* LMTP_ASK_TLS: from here on; must outlive the session. */
    const struct lmtp_settings *settings;
};

/* How the session came to its end, for the log. */
enum lmtp_end {
    LMTP_END_NONE,     /* not yet: if the connection goes now, it was the peer or the world */
    LMTP_END_QUIT,     /* QUIT was answered */
    LMTP_END_MISTAKES, /* too many, answered 421 */
    LMTP_END_CHUNK,    /* a BDAT without a size: where the next command begins cannot be known */
};

/* What follows when the bytes of a DATA or BDAT have gone by, or when there is room again. Private
 * to the files of the session. */
enum lmtp_pending {
    LMTP_PENDING_NONE,
    LMTP_PENDING_DATA,         /* bytes up to CRLF.CRLF, then the results */
    LMTP_PENDING_CHUNK,        /* bytes of a BDAT, then its 250 */
    LMTP_PENDING_LAST_CHUNK,   /* bytes of a BDAT LAST, then the results */
    LMTP_PENDING_REFUSED,      /* bytes of a BDAT, then `refusal` */
    LMTP_PENDING_REFUSED_LAST, /* bytes of a BDAT LAST, then `refusal` for each recipient */
    LMTP_PENDING_RESULTS,      /* recipients are told the world's results */
    LMTP_PENDING_REFUSALS,     /* recipients are told `refusal` */
};

struct lmtp {
    const struct lmtp_settings *settings;
    enum lmtp_state state;
    enum lmtp_ask_kind asked;
    enum lmtp_pending pending;
    enum lmtp_end end;
    struct span refusal; /* a constant of ours: why the message under way cannot be taken */
    struct dot_decoder decoder;
    uint64_t chunk_left;     /* octets of the BDAT under way that have not come yet */
    uint64_t message_octets; /* of the message so far, without stuffing and the end */
    bool is_wanted;          /* the bytes that come are a letter's */
    bool is_held;            /* the world keeps recipients of this transaction, or a letter */
    bool is_utf8;            /* MAIL had SMTPUTF8 */
    bool is_mail_refused;    /* a MAIL was, or a line that may have been one: what was pipelined
                              * behind it is still coming */
    uint32_t recipient_count;
    uint32_t answered_count; /* recipients of this message who have been told */
    uint32_t mistakes;
    uint32_t messages_count;   /* that came in whole, for the log */
    uint32_t deliveries_count; /* recipients told 250 after DATA or BDAT LAST, for the log */
    uint16_t reverse_path_length;
    uint8_t client_name_length;
    uint8_t user_name_length;
    char reverse_path[LMTP_ADDRESS_MAX];
    char client_name[LMTP_HOST_NAME_MAX];
    char user_name[LMTP_USER_NAME_MAX];
};

/* Begins a session and appends the greeting. `settings` must outlive the session. Asks for a line.
 * The plan must have PLAN_ANSWER room. */
struct lmtp_ask lmtp_begin(struct lmtp *session, const struct lmtp_settings *settings,
                           struct plan *plan);

/* One line without its end, of LMTP_LINE_MAX octets with it; allowed only when the last ask was
 * LMTP_ASK_LINE. The plan must have PLAN_ANSWER room, else the caller sends it first. The line is
 * borrowed during the call, and longer where the ask says so. */
struct lmtp_ask lmtp_line(struct lmtp *session, struct span line, struct plan *plan);

/* A line was too long and has been swallowed: one 500. Same rules as lmtp_line. */
struct lmtp_ask lmtp_line_too_long(struct lmtp *session, struct plan *plan);

/* The answer to the last ask; its kind must be the same. The plan needs no more room than it had
 * when the ask came: it may have been sent meanwhile, but nobody else may append to it. Where the
 * session has more to say than there is room, it asks LMTP_ASK_ROOM in between.
 *
 * LMTP_ASK_DELIVER is answered once a recipient, so 1,000 times for 1,000 recipients; each answer
 * but the last leads to LMTP_ASK_DELIVER with the next index, or to LMTP_ASK_ROOM and then to that.
 *
 * LMTP_ASK_TLS is answered with the settings of the encrypted connection, which do not offer
 * STARTTLS. The session is then as it was after the greeting, says nothing and asks for a line;
 * only the count of mistakes stays. */
struct lmtp_ask lmtp_answer(struct lmtp *session, const struct lmtp_answer *answer,
                            struct plan *plan);

enum lmtp_data_result {
    LMTP_DATA_MORE, /* `input` is used up or `out` is full: call again with what was missing */
    LMTP_DATA_END,  /* all that belongs to this DATA or BDAT has come: lmtp_answer is next */
};

/* Takes bytes of the message off the front of `input` and writes them raw into `out`: for DATA
 * without dot-stuffing and without the end, CRLF and everything else as it came (only CRLF.CRLF
 * ends it, RFC 5321 section 4.1.1.4); for BDAT octet by octet. Allowed only when the last ask was
 * LMTP_ASK_DATA. What lies behind the end is not touched: the next command begins there, and must
 * go to lmtp_line before more is read. `out_bytes` is at least 1; twice the input always suffices.
 * `out_count` is how many were written, which may be none, also with LMTP_DATA_END: bytes that are
 * not wanted, and those of a message that has become too big, are taken at once and not written.
 * `input` and `out` must not overlap. The session keeps nothing of either. */
enum lmtp_data_result lmtp_data(struct lmtp *session, struct span *input, char *out,
                                size_t out_bytes, size_t *out_count);

/* The reverse path of the transaction, without <>: 0..LMTP_ADDRESS_MAX octets, safe in a header
 * line; empty is the null path. Valid from the first LMTP_ASK_RECIPIENT on, until the transaction
 * ends; borrowed from the session. */
struct span lmtp_reverse_path(const struct lmtp *session);

/* The name that the client gave in LHLO, 1..LMTP_HOST_NAME_MAX octets, safe in a header line; empty
 * before. Borrowed from the session. */
struct span lmtp_client_name(const struct lmtp *session);

/* Whether the transaction uses SMTPUTF8, for the Received line (RFC 6531 section 4.3). */
bool lmtp_is_utf8(const struct lmtp *session);

#endif
