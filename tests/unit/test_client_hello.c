/* test_client_hello: what real clients say first, whole, cut, broken up and damaged.
 *
 * The files of tests/data/client_hello were recorded from the programs that they are named after:
 * the first bytes of a connection to mail.example.org. Other messages are built here.
 */
#include "proto/client_hello.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define BYTES_MAX (2 * CLIENT_HELLO_MAX)

static struct guarded guarded;
static struct client_hello hello;

static void setup(void)
{
    guarded_init(&guarded, BYTES_MAX);
}

static void teardown(void)
{
    guarded_fini(&guarded);
}

TestSuite(client_hello, .init = setup, .fini = teardown);

struct recording {
    const char *name;
    const char *host;
    bool takes_ecdsa;
};

static const struct recording recordings[] = {
    {"openssl_tls13", "mail.example.org", true},
    {"openssl_tls12", "mail.example.org", true},
    {"openssl_tls10", "mail.example.org", false},            /* names no signatures */
    {"openssl_tls12_rsa_only", "mail.example.org", false},   /* signatures of RSA only */
    {"openssl_tls12_rsa_suites", "mail.example.org", false}, /* suites of RSA only */
    {"openssl_tls13_rsa_only", "", false},
    {"openssl_no_name", "", true},
    {"openssl_split", "mail.example.org", true}, /* in records of 512 bytes */
    {"curl", "mail.example.org", true},
    {"gnutls", "mail.example.org", true},
};
#define RECORDINGS (sizeof(recordings) / sizeof(recordings[0]))

/* Growing bytes of a message that a test builds. */
struct bytes {
    char bytes[BYTES_MAX];
    size_t length;
};

static void load(const struct recording *recording, struct bytes *out_bytes)
{
    char path[128];
    snprintf(path, sizeof(path), "tests/data/client_hello/%s.bin", recording->name);
    FILE *file = fopen(path, "rb");
    cr_assert(file != NULL, "%s", path);
    out_bytes->length = fread(out_bytes->bytes, 1, BYTES_MAX, file);
    fclose(file);
    cr_assert(out_bytes->length > 100 && out_bytes->length < BYTES_MAX, "%s", path);
}

/* At the edge of memory, and with what an earlier call has left in the output. */
static enum client_hello_result parse(const char *bytes, size_t length)
{
    memset(&hello, 0xA5, sizeof(hello));
    return client_hello_parse((struct span){guarded_copy(&guarded, bytes, length), length}, &hello);
}

static bool has_no_facts(void)
{
    return hello.host.length == 0 && !hello.takes_ecdsa;
}

static void expect(const struct bytes *bytes, const struct recording *recording)
{
    cr_assert(parse(bytes->bytes, bytes->length) == CLIENT_HELLO_DONE, "%s", recording->name);
    cr_assert(span_equal(hello.host, span_of(recording->host)), "%s", recording->name);
    cr_assert(hello.takes_ecdsa == recording->takes_ecdsa, "%s", recording->name);
    cr_assert(hello.bytes > 100 && hello.bytes <= bytes->length, "%s", recording->name);
}

static void add(struct bytes *bytes, const char *more, size_t length)
{
    cr_assert(bytes->length + length <= BYTES_MAX);
    memcpy(bytes->bytes + bytes->length, more, length);
    bytes->length += length;
}

static void add_number(struct bytes *bytes, size_t number, size_t width)
{
    for (size_t i = width; i > 0; i--) {
        char byte = (char)(number >> (8 * (i - 1)));
        add(bytes, &byte, 1);
    }
}

/* The message in records of that many bytes. */
static void add_records(struct bytes *bytes, const struct bytes *message, size_t record_bytes)
{
    for (size_t at = 0; at < message->length; at += record_bytes) {
        size_t left = message->length - at;
        size_t length = left < record_bytes ? left : record_bytes;
        add(bytes, "\x16\x03\x01", 3);
        add_number(bytes, length, 2);
        add(bytes, message->bytes + at, length);
    }
}

/* The message without its records. */
static void unwrap(const struct bytes *records, struct bytes *out_message)
{
    out_message->length = 0;
    for (size_t at = 0; at < records->length;) {
        size_t length =
            (size_t)((uint8_t)records->bytes[at + 3] << 8 | (uint8_t)records->bytes[at + 4]);
        add(out_message, records->bytes + at + 5, length);
        at += 5 + length;
    }
}

/* A ClientHello with one suite and, where they are not empty, these extensions. */
static void build(struct bytes *out_message, uint16_t suite, const char *extensions,
                  size_t extensions_bytes)
{
    static const char version_and_random[34] = "\x03\x03";
    size_t body = 34 + 1 + 4 + 2 + (extensions_bytes > 0 ? 2 + extensions_bytes : 0);
    out_message->length = 0;
    add_number(out_message, 1, 1);
    add_number(out_message, body, 3);
    add(out_message, version_and_random, 34);
    add_number(out_message, 0, 1);
    add_number(out_message, 2, 2);
    add_number(out_message, suite, 2);
    add_number(out_message, 0x0100, 2);
    if (extensions_bytes > 0) {
        add_number(out_message, extensions_bytes, 2);
        add(out_message, extensions, extensions_bytes);
    }
}

static enum client_hello_result parse_built(uint16_t suite, const char *extensions,
                                            size_t extensions_bytes)
{
    static struct bytes message, records;
    build(&message, suite, extensions, extensions_bytes);
    records.length = 0;
    add_records(&records, &message, CLIENT_HELLO_MAX);
    return parse(records.bytes, records.length);
}

static enum client_hello_result parse_host(const char *host, size_t length)
{
    static struct bytes extension;
    extension.length = 0;
    add_number(&extension, 0, 2);
    add_number(&extension, length + 5, 2);
    add_number(&extension, length + 3, 2);
    add_number(&extension, 0, 1);
    add_number(&extension, length, 2);
    add(&extension, host, length);
    return parse_built(0xC02B, extension.bytes, extension.length);
}

Test(client_hello, of_real_clients)
{
    static struct bytes bytes;
    for (size_t i = 0; i < RECORDINGS; i++) {
        load(&recordings[i], &bytes);
        expect(&bytes, &recordings[i]);
    }
}

Test(client_hello, every_beginning_wants_more)
{
    static struct bytes bytes;
    for (size_t i = 0; i < RECORDINGS; i++) {
        load(&recordings[i], &bytes);
        for (size_t length = 0; length < bytes.length; length++) {
            cr_assert(parse(bytes.bytes, length) == CLIENT_HELLO_MORE, "%s, %zu of %zu bytes",
                      recordings[i].name, length, bytes.length);
            cr_assert(has_no_facts());
        }
    }
}

/* Also where a record ends in the middle of the name, and before the message's own header does. */
Test(client_hello, records_of_any_size)
{
    static struct bytes bytes, message, records;
    for (size_t i = 0; i < RECORDINGS; i++) {
        load(&recordings[i], &bytes);
        unwrap(&bytes, &message);
        for (size_t size = 1; size < message.length; size++) {
            records.length = 0;
            add_records(&records, &message, size);
            expect(&records, &recordings[i]);
            cr_assert(parse(records.bytes, records.length - 1) == CLIENT_HELLO_MORE);
        }
    }
}

Test(client_hello, bytes_behind_it_are_not_looked_at)
{
    static struct bytes bytes;
    for (size_t i = 0; i < RECORDINGS; i++) {
        load(&recordings[i], &bytes);
        add(&bytes, "GET / HTTP/1.0\r\n", 16);
        expect(&bytes, &recordings[i]);
        bytes.length += CLIENT_HELLO_MAX - 100;
        expect(&bytes, &recordings[i]);
    }
}

/* Nothing is read beyond the edge, and what comes out is a host name or nothing. */
Test(client_hello, every_changed_byte_is_safe)
{
    static const char name_bytes[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    static struct bytes bytes;
    for (size_t i = 0; i < RECORDINGS; i++) {
        load(&recordings[i], &bytes);
        char *edge = guarded_copy(&guarded, bytes.bytes, bytes.length);
        for (size_t at = 0; at < bytes.length; at++) {
            for (unsigned change = 1; change < 256; change++) {
                edge[at] = (char)((uint8_t)bytes.bytes[at] ^ change);
                enum client_hello_result result =
                    client_hello_parse((struct span){edge, bytes.length}, &hello);
                cr_assert(result == CLIENT_HELLO_DONE || has_no_facts());
                for (size_t k = 0; k < hello.host.length; k++) {
                    cr_assert(strchr(name_bytes, hello.host.bytes[k]) != NULL);
                }
            }
            edge[at] = bytes.bytes[at];
        }
    }
}

Test(client_hello, what_is_none_is_bad_at_once)
{
    static const struct span none[] = {
        SPAN_LITERAL("C"),                                    /* CAPA */
        SPAN_LITERAL("\x80"),                                 /* SSL 2.0 */
        SPAN_LITERAL("\x17"),                                 /* a record of data */
        SPAN_LITERAL("\x16\x02"),                             /* a version that never was */
        SPAN_LITERAL("\x16\x03\x01\x00\x00"),                 /* an empty record */
        SPAN_LITERAL("\x16\x03\x01\x40\x01"),                 /* a record of 16385 bytes */
        SPAN_LITERAL("\x16\x03\x01\x02\x00\x02"),             /* a ServerHello */
        SPAN_LITERAL("\x16\x03\x01\x02\x00\x01\x00\x00\x00"), /* an empty ClientHello */
        SPAN_LITERAL("\x16\x03\x01\x00\x01\x01\x17"),         /* its second record is of data */
    };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        cr_assert(parse(none[i].bytes, none[i].length) == CLIENT_HELLO_BAD, "number %zu", i);
        cr_assert(has_no_facts());
    }
}

/* A length that says more than its part has is not followed. */
Test(client_hello, parts_stay_within_their_bounds)
{
    static const struct span extensions[] = {
        SPAN_LITERAL("\x00\x00\x00\x05\x00\x04\x00\x00\x01"),  /* list longer than its extension */
        SPAN_LITERAL("\x00\x00\x00\x05\x00\x03\x00\x00\x01x"), /* name longer than its list */
        SPAN_LITERAL("\x00\x0D\x00\x03\x00\x01\x04"),          /* half a signature */
        SPAN_LITERAL("\x00\x2B\x00\x02\x01\x03"),              /* half a version */
        SPAN_LITERAL("\x00\x2B\x00\x01\x02\x03\x04"),          /* list longer than its extension */
        SPAN_LITERAL("\x00\x2B\x00\x02\x04\x03\x00\x15\x00\x00"), /* the same, into the next one */
        SPAN_LITERAL("\x00\x2B\x00\x00"),                         /* no list */
        SPAN_LITERAL("\x00\x2B\x00\x00\x00\x15\x00\x00"),         /* the same, before another one */
        SPAN_LITERAL("\x00\x15\x00\x02x"),                        /* longer than all */
        SPAN_LITERAL("\x00\x15\x00"),                             /* cut in its length */
    };
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        cr_assert(parse_built(0xC02B, extensions[i].bytes, extensions[i].length) ==
                      CLIENT_HELLO_BAD,
                  "number %zu", i);
        cr_assert(has_no_facts());
    }
}

Test(client_hello, bytes_behind_the_extensions_are_bad)
{
    static struct bytes message, records;
    build(&message, 0xC02B, "\x00\x15\x00\x00", 4);
    message.bytes[3]++;
    add(&message, "x", 1);
    records.length = 0;
    add_records(&records, &message, CLIENT_HELLO_MAX);
    cr_assert(parse(records.bytes, records.length) == CLIENT_HELLO_BAD);
}

/* TLS 1.2 without any extension is legal. */
Test(client_hello, without_extensions_has_no_facts)
{
    cr_assert(parse_built(0xC02B, "", 0) == CLIENT_HELLO_DONE && has_no_facts());
}

Test(client_hello, ecdsa_is_signature_and_suite)
{
    static const char signature[] = "\x00\x0D\x00\x06\x00\x04\x08\x04\x04\x03";
    static const char both[] = "\x00\x0D\x00\x06\x00\x04\x08\x04\x05\x03"
                               "\x00\x2B\x00\x05\x04\xFA\xFA\x03\x04";
    static const char version[] = "\x00\x2B\x00\x05\x04\xFA\xFA\x03\x04";
    static const char sha1[] = "\x00\x0D\x00\x04\x00\x02\x02\x03";
    static const struct {
        uint16_t suite;
        const char *extensions;
        size_t bytes;
        bool takes_ecdsa;
    } cases[] = {
        {0xC02B, signature, sizeof(signature) - 1, true},
        {0xCCA9, signature, sizeof(signature) - 1, true},
        {0xC02F, signature, sizeof(signature) - 1, false}, /* ECDHE-RSA */
        {0xC007, signature, sizeof(signature) - 1, false}, /* RC4 */
        {0x1301, both, sizeof(both) - 1, true},            /* TLS 1.3: suites do not say */
        {0x1301, signature, sizeof(signature) - 1, false},
        {0x1301, version, sizeof(version) - 1, false},
        {0xC02B, version, sizeof(version) - 1, false},
        {0xC02B, sha1, sizeof(sha1) - 1, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert(parse_built(cases[i].suite, cases[i].extensions, cases[i].bytes) ==
                  CLIENT_HELLO_DONE);
        cr_assert(hello.takes_ecdsa == cases[i].takes_ecdsa, "number %zu", i);
    }
}

Test(client_hello, host_is_the_name_of_a_host)
{
    static const struct span good[] = {SPAN_LITERAL("a"), SPAN_LITERAL("Pop_3.Example-1.ORG."),
                                       SPAN_LITERAL("127.0.0.1")};
    static const struct span bad[] = {SPAN_LITERAL(""),          SPAN_LITERAL("a b"),
                                      SPAN_LITERAL("a\0b"),      SPAN_LITERAL("m\xC3\xA9l"),
                                      SPAN_LITERAL("[::1]"),     SPAN_LITERAL("a/b"),
                                      SPAN_LITERAL("*.example"), SPAN_LITERAL("a\r\nFake:")};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert(parse_host(good[i].bytes, good[i].length) == CLIENT_HELLO_DONE);
        cr_assert(span_equal(hello.host, good[i]), "good %zu", i);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert(parse_host(bad[i].bytes, bad[i].length) == CLIENT_HELLO_DONE);
        cr_assert(hello.host.length == 0, "bad %zu", i);
    }
}

Test(client_hello, host_has_a_longest_length)
{
    static char host[CLIENT_HELLO_HOST_MAX + 1];
    memset(host, 'x', sizeof(host));
    cr_assert(parse_host(host, sizeof(host) - 1) == CLIENT_HELLO_DONE);
    cr_assert(span_equal(hello.host, (struct span){host, sizeof(host) - 1}));
    cr_assert(parse_host(host, sizeof(host)) == CLIENT_HELLO_DONE && hello.host.length == 0);
}

/* Known from the message's header: nobody waits for what there is no room for. */
Test(client_hello, too_long_has_no_facts)
{
    static const char announced[] = "\x16\x03\x01\x40\x00\x01\x00\x3F\xF8";
    cr_assert(parse(announced, sizeof(announced) - 1) == CLIENT_HELLO_DONE && has_no_facts());
    static const char longest[] = "\x16\x03\x01\x40\x00\x01\x00\x3F\xF7";
    cr_assert(parse(longest, sizeof(longest) - 1) == CLIENT_HELLO_MORE);
}

Test(client_hello, too_long_for_its_record_headers_has_no_facts)
{
    static char padding[4 + 4096];
    static struct bytes message, records;
    memcpy(padding, "\x00\x15\x10\x00", 4);
    build(&message, 0xC02B, padding, sizeof(padding));
    records.length = 0;
    add_records(&records, &message, 1);
    cr_assert(records.length > CLIENT_HELLO_MAX);
    cr_assert(parse(records.bytes, CLIENT_HELLO_MAX - 1) == CLIENT_HELLO_MORE);
    cr_assert(parse(records.bytes, CLIENT_HELLO_MAX) == CLIENT_HELLO_DONE && has_no_facts());
    cr_assert(parse(records.bytes, records.length) == CLIENT_HELLO_DONE && has_no_facts());
}
