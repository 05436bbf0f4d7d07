/* test_tls_staple: which responses are taken, when they may be shown, and what showing them costs.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "core/tls_staple.h"
#include "tests/support/tls_pair.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RESPONSE    "tests/data/tls/stapled.der"
#define CERTIFICATE "tests/data/tls/stapled.pem"
#define ALLOCATION  16 /* bytes in front of each, for its size */

static char error[512];
static struct tls_pair pair;
static size_t allocated;

static void begin(void)
{
    cr_assert(tls_library_start());
}

TestSuite(tls_staple, .init = begin, .timeout = 30);

Test(tls_staple, current_between_its_dates)
{
    struct tls_staple *staple = tls_staple_read(RESPONSE, CERTIFICATE, error, sizeof error);
    cr_assert_not_null(staple, "%s", error);
    cr_expect(tls_staple_is_current(staple, (uint64_t)time(NULL)));
    cr_expect_not(tls_staple_is_current(staple, 0));
    cr_expect_not(tls_staple_is_current(staple, 1790000000));
    cr_expect_not(tls_staple_is_current(staple, 4000000000));
    tls_staple_free(&staple);
    cr_expect_null(staple);
}

static void expect_refused(const char *path, const char *certificate, const char *words)
{
    error[0] = '\0';
    cr_expect_null(tls_staple_read(path, certificate, error, sizeof error));
    cr_expect_not_null(strstr(error, words), "%s", error);
}

Test(tls_staple, what_cannot_be_used)
{
    expect_refused("tests/data/tls/no-such", CERTIFICATE, "cannot be opened");
    expect_refused(CERTIFICATE, CERTIFICATE, "no OCSP response");
    expect_refused(RESPONSE, "tests/data/tls/no-such", "cannot be opened");
    expect_refused(RESPONSE, "tests/data/tls/ecdsa.pem", "write that one behind the certificate");
    expect_refused(RESPONSE, "tests/data/tls/chain.pem", "another certificate");
    expect_refused(RESPONSE, "tests/data/tls/stapled.key", "write that one behind the certificate");
}

static void *count_malloc(size_t bytes)
{
    char *memory = malloc(bytes + ALLOCATION);
    cr_assert_not_null(memory);
    memcpy(memory, &bytes, sizeof bytes);
    allocated += bytes;
    return memory + ALLOCATION;
}

static void count_free(void *memory)
{
    if (memory == NULL)
        return;
    size_t bytes;
    memcpy(&bytes, (char *)memory - ALLOCATION, sizeof bytes);
    allocated -= bytes;
    free((char *)memory - ALLOCATION);
}

static void *count_realloc(void *memory, size_t bytes)
{
    void *larger = count_malloc(bytes);
    if (memory != NULL) {
        size_t old;
        memcpy(&old, (char *)memory - ALLOCATION, sizeof old);
        memcpy(larger, memory, old < bytes ? old : bytes);
        count_free(memory);
    }
    return larger;
}

static struct tls_contexts *stapled_contexts(const struct tls_tickets *const *tickets)
{
    static struct config config;
    static struct config_tls block;
    config.tls = &block;
    config.tls_count = 1;
    strcpy(block.certificate, CERTIFICATE);
    strcpy(block.key, "tests/data/tls/stapled.key");
    strcpy(block.ocsp, RESPONSE);
    struct tls_contexts *contexts = tls_contexts_make(&config, tickets, error, sizeof error);
    cr_assert_not_null(contexts, "%s", error);
    cr_expect(tls_contexts_is_stapled(contexts, 0));
    return contexts;
}

/* How much the server says; what the client thinks of it is not asked here. */
static size_t said(struct tls_contexts *contexts, WOLFSSL_CTX *client)
{
    tls_pair_begin(&pair, contexts, client);
    (void)tls_pair_shake(&pair, 0);
    size_t bytes = pair.to_client.end;
    tls_pair_end(&pair);
    return bytes;
}

/* The library itself would never free a response in TLS 1.3. */
Test(tls_staple, showing_it_keeps_no_memory)
{
    if (!tls_staple_is_known())
        cr_skip("this library cannot show one");
    cr_assert_eq(wolfSSL_SetAllocators(count_malloc, count_free, count_realloc), 0);
    struct tls_tickets *owned = tls_tickets_make(NULL);
    const struct tls_tickets *tickets = owned;
    struct tls_contexts *contexts = stapled_contexts(&tickets);
    for (int i = 0; i < 2; i++) {
        WOLFSSL_CTX *client = tls_pair_client(i == 0 ? CONFIG_TLS_1_2 : CONFIG_TLS_1_3, NULL);
        size_t before = 0, not_asked = said(contexts, client);
        cr_assert_eq(wolfSSL_CTX_EnableOCSPStapling(client), WOLFSSL_SUCCESS);
        cr_assert_eq(wolfSSL_CTX_UseOCSPStapling(client, WOLFSSL_CSR_OCSP, 0), WOLFSSL_SUCCESS);
        for (int count = 0; count < 6; count++) {
            if (count == 2)
                before = allocated;
            cr_expect_gt(said(contexts, client), not_asked + 300);
        }
        cr_expect_eq(allocated, before, "%zu bytes more", allocated - before);
        wolfSSL_CTX_free(client);
    }
    tls_contexts_give(contexts);
    tls_tickets_free(&owned);
}
