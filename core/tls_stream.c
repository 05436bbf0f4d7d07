/* tls_stream: the TLS of one connection, as a transformer between bounded buffers. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <wolfssl/error-ssl.h>

#include "core/tls_stream.h"

#include "core/tls_alert.h"

#include "proto/must.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool begin(struct tls_stream *stream);
static struct step next_step(const struct tls_stream *stream);
static void pass(struct tls_stream *stream, const uint8_t *bytes, size_t count);
static bool has_heard_alert(struct tls_stream *stream);
static void break_off(struct tls_stream *stream, int result);
static void refuse_renegotiation(struct tls_stream *stream);
static int give_input(WOLFSSL *ssl, char *buffer, int room, void *user);
static int take_output(WOLFSSL *ssl, char *bytes, int count, void *user);

/* RFC 8446 section 5.1. */
#define RECORD_HEADER_BYTES     5
#define RECORD_CHANGE_CIPHER    20
#define RECORD_ALERT            21
#define RECORD_HANDSHAKE        22
#define RECORD_APPLICATION_DATA 23
#define ALERT_FATAL             2

/* What of the input goes to the library at once. */
struct step {
    size_t bytes;
    bool is_whole_record; /* or its end */
    uint8_t type;
};

void tls_stream_set_io(WOLFSSL_CTX *context)
{
    wolfSSL_CTX_SetIORecv(context, give_input);
    wolfSSL_CTX_SetIOSend(context, take_output);
}

void tls_stream_init(struct tls_stream *stream, struct tls_contexts *contexts, const char *alpn,
                     char *hello, char *output)
{
    *stream = (struct tls_stream){
        .contexts = tls_contexts_take(contexts),
        .alpn = alpn,
        .hello = hello,
        .output = output,
    };
}

void tls_stream_fini(struct tls_stream *stream)
{
    if (stream->ssl != NULL)
        wolfSSL_free(stream->ssl);
    tls_contexts_give(stream->contexts);
}

void tls_stream_hello(struct tls_stream *stream, struct span bytes)
{
    must(stream->state == TLS_HELLO || stream->state == TLS_READY);
    size_t room = CLIENT_HELLO_MAX - stream->hello_bytes;
    if (bytes.length > room) {
        /* Nobody has so much to say before he hears something. */
        stream->state = TLS_BROKEN;
        stream->error = BUFFER_ERROR;
        return;
    }
    memcpy(stream->hello + stream->hello_bytes, bytes.bytes, bytes.length);
    stream->hello_bytes += (uint32_t)bytes.length;
    if (stream->state == TLS_READY)
        return; /* its facts are known; this waits for steps of its own */
    struct client_hello hello;
    struct span so_far = {stream->hello, stream->hello_bytes};
    enum client_hello_result result = client_hello_parse(so_far, &hello);
    if (result == CLIENT_HELLO_MORE)
        return;
    if (result == CLIENT_HELLO_BAD)
        hello = (struct client_hello){0};
    stream->context = tls_contexts_choose(stream->contexts, &hello);
    stream->step_bytes = hello.bytes;
    stream->state = TLS_READY;
}

bool tls_stream_keep(struct tls_stream *stream, struct span bytes)
{
    must(stream->state == TLS_HANDSHAKE && stream->hello != NULL);
    struct span *input = &stream->input;
    if (input->length > CLIENT_HELLO_MAX || bytes.length > CLIENT_HELLO_MAX - input->length)
        return false;
    if (input->length > 0)
        memmove(stream->hello, input->bytes, input->length);
    if (bytes.length > 0)
        memcpy(stream->hello + input->length, bytes.bytes, bytes.length);
    *input = (struct span){stream->hello, input->length + bytes.length};
    return true;
}

/* In TLS 1.3 what comes encrypted is the client's certificate, or else its Finished, which is
 * cheap; in TLS 1.2 that is what comes behind the change of the cipher. */
bool tls_stream_step_costs(const struct tls_stream *stream)
{
    if (stream->state != TLS_HANDSHAKE)
        return stream->state == TLS_READY;
    struct step step = next_step(stream);
    if (!step.is_whole_record)
        return false;
    if (step.type == RECORD_APPLICATION_DATA)
        return tls_contexts_asks_clients(stream->contexts);
    return step.type == RECORD_HANDSHAKE &&
           (!stream->has_changed_cipher || wolfSSL_version(stream->ssl) == TLS1_3_VERSION);
}

void tls_stream_shake(struct tls_stream *stream)
{
    if (stream->state == TLS_HANDSHAKE)
        stream->step_bytes = next_step(stream).bytes;
    else if (!begin(stream))
        return;
    must(stream->state == TLS_HANDSHAKE);
    if (has_heard_alert(stream))
        return;
    int result = wolfSSL_accept(stream->ssl);
    if (result == WOLFSSL_SUCCESS)
        stream->state = TLS_OPEN;
    else
        break_off(stream, result);
    /* What it does not want to read now it never will: the owner would try again for ever. */
    if (stream->state == TLS_HANDSHAKE && stream->step_bytes > 0) {
        stream->state = TLS_BROKEN;
        stream->error = FATAL_ERROR;
    }
}

/* A hello that cannot be read goes to the library all the same: it knows the right alert. */
static bool begin(struct tls_stream *stream)
{
    stream->input = (struct span){stream->hello, stream->hello_bytes};
    /* What a peer has sent behind it waits for steps of its own. */
    if (stream->step_bytes == 0 || stream->step_bytes > stream->input.length)
        stream->step_bytes = stream->input.length;
    stream->ssl = wolfSSL_new(stream->context);
    if (stream->ssl == NULL) {
        stream->state = TLS_BROKEN;
        stream->error = MEMORY_ERROR;
        return false;
    }
    wolfSSL_SetIOReadCtx(stream->ssl, stream);
    wolfSSL_SetIOWriteCtx(stream->ssl, stream);
    /* Without ALPN any client is welcome; with it, it must mean us. The library copies the name. */
    if (stream->alpn != NULL)
        (void)wolfSSL_UseALPN(stream->ssl, (char *)(uintptr_t)stream->alpn,
                              (unsigned)strlen(stream->alpn), WOLFSSL_ALPN_FAILED_ON_MISMATCH);
    tls_peer_watch(stream->ssl, stream->peer_name);
    stream->state = TLS_HANDSHAKE;
    return true;
}

size_t tls_stream_read(struct tls_stream *stream, char *out_bytes, size_t room)
{
    if (stream->state != TLS_OPEN || stream->peer_ended)
        return 0;
    stream->step_bytes = stream->input.length;
    int result = wolfSSL_read(stream->ssl, out_bytes, (int)room);
    if (result > 0)
        return (size_t)result;
    if (stream->wants_renegotiation)
        refuse_renegotiation(stream);
    else if (wolfSSL_get_error(stream->ssl, result) == WOLFSSL_ERROR_ZERO_RETURN)
        stream->peer_ended = true;
    else
        break_off(stream, result);
    return 0;
}

bool tls_stream_write(struct tls_stream *stream, const char *bytes, size_t count)
{
    must(count > 0 && count <= TLS_RECORD_BYTES);
    if (stream->state != TLS_OPEN || TLS_OUTPUT_BYTES - stream->output_end < TLS_RECORD_BYTES + 256)
        return false;
    int result = wolfSSL_write(stream->ssl, bytes, (int)count);
    if (result == (int)count)
        return true;
    break_off(stream, result);
    return false;
}

void tls_stream_end(struct tls_stream *stream)
{
    if (stream->state != TLS_OPEN || stream->has_said_end)
        return;
    stream->has_said_end = true;
    (void)wolfSSL_shutdown(stream->ssl);
}

bool tls_stream_has_output(const struct tls_stream *stream)
{
    return stream->output_begin < stream->output_end;
}

const char *tls_stream_reason(const struct tls_stream *stream, char *out_words, size_t bytes)
{
    must(bytes >= TLS_REASON_BYTES && TLS_REASON_BYTES >= WOLFSSL_MAX_ERROR_SZ);
    const char *heard = tls_alert_name(stream->heard_alert);
    if (heard != NULL) {
        snprintf(out_words, bytes, "peer-says-%s", heard);
        return out_words;
    }
    wolfSSL_ERR_error_string_n((unsigned long)stream->error, out_words, bytes);
    for (char *at = out_words; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at))
            *at = '-';
    return out_words;
}

const char *tls_stream_version(const struct tls_stream *stream)
{
    return wolfSSL_get_version(stream->ssl);
}

bool tls_stream_is_resumed(const struct tls_stream *stream)
{
    return wolfSSL_session_reused(stream->ssl) == 1;
}

/* Waiting for more input is no fault. */
static void break_off(struct tls_stream *stream, int result)
{
    int error = wolfSSL_get_error(stream->ssl, result);
    if (error == WOLFSSL_ERROR_WANT_READ)
        return;
    stream->error = error;
    WOLFSSL_ALERT_HISTORY alerts;
    memset(&alerts, 0, sizeof alerts);
    (void)wolfSSL_get_alert_history(stream->ssl, &alerts);
    if (alerts.last_rx.level == alert_fatal)
        stream->heard_alert = (uint8_t)alerts.last_rx.code;
    /* The library ends some connections without a word. */
    if (alerts.last_rx.level != alert_fatal && alerts.last_tx.level != alert_fatal)
        tls_alert_send(stream, true, tls_alert_of_error(stream));
    stream->state = TLS_BROKEN;
}

/* A hello in the middle of TLS 1.2. The library would call it an unexpected message, and cannot be
 * brought to step over it; the peer hears that he may not (RFC 5246 section 7.2.2), and then the
 * end. */
static void refuse_renegotiation(struct tls_stream *stream)
{
    tls_alert_send(stream, false, TLS_ALERT_NO_RENEGOTIATION);
    tls_stream_end(stream);
    stream->state = TLS_BROKEN;
    stream->error = SECURE_RENEGOTIATION_E;
}

/* A client who does not like our certificate says so in the clear, even in TLS 1.3 where the
 * library does not expect it. */
static bool has_heard_alert(struct tls_stream *stream)
{
    const uint8_t *bytes = (const uint8_t *)stream->input.bytes;
    if (stream->input.length != 7 || stream->place.header_bytes > 0 || bytes[0] != RECORD_ALERT ||
        bytes[1] != 3 || bytes[4] != 2 || bytes[5] != ALERT_FATAL)
        return false;
    stream->heard_alert = bytes[6];
    stream->state = TLS_BROKEN;
    stream->error = FATAL_ERROR;
    stream->input.length = 0;
    return true;
}

/* Up to the end of the record that the input begins with or goes on with. */
static struct step next_step(const struct tls_stream *stream)
{
    struct tls_record_place place = stream->place;
    size_t missing = RECORD_HEADER_BYTES - (size_t)place.header_bytes;
    if (stream->input.length < missing)
        return (struct step){.bytes = stream->input.length};
    if (missing > 0) {
        memcpy(place.header + place.header_bytes, stream->input.bytes, missing);
        place.body_left = (uint32_t)(place.header[3] << 8 | place.header[4]);
    }
    if (stream->input.length - missing < place.body_left)
        return (struct step){.bytes = stream->input.length};
    return (struct step){missing + place.body_left, true, place.header[0]};
}

/* Follows the records that the library is given. */
static void pass(struct tls_stream *stream, const uint8_t *bytes, size_t count)
{
    struct tls_record_place *place = &stream->place;
    while (count > 0) {
        size_t part = count;
        if (place->header_bytes < RECORD_HEADER_BYTES) {
            place->header[place->header_bytes++] = bytes[0];
            part = 1;
            if (place->header_bytes == RECORD_HEADER_BYTES)
                place->body_left = (uint32_t)(place->header[3] << 8 | place->header[4]);
        } else {
            part = part < place->body_left ? part : place->body_left;
            place->body_left -= (uint32_t)part;
        }
        bytes += part;
        count -= part;
        if (place->header_bytes == RECORD_HEADER_BYTES && place->body_left == 0) {
            stream->has_changed_cipher |= place->header[0] == RECORD_CHANGE_CIPHER;
            place->header_bytes = 0;
        }
    }
}

static int give_input(WOLFSSL *ssl, char *buffer, int room, void *user)
{
    struct tls_stream *stream = user;
    size_t count = stream->input.length < (size_t)room ? stream->input.length : (size_t)room;
    count = count < stream->step_bytes ? count : stream->step_bytes;
    if (count > 0 && stream->state == TLS_OPEN && stream->place.header_bytes == 0 &&
        stream->input.bytes[0] == RECORD_HANDSHAKE && wolfSSL_version(ssl) != TLS1_3_VERSION) {
        stream->wants_renegotiation = true;
        count = 0;
    }
    if (count == 0)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    memcpy(buffer, stream->input.bytes, count);
    pass(stream, (const uint8_t *)stream->input.bytes, count);
    stream->step_bytes -= count;
    stream->input.bytes += count;
    stream->input.length -= count;
    return (int)count;
}

static int take_output(WOLFSSL *ssl, char *bytes, int count, void *user)
{
    (void)ssl;
    /* The owner sees to room before anything is written. */
    return tls_stream_put(user, bytes, (size_t)count) ? count : WOLFSSL_CBIO_ERR_GENERAL;
}

bool tls_stream_put(struct tls_stream *stream, const char *bytes, size_t count)
{
    if (stream->output == NULL || count > TLS_OUTPUT_BYTES - stream->output_end)
        return false;
    stream->has_spoken = true;
    memcpy(stream->output + stream->output_end, bytes, count);
    stream->output_end += (uint32_t)count;
    return true;
}
