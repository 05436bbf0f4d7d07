/* tls_alert: the last words of a TLS connection. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "core/tls_alert.h"

#define RECORD_ALERT    21
#define RECORD_TYPE_MIN 20
#define RECORD_TYPE_MAX 23

/* The most that a record of TLS 1.2 may hold, encrypted (RFC 5246 section 6.2.3). */
#define RECORD_MAX (16384 + 2048)

/* The library's own, which its headers do not name: there is no other way to say something under
 * its keys. Weak, because a shared library does not show it. */
extern int SendAlert(WOLFSSL *ssl, int severity, int type) __attribute__((weak));

static const struct {
    int error;
    enum tls_alert alert;
} alerts[] = {
    {UNKNOWN_RECORD_TYPE, TLS_ALERT_UNEXPECTED_MESSAGE},
    {UNKNOWN_HANDSHAKE_TYPE, TLS_ALERT_UNEXPECTED_MESSAGE},
    {OUT_OF_ORDER_E, TLS_ALERT_UNEXPECTED_MESSAGE},
    {DUPLICATE_MSG_E, TLS_ALERT_UNEXPECTED_MESSAGE},
    {SANITY_MSG_E, TLS_ALERT_UNEXPECTED_MESSAGE},
    {NO_CHANGE_CIPHER_E, TLS_ALERT_UNEXPECTED_MESSAGE},
    {DECRYPT_ERROR, TLS_ALERT_BAD_RECORD_MAC},
    {VERIFY_MAC_ERROR, TLS_ALERT_BAD_RECORD_MAC},
    {AES_GCM_AUTH_E, TLS_ALERT_BAD_RECORD_MAC},
    {MAC_CMP_FAILED_E, TLS_ALERT_BAD_RECORD_MAC},
    {BUFFER_ERROR, TLS_ALERT_DECODE_ERROR},
    {BUFFER_E, TLS_ALERT_DECODE_ERROR},
    {PARSE_ERROR, TLS_ALERT_DECODE_ERROR},
    {INCOMPLETE_DATA, TLS_ALERT_DECODE_ERROR},
    {VERSION_ERROR, TLS_ALERT_PROTOCOL_VERSION},
    {VERIFY_FINISHED_ERROR, TLS_ALERT_DECRYPT_ERROR},
    {VERIFY_CERT_ERROR, TLS_ALERT_DECRYPT_ERROR},
    {SIG_VERIFY_E, TLS_ALERT_DECRYPT_ERROR},
    {ASN_NO_SIGNER_E, TLS_ALERT_UNKNOWN_CA},
    {ASN_AFTER_DATE_E, TLS_ALERT_CERTIFICATE_EXPIRED},
    {ASN_BEFORE_DATE_E, TLS_ALERT_BAD_CERTIFICATE},
    {ASN_PARSE_E, TLS_ALERT_BAD_CERTIFICATE},
    {ASN_SIG_CONFIRM_E, TLS_ALERT_BAD_CERTIFICATE},
    {UNKNOWN_ALPN_PROTOCOL_NAME_E, TLS_ALERT_NO_APPLICATION_PROTOCOL},
    {EXT_MISSING, TLS_ALERT_MISSING_EXTENSION},
    {INVALID_PARAMETER, TLS_ALERT_ILLEGAL_PARAMETER},
    {ECC_PEERKEY_ERROR, TLS_ALERT_ILLEGAL_PARAMETER},
    {PEER_KEY_ERROR, TLS_ALERT_ILLEGAL_PARAMETER},
    {BAD_KEY_SHARE_DATA, TLS_ALERT_ILLEGAL_PARAMETER},
    {MEMORY_E, TLS_ALERT_INTERNAL_ERROR},
    {MEMORY_ERROR, TLS_ALERT_INTERNAL_ERROR},
};

bool tls_alert_is_complete(void)
{
    return SendAlert != NULL;
}

enum tls_alert tls_alert_of_error(const struct tls_stream *stream)
{
    const uint8_t *header = stream->place.header;
    bool is_header_wrong = stream->error == LENGTH_ERROR ||
                           (stream->error == VERSION_ERROR && stream->state == TLS_OPEN);
    /* The library looks at a record's version and length before its type, which says more. */
    if (is_header_wrong && (header[0] < RECORD_TYPE_MIN || header[0] > RECORD_TYPE_MAX))
        return TLS_ALERT_UNEXPECTED_MESSAGE;
    if (stream->error == LENGTH_ERROR)
        return (header[3] << 8 | header[4]) > RECORD_MAX ? TLS_ALERT_RECORD_OVERFLOW
                                                         : TLS_ALERT_UNEXPECTED_MESSAGE;
    if (stream->error == NO_PEER_CERT && wolfSSL_version(stream->ssl) == TLS1_3_VERSION)
        return TLS_ALERT_CERTIFICATE_REQUIRED;
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++)
        if (alerts[i].error == stream->error)
            return alerts[i].alert;
    return TLS_ALERT_HANDSHAKE_FAILURE;
}

void tls_alert_send(struct tls_stream *stream, bool is_fatal, enum tls_alert alert)
{
    int severity = is_fatal ? alert_fatal : alert_warning;
    if (tls_alert_is_complete()) {
        (void)SendAlert(stream->ssl, severity, (int)alert);
    } else if (stream->state != TLS_OPEN &&
               (!stream->has_spoken || wolfSSL_version(stream->ssl) != TLS1_3_VERSION)) {
        const char record[] = {RECORD_ALERT, 3, 3, 0, 2, (char)severity, (char)alert};
        (void)tls_stream_put(stream, record, sizeof record);
    }
}

/* RFC 8446 section 6.2, those that tell an operator something. */
const char *tls_alert_name(uint8_t alert)
{
    static const struct {
        uint8_t code;
        const char *name;
    } names[] = {
        {40, "handshake-failure"}, {42, "bad-certificate"},     {43, "unsupported-certificate"},
        {44, "revoked"},           {45, "certificate-expired"}, {46, "certificate-unknown"},
        {48, "unknown-ca"},        {70, "protocol-version"},    {71, "insufficient-security"},
        {80, "internal-error"},    {90, "user-canceled"},       {112, "unrecognized-name"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].code == alert)
            return names[i].name;
    return NULL;
}
