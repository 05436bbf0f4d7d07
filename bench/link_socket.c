/* link_socket: sockets of the generator, and the PROXY header that may come first on them. */
#include "bench/link_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a slow reader's kernel takes ahead of it, so that the server notices him: for 40 ms, and no
 * less than this. */
#define SLOW_BUFFER_BYTES 4096
#define SLOW_BUFFER_PART  25

static int slow_buffer_bytes(uint64_t read_rate);

#define BENCHMARK_NETWORK 0xC6120000U /* 198.18.0.0 */
#define BENCHMARK_HOSTS   0x20000U

int link_socket_connect(const struct load_settings *settings, struct random *random, bool is_slow)
{
    const struct sockaddr *address = (const struct sockaddr *)&settings->target.address;
    int file = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (file < 0)
        return -errno;
    if (is_slow)
        (void)setsockopt(file, SOL_SOCKET, SO_RCVBUF,
                         &(int){slow_buffer_bytes(settings->read_rate)}, sizeof(int));
    if (source_range_bind(&settings->sources, random, file) &&
        (connect(file, address, settings->target.address_bytes) == 0 || errno == EINPROGRESS))
        return file;
    int error = -errno;
    close(file);
    return error;
}

bool link_socket_is_connected(int file)
{
    struct sockaddr_storage peer;
    return getpeername(file, (struct sockaddr *)&peer, &(socklen_t){sizeof peer}) == 0;
}

static int slow_buffer_bytes(uint64_t read_rate)
{
    uint64_t bytes = read_rate / SLOW_BUFFER_PART;
    return bytes < SLOW_BUFFER_BYTES ? SLOW_BUFFER_BYTES : (int)bytes;
}

size_t link_socket_proxy(const struct load_settings *settings, struct random *random,
                         char out_header[LINK_PROXY_MAX])
{
    uint32_t host = BENCHMARK_NETWORK + (uint32_t)random_below(random, BENCHMARK_HOSTS);
    uint16_t port = (uint16_t)(1024 + random_below(random, 64000));
    uint32_t target = INADDR_LOOPBACK;
    uint16_t target_port = 110;
    if (settings->target.address.ss_family == AF_INET) {
        const struct sockaddr_in *address = (const struct sockaddr_in *)&settings->target.address;
        target = ntohl(address->sin_addr.s_addr);
        target_port = ntohs(address->sin_port);
    }
    if (settings->proxy == LOAD_PROXY_V1) {
        struct in_addr from = {htonl(host)}, to = {htonl(target)};
        char from_text[INET_ADDRSTRLEN] = "", to_text[INET_ADDRSTRLEN] = "";
        inet_ntop(AF_INET, &from, from_text, sizeof from_text);
        inet_ntop(AF_INET, &to, to_text, sizeof to_text);
        return (size_t)snprintf(out_header, LINK_PROXY_MAX, "PROXY TCP4 %s %s %u %u\r\n", from_text,
                                to_text, port, target_port);
    }
    static const char signature[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
    memcpy(out_header, signature, 16);
    memcpy(out_header + 16, &(uint32_t){htonl(host)}, 4);
    memcpy(out_header + 20, &(uint32_t){htonl(target)}, 4);
    memcpy(out_header + 24, &(uint16_t){htons(port)}, 2);
    memcpy(out_header + 26, &(uint16_t){htons(target_port)}, 2);
    return 28;
}
