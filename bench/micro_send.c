/* micro_send: what it costs the sender to move a message from the page cache to a TCP socket.
 *
 * Over loopback, with a reader on another thread: read and send, send from a mapping, sendfile, and
 * SEND_ZC from a mapping; then the two that the server chooses from, with the line of text that a
 * RETR is answered with: read, and sent together with it, or sent behind it by sendfile. Prints CPU
 * microseconds of the sending thread for one message, and for SEND_ZC how many the kernel copied
 * all the same. SEND_COPY_MAX in core/send.h and docs/decisions rest on it.
 */
#include "proto/must.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Kernel 6.2; liburing 2.3 has no names for them. */
#define SEND_ZC_REPORT_USAGE (1U << 3)
#define NOTIF_USAGE_COPIED   (1U << 31)

#define FILE_BYTES  (64UL << 20)
#define ROUND_BYTES (256UL << 20)

#define TEXT "+OK 123456 octets\r\n"

enum way {
    WAY_READ,
    WAY_MAPPING,
    WAY_SENDFILE,
    WAY_SEND_ZC,
    WAY_ANSWER_COPIED,
    WAY_ANSWER_SENDFILE,
    WAY_COUNT
};

struct sender {
    int socket, file;
    char *mapping, *buffer;
    struct io_uring ring;
    unsigned long zero_copies, copied;
};

static void send_one(struct sender *sender, enum way way, size_t offset, size_t bytes);
static void send_zero_copy(struct sender *sender, const char *from, size_t bytes);
static void send_whole(struct sender *sender, const char *from, size_t bytes, int flags);
static void send_from_file(struct sender *sender, off_t at, size_t bytes);
static void wait_writable(int socket);
static void *drain(void *argument);
static void connect_pair(int *out_sender, int *out_reader);
static double thread_cpu_us(void);
static void pin(int core);

int main(void)
{
    static const char *const names[] = {"read+send", "mapping",   "sendfile",
                                        "SEND_ZC",   "text+read", "text+sendfile"};
    struct sender sender = {.file = open("/tmp", O_TMPFILE | O_RDWR, 0600)};
    int reader;
    must(sender.file >= 0 && ftruncate(sender.file, FILE_BYTES) == 0);
    sender.mapping = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, sender.file, 0);
    sender.buffer = malloc(4UL << 20);
    must(sender.mapping != MAP_FAILED && sender.buffer != NULL);
    for (size_t i = 0; i < FILE_BYTES; i++)
        sender.mapping[i] = (char)(i * 31);
    must(io_uring_queue_init(64, &sender.ring, 0) == 0);
    connect_pair(&sender.socket, &reader);
    pthread_t thread;
    must(pthread_create(&thread, NULL, drain, &reader) == 0);
    pin(0);
    must(ioctl(sender.socket, FIONBIO, &(int){1}) == 0);

    printf("%10s", "bytes");
    for (int way = 0; way < WAY_COUNT; way++)
        printf(" %13s", names[way]);
    printf("   CPU us a message; share that SEND_ZC copied\n");
    for (size_t bytes = 1024; bytes <= 1UL << 20; bytes *= 2) {
        printf("%10zu", bytes);
        size_t count = ROUND_BYTES / bytes < 20000 ? ROUND_BYTES / bytes : 20000;
        sender.zero_copies = sender.copied = 0;
        for (int way = 0; way < WAY_COUNT; way++) {
            double begun = thread_cpu_us();
            size_t offset = 0;
            for (size_t i = 0; i < count; i++) {
                send_one(&sender, (enum way)way, offset, bytes);
                offset = offset + 2 * bytes <= FILE_BYTES ? offset + bytes : 0;
            }
            printf(" %13.2f", (thread_cpu_us() - begun) / (double)count);
        }
        printf("   %.0f %%\n", 100.0 * (double)sender.copied /
                                   (double)(sender.zero_copies > 0 ? sender.zero_copies : 1));
        fflush(stdout);
    }
    shutdown(sender.socket, SHUT_WR);
    pthread_join(thread, NULL);
    return 0;
}

static void send_one(struct sender *sender, enum way way, size_t offset, size_t bytes)
{
    off_t at = (off_t)offset;
    switch (way) {
    case WAY_READ:
        must(pread(sender->file, sender->buffer, bytes, at) == (ssize_t)bytes);
        send_whole(sender, sender->buffer, bytes, 0);
        break;
    case WAY_MAPPING:
        send_whole(sender, sender->mapping + offset, bytes, 0);
        break;
    case WAY_SENDFILE:
        send_from_file(sender, at, bytes);
        break;
    case WAY_SEND_ZC:
        send_zero_copy(sender, sender->mapping + offset, bytes);
        break;
    case WAY_ANSWER_COPIED:
        memcpy(sender->buffer, TEXT, sizeof TEXT - 1);
        must(pread(sender->file, sender->buffer + sizeof TEXT - 1, bytes, at) == (ssize_t)bytes);
        send_whole(sender, sender->buffer, sizeof TEXT - 1 + bytes, 0);
        break;
    case WAY_ANSWER_SENDFILE:
        send_whole(sender, TEXT, sizeof TEXT - 1, MSG_MORE);
        send_from_file(sender, at, bytes);
        break;
    case WAY_COUNT:
        must(false);
    }
}

static void send_from_file(struct sender *sender, off_t at, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = sendfile(sender->socket, sender->file, &at, bytes);
        if (sent > 0)
            bytes -= (size_t)sent;
        else
            wait_writable(sender->socket);
    }
}

/* One message at a time, with the completion and the notification that the pages are free. */
static void send_zero_copy(struct sender *sender, const char *from, size_t bytes)
{
    while (bytes > 0) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&sender->ring);
        io_uring_prep_send_zc(sqe, sender->socket, from, bytes, MSG_NOSIGNAL, SEND_ZC_REPORT_USAGE);
        bool more = true;
        while (more) {
            struct io_uring_cqe *cqe;
            io_uring_submit_and_wait(&sender->ring, 1);
            must(io_uring_peek_cqe(&sender->ring, &cqe) == 0);
            more = (cqe->flags & IORING_CQE_F_MORE) != 0;
            if (cqe->flags & IORING_CQE_F_NOTIF) {
                sender->zero_copies++;
                sender->copied += ((unsigned)cqe->res & NOTIF_USAGE_COPIED) != 0;
            } else if (cqe->res > 0) {
                from += cqe->res;
                bytes -= (size_t)cqe->res;
            } else {
                must(cqe->res == -EAGAIN);
                wait_writable(sender->socket);
            }
            io_uring_cqe_seen(&sender->ring, cqe);
        }
    }
}

static void send_whole(struct sender *sender, const char *from, size_t bytes, int flags)
{
    while (bytes > 0) {
        ssize_t sent = send(sender->socket, from, bytes, flags | MSG_NOSIGNAL);
        if (sent > 0) {
            from += sent;
            bytes -= (size_t)sent;
        } else {
            wait_writable(sender->socket);
        }
    }
}

static void wait_writable(int socket)
{
    poll(&(struct pollfd){.fd = socket, .events = POLLOUT}, 1, -1);
}

static void *drain(void *argument)
{
    static char sink[1 << 20];
    pin(1);
    while (read(*(int *)argument, sink, sizeof sink) > 0)
        continue;
    return NULL;
}

static void connect_pair(int *out_sender, int *out_reader)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(listening, (struct sockaddr *)&address, sizeof address) == 0);
    must(listen(listening, 1) == 0);
    must(getsockname(listening, (struct sockaddr *)&address, &bytes) == 0);
    *out_reader = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(*out_reader, (struct sockaddr *)&address, sizeof address) == 0);
    *out_sender = accept(listening, NULL, NULL);
    close(listening);
}

static double thread_cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void pin(int core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET((size_t)core, &cores);
    (void)sched_setaffinity(0, sizeof cores, &cores);
}
