/* target: which server is meant, and who its users are.
 *
 * A target is written as a URL (pop3://HOST:PORT), a range of users as a pattern with one %d and
 * the numbers to put there. Both are read here and nothing else is done with them: pure, but for
 * target_resolve, which asks the resolver.
 */
#ifndef RINGPOST_BENCH_TARGET_H
#define RINGPOST_BENCH_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum target_protocol { TARGET_POP3, TARGET_LMTP };

struct target {
    enum target_protocol protocol;
    bool tls;                        /* from the first byte on */
    char host[256];                  /* or the path of a unix socket */
    char port[8];                    /* empty for a unix socket */
    struct sockaddr_storage address; /* after target_resolve */
    socklen_t address_bytes;
    char skipped[64]; /* an address of the host where nobody listens, or empty; for a sentence */
};

/* Reads pop3://, pop3s:// or lmtp://HOST[:PORT]; an IPv6 address stands in brackets. The port may
 * be left out for pop3 (110), pop3s (995) and lmtp (24). Or pop3:unix:/PATH and so on. False with a
 * sentence. */
bool target_parse(const char *url, struct target *out_target, char *out_error, size_t error_bytes);

/* Finds the address; false with a sentence. Of several it takes the first where somebody listens
 * (localhost is ::1, then 127.0.0.1), or the first of all where nobody does: it connects once to
 * find out. */
bool target_resolve(struct target *target, char *out_error, size_t error_bytes);

#define USER_NAME_MAX 248 /* octets */

struct user_range {
    const char *pattern; /* borrowed from the command line */
    size_t pattern_bytes;
    uint64_t first, count; /* 1 where the pattern has no %d */
};

/* Reads NAME, or a name with one %d and FIRST-LAST behind a colon: user%d@example.org:1-100000.
 * False with a sentence. */
bool user_range_parse(const char *text, struct user_range *out_range, char *out_error,
                      size_t error_bytes);

/* Writes the name of user `index` (below count), without a NUL; returns its length. */
size_t user_range_name(const struct user_range *range, uint64_t index,
                       char out_name[USER_NAME_MAX]);

#endif
