/* floor: serves POP3 from memory: the least that any server has to do.
 *
 * Whoever answers cannot do less: it accepts, reads lines, and sends what lies ready. It checks no
 * password, opens no file, locks nothing, removes nothing, and all users share one mailbox. What
 * share of this a real server reaches on the same machine says how much of its work is its own.
 */
#include "bench/command.h"

#include "bench/descriptors.h"
#include "bench/floor_mail.h"
#include "bench/option.h"
#include "bench/specimen.h"
#include "core/buffers.h"
#include "core/slab.h"
#include "proto/must.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 256
#define PIECES_MAX     64
#define CONNS_MAX      1100000
#define BACKLOG        4096

struct floor_settings {
    uint64_t messages, message_bytes, threads, seed;
    const char *address;
};

static const struct option options[] = {
    {"--messages", "N", OPTION_COUNT, offsetof(struct floor_settings, messages),
     .help = "in the mailbox (10)", .least = 0, .most = 1000000},
    {"--message-bytes", "BYTES", OPTION_BYTES, offsetof(struct floor_settings, message_bytes),
     .help = "of each (10k)", .least = 1, .most = 100U << 20},
    {"--address", "ADDRESS", OPTION_TEXT, offsetof(struct floor_settings, address),
     .help = "to listen on (127.0.0.1)"},
    {"--threads", "N", OPTION_COUNT, offsetof(struct floor_settings, threads), .help = "(1)",
     .least = 1, .most = 64},
    {"--seed", "N", OPTION_COUNT, offsetof(struct floor_settings, seed),
     .help = "of the messages (1)"},
    {.name = NULL},
};

struct floor_thread {
    struct ring ring;
    struct buffers buffers;
    struct slab conns;
    struct op accept;
    int listener;
    const struct floor_mail *mail;
    struct sockaddr_in address;
};

/* A connection, and what it has yet to send. */
struct floor_conn {
    struct op receive, writable;
    struct floor_thread *thread;
    int socket;
    bool has_quit, is_shut;
    uint32_t line_bytes;
    uint32_t piece_count;
    char line[LINE_MAX_BYTES];
    struct iovec pieces[PIECES_MAX];
};

static int listen_on(const struct sockaddr_in *address, bool is_shared);
static int cannot_listen(const char *address, const char *port);
static void *serve(void *thread);
static void accepted(struct op *op, int result, uint32_t flags);
static void received(struct op *op, int result, uint32_t flags);
static void take(struct floor_conn *conn, const char *bytes, size_t count);
static void answer(struct floor_conn *conn);
static void say(struct floor_conn *conn, struct span bytes);
static void became_writable(struct op *op, int result, uint32_t flags);
static void transmit(struct floor_conn *conn);
static void settle(struct floor_conn *conn);

int floor_command(char *const *words)
{
    struct floor_settings settings = {
        .messages = 10, .message_bytes = 10240, .threads = 1, .seed = 1, .address = "127.0.0.1"};
    const char *ports[2];
    bool help;
    if (!option_read("floor", words, options, &settings, ports, 1, &help))
        return 2;
    if (help) {
        printf(
            "ringbench floor PORT [OPTION]...\n\nServes POP3 from memory to anybody, until it is "
            "ended by a signal.\n\n");
        option_print(options);
        return 0;
    }
    uint64_t port = 0;
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (ports[0] == NULL || !option_count(ports[0], &port) || port == 0 || port > 65535 ||
        inet_pton(AF_INET, settings.address, &address.sin_addr) != 1) {
        option_complain("floor needs a port, and an IPv4 address; write ringbench floor 1110");
        return 2;
    }
    address.sin_port = htons((uint16_t)port);
    (void)descriptors_raise();
    /* The threads share the port, and would share it with another server just as well: who asks for
     * it alone hears of that. */
    int alone = listen_on(&address, false);
    if (alone < 0)
        return cannot_listen(settings.address, ports[0]);
    close(alone);
    struct floor_mail mail;
    if (!floor_mail_init(&mail, settings.messages, settings.message_bytes, settings.seed)) {
        option_complain("floor: not enough memory for the messages");
        return 1;
    }
    struct floor_thread *threads = calloc(settings.threads, sizeof *threads);
    must(threads != NULL);
    for (uint64_t i = 0; i < settings.threads; i++) {
        threads[i].mail = &mail;
        threads[i].listener = listen_on(&address, true);
        if (threads[i].listener < 0)
            return cannot_listen(settings.address, ports[0]);
    }
    printf("listening on %s port %s: %llu messages of %llu octets\n", settings.address, ports[0],
           (unsigned long long)settings.messages, (unsigned long long)settings.message_bytes);
    fflush(stdout);
    for (uint64_t i = 1; i < settings.threads; i++) {
        pthread_t thread;
        must(pthread_create(&thread, NULL, serve, &threads[i]) == 0);
    }
    (void)serve(&threads[0]);
    return 1;
}

static int cannot_listen(const char *address, const char *port)
{
    option_complain("cannot listen on %s port %s: %s", address, port, strerror(errno));
    return 1;
}

static int listen_on(const struct sockaddr_in *address, bool is_shared)
{
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (file < 0)
        return -1;
    (void)setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (is_shared)
        (void)setsockopt(file, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    (void)setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(file, (const struct sockaddr *)address, sizeof *address) == 0 &&
        listen(file, BACKLOG) == 0)
        return file;
    int error = errno;
    close(file);
    errno = error;
    return -1;
}

/* Never returns but where the kernel refuses. */
static void *serve(void *argument)
{
    struct floor_thread *thread = argument;
    char error[256];
    if (!ring_init(&thread->ring, error, sizeof error)) {
        option_complain("%s", error);
        return NULL;
    }
    if (!buffers_init(&thread->buffers, &thread->ring)) {
        option_complain("the kernel takes no receive buffers: %s", strerror(errno));
        return NULL;
    }
    slab_init(&thread->conns, sizeof(struct floor_conn), CONNS_MAX);
    thread->accept.done = accepted;
    ring_accept_multishot(&thread->ring, &thread->accept, thread->listener);
    for (;;) {
        ring_wait(&thread->ring, true);
        ring_run(&thread->ring);
    }
    return NULL;
}

static void accepted(struct op *op, int result, uint32_t flags)
{
    (void)flags;
    struct floor_thread *thread =
        (struct floor_thread *)((char *)op - offsetof(struct floor_thread, accept));
    struct floor_conn *conn = result >= 0 ? slab_take(&thread->conns) : NULL;
    if (conn != NULL) {
        memset(conn, 0, offsetof(struct floor_conn, line));
        conn->thread = thread;
        conn->socket = result;
        conn->receive.done = received;
        conn->writable.done = became_writable;
        ring_receive_multishot(&thread->ring, &conn->receive, result, BUFFERS_GROUP);
        say(conn, SPAN_LITERAL("+OK floor\r\n"));
        transmit(conn);
    } else if (result >= 0) {
        close(result);
    }
    if (!op->in_flight)
        ring_accept_multishot(&thread->ring, op, thread->listener);
}

static void received(struct op *op, int result, uint32_t flags)
{
    struct floor_conn *conn =
        (struct floor_conn *)((char *)op - offsetof(struct floor_conn, receive));
    struct floor_thread *thread = conn->thread;
    if (result > 0 && !conn->is_shut)
        take(conn, buffers_bytes(&thread->buffers, flags), (size_t)result);
    if (flags & IORING_CQE_F_BUFFER)
        buffers_give(&thread->buffers, flags);
    if (result == 0 || (result < 0 && result != -ENOBUFS)) {
        conn->is_shut = true;
    } else if (!conn->is_shut) {
        transmit(conn);
    }
    if (!op->in_flight && !conn->is_shut)
        ring_receive_multishot(&thread->ring, op, conn->socket, BUFFERS_GROUP);
    settle(conn);
}

static void take(struct floor_conn *conn, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count && !conn->has_quit; i++) {
        if (conn->line_bytes < LINE_MAX_BYTES - 1)
            conn->line[conn->line_bytes++] = bytes[i];
        if (bytes[i] != '\n')
            continue;
        conn->line[conn->line_bytes] = '\0';
        conn->line_bytes = 0;
        answer(conn);
    }
}

/* The fourth letters tell the commands apart that need an answer of their own. */
static void answer(struct floor_conn *conn)
{
    const struct floor_mail *mail = conn->thread->mail;
    const char *line = conn->line;
    if (strncasecmp(line, "RETR ", 5) == 0 || strncasecmp(line, "TOP ", 4) == 0) {
        unsigned long number = strtoul(strchr(line, ' ') + 1, NULL, 10);
        bool is_there = number >= 1 && number <= mail->count;
        say(conn, is_there ? mail->messages[number - 1] : SPAN_LITERAL("-ERR no such message\r\n"));
    } else if (strncasecmp(line, "STAT", 4) == 0) {
        say(conn, mail->stat);
    } else if (strncasecmp(line, "LIST", 4) == 0) {
        say(conn, mail->list);
    } else if (strncasecmp(line, "UIDL", 4) == 0) {
        say(conn, mail->uidl);
    } else if (strncasecmp(line, "CAPA", 4) == 0) {
        say(conn, SPAN_LITERAL("+OK\r\nTOP\r\nUIDL\r\nUSER\r\nPIPELINING\r\nSASL PLAIN\r\n.\r\n"));
    } else {
        conn->has_quit = strncasecmp(line, "QUIT", 4) == 0;
        say(conn, SPAN_LITERAL("+OK\r\n"));
    }
}

static void say(struct floor_conn *conn, struct span bytes)
{
    if (conn->piece_count == PIECES_MAX)
        transmit(conn);
    /* A client that pipelines without end and reads nothing is cut off. */
    if (conn->piece_count == PIECES_MAX)
        conn->is_shut = true;
    else
        conn->pieces[conn->piece_count++] =
            (struct iovec){(char *)(uintptr_t)bytes.bytes, bytes.length};
}

static void became_writable(struct op *op, int result, uint32_t flags)
{
    (void)result; /* an error shows at the next send */
    (void)flags;
    struct floor_conn *conn =
        (struct floor_conn *)((char *)op - offsetof(struct floor_conn, writable));
    if (!conn->is_shut)
        transmit(conn);
    settle(conn);
}

static void transmit(struct floor_conn *conn)
{
    while (conn->piece_count > 0 && !conn->writable.in_flight) {
        struct msghdr message = {.msg_iov = conn->pieces, .msg_iovlen = conn->piece_count};
        ssize_t sent = sendmsg(conn->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            conn->is_shut = true;
            break;
        }
        if (sent < 0) {
            ring_poll_writable(&conn->thread->ring, &conn->writable, conn->socket);
            return;
        }
        uint32_t whole = 0;
        size_t left = (size_t)sent;
        while (whole < conn->piece_count && left >= conn->pieces[whole].iov_len)
            left -= conn->pieces[whole++].iov_len;
        conn->piece_count -= whole;
        memmove(conn->pieces, conn->pieces + whole, conn->piece_count * sizeof *conn->pieces);
        if (conn->piece_count > 0) {
            conn->pieces[0].iov_base = (char *)conn->pieces[0].iov_base + left;
            conn->pieces[0].iov_len -= left;
        }
    }
    if (conn->has_quit && conn->piece_count == 0)
        conn->is_shut = true;
}

/* Closes when the session is over and nothing is in flight. */
static void settle(struct floor_conn *conn)
{
    if (!conn->is_shut)
        return;
    if (conn->receive.in_flight) {
        (void)shutdown(conn->socket, SHUT_RDWR);
        return;
    }
    if (conn->writable.in_flight)
        return;
    close(conn->socket);
    slab_give(&conn->thread->conns, conn);
}
