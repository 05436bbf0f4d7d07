/* certificate: makes a self-signed certificate; see certificate.h.
 *
 * wolfCrypt writes the certificate, except for the names of the hosts (RFC 5280 section 4.2.1.6),
 * which it takes as they are to stand there. All that holds the key is in one piece of memory,
 * which is wiped in the end.
 */
#include "core/certificate.h"

#include "proto/must.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/rsa.h>
#include <wolfssl/wolfcrypt/sha256.h>
#include <wolfssl/wolfcrypt/wc_port.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(WOLFSSL_CERT_GEN) && defined(WOLFSSL_CERT_EXT) && defined(WOLFSSL_ALT_NAMES) &&        \
    defined(WOLFSSL_KEY_GEN) && defined(WOLFSSL_DER_TO_PEM) && defined(HAVE_ECC) &&                \
    !defined(NO_RSA)
#define LIBRARY_CAN_MAKE 1
#endif

/* Tags of GeneralNames. */
#define TAG_DNS_NAME   0x82
#define TAG_IP_ADDRESS 0x87
#define TAG_SEQUENCE   0x30

/* Tags of Time. */
#define TAG_UTC_TIME         0x17
#define TAG_GENERALIZED_TIME 0x18

#define DAY_S    86400
#define BEFORE_S DAY_S /* clocks of clients may be slow */

/* A tag, and a length of up to 65,535 in three bytes. */
#define HEADER_BYTES_MAX 4

#define NAMES_BYTES_MAX                                                                            \
    (HEADER_BYTES_MAX + CERTIFICATE_HOSTS_MAX * (HEADER_BYTES_MAX + CERTIFICATE_HOST_MAX))
#define DER_BYTES_MAX     (NAMES_BYTES_MAX + 1024)
#define KEY_DER_BYTES_MAX 2048

_Static_assert(CERTIFICATE_PEM_BYTES > DER_BYTES_MAX * 4 / 3 * 65 / 64 + 64, "PEM fits");

static bool check_order(const struct certificate_order *order, char *out_error, size_t error_bytes);

#ifdef LIBRARY_CAN_MAKE

/* One certificate under way. */
struct making {
    const struct certificate_order *order;
    WC_RNG random;
    ecc_key ecc;
    RsaKey rsa;
    Cert cert;
    uint8_t der[DER_BYTES_MAX];
    uint8_t key_der[KEY_DER_BYTES_MAX];
    int der_bytes, key_der_bytes;
};

static int make(struct making *making, struct certificate *out_certificate);
static int make_key(struct making *making);
static int describe(struct making *making);
static int sign(struct making *making);
static int write_texts(const struct making *making, struct certificate *out_certificate);

bool certificate_make(const struct certificate_order *order, struct certificate *out_certificate,
                      char *out_error, size_t error_bytes)
{
    must(order->host_count > 0 && order->host_count <= CERTIFICATE_HOSTS_MAX);
    must(order->days > 0 && order->days <= CERTIFICATE_DAYS_MAX);
    *out_certificate = (struct certificate){0};
    if (!check_order(order, out_error, error_bytes))
        return false;
    int result = MEMORY_E;
    struct making *making = calloc(1, sizeof *making);
    if (making != NULL) {
        making->order = order;
        result = make(making, out_certificate);
        explicit_bzero(making, sizeof *making);
        free(making);
    }
    if (result == 0)
        return true;
    certificate_wipe(out_certificate);
    snprintf(out_error, error_bytes, "the certificate could not be made: %s",
             wc_GetErrorString(result));
    return false;
}

/* 0, or the library's error. */
static int make(struct making *making, struct certificate *out_certificate)
{
    int result = wolfCrypt_Init();
    if (result != 0)
        return result;
    result = wc_InitRng(&making->random);
    if (result == 0) {
        /* Both, so that both can be freed: what was never begun must not be. */
        wc_ecc_init(&making->ecc);
        wc_InitRsaKey(&making->rsa, NULL);
        result = make_key(making);
        if (result == 0)
            result = describe(making);
        if (result == 0)
            result = sign(making);
        if (result == 0)
            result = write_texts(making, out_certificate);
        wc_FreeRsaKey(&making->rsa);
        wc_ecc_free(&making->ecc);
        wc_FreeRng(&making->random);
    }
    wolfCrypt_Cleanup();
    return result;
}

static int make_key(struct making *making)
{
    int result = 0;
    switch (making->order->algorithm) {
    case CERTIFICATE_ECDSA_P256:
        result = wc_ecc_make_key_ex(&making->random, 32, &making->ecc, ECC_SECP256R1);
        if (result == 0)
            result = wc_EccKeyToDer(&making->ecc, making->key_der, KEY_DER_BYTES_MAX);
        break;
    case CERTIFICATE_RSA_2048:
        result = wc_MakeRsaKey(&making->rsa, 2048, WC_RSA_EXPONENT, &making->random);
        if (result == 0)
            result = wc_RsaKeyToDer(&making->rsa, making->key_der, KEY_DER_BYTES_MAX);
        break;
    }
    making->key_der_bytes = result;
    return result < 0 ? result : 0;
}

/* Writes tag and length; returns how many bytes that took. */
static size_t put_header(uint8_t *out, uint8_t tag, size_t length)
{
    must(length <= UINT16_MAX);
    out[0] = tag;
    if (length < 128) {
        out[1] = (uint8_t)length;
        return 2;
    }
    if (length < 256) {
        out[1] = 0x81;
        out[2] = (uint8_t)length;
        return 3;
    }
    out[1] = 0x82;
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
    return HEADER_BYTES_MAX;
}

static size_t put_host(uint8_t *out, const char *host)
{
    uint8_t address[sizeof(struct in6_addr)];
    const void *value = address;
    size_t length = sizeof(struct in6_addr);
    uint8_t tag = TAG_IP_ADDRESS;
    if (inet_pton(AF_INET, host, address) == 1) {
        length = sizeof(struct in_addr);
    } else if (inet_pton(AF_INET6, host, address) != 1) {
        value = host;
        length = strlen(host);
        tag = TAG_DNS_NAME;
    }
    const size_t header = put_header(out, tag, length);
    memcpy(out + header, value, length);
    return header + length;
}

/* RFC 5280 section 4.1.2.5: two digits for the year up to 2049. wolfCrypt alone would always write
 * four, which strict clients refuse. */
static int put_time(uint8_t out[CTC_DATE_SIZE], time_t when)
{
    struct tm utc;
    char text[16];
    must(gmtime_r(&when, &utc) != NULL);
    const bool is_short = utc.tm_year < 2050 - 1900;
    const size_t length =
        strftime(text, sizeof text, is_short ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", &utc);
    must(length == (is_short ? 13U : 15U));
    const size_t header = put_header(out, is_short ? TAG_UTC_TIME : TAG_GENERALIZED_TIME, length);
    memcpy(out + header, text, length);
    return (int)(header + length);
}

/* What the certificate will say, but for the key. */
static int describe(struct making *making)
{
    const struct certificate_order *order = making->order;
    const bool is_rsa = order->algorithm == CERTIFICATE_RSA_2048;
    Cert *cert = &making->cert;
    uint8_t names[NAMES_BYTES_MAX];
    size_t bytes = 0;
    int result = wc_InitCert(cert);
    if (result != 0)
        return result;
    cert->sigType = is_rsa ? CTC_SHA256wRSA : CTC_SHA256wECDSA;
    const time_t now = time(NULL);
    cert->beforeDateSz = put_time(cert->beforeDate, now - BEFORE_S);
    cert->afterDateSz = put_time(cert->afterDate, now + (time_t)order->days * DAY_S);
    cert->basicConstSet = 1;
    /* For people only, and shorter than a host may be: clients look at the names below. */
    const bool fits = strlen(order->hosts[0]) < sizeof cert->subject.commonName;
    snprintf(cert->subject.commonName, sizeof cert->subject.commonName, "%s",
             fits ? order->hosts[0] : "Ringpost");
    for (uint32_t i = 0; i < order->host_count; i++)
        bytes += put_host(names + bytes, order->hosts[i]);
    const size_t header = put_header(cert->altNames, TAG_SEQUENCE, bytes);
    memcpy(cert->altNames + header, names, bytes);
    cert->altNamesSz = (int)(header + bytes);
    result = wc_SetSubjectKeyIdFromPublicKey(cert, is_rsa ? &making->rsa : NULL,
                                             is_rsa ? NULL : &making->ecc);
    if (result == 0)
        result = wc_SetKeyUsage(cert, "digitalSignature");
    if (result == 0)
        result = wc_SetExtKeyUsage(cert, "serverAuth");
    return result;
}

static int sign(struct making *making)
{
    const bool is_rsa = making->order->algorithm == CERTIFICATE_RSA_2048;
    RsaKey *rsa = is_rsa ? &making->rsa : NULL;
    ecc_key *ecc = is_rsa ? NULL : &making->ecc;
    int result = wc_MakeCert(&making->cert, making->der, DER_BYTES_MAX, rsa, ecc, &making->random);
    if (result > 0)
        result = wc_SignCert(making->cert.bodySz, making->cert.sigType, making->der, DER_BYTES_MAX,
                             rsa, ecc, &making->random);
    making->der_bytes = result;
    return result < 0 ? result : 0;
}

static int write_texts(const struct making *making, struct certificate *out_certificate)
{
    const bool is_rsa = making->order->algorithm == CERTIFICATE_RSA_2048;
    static const char digits[] = "0123456789ABCDEF";
    uint8_t hash[WC_SHA256_DIGEST_SIZE];
    /* One byte less, so that a NUL stays behind the text. */
    int result = wc_DerToPem(making->der, (word32)making->der_bytes,
                             (uint8_t *)out_certificate->pem, CERTIFICATE_PEM_BYTES - 1, CERT_TYPE);
    if (result > 0)
        result = wc_DerToPem(making->key_der, (word32)making->key_der_bytes,
                             (uint8_t *)out_certificate->key_pem, CERTIFICATE_KEY_PEM_BYTES - 1,
                             is_rsa ? PRIVATEKEY_TYPE : ECC_PRIVATEKEY_TYPE);
    if (result > 0)
        result = wc_Sha256Hash(making->der, (word32)making->der_bytes, hash);
    if (result != 0)
        return result;
    char *at = out_certificate->fingerprint;
    for (size_t i = 0; i < sizeof hash; i++) {
        *at++ = digits[hash[i] >> 4];
        *at++ = digits[hash[i] & 15];
        *at++ = ':';
    }
    at[-1] = '\0';
    return 0;
}

#else

bool certificate_make(const struct certificate_order *order, struct certificate *out_certificate,
                      char *out_error, size_t error_bytes)
{
    *out_certificate = (struct certificate){0};
    if (check_order(order, out_error, error_bytes))
        snprintf(out_error, error_bytes,
                 "the linked wolfSSL was built without the making of certificates: build with the "
                 "one of `tools/wolfssl --build`, or make the certificate by openssl(1)");
    return false;
}

#endif

void certificate_wipe(struct certificate *certificate)
{
    explicit_bzero(certificate, sizeof *certificate);
}

/* ---- names */

static bool is_label(const char *label, size_t length)
{
    if (length == 0 || length > 63 || label[0] == '-' || label[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++) {
        const char letter = label[i];
        const bool is_letter = (letter | 32) >= 'a' && (letter | 32) <= 'z';
        if (!is_letter && (letter < '0' || letter > '9') && letter != '-' && letter != '_')
            return false;
    }
    return true;
}

/* RFC 1123 section 2.1; a last label of digits alone would be an address with a slip in it. */
static bool is_name(const char *host)
{
    const char *label = host;
    if (strlen(host) > CERTIFICATE_HOST_MAX)
        return false;
    if (label[0] == '*' && label[1] == '.')
        label += 2;
    for (;;) {
        const size_t length = strcspn(label, ".");
        if (!is_label(label, length))
            return false;
        if (label[length] == '\0')
            return strspn(label, "0123456789") < length;
        label += length + 1;
    }
}

static bool check_order(const struct certificate_order *order, char *out_error, size_t error_bytes)
{
    uint8_t address[sizeof(struct in6_addr)];
    for (uint32_t i = 0; i < order->host_count; i++) {
        const char *host = order->hosts[i];
        if (is_name(host) || inet_pton(AF_INET, host, address) == 1 ||
            inet_pton(AF_INET6, host, address) == 1)
            continue;
        snprintf(out_error, error_bytes,
                 "`%.80s` is neither the name of a host nor an address: write it as in "
                 "mail.example.org, *.example.org, 192.0.2.1 or 2001:db8::1; a name with other "
                 "letters in its form that begins with xn--",
                 host);
        return false;
    }
    return true;
}
