/* test_lmtp_trace: the lines, whole, and what must never get into them. */
#include "proto/lmtp_trace.h"

#include <criterion/criterion.h>
#include <string.h>

static char out[LMTP_TRACE_MAX];

static struct lmtp_trace all(void)
{
    return (struct lmtp_trace){
        .has_return_path = true,
        .has_delivered_to = true,
        .has_received = true,
        .reverse_path = SPAN_LITERAL("a@b.example"),
        .recipient = SPAN_LITERAL("joe@example.org"),
        .client_name = SPAN_LITERAL("mx.example.org"),
        .client_address = SPAN_LITERAL("192.0.2.1"),
        .host_name = SPAN_LITERAL("mail.example.org"),
        .id = SPAN_LITERAL("4f1-2"),
        .date = SPAN_LITERAL("Wed, 25 Nov 2026 22:28:51 +0000"),
    };
}

static void expect(const struct lmtp_trace *trace, const char *expected)
{
    size_t length = lmtp_trace_compose(trace, out);
    cr_assert(span_equal((struct span){out, length}, span_of(expected)), "%.*s", (int)length, out);
}

Test(lmtp_trace, all_lines)
{
    struct lmtp_trace trace = all();
    expect(&trace, "Return-Path: <a@b.example>\r\n"
                   "Delivered-To: joe@example.org\r\n"
                   "Received: from mx.example.org ([192.0.2.1])\r\n"
                   "\tby mail.example.org with LMTP id 4f1-2\r\n"
                   "\tfor <joe@example.org>;\r\n"
                   "\tWed, 25 Nov 2026 22:28:51 +0000\r\n");
}

Test(lmtp_trace, each_line_is_optional)
{
    struct lmtp_trace trace = all();
    trace.has_received = false;
    trace.has_delivered_to = false;
    trace.reverse_path = (struct span){NULL, 0};
    expect(&trace, "Return-Path: <>\r\n");
    trace.has_return_path = false;
    expect(&trace, "");
    trace.has_delivered_to = true;
    expect(&trace, "Delivered-To: joe@example.org\r\n");
    trace.has_delivered_to = false;
    trace.has_received = true;
    trace.client_address = (struct span){NULL, 0};
    trace.id = (struct span){NULL, 0};
    expect(&trace, "Received: from mx.example.org\r\n"
                   "\tby mail.example.org with LMTP\r\n"
                   "\tfor <joe@example.org>;\r\n"
                   "\tWed, 25 Nov 2026 22:28:51 +0000\r\n");
}

Test(lmtp_trace, protocol_names)
{
    static const char *const names[4] = {" with LMTP id", " with LMTPS id", " with UTF8LMTP id",
                                         " with UTF8LMTPS id"};
    for (unsigned i = 0; i < 4; i++) {
        struct lmtp_trace trace = all();
        trace.has_tls = (i & 1) != 0;
        trace.is_utf8 = (i & 2) != 0;
        size_t length = lmtp_trace_compose(&trace, out);
        cr_assert(memmem(out, length, names[i], strlen(names[i])) != NULL, "%s", names[i]);
    }
}

/* Each foreign text holds every octet; the lines stay those of ours. */
Test(lmtp_trace, no_text_can_break_out_of_its_line)
{
    char octets[256];
    for (unsigned i = 0; i < sizeof(octets); i++) {
        octets[i] = (char)i;
    }
    struct span low = {octets, 64};
    struct span high = {octets + 1, LMTP_HOST_NAME_MAX};
    struct lmtp_trace trace = all();
    trace.reverse_path = high;
    trace.recipient = high;
    trace.client_name = high;
    trace.client_address = high;
    trace.host_name = high;
    trace.id = low;
    trace.date = low;
    size_t length = lmtp_trace_compose(&trace, out);
    size_t line_count = 0;
    for (size_t i = 0; i < length; i++) {
        bool is_end = out[i] == '\r' && i + 1 < length && out[i + 1] == '\n';
        bool is_fold = out[i] == '\t' && i > 0 && out[i - 1] == '\n';
        cr_assert(is_end || is_fold || ((unsigned char)out[i] >= ' ' && out[i] != 0x7F),
                  "octet %zu", i);
        line_count += is_end;
        i += is_end;
    }
    cr_assert(line_count == 6);
}

Test(lmtp_trace, longest_texts_fit)
{
    char longest[LMTP_ADDRESS_MAX];
    memset(longest, 'x', sizeof(longest));
    struct span address = {longest, LMTP_ADDRESS_MAX};
    struct span host = {longest, LMTP_HOST_NAME_MAX};
    struct lmtp_trace trace = all();
    trace.reverse_path = address;
    trace.recipient = address;
    trace.client_name = host;
    trace.client_address = host;
    trace.host_name = host;
    trace.id = (struct span){longest, LMTP_TRACE_ID_MAX};
    trace.date = (struct span){longest, LMTP_TRACE_DATE_MAX};
    trace.has_tls = true;
    trace.is_utf8 = true;
    size_t length = lmtp_trace_compose(&trace, out);
    cr_assert(length > 0 && length <= LMTP_TRACE_MAX);
    size_t line = 0;
    for (size_t i = 0; i < length; i++) {
        line = out[i] == '\n' ? 0 : line + 1;
        cr_assert(line < 998);
    }
}
