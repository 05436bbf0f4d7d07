/* link_send: what a client says goes to the socket, at once or when there is room. */
#include "bench/link_send.h"

#include "proto/must.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static void keep(struct link *link, const char *bytes, size_t count);
static void wait_for_room(struct link *link);

void link_send(struct link *link, const char *bytes, size_t count, struct span tail)
{
    must(tail.length == 0 || link->tail.length == 0);
    ssize_t sent = 0;
    if (!link_send_is_behind(link)) {
        struct iovec vectors[2] = {{(char *)(uintptr_t)bytes, count},
                                   {(char *)(uintptr_t)tail.bytes, tail.length}};
        struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};
        sent = tail.length == 0 ? send(link->socket, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL)
                                : sendmsg(link->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return;
        sent = sent < 0 ? 0 : sent;
        link->load->tally.second.sent_bytes += (uint64_t)sent;
    }
    size_t of_bytes = (size_t)sent < count ? (size_t)sent : count;
    size_t of_tail = (size_t)sent - of_bytes;
    if (of_bytes < count)
        keep(link, bytes + of_bytes, count - of_bytes);
    if (of_tail < tail.length)
        link->tail = (struct span){tail.bytes + of_tail, tail.length - of_tail};
    if (link_send_is_behind(link))
        wait_for_room(link);
}

bool link_send_is_behind(const struct link *link)
{
    return link->unsent_bytes > link->unsent_sent || link->tail.length > 0;
}

bool link_send_rest(struct link *link)
{
    while (link_send_is_behind(link)) {
        bool is_unsent = link->unsent_bytes > link->unsent_sent;
        const char *bytes = is_unsent ? link->unsent + link->unsent_sent : link->tail.bytes;
        size_t count = is_unsent ? link->unsent_bytes - link->unsent_sent : link->tail.length;
        ssize_t sent = send(link->socket, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN || errno == EINTR)
                wait_for_room(link);
            return false;
        }
        link->load->tally.second.sent_bytes += (uint64_t)sent;
        if (is_unsent) {
            link->unsent_sent += (size_t)sent;
        } else {
            link->tail.bytes += sent;
            link->tail.length -= (size_t)sent;
        }
    }
    free(link->unsent);
    link->unsent = NULL;
    link->unsent_bytes = link->unsent_sent = 0;
    return true;
}

static void keep(struct link *link, const char *bytes, size_t count)
{
    char *unsent = realloc(link->unsent, link->unsent_bytes + count);
    must(unsent != NULL);
    memcpy(unsent + link->unsent_bytes, bytes, count);
    link->unsent = unsent;
    link->unsent_bytes += count;
}

static void wait_for_room(struct link *link)
{
    if (!link->writable.in_flight)
        ring_poll_writable(&link->load->ring, &link->writable, link->socket);
}
