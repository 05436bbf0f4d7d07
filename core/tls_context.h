/* tls_context: the certificates of a shard, and which of them a client gets.
 *
 * One set of library contexts a shard, so that shards write nothing together. The set is exchanged
 * as a whole when certificates are read anew; connections that use the old one keep it until they
 * end. Belongs to one thread once it is in use.
 */
#ifndef RINGPOST_CORE_TLS_CONTEXT_H
#define RINGPOST_CORE_TLS_CONTEXT_H

#include "core/config.h"
#include "core/tls_tickets.h"
#include "proto/client_hello.h"

struct WOLFSSL_CTX;
struct tls_contexts;

/* Starts the library, once, before any other call of these rooms. */
bool tls_library_start(void);

/* Reads all certificates and keys of the configuration. Tickets are sealed with what `*tickets`
 * points at whenever one is needed. NULL with a sentence (file, line) where a file cannot be used,
 * a key does not belong to its certificate, or an
 * OCSP response is about another. */
struct tls_contexts *tls_contexts_make(const struct config *config,
                                       const struct tls_tickets *const *tickets, char *out_error,
                                       size_t error_bytes);

/* Whether a block's OCSP response may be shown now; true where it has none. */
bool tls_contexts_is_stapled(const struct tls_contexts *contexts, uint32_t number);

/* Whether clients are asked for a certificate. */
bool tls_contexts_asks_clients(const struct tls_contexts *contexts);

/* Each take is matched by one give; the last give frees. tls_contexts_make has taken once. */
struct tls_contexts *tls_contexts_take(struct tls_contexts *contexts);
void tls_contexts_give(struct tls_contexts *contexts);

/* The context for a client: of those that have its host name, else of those without one, the first
 * whose kind of key it takes. */
struct WOLFSSL_CTX *tls_contexts_choose(const struct tls_contexts *contexts,
                                        const struct client_hello *hello);

#endif
