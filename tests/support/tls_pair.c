/* tls_pair: a server's tls_stream and a client of the library, joined in memory. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "tests/support/tls_pair.h"

#include "proto/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX 8

static void shake(struct tls_pair *pair);
static void speak_client(struct tls_pair *pair);
static void put(struct tls_pair_queue *queue, const char *bytes, size_t count);
static int client_receives(WOLFSSL *ssl, char *buffer, int room, void *user);
static int client_sends(WOLFSSL *ssl, char *bytes, int count, void *user);

struct tls_contexts *tls_pair_contexts(const char *const *names, uint32_t count,
                                       enum config_tls_version least,
                                       const struct tls_tickets *const *tickets)
{
    char error[1024];
    must(count <= BLOCKS_MAX && tls_library_start());
    struct config *config = calloc(1, sizeof *config);
    struct config_tls *blocks = calloc(BLOCKS_MAX, sizeof *blocks);
    must(config != NULL && blocks != NULL);
    config->tls = blocks;
    config->tls_count = count;
    for (uint32_t i = 0; i < count; i++) {
        blocks[i].min_version = least;
        snprintf(blocks[i].certificate, sizeof blocks[i].certificate, "tests/data/tls/%s.pem",
                 names[i]);
        snprintf(blocks[i].key, sizeof blocks[i].key, "tests/data/tls/%s.key", names[i]);
    }
    struct tls_contexts *contexts = tls_contexts_make(config, tickets, error, sizeof error);
    must(contexts != NULL);
    /* The contexts go on pointing at their blocks: these stay until the process ends. */
    static struct config *kept[64];
    static uint32_t kept_count;
    must(kept_count < sizeof kept / sizeof kept[0]);
    kept[kept_count++] = config;
    return contexts;
}

WOLFSSL_CTX *tls_pair_client(enum config_tls_version version, const char *suites)
{
    WOLFSSL_CTX *context = wolfSSL_CTX_new(version == CONFIG_TLS_1_3 ? wolfTLSv1_3_client_method()
                                                                     : wolfTLSv1_2_client_method());
    must(context != NULL);
    wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_NONE, NULL);
    wolfSSL_CTX_SetIORecv(context, client_receives);
    wolfSSL_CTX_SetIOSend(context, client_sends);
    must(wolfSSL_CTX_UseSessionTicket(context) == WOLFSSL_SUCCESS);
    must(suites == NULL || wolfSSL_CTX_set_cipher_list(context, suites) == WOLFSSL_SUCCESS);
    return context;
}

void tls_pair_setup_make(struct tls_pair_setup *setup)
{
    static const char *const names[] = {"ecdsa"};
    must(tls_library_start());
    setup->tickets = setup->owned_tickets = tls_tickets_make(NULL);
    setup->contexts = tls_pair_contexts(names, 1, CONFIG_TLS_1_2, &setup->tickets);
    setup->clients[CONFIG_TLS_1_2] = tls_pair_client(CONFIG_TLS_1_2, NULL);
    setup->clients[CONFIG_TLS_1_3] = tls_pair_client(CONFIG_TLS_1_3, NULL);
}

void tls_pair_setup_free(struct tls_pair_setup *setup)
{
    tls_contexts_give(setup->contexts);
    tls_tickets_free(&setup->owned_tickets);
    wolfSSL_CTX_free(setup->clients[CONFIG_TLS_1_2]);
    wolfSSL_CTX_free(setup->clients[CONFIG_TLS_1_3]);
}

void tls_pair_begin(struct tls_pair *pair, struct tls_contexts *contexts, WOLFSSL_CTX *client)
{
    memset(pair, 0, offsetof(struct tls_pair, to_server));
    pair->to_server.begin = pair->to_server.end = 0;
    pair->to_client.begin = pair->to_client.end = 0;
    pair->heard.begin = pair->heard.end = 0;
    tls_stream_init(&pair->server, contexts, "pop3", pair->hello, NULL);
    pair->client = wolfSSL_new(client);
    must(pair->client != NULL);
    wolfSSL_SetIOReadCtx(pair->client, pair);
    wolfSSL_SetIOWriteCtx(pair->client, pair);
}

void tls_pair_end(struct tls_pair *pair)
{
    tls_stream_fini(&pair->server);
    free(pair->server.output);
    wolfSSL_free(pair->client);
}

bool tls_pair_shake(struct tls_pair *pair, size_t cut)
{
    bool is_moving = true;
    while (is_moving) {
        speak_client(pair);
        struct tls_pair_queue *queue = &pair->to_server;
        size_t waiting = queue->end - queue->begin;
        size_t piece =
            queue->begin < cut && cut - queue->begin < waiting ? cut - queue->begin : waiting;
        if (piece > 0) {
            queue->begin += piece;
            tls_pair_feed(pair, queue->bytes + queue->begin - piece, piece);
        }
        if (tls_stream_has_output(&pair->server))
            tls_pair_send(pair);
        is_moving = piece > 0 || tls_stream_has_output(&pair->server) ||
                    pair->to_client.begin < pair->to_client.end;
    }
    return pair->server.state == TLS_OPEN && pair->client_result == WOLFSSL_SUCCESS;
}

void tls_pair_feed(struct tls_pair *pair, const char *bytes, size_t count)
{
    struct tls_stream *server = &pair->server;
    char *copy = malloc(count > 0 ? count : 1);
    must(copy != NULL);
    memcpy(copy, bytes, count);
    tls_pair_lend(pair);
    if (server->state == TLS_HELLO || server->state == TLS_READY)
        tls_stream_hello(server, (struct span){copy, count});
    else
        server->input = (struct span){copy, count};
    if (server->state == TLS_READY || server->state == TLS_HANDSHAKE)
        shake(pair);
    struct tls_pair_queue *heard = &pair->heard;
    size_t got = 1;
    while (server->state == TLS_OPEN && got > 0) {
        got = tls_stream_read(server, heard->bytes + heard->end, sizeof heard->bytes - heard->end);
        heard->end += got;
    }
    /* What is left would be lost: the receive buffer goes back to the kernel. */
    must(server->input.length == 0 || server->state == TLS_BROKEN || server->peer_ended);
    server->input = (struct span){NULL, 0};
    free(copy);
    tls_pair_send(pair);
}

static void shake(struct tls_pair *pair)
{
    struct tls_stream *server = &pair->server;
    do {
        pair->costly_steps += tls_stream_step_costs(server);
        tls_stream_shake(server);
    } while (server->state == TLS_HANDSHAKE && server->input.length > 0);
}

void tls_pair_feed_all(struct tls_pair *pair)
{
    struct tls_pair_queue *queue = &pair->to_server;
    size_t begin = queue->begin;
    queue->begin = queue->end;
    tls_pair_feed(pair, queue->bytes + begin, queue->end - begin);
}

void tls_pair_lend(struct tls_pair *pair)
{
    if (pair->server.output == NULL)
        pair->server.output = malloc(TLS_OUTPUT_BYTES);
    must(pair->server.output != NULL);
}

void tls_pair_send(struct tls_pair *pair)
{
    struct tls_stream *server = &pair->server;
    size_t waiting = server->output_end - server->output_begin;
    size_t piece =
        pair->output_piece > 0 && pair->output_piece < waiting ? pair->output_piece : waiting;
    if (server->output_end > pair->output_highest)
        pair->output_highest = server->output_end;
    if (piece > 0)
        put(&pair->to_client, server->output + server->output_begin, piece);
    server->output_begin += (uint32_t)piece;
    if (tls_stream_has_output(server))
        return;
    server->output_begin = server->output_end = 0;
    free(server->output);
    server->output = NULL;
}

static void speak_client(struct tls_pair *pair)
{
    if (pair->client_result != WOLFSSL_SUCCESS) {
        pair->client_result = wolfSSL_connect(pair->client);
        int error = wolfSSL_get_error(pair->client, pair->client_result);
        if (pair->client_result != WOLFSSL_SUCCESS && error != WOLFSSL_ERROR_WANT_READ)
            pair->to_client.begin = pair->to_client.end;
    }
    /* Behind the handshake of TLS 1.3 come tickets: a read takes them. */
    char none[1];
    if (pair->client_result == WOLFSSL_SUCCESS && pair->to_client.begin < pair->to_client.end)
        (void)wolfSSL_peek(pair->client, none, sizeof none);
}

static void put(struct tls_pair_queue *queue, const char *bytes, size_t count)
{
    must(sizeof queue->bytes - queue->end >= count);
    memcpy(queue->bytes + queue->end, bytes, count);
    queue->end += count;
}

static int client_receives(WOLFSSL *ssl, char *buffer, int room, void *user)
{
    (void)ssl;
    struct tls_pair_queue *queue = &((struct tls_pair *)user)->to_client;
    size_t count = queue->end - queue->begin;
    count = count < (size_t)room ? count : (size_t)room;
    if (count == 0)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    memcpy(buffer, queue->bytes + queue->begin, count);
    queue->begin += count;
    return (int)count;
}

static int client_sends(WOLFSSL *ssl, char *bytes, int count, void *user)
{
    (void)ssl;
    put(&((struct tls_pair *)user)->to_server, bytes, (size_t)count);
    return count;
}
