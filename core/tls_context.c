/* tls_context: the certificates of a shard, and which of them a client gets. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "core/tls_context.h"

#include "core/password.h"
#include "core/text_file.h"
#include "core/tls_peer.h"
#include "core/tls_staple.h"
#include "core/tls_stream.h"
#include "proto/must.h"

#include <wolfssl/wolfcrypt/asn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_FILE_BYTES_MAX 65536

/* One block of the configuration, ready for use. */
struct certificate {
    const struct config_tls *block;
    WOLFSSL_CTX *context;
    struct tls_staple *staple; /* or NULL */
    bool is_ecdsa;
};

struct tls_contexts {
    uint32_t references;
    uint32_t count;
    bool asks_clients; /* for a certificate, which a resumed session would not show */
    const struct tls_tickets *const *tickets;
    struct certificate certificates[];
};

static bool load(struct certificate *certificate, const struct config *config, uint32_t number,
                 struct tls_contexts *contexts, char *out_error, size_t error_bytes);
static bool load_staple(struct certificate *certificate, const struct config *config,
                        char *out_error, size_t error_bytes);
static void unload(struct certificate *certificate);
static bool set_up(WOLFSSL_CTX *context, enum config_tls_version min_version,
                   struct tls_contexts *contexts);
static bool learn_kind(struct certificate *certificate);
static const struct config_tls *default_block(const struct config *config);
static bool has_host(const struct config_tls *block, struct span host);
static bool host_fits(const char *pattern, struct span host);
static int seal_or_open(WOLFSSL *ssl, unsigned char name[TLS_TICKET_NAME_BYTES],
                        unsigned char iv[WOLFSSL_TICKET_IV_SZ],
                        unsigned char mac[WOLFSSL_TICKET_MAC_SZ], int is_seal,
                        unsigned char *ticket, int bytes, int *out_bytes, void *user);

/* Ephemeral keys and authenticated encryption only, the fast ones first. The library of today has
 * hardware for AES; a client without puts ChaCha20 in front himself, which is not heeded. */
static const char suites[] =
    "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

bool tls_library_start(void)
{
    return wolfSSL_Init() == WOLFSSL_SUCCESS;
}

struct tls_contexts *tls_contexts_make(const struct config *config,
                                       const struct tls_tickets *const *tickets, char *out_error,
                                       size_t error_bytes)
{
    struct tls_contexts *contexts =
        calloc(1, sizeof *contexts + config->tls_count * sizeof contexts->certificates[0]);
    must(contexts != NULL);
    contexts->references = 1;
    contexts->tickets = tickets;
    const struct config_tls *common = default_block(config);
    contexts->asks_clients = common != NULL && common->verify_client != CONFIG_VERIFY_NO;
    for (uint32_t i = 0; i < config->tls_count; i++) {
        contexts->count++;
        if (!load(&contexts->certificates[i], config, i, contexts, out_error, error_bytes)) {
            tls_contexts_give(contexts);
            return NULL;
        }
    }
    return contexts;
}

bool tls_contexts_is_stapled(const struct tls_contexts *contexts, uint32_t number)
{
    must(number < contexts->count);
    const struct tls_staple *staple = contexts->certificates[number].staple;
    return staple == NULL || tls_staple_is_current(staple, (uint64_t)time(NULL));
}

bool tls_contexts_asks_clients(const struct tls_contexts *contexts)
{
    return contexts->asks_clients;
}

struct tls_contexts *tls_contexts_take(struct tls_contexts *contexts)
{
    contexts->references++;
    return contexts;
}

void tls_contexts_give(struct tls_contexts *contexts)
{
    must(contexts->references > 0);
    if (--contexts->references > 0)
        return;
    for (uint32_t i = 0; i < contexts->count; i++)
        unload(&contexts->certificates[i]);
    free(contexts);
}

WOLFSSL_CTX *tls_contexts_choose(const struct tls_contexts *contexts,
                                 const struct client_hello *hello)
{
    const struct certificate *best = NULL;
    int best_fit = -1;
    for (uint32_t i = 0; i < contexts->count; i++) {
        const struct certificate *certificate = &contexts->certificates[i];
        bool is_named = has_host(certificate->block, hello->host);
        bool is_for_all = certificate->block->host_count == 0;
        /* A name that nobody has still gets a certificate: the client judges it better than we. */
        int fit = (is_named     ? 4
                   : is_for_all ? 2
                                : 0) +
                  (certificate->is_ecdsa == hello->takes_ecdsa);
        if (fit > best_fit) {
            best = certificate;
            best_fit = fit;
        }
    }
    must(best != NULL);
    return best->context;
}

static void unload(struct certificate *certificate)
{
    wolfSSL_CTX_free(certificate->context);
    tls_staple_free(&certificate->staple);
}

static bool load(struct certificate *certificate, const struct config *config, uint32_t number,
                 struct tls_contexts *contexts, char *out_error, size_t error_bytes)
{
    const struct config_tls *block = &config->tls[number];
    const struct config_tls *common = default_block(config);
    enum config_tls_version least = common != NULL ? common->min_version : CONFIG_TLS_1_2;
    certificate->block = block;
    certificate->context = wolfSSL_CTX_new(wolfSSLv23_server_method());
    must(certificate->context != NULL);
    const char *what = NULL;
    if (!set_up(certificate->context, least, contexts))
        what = "the TLS library lacks a cipher suite or a curve that is needed";
    else if (wolfSSL_CTX_use_certificate_chain_file(certificate->context, block->certificate) !=
             WOLFSSL_SUCCESS)
        what = "the certificate cannot be read; write a PEM file with the certificate first and "
               "its chain behind it";
    else if (wolfSSL_CTX_use_PrivateKey_file(certificate->context, block->key,
                                             WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
        what = "the key cannot be read; write a PEM file with an unencrypted private key";
    else if (!learn_kind(certificate))
        what = "the key does not belong to the certificate";
    if (what == NULL)
        return tls_peer_set_up(certificate->context, config, common, out_error, error_bytes) &&
               load_staple(certificate, config, out_error, error_bytes);
    snprintf(out_error, error_bytes, "%s:%d: %s (certificate %s, key %s)", config->path,
             block->line, what, block->certificate, block->key);
    return false;
}

static bool load_staple(struct certificate *certificate, const struct config *config,
                        char *out_error, size_t error_bytes)
{
    char what[512] = "the library does not show it";
    const struct config_tls *block = certificate->block;
    if (block->ocsp[0] == '\0')
        return true;
    if (!tls_staple_is_known())
        snprintf(what, sizeof what,
                 "this build's TLS library cannot show a response; remove ocsp, or build with the "
                 "library that tools/wolfssl --build makes");
    else
        certificate->staple = tls_staple_read(block->ocsp, block->certificate, what, sizeof what);
    if (certificate->staple != NULL && tls_staple_show(certificate->context, certificate->staple))
        return true;
    snprintf(out_error, error_bytes, "%s:%d: ocsp = \"%s\" cannot be used: %s", config->path,
             block->line, block->ocsp, what);
    return false;
}

static bool set_up(WOLFSSL_CTX *context, enum config_tls_version min_version,
                   struct tls_contexts *contexts)
{
    /* The fastest first; the others for clients that know only them. */
    static const int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1};
    int least = min_version == CONFIG_TLS_1_3 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
    tls_stream_set_io(context);
    wolfSSL_CTX_set_TicketEncCtx(context, contexts);
    /* Sessions are resumed by tickets; the library's cache has a lock that shards would share. */
    (void)wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
    /* The library's own few minutes would let hardly any mail program resume. Both cannot fail
     * here. */
    (void)wolfSSL_CTX_set_timeout(context, TLS_TICKET_LIFE_S);
    (void)wolfSSL_CTX_set_TicketHint(context, TLS_TICKET_LIFE_S);
    return wolfSSL_CTX_set_cipher_list(context, suites) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_SetMinVersion(context, least) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_groups(context, (int *)(uintptr_t)groups,
                                  sizeof groups / sizeof groups[0]) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_TicketEncCb(context, seal_or_open) == WOLFSSL_SUCCESS;
}

/* Whether key and certificate belong together; learns which kind they are. */
static bool learn_kind(struct certificate *certificate)
{
    char ignored[256];
    size_t bytes;
    char *pem = text_file_read(certificate->block->key, KEY_FILE_BYTES_MAX, &bytes, ignored,
                               sizeof ignored);
    if (pem == NULL)
        return false;
    DerBuffer *key = NULL;
    int kind = 0;
    int error = wc_PemToDer((const unsigned char *)pem, (long)bytes, PRIVATEKEY_TYPE, &key, NULL,
                            NULL, &kind);
    password_wipe(pem, bytes);
    free(pem);
    if (key != NULL)
        wc_FreeDer(&key);
    certificate->is_ecdsa = kind == ECDSAk;
    return error == 0 && wolfSSL_CTX_check_private_key(certificate->context) == WOLFSSL_SUCCESS;
}

/* What holds for all connections stands in the first block without a host. */
static const struct config_tls *default_block(const struct config *config)
{
    for (uint32_t i = 0; i < config->tls_count; i++)
        if (config->tls[i].host_count == 0)
            return &config->tls[i];
    return NULL;
}

static bool has_host(const struct config_tls *block, struct span host)
{
    for (uint32_t i = 0; i < block->host_count; i++)
        if (host_fits(block->hosts[i], host))
            return true;
    return false;
}

/* "*" stands for one label, the first (RFC 6125 section 6.4.3). */
static bool host_fits(const char *pattern, struct span host)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return span_equal_ignoring_case(span_of(pattern), host);
    const char *dot = host.length > 0 ? memchr(host.bytes, '.', host.length) : NULL;
    if (dot == NULL || dot == host.bytes)
        return false;
    struct span rest = {dot, host.length - (size_t)(dot - host.bytes)};
    return span_equal_ignoring_case(span_of(pattern + 1), rest);
}

static int seal_or_open(WOLFSSL *ssl, unsigned char name[TLS_TICKET_NAME_BYTES],
                        unsigned char iv[WOLFSSL_TICKET_IV_SZ],
                        unsigned char mac[WOLFSSL_TICKET_MAC_SZ], int is_seal,
                        unsigned char *ticket, int bytes, int *out_bytes, void *user)
{
    _Static_assert(WOLFSSL_TICKET_NAME_SZ == TLS_TICKET_NAME_BYTES &&
                       WOLFSSL_TICKET_IV_SZ >= TLS_TICKET_IV_BYTES &&
                       WOLFSSL_TICKET_MAC_SZ >= TLS_TICKET_TAG_BYTES,
                   "the library's ticket has room for ours");
    const struct tls_contexts *contexts = user;
    const struct tls_tickets *tickets = *contexts->tickets;
    *out_bytes = bytes;
    if (is_seal) {
        memset(iv, 0, WOLFSSL_TICKET_IV_SZ);
        memset(mac, 0, WOLFSSL_TICKET_MAC_SZ);
        return tls_tickets_seal(tickets, ticket, (size_t)bytes, name, iv, mac)
                   ? WOLFSSL_TICKET_RET_OK
                   : WOLFSSL_TICKET_RET_REJECT;
    }
    bool is_old;
    if (contexts->asks_clients ||
        !tls_tickets_open(tickets, ticket, (size_t)bytes, name, iv, mac, &is_old))
        return WOLFSSL_TICKET_RET_REJECT;
    /* TLS 1.3 gives a new ticket with each handshake; asked to, wolfSSL 5.7 would not resume
     * (`tls13.c`, DoPreSharedKeys goes on with WOLFSSL_TICKET_RET_OK only). */
    const bool needs_new = is_old && wolfSSL_version(ssl) != TLS1_3_VERSION;
    return needs_new ? WOLFSSL_TICKET_RET_CREATE : WOLFSSL_TICKET_RET_OK;
}
