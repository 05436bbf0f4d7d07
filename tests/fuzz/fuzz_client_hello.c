/* fuzz_client_hello: whatever begins a connection is judged once and for all.
 *
 * A verdict on the first bytes must be the verdict on any more of them: the server asks after each
 * read, and must not change its mind. Facts are there only when the message is.
 */
#include "proto/client_hello.h"
#include "proto/must.h"

#include <stdlib.h>
#include <string.h>

#define BEGINNINGS 16

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static enum client_hello_result parse(const uint8_t *bytes, size_t count,
                                      struct client_hello *out_hello);
static bool is_host(struct span host);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct client_hello whole, part;
    enum client_hello_result result = parse(bytes, count, &whole);
    for (size_t i = 0; i < BEGINNINGS; i++) {
        /* Half of them close to the end, where messages end. */
        size_t length = i % 2 == 0 ? count * i / BEGINNINGS : count - (i < count ? i : count);
        enum client_hello_result earlier = parse(bytes, length, &part);
        must(earlier == CLIENT_HELLO_MORE || earlier == result);
        must(earlier == CLIENT_HELLO_MORE ||
             (span_equal(part.host, whole.host) && part.takes_ecdsa == whole.takes_ecdsa));
    }
    return 0;
}

/* In memory of just that size, so that a sanitizer sees the first byte too far. */
static enum client_hello_result parse(const uint8_t *bytes, size_t count,
                                      struct client_hello *out_hello)
{
    char *copy = malloc(count > 0 ? count : 1);
    must(copy != NULL);
    if (count > 0) {
        memcpy(copy, bytes, count);
    }
    enum client_hello_result result = client_hello_parse((struct span){copy, count}, out_hello);
    free(copy);
    must(result == CLIENT_HELLO_DONE || (out_hello->host.length == 0 && !out_hello->takes_ecdsa));
    must(is_host(out_hello->host));
    return result;
}

static bool is_host(struct span host)
{
    for (size_t i = 0; i < host.length; i++) {
        char byte = host.bytes[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && (byte == '\0' || strchr("0123456789-._", byte) == NULL)) {
            return false;
        }
    }
    return host.length <= CLIENT_HELLO_HOST_MAX;
}
