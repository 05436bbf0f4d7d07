/* target: which server is meant, and who its users are. */
#include "bench/target.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static const struct {
    const char *scheme;
    enum target_protocol protocol;
    bool tls;
    const char *port;
} schemes[] = {
    {"pop3:", TARGET_POP3, false, "110"},
    {"pop3s:", TARGET_POP3, true, "995"},
    {"lmtp:", TARGET_LMTP, false, "24"},
};

static bool take_path(const char *path, struct target *out_target, char *out_error,
                      size_t error_bytes);
static bool listens(const struct addrinfo *found);
static bool digits(const char **at, uint64_t *out_number);

bool target_parse(const char *url, struct target *out_target, char *out_error, size_t error_bytes)
{
    *out_target = (struct target){0};
    const char *rest = NULL;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i].scheme);
        if (strncmp(url, schemes[i].scheme, length) != 0)
            continue;
        rest = url + length;
        out_target->protocol = schemes[i].protocol;
        out_target->tls = schemes[i].tls;
        snprintf(out_target->port, sizeof out_target->port, "%s", schemes[i].port);
    }
    if (rest != NULL && strncmp(rest, "unix:", 5) == 0)
        return take_path(rest + 5, out_target, out_error, error_bytes);
    if (rest == NULL || strncmp(rest, "//", 2) != 0) {
        snprintf(out_error, error_bytes,
                 "\"%s\" is no target; write pop3://HOST:PORT, pop3s://HOST:PORT or "
                 "lmtp://HOST:PORT, or lmtp:unix:/PATH",
                 url);
        return false;
    }
    rest += 2;
    bool bracket = rest[0] == '[';
    const char *end = bracket ? strchr(rest, ']') : rest + strcspn(rest, ":/");
    size_t length = end == NULL ? 0 : (size_t)(end - rest) - bracket;
    if (length == 0 || length >= sizeof out_target->host) {
        snprintf(out_error, error_bytes, "\"%s\" names no host; write pop3://HOST:PORT", url);
        return false;
    }
    memcpy(out_target->host, rest + bracket, length);
    const char *port = end + bracket;
    if (port[0] == ':') {
        uint64_t number = 0;
        const char *at = port + 1;
        if (!digits(&at, &number) || number == 0 || number > 65535 ||
            (*at != '\0' && strcmp(at, "/") != 0)) {
            snprintf(out_error, error_bytes, "\"%s\": the port must be a number from 1 to 65535",
                     url);
            return false;
        }
        snprintf(out_target->port, sizeof out_target->port, "%u", (unsigned)number);
    } else if (port[0] != '\0' && strcmp(port, "/") != 0) {
        snprintf(out_error, error_bytes, "\"%s\": nothing may follow HOST:PORT", url);
        return false;
    }
    return true;
}

static bool take_path(const char *path, struct target *out_target, char *out_error,
                      size_t error_bytes)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&out_target->address;
    if (path[0] != '/' || strlen(path) >= sizeof address->sun_path) {
        snprintf(out_error, error_bytes,
                 "\"%s\" is no path of a socket; it begins with / and has at most %zu octets", path,
                 sizeof address->sun_path - 1);
        return false;
    }
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, strlen(path) + 1);
    out_target->address_bytes = sizeof *address;
    snprintf(out_target->host, sizeof out_target->host, "%s", path);
    out_target->port[0] = '\0';
    return true;
}

bool target_resolve(struct target *target, char *out_error, size_t error_bytes)
{
    if (target->address.ss_family == AF_UNIX)
        return true;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(target->host, target->port, &hints, &found);
    if (error != 0) {
        snprintf(out_error, error_bytes, "cannot find the host \"%s\": %s", target->host,
                 gai_strerror(error));
        return false;
    }
    const struct addrinfo *taken = found;
    while (found->ai_next != NULL && taken != NULL && !listens(taken))
        taken = taken->ai_next;
    if (taken == NULL)
        taken = found;
    else if (taken != found)
        (void)getnameinfo(found->ai_addr, found->ai_addrlen, target->skipped,
                          sizeof target->skipped, NULL, 0, NI_NUMERICHOST);
    memcpy(&target->address, taken->ai_addr, taken->ai_addrlen);
    target->address_bytes = taken->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

/* Within two seconds. */
static bool listens(const struct addrinfo *found)
{
    const struct timeval patience = {.tv_sec = 2};
    const int file = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0)
        return false;
    (void)setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const bool good = connect(file, found->ai_addr, found->ai_addrlen) == 0;
    close(file);
    return good;
}

bool user_range_parse(const char *text, struct user_range *out_range, char *out_error,
                      size_t error_bytes)
{
    *out_range = (struct user_range){.pattern = text, .pattern_bytes = strlen(text), .count = 1};
    const char *place = strstr(text, "%d");
    uint64_t last = 0;
    const char *colon = strrchr(text, ':');
    const char *at = colon != NULL ? colon + 1 : text;
    const bool has_numbers = colon != NULL && digits(&at, &out_range->first) && *at++ == '-' &&
                             digits(&at, &last) && *at == '\0';
    if (place == NULL && !has_numbers) {
        if (text[0] != '\0' && out_range->pattern_bytes <= USER_NAME_MAX)
            return true;
        snprintf(out_error, error_bytes, "--users: a name has 1 to %d octets", USER_NAME_MAX);
        return false;
    }
    if (place == NULL) {
        snprintf(out_error, error_bytes,
                 "--users: \"%s\" has no %%d where its numbers go; write 'user%%d:1-1000'", text);
        return false;
    }
    if (!has_numbers || colon < place) {
        snprintf(out_error, error_bytes,
                 "--users: \"%s\" lacks its numbers; write 'user%%d@example.org:1-1000'", text);
        return false;
    }
    out_range->pattern_bytes = (size_t)(colon - text);
    if (last < out_range->first || last - out_range->first >= UINT32_MAX) {
        snprintf(out_error, error_bytes,
                 "--users: the numbers run from the lower to the higher, at most 4,000,000,000");
        return false;
    }
    /* 20 digits may take the place of %d. */
    if (out_range->pattern_bytes + 18 > USER_NAME_MAX || strstr(place + 2, "%d") != NULL) {
        snprintf(out_error, error_bytes, "--users: the pattern has one %%d and at most %d octets",
                 USER_NAME_MAX - 18);
        return false;
    }
    out_range->count = last - out_range->first + 1;
    return true;
}

size_t user_range_name(const struct user_range *range, uint64_t index, char out_name[USER_NAME_MAX])
{
    const char *pattern = range->pattern;
    const char *place = memmem(pattern, range->pattern_bytes, "%d", 2);
    if (place == NULL) {
        memcpy(out_name, pattern, range->pattern_bytes);
        return range->pattern_bytes;
    }
    char number[24];
    size_t before = (size_t)(place - pattern);
    size_t behind = range->pattern_bytes - before - 2;
    int count = snprintf(number, sizeof number, "%llu", (unsigned long long)(range->first + index));
    memcpy(out_name, pattern, before);
    memcpy(out_name + before, number, (size_t)count);
    memcpy(out_name + before + count, place + 2, behind);
    return before + (size_t)count + behind;
}

static bool digits(const char **at, uint64_t *out_number)
{
    if (**at < '0' || **at > '9')
        return false;
    uint64_t number = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        if (number > UINT64_MAX / 10 - 9)
            return false;
        number = number * 10 + (uint64_t)(**at - '0');
    }
    *out_number = number;
    return true;
}
