/* link: one connection of the generator, from connect to close, with the session it plays.
 *
 * Moves bytes between the socket, TLS and the pure script; keeps its deadlines; hands what it
 * measured to its thread's tally. Waits for the server to close first, as a polite client does, so
 * that no port of ours stays in TIME_WAIT. Released only when no operation of it is in flight.
 */
#ifndef RINGPOST_BENCH_LINK_H
#define RINGPOST_BENCH_LINK_H

#include "bench/load.h"

/* What the deadline in the wheel is for. */
enum link_wait { LINK_ANSWERS, LINK_THINKS, LINK_HOLDS, LINK_CLOSES };

struct link {
    struct op receive;
    struct op writable;
    struct wheel_entry timer;
    struct load *load;
    struct link *next, *previous; /* of all of the thread */
    int socket;
    enum link_wait wait;
    bool is_slow;
    bool is_over; /* the session has ended, the socket not yet */
    bool has_greeted;
    uint32_t kind; /* its index */
    uint64_t due_ns, begun_ns, tls_ns;
    uint64_t user;          /* index in the thread's users */
    struct tls_client *tls; /* or NULL */
    char *unsent;           /* what the socket did not take; then `tail` */
    size_t unsent_bytes, unsent_sent;
    struct span tail;
    struct span plain_tail; /* of a message that is to be encrypted when there is room */
    struct script script;
};

/* Begins a session that was due at `due_ns`. A link that cannot even begin counts as a fault and is
 * gone at once. */
void link_begin(struct load *load, uint32_t kind, uint64_t user, uint64_t due_ns);

/* The deadline of a link has come. */
void link_timeout(struct link *link);
struct link *link_of_timer(struct wheel_entry *timer);

/* The run ends: what is held, thinks or repeats itself goes on to its end. */
void link_hurry(struct link *link);

/* Cuts the session off, with a fault. */
void link_cut(struct link *link, enum fault fault, const char *why);

/* Lets a slow link read what its rate allows since the last tick. */
void link_read_slowly(struct link *link, size_t bytes);

#endif
