/* tls_pair: a server's tls_stream and a client of the library, joined in memory.
 *
 * The bytes of either side wait in a queue of their own until a test takes them over, in pieces of
 * any size, changed or not. What is handed to the server lies in memory that is freed at once, and
 * its output block is lent only while something lies in it, as the connections do it.
 */
#ifndef RINGPOST_TESTS_SUPPORT_TLS_PAIR_H
#define RINGPOST_TESTS_SUPPORT_TLS_PAIR_H

#include "core/tls_stream.h"

#define TLS_PAIR_QUEUE_BYTES (256 * 1024)

struct tls_pair_queue {
    size_t begin, end;
    char bytes[TLS_PAIR_QUEUE_BYTES];
};

struct tls_pair {
    struct tls_stream server;
    struct WOLFSSL *client;
    int client_result;     /* of the last call of the library */
    size_t output_piece;   /* what the server's socket takes at once; 0: all */
    size_t costly_steps;   /* of the server's */
    size_t output_highest; /* bytes that lay in the output at once */
    struct tls_pair_queue to_server, to_client;
    struct tls_pair_queue heard; /* plaintext that the server has read */
    char hello[CLIENT_HELLO_MAX];
};

/* Contexts of a server with these blocks: each a pair of files in tests/data/tls by its name, such
 * as "ecdsa". `tickets` as tls_contexts_make has it. */
struct tls_contexts *tls_pair_contexts(const char *const *names, uint32_t count,
                                       enum config_tls_version least,
                                       const struct tls_tickets *const *tickets);

/* A client context that takes any certificate; for `version` alone, with a suite or NULL. */
struct WOLFSSL_CTX *tls_pair_client(enum config_tls_version version, const char *suites);

/* What most tests begin with: a server with an ECDSA certificate that speaks TLS 1.2 and 1.3, and a
 * client for each. A test may put others in; what is there at the end is freed. */
struct tls_pair_setup {
    struct tls_tickets *owned_tickets;
    const struct tls_tickets *tickets; /* what the contexts look at */
    struct tls_contexts *contexts;
    struct WOLFSSL_CTX *clients[2]; /* by enum config_tls_version */
};
void tls_pair_setup_make(struct tls_pair_setup *setup);
void tls_pair_setup_free(struct tls_pair_setup *setup);

/* Each begin is matched by one end; contexts and client stay the caller's. */
void tls_pair_begin(struct tls_pair *pair, struct tls_contexts *contexts,
                    struct WOLFSSL_CTX *client);
void tls_pair_end(struct tls_pair *pair);

/* Both sides speak until nothing moves any more; `cut` bytes of the client's are handed over first,
 * then the rest. True where both are open. */
bool tls_pair_shake(struct tls_pair *pair, size_t cut);

/* Hands `count` bytes over to the server, as a receive does; and all that waits. */
void tls_pair_feed(struct tls_pair *pair, const char *bytes, size_t count);
void tls_pair_feed_all(struct tls_pair *pair);

/* A block to write into, and what lies in it handed over to the client's queue. */
void tls_pair_lend(struct tls_pair *pair);
void tls_pair_send(struct tls_pair *pair);

#endif
