/* test_connection_limit: each address has its share, whoever asks, and who counts as one of us. */
#include "core/connection_limit.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#define SHARE         5
#define THREADS       2
#define THREAD_ROUNDS 20000

static struct connection_limit *limit;

static void make_limit(void)
{
    limit = connection_limit_make(1000, SHARE);
    cr_assert_not_null(limit);
}

static void free_limit(void)
{
    connection_limit_free(&limit);
    cr_assert_null(limit);
}

TestSuite(connection_limit, .init = make_limit, .fini = free_limit);

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* From "192.0.2.1" or "2001:db8::1". */
static union address at(const char *host, uint16_t port)
{
    union address address;
    memset(&address, 0, sizeof address);
    if (strchr(host, ':') != NULL) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(port);
        cr_assert_eq(inet_pton(AF_INET6, host, &address.v6.sin6_addr), 1);
    } else {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
        cr_assert_eq(inet_pton(AF_INET, host, &address.v4.sin_addr), 1);
    }
    return address;
}

static bool take(const char *host, uint16_t port)
{
    union address address = at(host, port);
    return connection_limit_take(limit, &address.any);
}

static void give(const char *host, uint16_t port)
{
    union address address = at(host, port);
    connection_limit_give(limit, &address.any);
}

static uint32_t take_all(const char *host)
{
    uint32_t count = 0;
    while (count <= SHARE && take(host, (uint16_t)(1024 + count)))
        count++;
    return count;
}

Test(connection_limit, has_its_share_on_any_ports_and_no_more)
{
    cr_expect_eq(take_all("192.0.2.1"), SHARE);
    cr_expect_not(take("192.0.2.1", 9));
}

Test(connection_limit, who_is_refused_is_not_counted)
{
    cr_assert_eq(take_all("192.0.2.1"), SHARE);
    for (int i = 0; i < 100; i++)
        cr_assert_not(take("192.0.2.1", 9));
    give("192.0.2.1", 1);
    cr_expect(take("192.0.2.1", 2));
    cr_expect_not(take("192.0.2.1", 3));
}

/* The keys are drawn anew each time: among so few addresses a wrong refusal is as good as
 * impossible, because it takes a meeting in both rows. */
Test(connection_limit, another_address_has_its_own)
{
    cr_assert_eq(take_all("192.0.2.1"), SHARE);
    cr_expect_eq(take_all("192.0.2.2"), SHARE);
    cr_expect_eq(take_all("193.0.2.1"), SHARE);
    cr_expect_eq(take_all("2001:db8::1"), SHARE);
}

Test(connection_limit, an_ipv6_household_is_a_64)
{
    for (int i = 0; i < SHARE; i++) {
        char host[] = "2001:db8:1:2:a:b:c:0";
        host[sizeof host - 2] = (char)('0' + i);
        cr_assert(take(host, 110));
    }
    cr_expect_not(take("2001:db8:1:2:ffff::9", 110));
    cr_expect(take("2001:db8:1:3:a:b:c:0", 110));
    give("2001:db8:1:2::7", 110);
    cr_expect(take("2001:db8:1:2:ffff::9", 110));
}

Test(connection_limit, giving_what_was_not_taken_is_found, .signal = SIGABRT)
{
    give("192.0.2.1", 1);
}

static atomic_int held;
static atomic_bool too_many;

static void *take_and_give(void *unused)
{
    (void)unused;
    for (int i = 0; i < THREAD_ROUNDS; i++) {
        if (!take("192.0.2.1", 1))
            continue;
        if (atomic_fetch_add(&held, 1) >= SHARE)
            atomic_store(&too_many, true);
        atomic_fetch_sub(&held, 1);
        give("192.0.2.1", 1);
    }
    return NULL;
}

/* With all but one of the share gone, two threads fight for the last one. */
Test(connection_limit, holds_between_threads_and_counts_back_to_nothing)
{
    for (int i = 0; i < SHARE - 1; i++)
        cr_assert(take("192.0.2.1", 1));
    atomic_store(&held, SHARE - 1);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_not(atomic_load(&too_many));
    for (int i = 0; i < SHARE - 1; i++)
        give("192.0.2.1", 1);
    cr_expect_eq(take_all("192.0.2.1"), SHARE);
}

static bool is_local(const char *host)
{
    union address address = at(host, 110);
    return address_is_local(&address.any);
}

Test(connection_limit, knows_this_machine)
{
    cr_expect(is_local("127.0.0.1"));
    cr_expect(is_local("127.255.1.2"));
    cr_expect(is_local("::1"));
    cr_expect(is_local("::ffff:127.0.0.1"));
    cr_expect_not(is_local("128.0.0.1"));
    cr_expect_not(is_local("0.0.0.0"));
    cr_expect_not(is_local("1.0.0.127"));
    cr_expect_not(is_local("::"));
    cr_expect_not(is_local("::ffff:192.0.2.1"));
    cr_expect_not(is_local("::127.0.0.1"));
    struct sockaddr unix_peer = {.sa_family = AF_UNIX};
    cr_expect(address_is_local(&unix_peer));
    struct sockaddr unknown = {.sa_family = AF_UNSPEC};
    cr_expect_not(address_is_local(&unknown));
}

static void expect_text(const char *host, uint16_t port, const char *expected)
{
    char text[ADDRESS_TEXT_BYTES];
    union address address = at(host, port);
    address_to_text(&address.any, text);
    cr_expect_str_eq(text, expected);
}

Test(connection_limit, writes_addresses)
{
    expect_text("192.0.2.1", 1234, "192.0.2.1:1234");
    expect_text("2001:db8::1", 65535, "[2001:db8::1]:65535");
    expect_text("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 65535,
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535");
    char text[ADDRESS_TEXT_BYTES];
    struct sockaddr unix_peer = {.sa_family = AF_UNIX};
    address_to_text(&unix_peer, text);
    cr_expect_str_eq(text, "unix");
}
