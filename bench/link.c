/* link: one connection of the generator, from connect to close, with the session it plays. */
#include "bench/link.h"

#include "bench/link_send.h"
#include "bench/link_socket.h"
#include "bench/link_tls.h"
#include "proto/must.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a server gets to close after QUIT before we do. */
#define CLOSE_NS 2000000000U

static void received(struct op *op, int result, uint32_t flags);
static void became_writable(struct op *op, int result, uint32_t flags);
static void take(struct link *link, struct span bytes);
static void take_encrypted(struct link *link, struct span bytes);
static bool take_plain(struct link *link, struct span bytes);
static void go_on(struct link *link);
static void begin_tls(struct link *link);
static void ended(struct link *link, int error);
static void finish(struct link *link);
static void settle(struct link *link);
static void wait_for(struct link *link, enum link_wait wait, uint64_t after_ns);
static void count_session(struct link *link);

void link_begin(struct load *load, uint32_t kind, uint64_t user, uint64_t due_ns)
{
    const struct load_settings *settings = load->settings;
    struct link *link = slab_take(&load->links);
    must(link != NULL);
    memset(link, 0, offsetof(struct link, script));
    link->load = load;
    link->kind = kind;
    link->user = user;
    link->due_ns = due_ns;
    link->begun_ns = load_clock_ns();
    link->receive.done = received;
    link->writable.done = became_writable;
    link->is_slow =
        settings->slow_percent > 0 && random_below(&load->random, 100) < settings->slow_percent;
    link->next = load->all;
    if (load->all != NULL)
        load->all->previous = link;
    load->all = link;
    load->open_count++;
    load->tally.second.started++;
    load->tally.total.started += load_counts(load, due_ns);
    script_begin(&link->script, &settings->script, kind_at(kind),
                 load->user_first + user * load->user_step, &load->seen[user], load->example,
                 random_next(&load->random), link->begun_ns);
    if (load->phase != LOAD_RUNS)
        script_hurry(&link->script);
    wheel_add(&load->wheel, &link->timer,
              (link->begun_ns + settings->timeout_ns) / LOAD_TICK_NS + 1);
    link->socket = link_socket_connect(settings, &load->random, link->is_slow);
    if (link->socket < 0) {
        script_fail(&link->script, FAULT_CONNECT, "cannot connect: %s", strerror(-link->socket));
        finish(link);
        settle(link);
        return;
    }
    if (!link->is_slow)
        ring_receive_multishot(&load->ring, &link->receive, link->socket, INBOX_GROUP);
    if (settings->proxy != LOAD_PROXY_NONE) {
        char header[LINK_PROXY_MAX];
        size_t count = link_socket_proxy(settings, &load->random, header);
        link_send(link, header, count, (struct span){NULL, 0});
    }
    if (settings->target.tls)
        begin_tls(link);
}

void link_timeout(struct link *link)
{
    struct load *load = link->load;
    wheel_add(&load->wheel, &link->timer,
              (load->now_ns + load->settings->timeout_ns) / LOAD_TICK_NS + 1);
    switch (link->wait) {
    case LINK_ANSWERS: {
        char waiting[64];
        double timeout_s = (double)load->settings->timeout_ns / 1e9;
        script_describe(&link->script, waiting, sizeof waiting);
        if (link->has_greeted || link_socket_is_connected(link->socket))
            script_fail(&link->script, FAULT_TIMEOUT, "no answer to %s within %g s", waiting,
                        timeout_s);
        else
            script_fail(&link->script, FAULT_CONNECT, "no connection within %g s", timeout_s);
        finish(link);
        break;
    }
    case LINK_THINKS:
    case LINK_HOLDS:
        script_continue(&link->script);
        go_on(link);
        break;
    case LINK_CLOSES:
        (void)shutdown(link->socket, SHUT_RDWR);
        if (link->receive.in_flight)
            ring_cancel(&load->ring, &link->receive);
        break;
    }
    settle(link);
}

void link_hurry(struct link *link)
{
    script_hurry(&link->script);
    if (link->is_over || (link->wait != LINK_HOLDS && link->wait != LINK_THINKS))
        return;
    script_continue(&link->script);
    go_on(link);
    settle(link);
}

void link_cut(struct link *link, enum fault fault, const char *why)
{
    if (!link->is_over) {
        script_fail(&link->script, fault, "%s", why);
        finish(link);
    } else if (link->receive.in_flight) {
        (void)shutdown(link->socket, SHUT_RDWR);
    }
    settle(link);
}

void link_read_slowly(struct link *link, size_t bytes)
{
    char *buffer = link->load->plaintext;
    /* TLS needs that memory for itself. */
    char cipher[4096];
    if (link->tls != NULL)
        buffer = cipher;
    size_t room = link->tls != NULL ? sizeof cipher : INBOX_EACH_BYTES;
    ssize_t count = 1;
    while (bytes > 0 && count > 0 && !link->is_over) {
        count = recv(link->socket, buffer, bytes < room ? bytes : room, MSG_DONTWAIT);
        if (count > 0) {
            bytes -= (size_t)count;
            take(link, (struct span){buffer, (size_t)count});
        } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            ended(link, count == 0 ? 0 : errno);
        }
    }
    settle(link);
}

struct link *link_of_timer(struct wheel_entry *timer)
{
    return (struct link *)((char *)timer - offsetof(struct link, timer));
}

static void received(struct op *op, int result, uint32_t flags)
{
    struct link *link = (struct link *)((char *)op - offsetof(struct link, receive));
    struct load *load = link->load;
    load->now_ns = load_clock_ns();
    if (result > 0)
        take(link, (struct span){inbox_bytes(&load->inbox, flags), (size_t)result});
    if (flags & IORING_CQE_F_BUFFER)
        inbox_give(&load->inbox, flags);
    if (result == 0 || (result < 0 && result != -ENOBUFS))
        ended(link, -result);
    else if (!op->in_flight && (!link->is_over || link->script.fault == FAULT_NONE))
        ring_receive_multishot(&load->ring, op, link->socket, INBOX_GROUP);
    settle(link);
}

static void became_writable(struct op *op, int result, uint32_t flags)
{
    (void)result; /* an error shows at the next send */
    (void)flags;
    struct link *link = (struct link *)((char *)op - offsetof(struct link, writable));
    link->load->now_ns = load_clock_ns();
    if (!link->is_over && link_send_rest(link))
        go_on(link);
    else if (!link->is_over) /* slow, but it moves */
        wait_for(link, LINK_ANSWERS, link->load->settings->timeout_ns);
    settle(link);
}

static void take(struct link *link, struct span bytes)
{
    link->load->tally.second.received_bytes += bytes.length;
    /* What comes behind the end of TLS or of a failed session says nothing. */
    if (link->is_over && (link->tls != NULL || link->script.fault != FAULT_NONE))
        return;
    if (link->tls != NULL)
        take_encrypted(link, bytes);
    else if (take_plain(link, bytes))
        go_on(link);
}

static void take_encrypted(struct link *link, struct span bytes)
{
    struct tls_client *tls = link->tls;
    struct load *load = link->load;
    if (link_tls_take(link, bytes) && !load->settings->target.tls) {
        script_tls_began(&link->script);
        go_on(link);
    }
    size_t count;
    while (!link->is_over && (count = tls_client_read(tls, load->plaintext, INBOX_EACH_BYTES)) > 0)
        if (!take_plain(link, (struct span){load->plaintext, count}))
            break;
    if (tls->state == TLS_CLIENT_BROKEN && !link->is_over) {
        char reason[96];
        tls_client_reason(tls, reason, sizeof reason);
        script_fail(&link->script, FAULT_TLS, "%s", reason);
        finish(link);
        return;
    }
    go_on(link);
    /* close_notify: the server says no more, whether it closes the connection or not. */
    if (!link->is_over && tls->peer_ended)
        ended(link, 0);
    if (link->is_over)
        load->tls->out_bytes = 0;
}

/* False where the session has ended by it. What can be said is said once for all answers. */
static bool take_plain(struct link *link, struct span bytes)
{
    struct load *load = link->load;
    while (bytes.length > 0) {
        switch (script_take(&link->script, &bytes)) {
        case SCRIPT_MORE:
            break;
        case SCRIPT_FAILED:
            if (!link->is_over)
                finish(link);
            else
                count_session(link);
            return false;
        case SCRIPT_ANSWERED: {
            const struct script_asked *answered = &link->script.answered;
            link->has_greeted = true;
            if (load_counts(load, link->due_ns))
                histogram_record(&load->tally.total.steps[answered->step],
                                 load->now_ns - answered->asked_ns);
            break;
        }
        }
    }
    return true;
}

/* Says what may be said, and waits for what has to be waited for. */
static void go_on(struct link *link)
{
    struct load *load = link->load;
    struct script_out *out = &load->out;
    if (link->is_over)
        return;
    if (link->tls != NULL && link->tls->state == TLS_CLIENT_SHAKES) {
        link_tls_transmit(link);
        return;
    }
    /* What the socket has not taken yet comes first. */
    if (link->tls != NULL)
        link_tls_say_rest(link);
    if (link_send_is_behind(link) || link->is_over)
        return;
    out->count = 0;
    out->tail = (struct span){NULL, 0};
    enum script_wish wish = script_say(&link->script, out, load->now_ns);
    if (link->tls != NULL) {
        link_tls_say(link, out->bytes, out->count, out->tail);
    } else if (out->count > 0 || out->tail.length > 0) {
        link_send(link, out->bytes, out->count, out->tail);
    }
    if (link->is_over)
        return;
    switch (wish) {
    case SCRIPT_SAID:
    case SCRIPT_WAIT:
        wait_for(link, LINK_ANSWERS, load->settings->timeout_ns);
        break;
    case SCRIPT_THINK:
        wait_for(link, LINK_THINKS,
                 load->phase != LOAD_RUNS ? 0
                                          : (uint64_t)(random_exponential(&load->random) *
                                                       (double)load->settings->think_ns));
        break;
    case SCRIPT_HOLD:
        wait_for(link, LINK_HOLDS,
                 load->phase != LOAD_RUNS ? 0
                 : load->settings->hold_ns > 0
                     ? load->settings->hold_ns
                     : load->begun_ns + load->settings->length_ns - load->now_ns);
        break;
    case SCRIPT_TLS:
        begin_tls(link);
        break;
    case SCRIPT_END:
        finish(link);
        break;
    }
}

static void begin_tls(struct link *link)
{
    if (link_tls_begin(link))
        return;
    script_fail(&link->script, FAULT_TLS, "no memory for TLS");
    finish(link);
}

/* The server has closed, or the connection is broken. */
static void ended(struct link *link, int error)
{
    if (link->is_over)
        return;
    if (error != 0 && !link->has_greeted)
        script_fail(&link->script, FAULT_CONNECT, "cannot connect: %s", strerror(error));
    else if (error != 0 && error != ECONNRESET)
        script_fail(&link->script, FAULT_CLOSED, "%s", strerror(error));
    (void)script_closed(&link->script, error == ECONNRESET);
    finish(link);
}

/* The session has ended, well or not. */
static void finish(struct link *link)
{
    must(!link->is_over);
    struct load *load = link->load;
    link->is_over = true;
    count_session(link);
    script_end(&link->script);
    if (link->tls != NULL) {
        tls_client_fini(link->tls);
        load->tls->out_bytes = 0;
    }
    if (link->socket < 0)
        return;
    bool good = link->script.fault == FAULT_NONE;
    if (link->is_slow || !good)
        (void)shutdown(link->socket, SHUT_RDWR);
    if (!good && link->receive.in_flight)
        ring_cancel(&load->ring, &link->receive);
    if (link->writable.in_flight)
        ring_cancel(&load->ring, &link->writable);
    wait_for(link, LINK_CLOSES, CLOSE_NS);
}

/* Gives the link back when nothing of it is in flight. */
static void settle(struct link *link)
{
    struct load *load = link->load;
    if (!link->is_over || link->receive.in_flight || link->writable.in_flight)
        return;
    if (link->previous != NULL)
        link->previous->next = link->next;
    else
        load->all = link->next;
    if (link->next != NULL)
        link->next->previous = link->previous;
    if (link->socket >= 0)
        close(link->socket);
    wheel_remove(&load->wheel, &link->timer);
    load_user_is_idle(load, link->user);
    free(link->unsent);
    free(link->tls);
    load->open_count--;
    load->resting += link->script.fault != FAULT_NONE;
    slab_give(&load->links, link);
}

static void wait_for(struct link *link, enum link_wait wait, uint64_t after_ns)
{
    link->wait = wait;
    wheel_move(&link->load->wheel, &link->timer,
               (link->load->now_ns + after_ns) / LOAD_TICK_NS + 1);
}

static void count_session(struct link *link)
{
    struct load *load = link->load;
    struct tally *tally = &load->tally;
    const struct script *script = &link->script;
    bool counts = load_counts(load, link->due_ns);
    if (load->is_giving_up)
        return;
    if (script->fault != FAULT_NONE) {
        tally->second.failed++;
        if (counts || fault_is_wrong_server(script->fault)) {
            tally->total.failed++;
            tally_fault(&tally->total, script->fault, load->example);
        }
        return;
    }
    uint64_t latency_ns = load_clock_ns() - link->due_ns;
    tally->second.done++;
    tally->second.messages += script->message_count;
    histogram_record(&tally->second.latency, latency_ns);
    double share = load_share_in_time(load, link->begun_ns);
    tally->total.done_in_time += share;
    tally->total.messages_in_time += share * script->message_count;
    tally->total.octets_in_time += share * (double)script->message_octets;
    if (!counts)
        return;
    tally->total.done++;
    tally->total.messages += script->message_count;
    tally->total.octets += script->message_octets;
    tally->total.kinds_done[link->kind]++;
    histogram_record(&tally->total.latency, latency_ns);
    histogram_record(&tally->total.kinds[link->kind], latency_ns);
}
