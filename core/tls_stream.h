/* tls_stream: the TLS of one connection, as a transformer between bounded buffers.
 *
 * Ciphertext goes in and comes out by memory; the library's input and output callbacks only copy,
 * and never see a socket. The owner hands in what was received, reads plaintext, writes plaintext,
 * and sends what lies in the output. The ClientHello is looked at first, so that the certificate
 * that fits the client is chosen before the library begins.
 */
#ifndef RINGPOST_CORE_TLS_STREAM_H
#define RINGPOST_CORE_TLS_STREAM_H

#include "core/tls_context.h"
#include "core/tls_peer.h"

struct WOLFSSL;

/* Plaintext of a full record, and what the output holds: two such records with what TLS adds, or
 * all that a handshake says at once. */
#define TLS_RECORD_BYTES 16384
#define TLS_OUTPUT_BYTES (2 * (TLS_RECORD_BYTES + 512))

enum tls_state {
    TLS_HELLO,     /* the ClientHello is not complete */
    TLS_READY,     /* it is: tls_stream_shake may begin */
    TLS_HANDSHAKE, /* begun */
    TLS_OPEN,
    TLS_BROKEN, /* `reason` says why; an alert may lie in the output */
};

/* Where in the records of the peer the library is. */
struct tls_record_place {
    uint8_t header[5]; /* type, version, length */
    uint8_t header_bytes;
    uint32_t body_left;
};

struct tls_stream {
    enum tls_state state;
    bool is_put_off;          /* the owner's: a step waits for its turn */
    bool has_changed_cipher;  /* the peer, who is about to finish where it is TLS 1.2 */
    bool peer_ended;          /* close_notify has come */
    bool wants_renegotiation; /* the peer, in the middle of TLS 1.2 */
    bool has_spoken;          /* the library has said something, an alert perhaps */
    bool has_said_end;        /* close_notify is in the output, or has left it */
    struct WOLFSSL *ssl;
    struct tls_contexts *contexts; /* taken */
    const char *alpn;              /* or NULL */
    struct span input;             /* handed in and not yet used by the library */
    size_t step_bytes;             /* of the input, that the library may use in this step */
    struct tls_record_place place;
    struct WOLFSSL_CTX *context; /* for this client, from TLS_READY on */
    char *hello; /* CLIENT_HELLO_MAX bytes, the owner's, for the hello and what is put off */
    uint32_t hello_bytes;
    char *output; /* TLS_OUTPUT_BYTES, the owner's, while there is something to send */
    uint32_t output_begin, output_end;
    int error;
    uint8_t heard_alert; /* the fatal alert of a peer who has given up, in the clear; 0: none */
    char peer_name[TLS_PEER_NAME_BYTES]; /* of a verified certificate, or "" */
};

/* Sets the callbacks of a library context. */
struct WOLFSSL_CTX;
void tls_stream_set_io(struct WOLFSSL_CTX *context);

/* Begins; `hello` and `output` are lent by the owner. `alpn` is the protocol's registered name (RFC
 * 7301), NUL-terminated and for ever: a client that offers names must offer this one. NULL: what
 * clients offer is not looked at. */
void tls_stream_init(struct tls_stream *stream, struct tls_contexts *contexts, const char *alpn,
                     char *hello, char *output);

/* Wipes and frees what the library holds; the lent buffers are the owner's again. */
void tls_stream_fini(struct tls_stream *stream);

/* Hands in ciphertext before the handshake has begun (TLS_HELLO): copies it, and looks whether it
 * is a whole ClientHello. */
void tls_stream_hello(struct tls_stream *stream, struct span bytes);

/* Whether the next step may cost operations with public keys: a hello, a key exchange, a client's
 * certificate. The owner bounds those. */
bool tls_stream_step_costs(const struct tls_stream *stream);

/* Goes on with the handshake by one step: the hello, or one record, or what there is of one. The
 * hello buffer is used up with the input. */
void tls_stream_shake(struct tls_stream *stream);

/* Puts bytes behind the input, all of it in the hello buffer, while a step of a handshake that has
 * begun waits; false where there is more than CLIENT_HELLO_MAX. */
bool tls_stream_keep(struct tls_stream *stream, struct span bytes);

/* Plaintext from stream->input, up to `room` bytes; 0 where there is none now (look at the state
 * and at peer_ended). */
size_t tls_stream_read(struct tls_stream *stream, char *out_bytes, size_t room);

/* One record of up to TLS_RECORD_BYTES into the output; false where it has no room for it or the
 * stream is broken. */
bool tls_stream_write(struct tls_stream *stream, const char *bytes, size_t count);

/* Puts bytes into the output as they are; false where there is no room. For TLS's own rooms. */
bool tls_stream_put(struct tls_stream *stream, const char *bytes, size_t count);

/* Puts close_notify into the output, once. */
void tls_stream_end(struct tls_stream *stream);

bool tls_stream_has_output(const struct tls_stream *stream);

/* Why it broke, in words without spaces: for the log. `bytes` is TLS_REASON_BYTES or more. */
#define TLS_REASON_BYTES 128
const char *tls_stream_reason(const struct tls_stream *stream, char *out_words, size_t bytes);

/* "TLSv1.3", and whether the session was resumed, for the log. */
const char *tls_stream_version(const struct tls_stream *stream);
bool tls_stream_is_resumed(const struct tls_stream *stream);

#endif
