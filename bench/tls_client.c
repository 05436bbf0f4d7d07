/* tls_client: the client's side of TLS, between bounded buffers, with wolfSSL. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <wolfssl/error-ssl.h>

#include "bench/tls_client.h"

#include "proto/must.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static int give_input(WOLFSSL *ssl, char *buffer, int room, void *user);
static int take_output(WOLFSSL *ssl, char *bytes, int count, void *user);
static void break_off(struct tls_client *client, int result);

void tls_client_library_begin(void)
{
    must(wolfSSL_Init() == WOLFSSL_SUCCESS);
}

bool tls_client_context_init(struct tls_client_context *context,
                             const struct tls_client_settings *settings, char *out_error,
                             size_t error_bytes)
{
    context->settings = *settings;
    context->last = NULL;
    context->out_bytes = 0;
    context->library = wolfSSL_CTX_new(settings->only_tls12 ? wolfTLSv1_2_client_method()
                                                            : wolfSSLv23_client_method());
    if (context->library == NULL) {
        snprintf(out_error, error_bytes, "TLS cannot be set up: no memory");
        return false;
    }
    wolfSSL_CTX_SetIORecv(context->library, give_input);
    wolfSSL_CTX_SetIOSend(context->library, take_output);
    if (settings->authorities == NULL) {
        wolfSSL_CTX_set_verify(context->library, WOLFSSL_VERIFY_NONE, NULL);
    } else if (wolfSSL_CTX_load_verify_locations(context->library, settings->authorities, NULL) !=
               WOLFSSL_SUCCESS) {
        snprintf(out_error, error_bytes, "--ca: no certificates can be read from %s",
                 settings->authorities);
        tls_client_context_fini(context);
        return false;
    }
    if (settings->resumes)
        (void)wolfSSL_CTX_UseSessionTicket(context->library);
    return true;
}

void tls_client_context_fini(struct tls_client_context *context)
{
    if (context->last != NULL)
        wolfSSL_SESSION_free(context->last);
    wolfSSL_CTX_free(context->library);
}

bool tls_client_init(struct tls_client *client, struct tls_client_context *context)
{
    *client = (struct tls_client){.context = context, .ssl = wolfSSL_new(context->library)};
    if (client->ssl == NULL)
        return false;
    wolfSSL_SetIOReadCtx(client->ssl, client);
    wolfSSL_SetIOWriteCtx(client->ssl, context);
    const char *host = context->settings.host;
    struct in6_addr address;
    bool is_name = host != NULL && inet_pton(AF_INET, host, &address) != 1 &&
                   inet_pton(AF_INET6, host, &address) != 1;
    if (is_name)
        (void)wolfSSL_UseSNI(client->ssl, WOLFSSL_SNI_HOST_NAME, host,
                             (unsigned short)strlen(host));
    if (is_name && context->settings.authorities != NULL)
        (void)wolfSSL_check_domain_name(client->ssl, host);
    if (context->settings.resumes && context->last != NULL)
        (void)wolfSSL_set_session(client->ssl, context->last);
    tls_client_shake(client);
    return true;
}

void tls_client_fini(struct tls_client *client)
{
    struct tls_client_context *context = client->context;
    if (context->settings.resumes && client->state == TLS_CLIENT_OPEN) {
        WOLFSSL_SESSION *session = wolfSSL_get1_session(client->ssl);
        if (session != NULL) {
            if (context->last != NULL)
                wolfSSL_SESSION_free(context->last);
            context->last = session;
        }
    }
    wolfSSL_free(client->ssl);
    client->ssl = NULL;
}

void tls_client_shake(struct tls_client *client)
{
    int result = wolfSSL_connect(client->ssl);
    if (result == WOLFSSL_SUCCESS)
        client->state = TLS_CLIENT_OPEN;
    else
        break_off(client, result);
}

size_t tls_client_read(struct tls_client *client, char *out_bytes, size_t room)
{
    if (client->state != TLS_CLIENT_OPEN || client->peer_ended)
        return 0;
    int result = wolfSSL_read(client->ssl, out_bytes, (int)room);
    if (result > 0)
        return (size_t)result;
    if (wolfSSL_get_error(client->ssl, result) == WOLFSSL_ERROR_ZERO_RETURN)
        client->peer_ended = true;
    else
        break_off(client, result);
    return 0;
}

bool tls_client_write(struct tls_client *client, const char *bytes, size_t count)
{
    int result = wolfSSL_write(client->ssl, bytes, (int)count);
    if (result == (int)count)
        return true;
    break_off(client, result);
    return false;
}

bool tls_client_is_resumed(const struct tls_client *client)
{
    return wolfSSL_session_reused(client->ssl) == 1;
}

void tls_client_reason(const struct tls_client *client, char *out_text, size_t text_bytes)
{
    char reason[WOLFSSL_MAX_ERROR_SZ];
    wolfSSL_ERR_error_string_n((unsigned long)client->error, reason, sizeof reason);
    snprintf(out_text, text_bytes, "%s", reason);
}

/* Waiting for more input is no fault. */
static void break_off(struct tls_client *client, int result)
{
    int error = wolfSSL_get_error(client->ssl, result);
    if (error == WOLFSSL_ERROR_WANT_READ)
        return;
    client->state = TLS_CLIENT_BROKEN;
    client->error = error;
}

static int give_input(WOLFSSL *ssl, char *buffer, int room, void *user)
{
    (void)ssl;
    struct tls_client *client = user;
    size_t count = client->input.length < (size_t)room ? client->input.length : (size_t)room;
    if (count == 0)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    memcpy(buffer, client->input.bytes, count);
    client->input.bytes += count;
    client->input.length -= count;
    return (int)count;
}

static int take_output(WOLFSSL *ssl, char *bytes, int count, void *user)
{
    (void)ssl;
    struct tls_client_context *context = user;
    if ((size_t)count > sizeof context->out - context->out_bytes)
        return WOLFSSL_CBIO_ERR_GENERAL; /* the owner empties it after each call */
    memcpy(context->out + context->out_bytes, bytes, (size_t)count);
    context->out_bytes += (size_t)count;
    return count;
}
