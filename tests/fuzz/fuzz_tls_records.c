/* fuzz_tls_records: a server's stream, joined with a client, whose records are damaged on their
 * way.
 *
 * The input is a list of deeds: hand some bytes over, change one, leave some out, put some in, say
 * something, change keys. Whatever the client's bytes become, the stream must neither crash nor
 * keep a pointer into what was handed in, and plaintext is heard only as a beginning of what was
 * said. Keys and random numbers differ from run to run; the deeds are the same.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "proto/must.h"
#include "tests/support/tls_pair.h"

#include <string.h>

#define DEEDS_MAX  64
#define DEED_BYTES 3

enum deed { DEED_HAND_OVER, DEED_CHANGE, DEED_LEAVE_OUT, DEED_PUT_IN, DEED_SAY, DEED_KEYS, DEEDS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void act(struct tls_pair *pair, const uint8_t *deed);
static void hand_over(struct tls_pair *pair, size_t count);
static void put_in(struct tls_pair_queue *queue, size_t at, uint8_t byte);
static bool is_open(const struct tls_pair *pair);

static const char said[] = "USER alice\r\nPASS secret\r\nSTAT\r\nRETR 1\r\nQUIT\r\n";

/* The first byte says which version, and whether the handshake is left alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"ecdsa"};
    static struct tls_pair pair;
    static const struct tls_tickets *tickets;
    static struct tls_contexts *contexts;
    static WOLFSSL_CTX *clients[2];
    if (contexts == NULL) {
        tickets = tls_tickets_make(NULL);
        contexts = tls_pair_contexts(names, 1, CONFIG_TLS_1_2, &tickets);
        clients[0] = tls_pair_client(CONFIG_TLS_1_2, NULL);
        clients[1] = tls_pair_client(CONFIG_TLS_1_3, NULL);
    }
    if (size == 0)
        return 0;
    tls_pair_begin(&pair, contexts, clients[data[0] & 1]);
    if ((data[0] & 2) != 0)
        must(tls_pair_shake(&pair, 0));
    else
        (void)wolfSSL_connect(pair.client);
    for (size_t i = 0; i < DEEDS_MAX && 1 + (i + 1) * DEED_BYTES <= size; i++)
        act(&pair, data + 1 + i * DEED_BYTES);
    hand_over(&pair, SIZE_MAX);
    for (size_t i = 0; i < pair.heard.end; i++)
        must(pair.heard.bytes[i] == said[i % (sizeof said - 1)]);
    must(pair.output_highest <= TLS_OUTPUT_BYTES);
    tls_pair_end(&pair);
    return 0;
}

static void act(struct tls_pair *pair, const uint8_t *deed)
{
    struct tls_pair_queue *queue = &pair->to_server;
    size_t waiting = queue->end - queue->begin;
    size_t at = waiting > 0 ? queue->begin + deed[1] * (waiting - 1) / 255 : queue->begin;
    switch ((enum deed)(deed[0] % DEEDS)) {
    case DEED_HAND_OVER:
        hand_over(pair, (size_t)deed[1] * 4 + 1);
        return;
    case DEED_CHANGE:
        if (waiting > 0)
            queue->bytes[at] = (char)(queue->bytes[at] ^ deed[2]);
        return;
    case DEED_LEAVE_OUT:
        if (waiting > 0) {
            memmove(queue->bytes + at, queue->bytes + at + 1, queue->end - at - 1);
            queue->end--;
        }
        return;
    case DEED_PUT_IN:
        put_in(queue, at, deed[2]);
        return;
    case DEED_SAY:
        if (is_open(pair))
            (void)wolfSSL_write(pair->client, said, sizeof said - 1);
        return;
    case DEED_KEYS:
        if (is_open(pair))
            (void)wolfSSL_update_keys(pair->client);
        return;
    case DEEDS:
        break;
    }
    must(false);
}

static void hand_over(struct tls_pair *pair, size_t count)
{
    struct tls_pair_queue *queue = &pair->to_server;
    size_t waiting = queue->end - queue->begin;
    count = count < waiting ? count : waiting;
    queue->begin += count;
    if (count == 0 || pair->server.state == TLS_BROKEN)
        return;
    tls_pair_feed(pair, queue->bytes + queue->begin - count, count);
    if (!is_open(pair))
        pair->client_result = wolfSSL_connect(pair->client);
}

static void put_in(struct tls_pair_queue *queue, size_t at, uint8_t byte)
{
    must(queue->end < sizeof queue->bytes);
    memmove(queue->bytes + at + 1, queue->bytes + at, queue->end - at);
    queue->bytes[at] = (char)byte;
    queue->end++;
}

static bool is_open(const struct tls_pair *pair)
{
    return pair->client_result == WOLFSSL_SUCCESS;
}
