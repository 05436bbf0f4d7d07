/* tls_client: the client's side of TLS, between bounded buffers, with wolfSSL.
 *
 * Like core/tls_stream.h for the server: the library's callbacks only copy and never see a socket.
 * What it wants to send gathers in a buffer of the thread, which the owner empties after each call.
 * A thread has one context and remembers one session of its server, to resume. Certificates are
 * checked only where the owner names authorities: a benchmark mostly meets self-signed ones.
 */
#ifndef RINGPOST_BENCH_TLS_CLIENT_H
#define RINGPOST_BENCH_TLS_CLIENT_H

#include "proto/span.h"

struct WOLFSSL;
struct WOLFSSL_CTX;
struct WOLFSSL_SESSION;

/* A handshake of the client, or the records of a burst of commands, with much to spare. */
#define TLS_CLIENT_OUT_BYTES 65536

struct tls_client_settings {
    const char *host;        /* for SNI; NULL: none */
    const char *authorities; /* a file of certificates, or NULL: none is checked */
    bool resumes;            /* the last session */
    bool only_tls12;
};

struct tls_client_context {
    struct tls_client_settings settings;
    struct WOLFSSL_CTX *library;
    struct WOLFSSL_SESSION *last;
    size_t out_bytes;
    char out[TLS_CLIENT_OUT_BYTES]; /* ciphertext to send, for the connection of the last call */
};

enum tls_client_state { TLS_CLIENT_SHAKES, TLS_CLIENT_OPEN, TLS_CLIENT_BROKEN };

struct tls_client {
    struct tls_client_context *context;
    struct WOLFSSL *ssl;
    struct span input; /* ciphertext handed in and not used yet */
    enum tls_client_state state;
    bool peer_ended; /* close_notify has come */
    int error;
};

/* Once, before any thread makes a context: the library does not begin safely in two at once. */
void tls_client_library_begin(void);

/* Makes a thread's context; false with a sentence. */
bool tls_client_context_init(struct tls_client_context *context,
                             const struct tls_client_settings *settings, char *out_error,
                             size_t error_bytes);
void tls_client_context_fini(struct tls_client_context *context);

/* Begins a connection and writes the ClientHello into context->out. False where there is no memory.
 */
bool tls_client_init(struct tls_client *client, struct tls_client_context *context);

/* Frees it; where sessions are resumed, keeps this one if it came so far. */
void tls_client_fini(struct tls_client *client);

/* Goes on with the handshake as far as the input allows; look at the state. */
void tls_client_shake(struct tls_client *client);

/* Plaintext of the input; 0 where there is none now. */
size_t tls_client_read(struct tls_client *client, char *out_bytes, size_t room);

/* Encrypts into context->out; false where the connection is broken. */
bool tls_client_write(struct tls_client *client, const char *bytes, size_t count);

bool tls_client_is_resumed(const struct tls_client *client);

/* Why it broke. */
void tls_client_reason(const struct tls_client *client, char *out_text, size_t text_bytes);

#endif
