/* fault: what can be wrong with a session, and how it is called.
 *
 * Each kind is counted by itself and shown with one example. Those that say that the server is
 * wrong, not merely slow or full, are told apart: a benchmark of a wrong server has no result.
 */
#ifndef RINGPOST_BENCH_FAULT_H
#define RINGPOST_BENCH_FAULT_H

#include <stdbool.h>

enum fault {
    FAULT_NONE,
    FAULT_CONNECT,      /* no connection */
    FAULT_TLS,          /* the handshake or a record failed */
    FAULT_CLOSED,       /* the connection ended in the middle of the session */
    FAULT_TIMEOUT,      /* no answer in time */
    FAULT_REFUSED,      /* -ERR, or 4yz and 5yz of LMTP */
    FAULT_NOT_STARTED,  /* due in time, but there was no free connection for it */
    FAULT_FRAMING,      /* no +OK or -ERR, LF without CR, a line too long */
    FAULT_STUFFING,     /* a line begins with a dot that was not doubled */
    FAULT_CUT,          /* the connection ended in the middle of an answer */
    FAULT_UNASKED,      /* bytes that answer nothing */
    FAULT_LISTING,      /* STAT, LIST and UIDL do not agree, or are not what they should be */
    FAULT_OCTETS,       /* a message is not as long as LIST says */
    FAULT_UIDL_REPEATS, /* two messages have the same UIDL */
    FAULT_UIDL_CHANGED, /* a message of the last session has another UIDL now */
    FAULT_NOT_DELETED,  /* a message that was deleted is there again */
    FAULT_CONTENT,      /* a message of ringbench fill has other bytes than it was made with */
};
#define FAULT_KINDS (FAULT_CONTENT + 1)

/* "timeout", for JSON and reports. */
const char *fault_name(enum fault fault);

/* A few words for people. */
const char *fault_meaning(enum fault fault);

/* Whether the server has broken the protocol or its word. */
bool fault_is_wrong_server(enum fault fault);

#endif
