/* tls_staple: the answer of an OCSP responder about our certificate.
 *
 * The library's own checks run once, when the file is read, with a store of its own: what may sign
 * a response can never vouch for a client's certificate. In a handshake the bytes are only copied.
 */
#include "core/tls_staple.h"

#include "core/text_file.h"
#include "proto/must.h"
#include "proto/ocsp_response.h"

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CERTIFICATE_BYTES_MAX 1048576
#define PEM_END               "-----END CERTIFICATE-----"

struct tls_staple {
    uint64_t begin_s, end_s; /* shown from the first and before the last */
    size_t bytes;
    char response[];
};

static bool check(struct tls_staple *staple, const char *certificate, char *out_error,
                  size_t error_bytes);
static bool check_about(struct tls_staple *staple, const DerBuffer *der, WOLFSSL_CERT_MANAGER *cm,
                        char *out_error, size_t error_bytes);
static const char *check_signed(struct tls_staple *staple, const DecodedCert *about,
                                WOLFSSL_CERT_MANAGER *cm);
static const char *learn_facts(struct tls_staple *staple, struct span serial);
static int hand_out(void *user, const char *url, int url_bytes, unsigned char *request,
                    int request_bytes, unsigned char **out_response);

bool tls_staple_is_known(void)
{
#if defined(WOLFSSL_READY_OCSP_RESPONSE)
    return true;
#else
    return false;
#endif
}

struct tls_staple *tls_staple_read(const char *path, const char *certificate, char *out_error,
                                   size_t error_bytes)
{
    size_t bytes;
    char *file = text_file_read(path, TLS_STAPLE_BYTES_MAX, &bytes, out_error, error_bytes);
    if (file == NULL)
        return NULL;
    struct tls_staple *staple = calloc(1, sizeof *staple + bytes);
    must(staple != NULL);
    staple->bytes = bytes;
    memcpy(staple->response, file, bytes);
    free(file);
    if (!check(staple, certificate, out_error, error_bytes))
        tls_staple_free(&staple);
    return staple;
}

void tls_staple_free(struct tls_staple **staple)
{
    free(*staple);
    *staple = NULL;
}

bool tls_staple_is_current(const struct tls_staple *staple, uint64_t time_s)
{
    return time_s >= staple->begin_s && time_s < staple->end_s;
}

bool tls_staple_show(WOLFSSL_CTX *context, struct tls_staple *staple)
{
    /* In this order: enabling sets a callback of the library's that asks the responder. */
    return tls_staple_is_known() && wolfSSL_CTX_EnableOCSPStapling(context) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_SetOCSP_Cb(context, hand_out, NULL, staple) == WOLFSSL_SUCCESS;
}

/* The certificate stands first in its file, those of its issuers behind it. */
static bool check(struct tls_staple *staple, const char *certificate, char *out_error,
                  size_t error_bytes)
{
    size_t bytes;
    char *pem = text_file_read(certificate, CERTIFICATE_BYTES_MAX, &bytes, out_error, error_bytes);
    if (pem == NULL)
        return false;
    DerBuffer *der = NULL;
    WOLFSSL_CERT_MANAGER *cm = wolfSSL_CertManagerNew();
    must(cm != NULL);
    char *chain = strstr(pem, PEM_END);
    chain = chain != NULL ? chain + strlen(PEM_END) : pem + bytes;
    bool is_good = false;
    if (wc_PemToDer((const unsigned char *)pem, (long)bytes, CERT_TYPE, &der, NULL, NULL, NULL) !=
            0 ||
        strstr(chain, PEM_END) == NULL ||
        wolfSSL_CertManagerLoadCABuffer(cm, (const unsigned char *)chain,
                                        (long)(pem + bytes - chain),
                                        WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
        snprintf(out_error, error_bytes,
                 "it can only be checked by the certificate's issuer; write that one behind the "
                 "certificate in %s",
                 certificate);
    else
        is_good = check_about(staple, der, cm, out_error, error_bytes);
    if (der != NULL)
        wc_FreeDer(&der);
    wolfSSL_CertManagerFree(cm);
    free(pem);
    return is_good;
}

static bool check_about(struct tls_staple *staple, const DerBuffer *der, WOLFSSL_CERT_MANAGER *cm,
                        char *out_error, size_t error_bytes)
{
    const char *what;
    struct DecodedCert about;
    wc_InitDecodedCert(&about, der->buffer, der->length, NULL);
    if (wc_ParseCert(&about, CERT_TYPE, VERIFY_SKIP_DATE, cm) != 0)
        what =
            "it can only be checked by the certificate's issuer, and those that stand behind the "
            "certificate have not signed it";
    else
        what =
            learn_facts(staple, (struct span){(const char *)about.serial, (size_t)about.serialSz});
    /* The library checks no response but a current one. */
    if (what == NULL && tls_staple_is_current(staple, (uint64_t)time(NULL)))
        what = check_signed(staple, &about, cm);
    else
        staple->end_s = 0;
    wc_FreeDecodedCert(&about);
    if (what != NULL)
        snprintf(out_error, error_bytes, "%s", what);
    return what == NULL;
}

/* What is wrong, or NULL. */
static const char *learn_facts(struct tls_staple *staple, struct span serial)
{
    struct ocsp_facts facts;
    switch (ocsp_response_parse((struct span){staple->response, staple->bytes}, serial, &facts)) {
    case OCSP_BAD:
        return "it is no OCSP response, or a damaged one; write one in DER, as \"openssl ocsp "
               "-respout\" does";
    case OCSP_REFUSED:
        return "the responder has refused to answer; ask it again";
    case OCSP_OTHER:
        return "it is about another certificate; ask for this one";
    case OCSP_DONE:
        break;
    }
    staple->begin_s = facts.begin_s;
    staple->end_s = facts.end_s;
    if (facts.status == OCSP_REVOKED)
        return "it says that the certificate is revoked; get a new certificate";
    if (facts.status == OCSP_UNKNOWN)
        return "it says that the responder does not know the certificate";
    if (facts.end_s == 0)
        return "it does not say until when it holds (nextUpdate), so nobody could tell when it is "
               "out of date";
    return NULL;
}

/* Signed by the issuer or in its name, about a certificate of this issuer. */
static const char *check_signed(struct tls_staple *staple, const DecodedCert *about,
                                WOLFSSL_CERT_MANAGER *cm)
{
    unsigned char serial[EXTERNAL_SERIAL_SIZE];
    OcspRequest request = {0};
    CertStatus status = {0};
    must(about->serialSz >= 0 && about->serialSz <= (int)sizeof serial);
    memcpy(serial, about->serial, (size_t)about->serialSz);
    memcpy(request.issuerHash, about->issuerHash, sizeof request.issuerHash);
    memcpy(request.issuerKeyHash, about->issuerKeyHash, sizeof request.issuerKeyHash);
    request.serial = serial;
    request.serialSz = about->serialSz;
    if (wolfSSL_CertManagerEnableOCSP(cm, WOLFSSL_OCSP_NO_NONCE) == WOLFSSL_SUCCESS &&
        wolfSSL_CertManagerCheckOCSPResponse(cm, (unsigned char *)staple->response,
                                             (int)staple->bytes, NULL, &status, NULL,
                                             &request) == WOLFSSL_SUCCESS)
        return NULL;
    return "its signature is not that of the certificate's issuer or of a responder with a "
           "certificate of his, or it names the certificate by other hashes than SHA-1";
}

/* The library's callback: bytes that stay ours, or none. */
static int hand_out(void *user, const char *url, int url_bytes, unsigned char *request,
                    int request_bytes, unsigned char **out_response)
{
    (void)url;
    (void)url_bytes;
    (void)request;
    (void)request_bytes;
    struct tls_staple *staple = user;
    if (!tls_staple_is_current(staple, (uint64_t)time(NULL)))
        return 0;
    *out_response = (unsigned char *)staple->response;
    return (int)staple->bytes;
}
