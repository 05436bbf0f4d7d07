/* link_tls: what a link and its TLS say to each other. */
#include "bench/link_tls.h"

#include "bench/link_send.h"

#include <stdlib.h>

#define RECORD_BYTES 16384

bool link_tls_begin(struct link *link)
{
    link->tls_ns = load_clock_ns();
    link->tls = malloc(sizeof *link->tls);
    if (link->tls != NULL && tls_client_init(link->tls, link->load->tls)) {
        link_tls_transmit(link);
        return true;
    }
    free(link->tls);
    link->tls = NULL;
    return false;
}

bool link_tls_take(struct link *link, struct span bytes)
{
    struct tls_client *tls = link->tls;
    struct load *load = link->load;
    tls->input = bytes;
    if (tls->state != TLS_CLIENT_SHAKES)
        return false;
    tls_client_shake(tls);
    if (tls->state == TLS_CLIENT_OPEN && load_counts(load, link->due_ns)) {
        histogram_record(&load->tally.total.steps[STEP_TLS], load->now_ns - link->tls_ns);
        load->tally.total.handshakes++;
        load->tally.total.resumed += tls_client_is_resumed(tls);
    }
    return tls->state == TLS_CLIENT_OPEN;
}

void link_tls_transmit(struct link *link)
{
    struct tls_client_context *context = link->load->tls;
    if (context->out_bytes > 0)
        link_send(link, context->out, context->out_bytes, (struct span){NULL, 0});
    context->out_bytes = 0;
}

void link_tls_say(struct link *link, const char *bytes, size_t count, struct span tail)
{
    if (count > 0)
        (void)tls_client_write(link->tls, bytes, count);
    link_tls_transmit(link);
    link->plain_tail = tail;
    link_tls_say_rest(link);
}

void link_tls_say_rest(struct link *link)
{
    struct span *tail = &link->plain_tail;
    while (tail->length > 0 && !link_send_is_behind(link)) {
        const size_t count = tail->length < RECORD_BYTES ? tail->length : RECORD_BYTES;
        const bool good = tls_client_write(link->tls, tail->bytes, count);
        link_tls_transmit(link);
        /* Where it is broken off, whoever reads next sees it. */
        *tail = good ? (struct span){tail->bytes + count, tail->length - count}
                     : (struct span){NULL, 0};
    }
}
