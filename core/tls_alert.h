/* tls_alert: the last words of a TLS connection, as the peer hears and the log reads them.
 *
 * The library sends an alert for some of the errors that it finds and none for others. What it does
 * not say is said here, encrypted where there are keys (RFC 8446 section 6, RFC 5246 section 7.2).
 */
#ifndef RINGPOST_CORE_TLS_ALERT_H
#define RINGPOST_CORE_TLS_ALERT_H

#include "core/tls_stream.h"

enum tls_alert {
    TLS_ALERT_UNEXPECTED_MESSAGE = 10,
    TLS_ALERT_BAD_RECORD_MAC = 20,
    TLS_ALERT_RECORD_OVERFLOW = 22,
    TLS_ALERT_HANDSHAKE_FAILURE = 40,
    TLS_ALERT_BAD_CERTIFICATE = 42,
    TLS_ALERT_CERTIFICATE_EXPIRED = 45,
    TLS_ALERT_ILLEGAL_PARAMETER = 47,
    TLS_ALERT_UNKNOWN_CA = 48,
    TLS_ALERT_DECODE_ERROR = 50,
    TLS_ALERT_DECRYPT_ERROR = 51,
    TLS_ALERT_PROTOCOL_VERSION = 70,
    TLS_ALERT_INTERNAL_ERROR = 80,
    TLS_ALERT_NO_RENEGOTIATION = 100,
    TLS_ALERT_MISSING_EXTENSION = 109,
    TLS_ALERT_CERTIFICATE_REQUIRED = 116,
    TLS_ALERT_NO_APPLICATION_PROTOCOL = 120,
};

/* Whether the linked library lets alerts be said under its keys. */
bool tls_alert_is_complete(void);

/* What the error that broke the stream is called between peers. */
enum tls_alert tls_alert_of_error(const struct tls_stream *stream);

/* Puts an alert into the output: fatal, or a warning. Without the library's help, which a shared
 * one does not give, nothing is said once there are keys. */
void tls_alert_send(struct tls_stream *stream, bool is_fatal, enum tls_alert alert);

/* The name of an alert of the peer's, for those that tell an operator something; else NULL. */
const char *tls_alert_name(uint8_t alert);

#endif
