/* test_tls_stream: a server's stream and a client, joined in memory and cut at every point. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "tests/support/tls_pair.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_HEADER_BYTES 5
#define RECORD_ALERT        21

static struct tls_pair pair;
static struct tls_pair_setup setup;
static const char *const ecdsa[] = {"ecdsa"};
static const enum config_tls_version versions[] = {CONFIG_TLS_1_2, CONFIG_TLS_1_3};

static void begin(void)
{
    tls_pair_setup_make(&setup);
}

static void end(void)
{
    tls_pair_setup_free(&setup);
}

TestSuite(tls_stream, .init = begin, .fini = end, .timeout = 50);

static void begin_pair(enum config_tls_version version)
{
    tls_pair_begin(&pair, setup.contexts, setup.clients[version]);
}

static void open_pair(enum config_tls_version version)
{
    begin_pair(version);
    cr_assert(tls_pair_shake(&pair, 0));
}

static void expect_heard(const char *text)
{
    cr_expect_eq(pair.heard.end, strlen(text));
    cr_expect_eq(memcmp(pair.heard.bytes, text, strlen(text)), 0);
}

static void client_says(const char *text)
{
    cr_assert_eq(wolfSSL_write(pair.client, text, (int)strlen(text)), (int)strlen(text));
}

static void expect_said(const char *text)
{
    char bytes[256];
    tls_pair_lend(&pair);
    cr_assert(tls_stream_write(&pair.server, text, strlen(text)));
    tls_pair_send(&pair);
    cr_expect_eq(wolfSSL_read(pair.client, bytes, sizeof bytes), (int)strlen(text));
    cr_expect_eq(memcmp(bytes, text, strlen(text)), 0);
}

/* The last record that the client was sent, whole. */
static bool was_sent_alert(void)
{
    const char *at = pair.to_client.bytes, *end_of_all = at + pair.to_client.end;
    int type = 0;
    while (end_of_all - at >= RECORD_HEADER_BYTES) {
        type = at[0];
        at += RECORD_HEADER_BYTES + ((unsigned char)at[3] << 8 | (unsigned char)at[4]);
    }
    return type == RECORD_ALERT;
}

Test(tls_stream, a_handshake_may_be_cut_at_every_point)
{
    for (int i = 0; i < 2; i++) {
        size_t all = 1;
        for (size_t cut = 1; cut <= all; cut++) {
            begin_pair(versions[i]);
            cr_assert(tls_pair_shake(&pair, cut), "version %d, cut at %zu", i, cut);
            /* The hello, and in TLS 1.2 the key exchange; no part of a record counts. */
            cr_expect_eq(pair.costly_steps, versions[i] == CONFIG_TLS_1_2 ? 2 : 1);
            client_says("QUIT\r\n");
            tls_pair_feed_all(&pair);
            expect_heard("QUIT\r\n");
            all = pair.to_server.end;
            tls_pair_end(&pair);
        }
        cr_expect_gt(all, 200);
    }
}

Test(tls_stream, the_socket_may_take_any_piece)
{
    static const size_t pieces[] = {1, 2, 3, 5, 7, 64, 100, 333, 512};
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof pieces / sizeof pieces[0]; j++) {
            begin_pair(versions[i]);
            pair.output_piece = pieces[j];
            cr_assert(tls_pair_shake(&pair, 0), "version %d, pieces of %zu", i, pieces[j]);
            tls_pair_end(&pair);
        }
    }
}

Test(tls_stream, one_byte_at_a_time_is_heard)
{
    for (int i = 0; i < 2; i++) {
        begin_pair(versions[i]);
        for (bool is_open = false; !is_open;) {
            size_t before = pair.to_server.end;
            is_open = tls_pair_shake(&pair, pair.to_server.begin + 1);
            cr_assert(is_open || pair.to_server.end > before);
        }
        client_says("STAT\r\n");
        while (pair.to_server.begin < pair.to_server.end)
            tls_pair_feed(&pair, pair.to_server.bytes + pair.to_server.begin++, 1);
        expect_heard("STAT\r\n");
        expect_said("+OK 0 0\r\n");
        tls_pair_end(&pair);
    }
}

Test(tls_stream, the_version_is_named)
{
    open_pair(CONFIG_TLS_1_2);
    cr_expect_str_eq(tls_stream_version(&pair.server), "TLSv1.2");
    cr_expect_not(tls_stream_is_resumed(&pair.server));
    tls_pair_end(&pair);
    open_pair(CONFIG_TLS_1_3);
    cr_expect_str_eq(tls_stream_version(&pair.server), "TLSv1.3");
    tls_pair_end(&pair);
}

Test(tls_stream, a_version_below_the_least_is_refused)
{
    char words[TLS_REASON_BYTES];
    struct tls_contexts *strict = tls_pair_contexts(ecdsa, 1, CONFIG_TLS_1_3, &setup.tickets);
    tls_pair_begin(&pair, strict, setup.clients[CONFIG_TLS_1_2]);
    cr_expect_not(tls_pair_shake(&pair, 0));
    cr_expect_eq(pair.server.state, TLS_BROKEN);
    cr_expect(was_sent_alert());
    cr_expect_null(strchr(tls_stream_reason(&pair.server, words, sizeof words), ' '));
    tls_pair_end(&pair);
    tls_contexts_give(strict);
}

static void expect_alpn(char *name, bool is_welcome)
{
    for (int i = 0; i < 2; i++) {
        begin_pair(versions[i]);
        cr_assert_eq(wolfSSL_UseALPN(pair.client, name, (unsigned)strlen(name),
                                     WOLFSSL_ALPN_CONTINUE_ON_MISMATCH),
                     WOLFSSL_SUCCESS);
        cr_expect_eq(tls_pair_shake(&pair, 0), is_welcome);
        cr_expect_eq(pair.server.state == TLS_BROKEN, !is_welcome);
        cr_expect(is_welcome || was_sent_alert());
        tls_pair_end(&pair);
    }
}

Test(tls_stream, alpn_must_mean_pop3)
{
    char names[][16] = {"pop3", "http/1.1,pop3", "imap", "pop", "pop3s"};
    expect_alpn(names[0], true);
    expect_alpn(names[1], true);
    for (int i = 2; i < 5; i++)
        expect_alpn(names[i], false);
}

/* Whether the session resumes with contexts that may be others than it began with. */
static bool resumes(enum config_tls_version version, WOLFSSL_SESSION *session)
{
    begin_pair(version);
    cr_assert_eq(wolfSSL_set_session(pair.client, session), WOLFSSL_SUCCESS);
    cr_assert(tls_pair_shake(&pair, 0));
    bool is_resumed = tls_stream_is_resumed(&pair.server);
    cr_expect_eq(wolfSSL_session_reused(pair.client), is_resumed);
    expect_said("+OK\r\n");
    tls_pair_end(&pair);
    return is_resumed;
}

Test(tls_stream, a_session_resumes_also_with_new_contexts_and_keys)
{
    for (int i = 0; i < 2; i++) {
        open_pair(versions[i]);
        expect_said("+OK\r\n");
        WOLFSSL_SESSION *session = wolfSSL_get1_session(pair.client);
        tls_pair_end(&pair);
        cr_expect(resumes(versions[i], session));
        tls_contexts_give(setup.contexts);
        setup.contexts = tls_pair_contexts(ecdsa, 1, CONFIG_TLS_1_2, &setup.tickets);
        cr_expect(resumes(versions[i], session));
        struct tls_tickets *rotated = tls_tickets_make(setup.owned_tickets);
        tls_tickets_free(&setup.owned_tickets);
        setup.tickets = setup.owned_tickets = rotated;
        cr_expect(resumes(versions[i], session));
        struct tls_tickets *others = tls_tickets_make(NULL);
        setup.tickets = others;
        /* The library's own client of TLS 1.2 gives up where a ticket is refused; others do not. */
        if (versions[i] == CONFIG_TLS_1_3)
            cr_expect_not(resumes(versions[i], session));
        setup.tickets = setup.owned_tickets;
        tls_tickets_free(&others);
        wolfSSL_SESSION_free(session);
    }
}

Test(tls_stream, the_output_takes_two_full_records_and_refuses_a_third)
{
    static char said[TLS_RECORD_BYTES], heard[TLS_RECORD_BYTES];
    for (size_t i = 0; i < sizeof said; i++)
        said[i] = (char)(i * 31 + i / 251);
    for (int i = 0; i < 2; i++) {
        open_pair(versions[i]);
        for (int round = 0; round < 3; round++) {
            tls_pair_lend(&pair);
            cr_assert(tls_stream_write(&pair.server, said, sizeof said));
            cr_assert(tls_stream_write(&pair.server, said, sizeof said));
            cr_assert_not(tls_stream_write(&pair.server, said, 1));
            cr_assert_eq(pair.server.state, TLS_OPEN);
            tls_pair_send(&pair);
            for (int record = 0; record < 2; record++) {
                cr_assert_eq(wolfSSL_read(pair.client, heard, sizeof heard), (int)sizeof heard);
                cr_expect_eq(memcmp(said, heard, sizeof said), 0);
            }
        }
        cr_expect_leq(pair.output_highest, TLS_OUTPUT_BYTES);
        tls_pair_end(&pair);
    }
}

/* A slow reader's output is full while he goes on speaking: the answer to a key update and the
 * closing alert still find room. */
Test(tls_stream, a_full_output_has_room_for_what_the_library_says)
{
    static char said[TLS_RECORD_BYTES], heard[TLS_RECORD_BYTES];
    open_pair(CONFIG_TLS_1_3);
    pair.output_piece = 1;
    tls_pair_lend(&pair);
    cr_assert(tls_stream_write(&pair.server, said, sizeof said));
    cr_assert(tls_stream_write(&pair.server, said, sizeof said));
    for (int i = 0; i < 8; i++)
        cr_assert_eq(wolfSSL_update_keys(pair.client), WOLFSSL_SUCCESS);
    client_says("STAT\r\n");
    tls_pair_feed_all(&pair);
    expect_heard("STAT\r\n");
    cr_expect_eq(pair.server.state, TLS_OPEN);
    tls_stream_end(&pair.server);
    cr_expect_leq(pair.server.output_end, TLS_OUTPUT_BYTES);
    pair.output_piece = 0;
    tls_pair_send(&pair);
    for (int record = 0; record < 2; record++)
        cr_expect_eq(wolfSSL_read(pair.client, heard, sizeof heard), (int)sizeof heard);
    cr_expect_eq(wolfSSL_read(pair.client, heard, sizeof heard), 0);
    cr_expect_eq(wolfSSL_get_error(pair.client, 0), WOLFSSL_ERROR_ZERO_RETURN);
    tls_pair_end(&pair);
}

Test(tls_stream, a_long_chain_fits_the_output)
{
    static const char *const chain[] = {"chain"};
    struct tls_contexts *long_ones = tls_pair_contexts(chain, 1, CONFIG_TLS_1_2, &setup.tickets);
    for (int i = 0; i < 2; i++) {
        tls_pair_begin(&pair, long_ones, setup.clients[versions[i]]);
        cr_expect(tls_pair_shake(&pair, 0));
        cr_expect_gt(pair.output_highest, 3500);
        cr_expect_lt(pair.output_highest, TLS_OUTPUT_BYTES);
        tls_pair_end(&pair);
    }
    tls_contexts_give(long_ones);
}

Test(tls_stream, the_peers_end_is_known_and_ours_is_said)
{
    for (int i = 0; i < 2; i++) {
        open_pair(versions[i]);
        client_says("QUIT\r\n");
        cr_assert_eq(wolfSSL_shutdown(pair.client), WOLFSSL_SHUTDOWN_NOT_DONE);
        tls_pair_feed_all(&pair);
        expect_heard("QUIT\r\n");
        cr_expect(pair.server.peer_ended);
        cr_expect_eq(pair.server.state, TLS_OPEN);
        tls_pair_lend(&pair);
        tls_stream_end(&pair.server);
        cr_expect(tls_stream_has_output(&pair.server));
        tls_pair_send(&pair);
        cr_expect(was_sent_alert() || versions[i] == CONFIG_TLS_1_3);
        char none[1];
        cr_expect_eq(wolfSSL_read(pair.client, none, 1), 0);
        cr_expect_eq(wolfSSL_get_error(pair.client, 0), WOLFSSL_ERROR_ZERO_RETURN);
        tls_pair_end(&pair);
    }
}

/* Whatever byte behind the header is damaged, nothing is heard and the peer is told. */
Test(tls_stream, a_damaged_record_ends_it_with_an_alert)
{
    for (int i = 0; i < 2; i++) {
        size_t count = RECORD_HEADER_BYTES + 1;
        for (size_t at = RECORD_HEADER_BYTES; at < count; at++) {
            open_pair(versions[i]);
            client_says("PASS secret\r\n");
            count = pair.to_server.end - pair.to_server.begin;
            pair.to_server.bytes[pair.to_server.begin + at] ^= 0x20;
            size_t said_before = pair.to_client.end;
            tls_pair_feed_all(&pair);
            cr_expect_eq(pair.server.state, TLS_BROKEN);
            cr_expect_eq(pair.heard.end, 0);
            cr_expect_gt(pair.to_client.end, said_before);
            tls_pair_lend(&pair);
            cr_expect_not(tls_stream_write(&pair.server, "x", 1));
            tls_pair_end(&pair);
        }
    }
}

Test(tls_stream, what_is_no_hello_breaks_it)
{
    static const char *const texts[] = {"GET / HTTP/1.0\r\n\r\n", "QUIT\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        begin_pair(CONFIG_TLS_1_3);
        tls_pair_feed(&pair, texts[i], strlen(texts[i]));
        cr_expect_eq(pair.server.state, TLS_BROKEN);
        cr_expect_eq(pair.heard.end, 0);
        tls_pair_end(&pair);
    }
}

/* Handed in without beginning the handshake, as one is that has been put off. */
Test(tls_stream, more_than_a_hello_may_have_breaks_it)
{
    static const char zeros[CLIENT_HELLO_MAX];
    begin_pair(CONFIG_TLS_1_3);
    tls_stream_hello(&pair.server, (struct span){zeros, sizeof zeros});
    cr_expect_eq(pair.server.state, TLS_READY);
    tls_stream_hello(&pair.server, (struct span){zeros, 1});
    cr_expect_eq(pair.server.state, TLS_BROKEN);
    char words[TLS_REASON_BYTES];
    cr_expect_gt(strlen(tls_stream_reason(&pair.server, words, sizeof words)), 0);
    tls_pair_end(&pair);
}

/* Without a share of a key that the server likes, the client says hello twice. */
Test(tls_stream, a_second_hello_is_a_step_of_its_own)
{
    size_t all = 1;
    for (size_t cut = 1; cut <= all; cut += 7) {
        begin_pair(CONFIG_TLS_1_3);
        cr_assert_eq(wolfSSL_NoKeyShares(pair.client), WOLFSSL_SUCCESS);
        cr_assert(tls_pair_shake(&pair, cut), "cut at %zu", cut);
        cr_expect_eq(pair.costly_steps, 2, "cut at %zu: %zu", cut, pair.costly_steps);
        all = pair.to_server.end;
        tls_pair_end(&pair);
    }
}

Test(tls_stream, what_follows_a_hello_waits_for_its_own_step)
{
    static const char more[] = "\x16\x03\x03\x00\x04\x10\x00\x00\x00"
                               "\x16\x03\x03\x00\x08\x0b\x00";
    for (int i = 0; i < 2; i++) {
        begin_pair(versions[i]);
        (void)wolfSSL_connect(pair.client);
        struct tls_pair_queue *queue = &pair.to_server;
        size_t hello = queue->end;
        memcpy(queue->bytes + hello, more, sizeof more - 1);
        tls_pair_lend(&pair);
        tls_stream_hello(&pair.server, (struct span){queue->bytes, hello + sizeof more - 1});
        cr_assert_eq(pair.server.state, TLS_READY);
        cr_expect(tls_stream_step_costs(&pair.server));
        tls_stream_shake(&pair.server);
        cr_assert_eq(pair.server.state, TLS_HANDSHAKE);
        cr_expect_eq(pair.server.input.length, sizeof more - 1);
        /* A whole record counts, the beginning of one does not. */
        cr_expect(tls_stream_step_costs(&pair.server));
        pair.server.input = (struct span){more + 9, sizeof more - 1 - 9};
        cr_expect_not(tls_stream_step_costs(&pair.server));
        tls_pair_end(&pair);
    }
}

Test(tls_stream, what_is_put_off_is_kept_up_to_a_bound)
{
    static char bytes[CLIENT_HELLO_MAX];
    begin_pair(CONFIG_TLS_1_2);
    (void)wolfSSL_connect(pair.client);
    tls_pair_feed_all(&pair);
    cr_assert_eq(pair.server.state, TLS_HANDSHAKE);
    cr_assert_eq(pair.server.input.length, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    /* Received in two pieces, of which the library has used a part. */
    pair.server.input = (struct span){bytes, 1000};
    cr_expect(tls_stream_keep(&pair.server, (struct span){NULL, 0}));
    cr_expect_eq(pair.server.input.bytes, pair.hello);
    pair.server.input.bytes += 100;
    pair.server.input.length -= 100;
    cr_expect(tls_stream_keep(&pair.server, (struct span){bytes + 1000, sizeof bytes - 1000}));
    cr_expect_eq(pair.server.input.length, sizeof bytes - 100);
    cr_expect_eq(memcmp(pair.server.input.bytes, bytes + 100, sizeof bytes - 100), 0);
    cr_expect_not(tls_stream_keep(&pair.server, (struct span){bytes, 101}));
    cr_expect(tls_stream_keep(&pair.server, (struct span){bytes, 100}));
    pair.server.input = (struct span){NULL, 0};
    tls_pair_end(&pair);
}

/* Taken by a stream, they outlive the exchange of certificates. */
Test(tls_stream, contexts_stay_while_a_stream_uses_them)
{
    open_pair(CONFIG_TLS_1_3);
    tls_contexts_give(setup.contexts);
    setup.contexts = tls_pair_contexts(ecdsa, 1, CONFIG_TLS_1_2, &setup.tickets);
    expect_said("+OK\r\n");
    client_says("NOOP\r\n");
    tls_pair_feed_all(&pair);
    expect_heard("NOOP\r\n");
    tls_pair_end(&pair);
}
