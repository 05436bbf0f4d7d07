/* script: one session of a client, as a pure machine.
 *
 * Takes what the server said, judges it, and says what the client says next; how bytes move, what
 * the time is and how long to think is its owner's business. The stages come from the kind
 * (bench/kind.h); script_pop3.c and script_lmtp.c speak the two protocols. What was asked and not
 * yet answered stands in a queue, so that pipelining is the same machine with a longer queue.
 */
#ifndef RINGPOST_BENCH_SCRIPT_H
#define RINGPOST_BENCH_SCRIPT_H

#include "bench/answer.h"
#include "bench/content.h"
#include "bench/kind.h"
#include "bench/seen.h"

/* What latencies are told apart by: what was asked, or waited for. */
enum step {
    STEP_GREETING, /* from the begin of the connection */
    STEP_TLS,      /* the handshake; recorded by the owner */
    STEP_CAPA,
    STEP_STLS,
    STEP_USER,
    STEP_PASS,
    STEP_AUTH,
    STEP_APOP,
    STEP_STAT,
    STEP_LIST,
    STEP_UIDL,
    STEP_TOP,
    STEP_RETR,
    STEP_DELE,
    STEP_NOOP,
    STEP_LHLO,
    STEP_MAIL,
    STEP_RCPT,
    STEP_DATA,
    STEP_MESSAGE, /* from the last byte of the message */
    STEP_QUIT,
};
#define STEPS (STEP_QUIT + 1)

/* "retr", for JSON and reports. */
const char *step_name(enum step step);

enum script_auth { SCRIPT_AUTH_USER, SCRIPT_AUTH_PLAIN, SCRIPT_AUTH_LOGIN, SCRIPT_AUTH_APOP };

/* Octets of a greeting's timestamp, with its end; a longer one cannot be answered. */
#define SCRIPT_TIMESTAMP_BYTES 128

/* The same for all sessions of a run. */
struct script_settings {
    struct user_range users;
    const char *password; /* %u in it is the user's name */
    enum script_auth auth;
    bool pipelining;
    bool stls;                  /* LMTP: STARTTLS */
    bool thinks;                /* before each command after the login */
    bool check_content;         /* of messages that ringbench made */
    bool check_deletes;         /* that what was deleted does not come again */
    uint64_t commands;          /* of a session of the kinds noop and retr */
    uint64_t messages;          /* of a session of the kind deliver */
    const struct span *letters; /* in wire form, with the end; LMTP */
    uint32_t letter_count;
};

/* Commands that may be under way at once, a power of two. */
#define SCRIPT_QUEUE 32

/* Room that script_say needs for one command, and good room for a burst of them. */
#define SCRIPT_COMMAND_MAX 1024
#define SCRIPT_OUT_BYTES   4096

#define SCRIPT_EXAMPLE_BYTES 256

struct script_asked {
    uint64_t asked_ns;
    uint32_t number; /* of the message */
    enum step step;
};

struct script {
    const struct script_settings *settings;
    const struct kind *kind;
    struct seen *seen; /* of this user */
    char *example;     /* SCRIPT_EXAMPLE_BYTES, the owner's: written when a fault is found */
    uint64_t user;
    struct random random;
    enum fault fault;
    enum stage stage;
    uint8_t stage_index; /* of the kind's next stage */
    uint8_t part;        /* within a stage of several commands */
    bool is_encrypted, is_logged_in, has_thought, is_hurried, is_content_judged;
    bool has_stat, has_uidls; /* this session has asked for them */
    uint32_t number;          /* of the message that comes next */
    uint64_t repeats;         /* done of NOOP, RETR or deliveries */
    struct seen_cursor cursor;
    uint32_t queue_begin, queue_count;
    uint64_t message_octets;                /* of all that RETR and TOP brought */
    uint32_t message_count;                 /* of RETR, or delivered */
    char timestamp[SCRIPT_TIMESTAMP_BYTES]; /* of the greeting, for APOP */
    struct script_asked answered;
    struct answer answer;
    struct listing listing;
    struct content content;
    struct script_asked queue[SCRIPT_QUEUE];
};

/* What the client wants to say. `tail` is a message behind the bytes, borrowed for the run. */
struct script_out {
    char bytes[SCRIPT_OUT_BYTES];
    size_t count;
    struct span tail;
};

enum script_result {
    SCRIPT_MORE,     /* the input is used up */
    SCRIPT_ANSWERED, /* `answered` says what; ask script_say for what follows */
    SCRIPT_FAILED,   /* `fault` and the example say how */
};

enum script_wish {
    SCRIPT_SAID,  /* a command was appended; never returned by script_say */
    SCRIPT_WAIT,  /* for answers */
    SCRIPT_THINK, /* script_continue after the time to think */
    SCRIPT_HOLD,  /* script_continue when the session has been held long enough */
    SCRIPT_TLS,   /* script_tls_began after the handshake */
    SCRIPT_END,   /* all has been said and answered */
};

/* Begins with the wait for a greeting. `seed` makes what this session draws. The settings, the
 * kind, `seen` and `example` are borrowed until script_end. */
void script_begin(struct script *script, const struct script_settings *settings,
                  const struct kind *kind, uint64_t user, struct seen *seen, char *example,
                  uint64_t seed, uint64_t now_ns);

/* Takes from the front of `input` up to the end of one answer. */
enum script_result script_take(struct script *script, struct span *input);

/* Appends what may be said now, and says what to wait for. */
enum script_wish script_say(struct script *script, struct script_out *out, uint64_t now_ns);

/* After SCRIPT_THINK, SCRIPT_HOLD and SCRIPT_TLS, before the next script_say. */
void script_continue(struct script *script);
void script_tls_began(struct script *script);

/* The run ends: NOOPs, RETRs and deliveries that were still to come are left out. */
void script_hurry(struct script *script);

/* The server has closed, or has reset the connection. FAULT_NONE where that was its right. */
enum fault script_closed(struct script *script, bool by_reset);

/* What the session is waiting for: "RETR 3"; for sentences. */
void script_describe(const struct script *script, char *out_text, size_t text_bytes);

/* Notes a fault and writes an example of it, with the user's name before it. */
void script_fail(struct script *script, enum fault fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Frees what the session held, and remembers for the user's next one, if it went well. */
void script_end(struct script *script);

#endif
