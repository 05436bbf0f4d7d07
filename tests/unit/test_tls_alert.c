/* test_tls_alert: what a peer hears who has said something wrong, and that he can read it. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "core/tls_alert.h"
#include "tests/support/tls_pair.h"

#include <criterion/criterion.h>
#include <string.h>

static struct tls_pair pair;
static struct tls_pair_setup setup;
static const enum config_tls_version versions[] = {CONFIG_TLS_1_2, CONFIG_TLS_1_3};

static void begin(void)
{
    tls_pair_setup_make(&setup);
}

static void end(void)
{
    tls_pair_setup_free(&setup);
}

TestSuite(tls_alert, .init = begin, .fini = end, .timeout = 20);

static void skip_if_incomplete(void)
{
    if (!tls_alert_is_complete())
        cr_skip("a shared library says less");
}

/* The client has read it, so it was encrypted where there are keys, and nothing else came. */
static void expect_heard(enum tls_alert alert, int level, const char *what)
{
    char byte;
    WOLFSSL_ALERT_HISTORY heard = {0};
    cr_expect_eq(pair.server.state, TLS_BROKEN, "%s", what);
    /* In TLS 1.3 the client has finished before he reads the alert. */
    if (pair.client_result == WOLFSSL_SUCCESS || wolfSSL_connect(pair.client) == WOLFSSL_SUCCESS)
        cr_expect_leq(wolfSSL_read(pair.client, &byte, 1), 0);
    cr_assert_eq(wolfSSL_get_alert_history(pair.client, &heard), WOLFSSL_SUCCESS);
    cr_expect_eq(heard.last_rx.code, (int)alert, "%s: %d", what, heard.last_rx.code);
    cr_expect_eq(heard.last_rx.level, level, "%s: %d", what, heard.last_rx.level);
}

struct wrong {
    const char *what;
    struct span bytes;
    enum tls_alert alert;
};

static const struct wrong wrongs[] = {
    {"no record's type", SPAN_LITERAL("\x40\3\3\0\5abcde"), TLS_ALERT_UNEXPECTED_MESSAGE},
    {"plaintext", SPAN_LITERAL("QUIT\r\n"), TLS_ALERT_UNEXPECTED_MESSAGE},
    {"too long", SPAN_LITERAL("\x17\3\3\xff\xff"), TLS_ALERT_RECORD_OVERFLOW},
    {"an empty alert", SPAN_LITERAL("\x15\3\3\0\0"), TLS_ALERT_UNEXPECTED_MESSAGE},
};

Test(tls_alert, in_an_open_session)
{
    skip_if_incomplete();
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof wrongs / sizeof wrongs[0]; j++) {
            tls_pair_begin(&pair, setup.contexts, setup.clients[versions[i]]);
            cr_assert(tls_pair_shake(&pair, 0));
            tls_pair_feed(&pair, wrongs[j].bytes.bytes, wrongs[j].bytes.length);
            expect_heard(wrongs[j].alert, alert_fatal, wrongs[j].what);
            tls_pair_end(&pair);
        }
    }
}

/* Behind the hello; in TLS 1.3 there are keys already. */
Test(tls_alert, in_the_handshake)
{
    skip_if_incomplete();
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof wrongs / sizeof wrongs[0]; j++) {
            if (strcmp(wrongs[j].what, "plaintext") == 0)
                continue; /* its version is wrong as well, and was just agreed upon */
            tls_pair_begin(&pair, setup.contexts, setup.clients[versions[i]]);
            (void)wolfSSL_connect(pair.client);
            tls_pair_feed_all(&pair);
            cr_assert_eq(pair.server.state, TLS_HANDSHAKE);
            tls_pair_feed(&pair, wrongs[j].bytes.bytes, wrongs[j].bytes.length);
            expect_heard(wrongs[j].alert, alert_fatal, wrongs[j].what);
            tls_pair_end(&pair);
        }
    }
}

Test(tls_alert, a_damaged_record)
{
    skip_if_incomplete();
    for (int i = 0; i < 2; i++) {
        tls_pair_begin(&pair, setup.contexts, setup.clients[versions[i]]);
        cr_assert(tls_pair_shake(&pair, 0));
        cr_assert_eq(wolfSSL_write(pair.client, "QUIT\r\n", 6), 6);
        pair.to_server.bytes[pair.to_server.end - 1] ^= 1;
        tls_pair_feed_all(&pair);
        expect_heard(TLS_ALERT_BAD_RECORD_MAC, alert_fatal, "damaged");
        tls_pair_end(&pair);
    }
}

/* In TLS 1.2 a warning, and then the end in good order; in TLS 1.3 there is no such thing. */
Test(tls_alert, no_renegotiation)
{
    static const char hello[] = "\x16\3\3\0\5abcde";
    skip_if_incomplete();
    tls_pair_begin(&pair, setup.contexts, setup.clients[CONFIG_TLS_1_2]);
    cr_assert(tls_pair_shake(&pair, 0));
    size_t before = pair.to_client.end;
    tls_pair_feed(&pair, hello, sizeof hello - 1);
    char words[TLS_REASON_BYTES];
    cr_expect_not_null(strstr(tls_stream_reason(&pair.server, words, sizeof words), "enegotiation"),
                       "%s", words);
    /* Two alerts, each of them a record of two octets with nonce and tag. */
    cr_expect_eq(pair.to_client.end - before, 2 * (5 + 8 + 2 + 16));
    cr_expect_eq(pair.to_client.bytes[before], 21);
    /* Only the last one is remembered by the client. */
    expect_heard((enum tls_alert)0, alert_warning, "no renegotiation, then close_notify");
    tls_pair_end(&pair);
    tls_pair_begin(&pair, setup.contexts, setup.clients[CONFIG_TLS_1_3]);
    cr_assert(tls_pair_shake(&pair, 0));
    tls_pair_feed(&pair, hello, sizeof hello - 1);
    expect_heard(TLS_ALERT_UNEXPECTED_MESSAGE, alert_fatal, "a hello in TLS 1.3");
    tls_pair_end(&pair);
}

Test(tls_alert, names_for_the_log)
{
    cr_expect_str_eq(tls_alert_name(48), "unknown-ca");
    cr_expect_null(tls_alert_name(0));
}
