/* client_hello: walks through a ClientHello, across the borders of its records.
 *
 * A reader hands out numbers and parts of the message and steps over record headers on the way, so
 * that nothing above it knows of records. It never goes beyond the input, nor a part beyond its own
 * length. The message is read twice: once to see that all of it is there, then for its facts.
 */
#include "proto/client_hello.h"

/* RFC 8446 section 5.1: type, version and length before each record. */
#define RECORD_HEADER_BYTES 5
#define RECORD_MAX          16384
#define RECORD_HANDSHAKE    22
#define VERSION_MAJOR       3 /* of SSL 3.0 and of every TLS */

/* RFC 8446 section 4: type and length before each message. */
#define MESSAGE_HEADER_BYTES 4
#define MESSAGE_CLIENT_HELLO 1

#define RANDOM_BYTES 32
#define TLS_1_3      0x0304

enum extension {
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_SIGNATURE_ALGORITHMS = 13,
    EXTENSION_SUPPORTED_VERSIONS = 43,
};

#define SERVER_NAME_HOST 0

/* The rest of the message, or of a part of it. */
struct reader {
    struct span input;  /* from the next byte on, record headers and all */
    size_t record_left; /* message bytes before the next record header */
    size_t left;        /* message bytes of this part */
    bool is_short;      /* the input ended before the part did */
};

struct offers {
    bool tls_1_3;
    bool ecdsa_signature;
    bool ecdsa_suite; /* for TLS 1.2 */
};

static enum client_hello_result find_body(struct span input, struct reader *out_body,
                                          size_t *out_bytes);
static bool read_body(struct reader *body, struct client_hello *out_hello);
static bool read_suites(struct reader *suites, struct offers *offers);
static bool read_extensions(struct reader *extensions, struct offers *offers,
                            struct client_hello *out_hello);
static bool read_server_names(struct reader *extension, struct client_hello *out_hello);
static bool read_host(struct reader *name, struct client_hello *out_hello);
static bool read_signatures(struct reader *extension, struct offers *offers);
static bool read_versions(struct reader *extension, struct offers *offers);
static bool is_ecdsa_suite(uint32_t suite);
static bool is_ecdsa_signature(uint32_t scheme);
static bool is_host_byte(char byte);
static bool take_part(struct reader *reader, size_t length_bytes, struct reader *out_part);
static bool take_number(struct reader *reader, size_t bytes, uint32_t *out_number);
static bool skip(struct reader *reader, size_t bytes);
static bool has_byte(struct reader *reader);
static bool enter_record(struct reader *reader);
static void advance(struct reader *reader, size_t bytes);

enum client_hello_result client_hello_parse(struct span input, struct client_hello *out_hello)
{
    *out_hello = (struct client_hello){0};
    if (input.length > CLIENT_HELLO_MAX) {
        input.length = CLIENT_HELLO_MAX;
    }
    struct reader body;
    enum client_hello_result result = find_body(input, &body, &out_hello->bytes);
    if (result == CLIENT_HELLO_MORE) {
        /* More would be too long. */
        return input.length == CLIENT_HELLO_MAX ? CLIENT_HELLO_DONE : CLIENT_HELLO_MORE;
    }
    if (result == CLIENT_HELLO_DONE && body.left > 0 && !read_body(&body, out_hello)) {
        *out_hello = (struct client_hello){0};
        return CLIENT_HELLO_BAD;
    }
    return result;
}

/* CLIENT_HELLO_DONE: all of the body is in the input, or `left` is 0 where it never can be and
 * `*out_bytes` stays as it is. */
static enum client_hello_result find_body(struct span input, struct reader *out_body,
                                          size_t *out_bytes)
{
    struct reader reader = {.input = input, .left = MESSAGE_HEADER_BYTES};
    uint32_t type, bytes;
    if (!take_number(&reader, 1, &type)) {
        return reader.is_short ? CLIENT_HELLO_MORE : CLIENT_HELLO_BAD;
    }
    if (type != MESSAGE_CLIENT_HELLO) {
        return CLIENT_HELLO_BAD;
    }
    if (!take_number(&reader, 3, &bytes)) {
        return reader.is_short ? CLIENT_HELLO_MORE : CLIENT_HELLO_BAD;
    }
    *out_body = reader;
    if (bytes == 0) {
        return CLIENT_HELLO_BAD;
    }
    if (bytes > CLIENT_HELLO_MAX - RECORD_HEADER_BYTES - MESSAGE_HEADER_BYTES) {
        return CLIENT_HELLO_DONE;
    }
    reader.left = bytes;
    *out_body = reader;
    if (!skip(&reader, bytes)) {
        return reader.is_short ? CLIENT_HELLO_MORE : CLIENT_HELLO_BAD;
    }
    *out_bytes = (size_t)(reader.input.bytes - input.bytes) + reader.record_left;
    return CLIENT_HELLO_DONE;
}

/* RFC 8446 section 4.1.2; before TLS 1.3 the extensions may be missing altogether. */
static bool read_body(struct reader *body, struct client_hello *out_hello)
{
    struct offers offers = {0};
    struct reader session_id, suites, compressions, extensions;
    uint32_t version;
    if (!take_number(body, 2, &version) || version >> 8 != VERSION_MAJOR ||
        !skip(body, RANDOM_BYTES) || !take_part(body, 1, &session_id) ||
        !take_part(body, 2, &suites) || !read_suites(&suites, &offers) ||
        !take_part(body, 1, &compressions)) {
        return false;
    }
    if (body->left > 0 && (!take_part(body, 2, &extensions) ||
                           !read_extensions(&extensions, &offers, out_hello) || body->left > 0)) {
        return false;
    }
    out_hello->takes_ecdsa = offers.ecdsa_signature && (offers.tls_1_3 || offers.ecdsa_suite);
    return true;
}

static bool read_suites(struct reader *suites, struct offers *offers)
{
    while (suites->left > 0) {
        uint32_t suite;
        if (!take_number(suites, 2, &suite)) {
            return false;
        }
        offers->ecdsa_suite |= is_ecdsa_suite(suite);
    }
    return true;
}

static bool read_extensions(struct reader *extensions, struct offers *offers,
                            struct client_hello *out_hello)
{
    while (extensions->left > 0) {
        uint32_t type;
        struct reader extension;
        if (!take_number(extensions, 2, &type) || !take_part(extensions, 2, &extension)) {
            return false;
        }
        bool is_good = true;
        if (type == EXTENSION_SERVER_NAME) {
            is_good = read_server_names(&extension, out_hello);
        } else if (type == EXTENSION_SIGNATURE_ALGORITHMS) {
            is_good = read_signatures(&extension, offers);
        } else if (type == EXTENSION_SUPPORTED_VERSIONS) {
            is_good = read_versions(&extension, offers);
        }
        if (!is_good) {
            return false;
        }
    }
    return true;
}

/* RFC 6066 section 3: one name of a kind, and no kind but the host was ever defined. */
static bool read_server_names(struct reader *extension, struct client_hello *out_hello)
{
    struct reader names;
    if (!take_part(extension, 2, &names)) {
        return false;
    }
    while (names.left > 0) {
        uint32_t kind;
        struct reader name;
        if (!take_number(&names, 1, &kind) || !take_part(&names, 2, &name) ||
            (kind == SERVER_NAME_HOST && !read_host(&name, out_hello))) {
            return false;
        }
    }
    return true;
}

static bool read_host(struct reader *name, struct client_hello *out_hello)
{
    out_hello->host = (struct span){NULL, 0};
    size_t length = name->left;
    if (length > CLIENT_HELLO_HOST_MAX) {
        return true;
    }
    for (size_t i = 0; i < length; i++) {
        uint32_t byte;
        if (!take_number(name, 1, &byte)) {
            return false;
        }
        if (!is_host_byte((char)byte)) {
            return true;
        }
        out_hello->host_bytes[i] = (char)byte;
    }
    out_hello->host = (struct span){out_hello->host_bytes, length};
    return true;
}

static bool read_signatures(struct reader *extension, struct offers *offers)
{
    struct reader schemes;
    if (!take_part(extension, 2, &schemes)) {
        return false;
    }
    while (schemes.left > 0) {
        uint32_t scheme;
        if (!take_number(&schemes, 2, &scheme)) {
            return false;
        }
        offers->ecdsa_signature |= is_ecdsa_signature(scheme);
    }
    return true;
}

static bool read_versions(struct reader *extension, struct offers *offers)
{
    struct reader versions;
    if (!take_part(extension, 1, &versions)) {
        return false;
    }
    while (versions.left > 0) {
        uint32_t version;
        if (!take_number(&versions, 2, &version)) {
            return false;
        }
        offers->tls_1_3 |= version == TLS_1_3;
    }
    return true;
}

/* ECDHE-ECDSA with AES or ChaCha20. With RC4, 3DES or no cipher at all, no server of today would
 * agree, and a certificate chosen for their sake would be of no use. */
static bool is_ecdsa_suite(uint32_t suite)
{
    static const uint16_t suites[] = {0xC009, 0xC00A, 0xC023, 0xC024, 0xC02B, 0xC02C,
                                      0xC0AC, 0xC0AD, 0xC0AE, 0xC0AF, 0xCCA9};
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        if (suites[i] == suite) {
            return true;
        }
    }
    return false;
}

/* With SHA-256, SHA-384 or SHA-512 (RFC 8446 section 4.2.3). */
static bool is_ecdsa_signature(uint32_t scheme)
{
    return scheme == 0x0403 || scheme == 0x0503 || scheme == 0x0603;
}

static bool is_host_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_';
}

/* A part with its length before it, as TLS writes all that varies. */
static bool take_part(struct reader *reader, size_t length_bytes, struct reader *out_part)
{
    uint32_t length;
    if (!take_number(reader, length_bytes, &length)) {
        return false;
    }
    *out_part = *reader;
    out_part->left = length;
    return skip(reader, length);
}

/* Big-endian, of 1 to 3 bytes. */
static bool take_number(struct reader *reader, size_t bytes, uint32_t *out_number)
{
    uint32_t number = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (!has_byte(reader)) {
            return false;
        }
        number = number << 8 | (uint8_t)reader->input.bytes[0];
        advance(reader, 1);
    }
    *out_number = number;
    return true;
}

static bool skip(struct reader *reader, size_t bytes)
{
    if (bytes > reader->left) {
        return false;
    }
    while (bytes > 0) {
        if (!has_byte(reader)) {
            return false;
        }
        size_t step = bytes < reader->record_left ? bytes : reader->record_left;
        step = step < reader->input.length ? step : reader->input.length;
        advance(reader, step);
        bytes -= step;
    }
    return true;
}

/* Whether the part goes on; then its next byte is the first of the input. */
static bool has_byte(struct reader *reader)
{
    if (reader->left == 0 || (reader->record_left == 0 && !enter_record(reader))) {
        return false;
    }
    reader->is_short = reader->input.length == 0;
    return !reader->is_short;
}

/* What is wrong already is not waited for. */
static bool enter_record(struct reader *reader)
{
    struct span *input = &reader->input;
    if ((input->length > 0 && input->bytes[0] != RECORD_HANDSHAKE) ||
        (input->length > 1 && input->bytes[1] != VERSION_MAJOR)) {
        return false;
    }
    if (input->length < RECORD_HEADER_BYTES) {
        reader->is_short = true;
        return false;
    }
    reader->record_left = (size_t)((uint8_t)input->bytes[3] << 8 | (uint8_t)input->bytes[4]);
    input->bytes += RECORD_HEADER_BYTES;
    input->length -= RECORD_HEADER_BYTES;
    /* An empty one would let a peer say nothing for ever. */
    return reader->record_left > 0 && reader->record_left <= RECORD_MAX;
}

static void advance(struct reader *reader, size_t bytes)
{
    reader->input.bytes += bytes;
    reader->input.length -= bytes;
    reader->record_left -= bytes;
    reader->left -= bytes;
}
