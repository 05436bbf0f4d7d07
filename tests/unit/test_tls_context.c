/* test_tls_context: which certificate a client gets, and what is said of those that cannot be used.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "tests/support/tls_pair.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct config config;
static struct config_tls blocks[6];
static struct tls_tickets *owned_tickets;
static const struct tls_tickets *tickets;
static struct tls_pair pair;
static char error[1024];

static void begin(void)
{
    cr_assert(tls_library_start());
    tickets = owned_tickets = tls_tickets_make(NULL);
    config.tls = blocks;
    strcpy(config.path, "ringpost.conf");
}

static void end(void)
{
    tls_tickets_free(&owned_tickets);
}

TestSuite(tls_context, .init = begin, .fini = end, .timeout = 20);

static void add(const char *host, const char *certificate, const char *key)
{
    struct config_tls *block = &blocks[config.tls_count++];
    block->line = (int)config.tls_count * 10;
    block->host_count = host != NULL;
    if (host != NULL)
        strcpy(block->hosts[0], host);
    snprintf(block->certificate, sizeof block->certificate, "tests/data/tls/%s.pem", certificate);
    snprintf(block->key, sizeof block->key, "tests/data/tls/%s.key", key);
}

static struct tls_contexts *make(void)
{
    struct tls_contexts *contexts = tls_contexts_make(&config, &tickets, error, sizeof error);
    cr_assert_not_null(contexts, "%s", error);
    return contexts;
}

static WOLFSSL_CTX *choose(const struct tls_contexts *contexts, const char *host, bool takes_ecdsa)
{
    struct client_hello hello = {.host = span_of(host), .takes_ecdsa = takes_ecdsa};
    return tls_contexts_choose(contexts, &hello);
}

Test(tls_context, the_name_is_worth_more_than_the_kind)
{
    add("mail.example.org", "ecdsa", "ecdsa");
    add("mail.example.org", "rsa", "rsa");
    add("*.example.net", "ecdsa", "ecdsa");
    add(NULL, "ecdsa", "ecdsa");
    add(NULL, "rsa", "rsa");
    struct tls_contexts *contexts = make();
    WOLFSSL_CTX *mail[2], *wild, *others[2];
    for (int i = 0; i < 2; i++) {
        mail[i] = choose(contexts, "mail.example.org", i == 1);
        others[i] = choose(contexts, "", i == 1);
    }
    wild = choose(contexts, "a.example.net", true);
    cr_expect_neq(mail[0], mail[1]);
    cr_expect_neq(others[0], others[1]);
    cr_expect(wild != mail[1] && wild != others[1] && mail[1] != others[1]);
    cr_expect_eq(choose(contexts, "MAIL.Example.ORG", true), mail[1]);
    cr_expect_eq(choose(contexts, "a.example.net", false), wild);
    cr_expect_eq(choose(contexts, "A.EXAMPLE.NET", true), wild);
    static const char *const strangers[] = {
        "example.net", "a.b.example.net", ".example.net",      "xexample.net",
        "example.org", "a.example.net.x", "mail.example.org.x"};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        cr_expect_eq(choose(contexts, strangers[i], true), others[1], "%s", strangers[i]);
        cr_expect_eq(choose(contexts, strangers[i], false), others[0], "%s", strangers[i]);
    }
    tls_contexts_give(contexts);
}

Test(tls_context, the_first_of_equals_is_taken_and_somebody_always)
{
    add("a.example", "rsa", "rsa");
    add("b.example", "rsa", "rsa");
    add("b.example", "rsa", "rsa");
    struct tls_contexts *contexts = make();
    WOLFSSL_CTX *second = choose(contexts, "b.example", true);
    cr_expect_neq(second, choose(contexts, "a.example", true));
    cr_expect_eq(choose(contexts, "c.example", true), choose(contexts, "a.example", true));
    config.tls_count = 2;
    tls_contexts_give(contexts);
}

/* The suites of TLS 1.2 say which kind of key they need. */
Test(tls_context, a_client_gets_the_key_that_it_takes)
{
    static const char *const names[] = {"rsa", "ecdsa"};
    static const char *const suites[] = {"ECDHE-RSA-AES128-GCM-SHA256",
                                         "ECDHE-ECDSA-AES128-GCM-SHA256"};
    struct tls_contexts *contexts = tls_pair_contexts(names, 2, CONFIG_TLS_1_2, &tickets);
    for (int i = 0; i < 2; i++) {
        WOLFSSL_CTX *client = tls_pair_client(CONFIG_TLS_1_2, suites[i]);
        tls_pair_begin(&pair, contexts, client);
        cr_expect(tls_pair_shake(&pair, 0), "%s", suites[i]);
        tls_pair_end(&pair);
        wolfSSL_CTX_free(client);
    }
    tls_contexts_give(contexts);
}

Test(tls_context, the_last_give_frees)
{
    add(NULL, "ecdsa", "ecdsa");
    struct tls_contexts *contexts = make();
    cr_expect_eq(tls_contexts_take(contexts), contexts);
    tls_contexts_give(contexts);
    cr_expect_not_null(choose(contexts, "", true));
    tls_contexts_give(contexts);
}

static void expect_refused(const char *certificate, const char *key, const char *words)
{
    config.tls_count = 0;
    add(NULL, "ecdsa", "ecdsa");
    add("second.example", certificate, key);
    error[0] = '\0';
    cr_expect_null(tls_contexts_make(&config, &tickets, error, sizeof error));
    cr_expect_not_null(strstr(error, words), "%s", error);
    cr_expect_eq(strncmp(error, "ringpost.conf:20: ", 18), 0, "%s", error);
}

Test(tls_context, what_cannot_be_used_is_said_with_its_line)
{
    expect_refused("ecdsa", "rsa", "");
    expect_refused("rsa", "ecdsa", "");
    expect_refused("ecdsa", "chain", "");
    expect_refused("no-such", "ecdsa", "certificate cannot be read");
    expect_refused("ecdsa", "no-such", "key cannot be read");
}
