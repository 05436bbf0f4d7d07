/* tls_peer: who the client says he is, by a certificate. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <wolfssl/wolfcrypt/asn.h>

#include "core/tls_peer.h"

#include <stdio.h>
#include <string.h>

static int verified(int is_good, WOLFSSL_X509_STORE_CTX *store);

bool tls_peer_set_up(WOLFSSL_CTX *context, const struct config *config,
                     const struct config_tls *common, char *out_error, size_t error_bytes)
{
    if (common == NULL || common->verify_client == CONFIG_VERIFY_NO)
        return true;
    int mode = WOLFSSL_VERIFY_PEER;
    if (common->verify_client == CONFIG_VERIFY_REQUIRE)
        mode |= WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    wolfSSL_CTX_set_verify(context, mode, verified);
    /* A resumed session does not show its certificate again: it would have no name, or one that the
     * authority has taken back. */
    (void)wolfSSL_CTX_NoTicketTLSv12(context);
    (void)wolfSSL_CTX_no_ticket_TLSv13(context);
    if (wolfSSL_CTX_load_verify_locations(context, common->client_ca, NULL) == WOLFSSL_SUCCESS)
        return true;
    snprintf(out_error, error_bytes,
             "%s:%d: client-ca = \"%s\" cannot be read; write a PEM file with the certificates of "
             "the authorities",
             config->path, common->line, common->client_ca);
    return false;
}

void tls_peer_watch(WOLFSSL *ssl, char out_name[TLS_PEER_NAME_BYTES])
{
    out_name[0] = '\0';
    wolfSSL_SetCertCbCtx(ssl, out_name);
}

/* Called for each certificate of the chain, good ones too (WOLFSSL_ALWAYS_VERIFY_CB). The verdict
 * is the library's. */
static int verified(int is_good, WOLFSSL_X509_STORE_CTX *store)
{
    char *name = store->userCtx;
    if (is_good != 1 || store->error_depth != 0 || name == NULL || store->totalCerts < 1)
        return is_good;
    struct DecodedCert certificate;
    wc_InitDecodedCert(&certificate, store->certs[0].buffer, store->certs[0].length, NULL);
    if (wc_ParseCert(&certificate, CERT_TYPE, NO_VERIFY, NULL) == 0 &&
        certificate.subjectCN != NULL && certificate.subjectCNLen < TLS_PEER_NAME_BYTES &&
        memchr(certificate.subjectCN, '\0', (size_t)certificate.subjectCNLen) == NULL) {
        memcpy(name, certificate.subjectCN, (size_t)certificate.subjectCNLen);
        name[certificate.subjectCNLen] = '\0';
    }
    wc_FreeDecodedCert(&certificate);
    return is_good;
}
