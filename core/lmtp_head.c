/* lmtp_head: the lines that are put in front of each recipient's copy of a message. */
#include "core/lmtp_head.h"

#include "proto/must.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct span date_of(uint64_t time_s, char out_text[LMTP_TRACE_DATE_MAX]);
static struct span client_address(const struct conn *conn, char out_text[ADDRESS_TEXT_BYTES + 8]);

void lmtp_head_compose(struct lmtp_conn *lmtp)
{
    const struct conn *conn = &lmtp->conn;
    const struct config *config = &conn->shard->server->config;
    char date[LMTP_TRACE_DATE_MAX], id[LMTP_TRACE_ID_MAX], address[ADDRESS_TEXT_BYTES + 8];
    struct lmtp_trace trace = {
        .has_return_path = config->return_path,
        .has_delivered_to = config->delivered_to,
        .has_received = config->received,
        .reverse_path = lmtp_reverse_path(&lmtp->session),
        .client_name = lmtp_client_name(&lmtp->session),
        .client_address = client_address(conn, address),
        .host_name = lmtp->session.settings->host_name,
        .id = lmtp_head_id(lmtp, id),
        .date = date_of(conn->shard->log.time_s, date),
        .has_tls = conn->tls != NULL,
        .is_utf8 = lmtp_is_utf8(&lmtp->session),
    };
    for (struct lmtp_recipient *each = lmtp->recipients; each != NULL; each = each->next) {
        trace.recipient = (struct span){each->address, each->address_length};
        each->request.head = (struct span){each->head, lmtp_trace_compose(&trace, each->head)};
    }
}

struct span lmtp_head_id(const struct lmtp_conn *lmtp, char out_text[LMTP_TRACE_ID_MAX])
{
    const struct shard *shard = lmtp->conn.shard;
    int length = snprintf(out_text, LMTP_TRACE_ID_MAX, "%" PRIx64 ".%x.%" PRIx64, shard->log.time_s,
                          shard->number, lmtp->message_number);
    must(length > 0 && length < LMTP_TRACE_ID_MAX);
    return (struct span){out_text, (size_t)length};
}

/* RFC 5322 section 3.3, in UTC. */
static struct span date_of(uint64_t time_s, char out_text[LMTP_TRACE_DATE_MAX])
{
    struct tm parts;
    gmtime_r(&(time_t){(time_t)time_s}, &parts);
    return (struct span){
        out_text, strftime(out_text, LMTP_TRACE_DATE_MAX, "%a, %d %b %Y %H:%M:%S +0000", &parts)};
}

/* As an address literal without its brackets (RFC 5321 section 4.1.3). */
static struct span client_address(const struct conn *conn, char out_text[ADDRESS_TEXT_BYTES + 8])
{
    static const char v6[] = "IPv6:";
    const sa_family_t family = conn->peer.any.sa_family;
    if (family != AF_INET && family != AF_INET6)
        return (struct span){"", 0};
    char text[ADDRESS_TEXT_BYTES];
    address_to_text(&conn->peer.any, text);
    bool is_v6 = family == AF_INET6;
    const char *begin = is_v6 ? text + 1 : text;
    size_t length = strcspn(begin, is_v6 ? "]" : ":");
    size_t prefix = is_v6 ? sizeof v6 - 1 : 0;
    memcpy(out_text, v6, prefix);
    memcpy(out_text + prefix, begin, length);
    return (struct span){out_text, prefix + length};
}
