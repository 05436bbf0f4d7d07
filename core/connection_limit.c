/* connection_limit: how many connections there are, in all and of each address, over all shards. */
#include "core/connection_limit.h"

#include "proto/must.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define COUNTERS_MIN 4096
#define COUNTERS_MAX (1U << 22)

/* Counters for each connection that there may be: so many addresses rarely meet. */
#define COUNTERS_EACH 4

struct connection_limit {
    uint64_t keys[2];
    uint32_t mask;
    uint32_t connections_max, per_address_max;
    atomic_uint connections;
    atomic_uint counters[]; /* mask + 1 */
};

static uint64_t identity(const struct sockaddr *address);
static atomic_uint *counter(struct connection_limit *limit, const struct sockaddr *address);

struct connection_limit *connection_limit_make(uint32_t connections_max, uint32_t per_address_max)
{
    uint32_t counters = COUNTERS_MIN;
    while (counters < COUNTERS_MAX && counters / COUNTERS_EACH < connections_max)
        counters *= 2;
    struct connection_limit *limit =
        calloc(1, sizeof *limit + (size_t)counters * sizeof limit->counters[0]);
    if (limit == NULL || getrandom(limit->keys, sizeof limit->keys, 0) != sizeof limit->keys) {
        free(limit);
        return NULL;
    }
    limit->mask = counters - 1;
    limit->connections_max = connections_max;
    limit->per_address_max = per_address_max;
    return limit;
}

void connection_limit_free(struct connection_limit **limit)
{
    free(*limit);
    *limit = NULL;
}

bool connection_limit_take(struct connection_limit *limit, const struct sockaddr *address)
{
    uint32_t before = atomic_fetch_add_explicit(&limit->connections, 1, memory_order_relaxed);
    bool good = before < limit->connections_max;
    if (good && !address_is_local(address)) {
        atomic_uint *count = counter(limit, address);
        good = atomic_fetch_add_explicit(count, 1, memory_order_relaxed) < limit->per_address_max;
        if (!good)
            atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
    }
    if (!good)
        atomic_fetch_sub_explicit(&limit->connections, 1, memory_order_relaxed);
    return good;
}

void connection_limit_give(struct connection_limit *limit, const struct sockaddr *address)
{
    bool is_local = address_is_local(address);
    must(is_local ||
         atomic_fetch_sub_explicit(counter(limit, address), 1, memory_order_relaxed) > 0);
    must(atomic_fetch_sub_explicit(&limit->connections, 1, memory_order_relaxed) > 0);
}

bool address_is_local(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    if (address->sa_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) ||
               (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET);
    }
    return address->sa_family == AF_UNIX;
}

void address_to_text(const struct sockaddr *address, char out_text[ADDRESS_TEXT_BYTES])
{
    char host[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out_text, ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(out_text, ADDRESS_TEXT_BYTES, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        snprintf(out_text, ADDRESS_TEXT_BYTES, "unix");
    }
}

/* The address without its port, an IPv6 one without its lower half. */
static uint64_t identity(const struct sockaddr *address)
{
    uint64_t upper = 0;
    if (address->sa_family == AF_INET) {
        upper = ((const struct sockaddr_in *)address)->sin_addr.s_addr;
    } else if (address->sa_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
        /* A v4-mapped address is told apart by its last four bytes, like the v4 address it is. */
        memcpy(&upper, IN6_IS_ADDR_V4MAPPED(v6) ? v6->s6_addr + 8 : v6->s6_addr, sizeof upper);
    }
    return upper;
}

static atomic_uint *counter(struct connection_limit *limit, const struct sockaddr *address)
{
    /* Multiplied and folded under a secret key: peers cannot choose addresses that collide. */
    unsigned __int128 mixed =
        (unsigned __int128)(identity(address) ^ limit->keys[0]) * (limit->keys[1] | 1);
    uint64_t folded = (uint64_t)mixed ^ (uint64_t)(mixed >> 64);
    return &limit->counters[(uint32_t)(folded >> 17) & limit->mask];
}
