/* lmtp_trace: texts, one behind the other, into a buffer that holds the longest of them all.
 *
 * Our own words go in as they are; whatever came as a text goes through write_foreign.
 */
#include "proto/lmtp_trace.h"

#include "proto/must.h"

#include <string.h>

struct writer {
    char *out;
    size_t used;
};

static void write_received(struct writer *writer, const struct lmtp_trace *trace);
static void write_path(struct writer *writer, struct span address);
static void write_ours(struct writer *writer, struct span text);
static void write_foreign(struct writer *writer, struct span text, size_t length_max);
static struct span protocol_name(const struct lmtp_trace *trace);

size_t lmtp_trace_compose(const struct lmtp_trace *trace, char out[LMTP_TRACE_MAX])
{
    struct writer writer = {out, 0};
    if (trace->has_return_path) {
        write_ours(&writer, SPAN_LITERAL("Return-Path: "));
        write_path(&writer, trace->reverse_path);
        write_ours(&writer, SPAN_LITERAL("\r\n"));
    }
    if (trace->has_delivered_to) {
        write_ours(&writer, SPAN_LITERAL("Delivered-To: "));
        write_foreign(&writer, trace->recipient, LMTP_ADDRESS_MAX);
        write_ours(&writer, SPAN_LITERAL("\r\n"));
    }
    if (trace->has_received) {
        write_received(&writer, trace);
    }
    return writer.used;
}

/* Each clause on a line of its own: the longest address has room in the 998 octets of a line. */
static void write_received(struct writer *writer, const struct lmtp_trace *trace)
{
    write_ours(writer, SPAN_LITERAL("Received: from "));
    write_foreign(writer, trace->client_name, LMTP_HOST_NAME_MAX);
    if (trace->client_address.length > 0) {
        write_ours(writer, SPAN_LITERAL(" (["));
        write_foreign(writer, trace->client_address, LMTP_HOST_NAME_MAX);
        write_ours(writer, SPAN_LITERAL("])"));
    }
    write_ours(writer, SPAN_LITERAL("\r\n\tby "));
    write_foreign(writer, trace->host_name, LMTP_HOST_NAME_MAX);
    write_ours(writer, SPAN_LITERAL(" with "));
    write_ours(writer, protocol_name(trace));
    if (trace->id.length > 0) {
        write_ours(writer, SPAN_LITERAL(" id "));
        write_foreign(writer, trace->id, LMTP_TRACE_ID_MAX);
    }
    if (trace->recipient.length > 0) {
        write_ours(writer, SPAN_LITERAL("\r\n\tfor "));
        write_path(writer, trace->recipient);
    }
    write_ours(writer, SPAN_LITERAL(";\r\n\t"));
    write_foreign(writer, trace->date, LMTP_TRACE_DATE_MAX);
    write_ours(writer, SPAN_LITERAL("\r\n"));
}

static void write_path(struct writer *writer, struct span address)
{
    write_ours(writer, SPAN_LITERAL("<"));
    write_foreign(writer, address, LMTP_ADDRESS_MAX);
    write_ours(writer, SPAN_LITERAL(">"));
}

static void write_ours(struct writer *writer, struct span text)
{
    must(text.length <= LMTP_TRACE_MAX - writer->used);
    memcpy(writer->out + writer->used, text.bytes, text.length);
    writer->used += text.length;
}

static void write_foreign(struct writer *writer, struct span text, size_t length_max)
{
    must(text.length <= length_max && text.length <= LMTP_TRACE_MAX - writer->used);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];
        writer->out[writer->used] = byte < ' ' || byte == 0x7F ? '?' : (char)byte;
        writer->used++;
    }
}

/* RFC 3848 and, with SMTPUTF8, RFC 6531 section 4.3. */
static struct span protocol_name(const struct lmtp_trace *trace)
{
    if (trace->is_utf8) {
        return trace->has_tls ? SPAN_LITERAL("UTF8LMTPS") : SPAN_LITERAL("UTF8LMTP");
    }
    return trace->has_tls ? SPAN_LITERAL("LMTPS") : SPAN_LITERAL("LMTP");
}
