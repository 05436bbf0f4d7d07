/* tls_staple: an OCSP response from a file, stapled to a certificate (RFC 6066 section 8). */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "core/tls_staple.h"

#include "core/text_file.h"

#include <stdio.h>
#include <stdlib.h>

#define RESPONSE_BYTES_MAX 65536

struct tls_staple {
    char *response;
    size_t bytes;
};

/* The library would ask this address; it is never used, because we answer in its place. */
static const char no_responder[] = "http://localhost/";

static int hand_over(void *user, const char *url, int url_bytes, unsigned char *request,
                     int request_bytes, unsigned char **out_response);
static void take_back(void *user, unsigned char *response);

struct tls_staple *tls_staple_make(WOLFSSL_CTX *context, const char *chain, const char *response,
                                   char *out_error, size_t error_bytes)
{
    struct tls_staple *staple = calloc(1, sizeof *staple);
    if (staple != NULL)
        staple->response =
            text_file_read(response, RESPONSE_BYTES_MAX, &staple->bytes, out_error, error_bytes);
    if (staple == NULL || staple->response == NULL) {
        tls_staple_free(&staple);
        return NULL;
    }
    if (wolfSSL_CTX_load_verify_locations(context, chain, NULL) == WOLFSSL_SUCCESS &&
        wolfSSL_CTX_SetOCSP_Cb(context, hand_over, take_back, staple) == WOLFSSL_SUCCESS &&
        wolfSSL_CTX_SetOCSP_OverrideURL(context, no_responder) == WOLFSSL_SUCCESS &&
        wolfSSL_CTX_EnableOCSP(context, WOLFSSL_OCSP_URL_OVERRIDE) == WOLFSSL_SUCCESS &&
        wolfSSL_CTX_EnableOCSPStapling(context) == WOLFSSL_SUCCESS)
        return staple;
    snprintf(out_error, error_bytes,
             "%s: the TLS library cannot staple this response; the certificate file must hold the "
             "chain of its issuer",
             response);
    tls_staple_free(&staple);
    return NULL;
}

void tls_staple_free(struct tls_staple **staple)
{
    if (*staple != NULL)
        free((*staple)->response);
    free(*staple);
    *staple = NULL;
}

static int hand_over(void *user, const char *url, int url_bytes, unsigned char *request,
                     int request_bytes, unsigned char **out_response)
{
    (void)url;
    (void)url_bytes;
    (void)request;
    (void)request_bytes;
    struct tls_staple *staple = user;
    *out_response = (unsigned char *)staple->response;
    return (int)staple->bytes;
}

/* The response stays ours. */
static void take_back(void *user, unsigned char *response)
{
    (void)user;
    (void)response;
}
