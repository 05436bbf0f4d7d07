/* source: the addresses that connections come from; see source.h.
 *
 * The port is left to connect(2) (IP_BIND_ADDRESS_NO_PORT, Linux 4.2), so that two connections from
 * one address may have the same port towards different servers.
 */
#include "bench/source.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static uint64_t number_of(const uint8_t *address, size_t bytes);

bool source_range_parse(const char *text, int family, struct source_range *out_range,
                        char *out_error, size_t error_bytes)
{
    char first_text[INET6_ADDRSTRLEN + 1] = "";
    uint8_t last[16] = {0};
    const char *dash = strchr(text, '-');
    const size_t length = dash != NULL ? (size_t)(dash - text) : strlen(text);
    *out_range = (struct source_range){.family = memchr(text, ':', length) ? AF_INET6 : AF_INET};
    if (length < sizeof first_text)
        memcpy(first_text, text, length);
    const size_t bytes = out_range->family == AF_INET ? 4 : 16;
    const size_t fixed = out_range->family == AF_INET ? 0 : 8;
    if (inet_pton(out_range->family, first_text, out_range->first) != 1 ||
        inet_pton(out_range->family, dash != NULL ? dash + 1 : first_text, last) != 1 ||
        memcmp(out_range->first, last, fixed) != 0 ||
        number_of(out_range->first, bytes) > number_of(last, bytes)) {
        snprintf(out_error, error_bytes,
                 "--sources: \"%s\" is no range; write 127.1.0.1-127.1.0.200, or fd00::1-fd00::ff",
                 text);
        return false;
    }
    if (out_range->family != family) {
        snprintf(out_error, error_bytes, "--sources: %s, and the target has %s address",
                 out_range->family == AF_INET ? "these are IPv4" : "these are IPv6",
                 family == AF_INET    ? "an IPv4"
                 : family == AF_INET6 ? "an IPv6"
                                      : "no such");
        return false;
    }
    out_range->count = number_of(last, bytes) - number_of(out_range->first, bytes) + 1;
    return true;
}

bool source_range_bind(const struct source_range *range, struct random *random, int file)
{
    if (range->family == 0)
        return true;
    const uint64_t drawn = random_below(random, range->count);
    (void)setsockopt(file, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    if (range->family == AF_INET) {
        const uint32_t host = (uint32_t)(number_of(range->first, 4) + drawn);
        const struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
        return bind(file, (const struct sockaddr *)&source, sizeof source) == 0;
    }
    struct sockaddr_in6 source = {.sin6_family = AF_INET6};
    const uint64_t host = number_of(range->first, 16) + drawn;
    memcpy(&source.sin6_addr, range->first, 8);
    for (int i = 0; i < 8; i++)
        source.sin6_addr.s6_addr[8 + i] = (uint8_t)(host >> (56 - 8 * i));
    return bind(file, (const struct sockaddr *)&source, sizeof source) == 0;
}

/* The last 64 bits at the most. */
static uint64_t number_of(const uint8_t *address, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = bytes > 8 ? bytes - 8 : 0; i < bytes; i++)
        number = number << 8 | address[i];
    return number;
}
