/* test_ocsp_response: a response as openssl makes it, cut, changed, and with other dates. */
#include "proto/ocsp_response.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define BYTES_MAX 4096

static struct guarded guarded;
static struct ocsp_facts facts;
static char response[BYTES_MAX];
static size_t bytes;
static size_t begin_at, end_at; /* of the two dates, behind the one when it was made */
static const struct span serial = SPAN_LITERAL("\0\xb2\xc3");

static void setup(void)
{
    guarded_init(&guarded, BYTES_MAX);
    FILE *file = fopen("tests/data/tls/stapled.der", "rb");
    cr_assert(file != NULL);
    bytes = fread(response, 1, sizeof(response), file);
    fclose(file);
    size_t found = 0;
    for (size_t i = 0; i + 17 < bytes && found < 3; i++) {
        if (memcmp(response + i, "\x18\x0f", 2) == 0) {
            begin_at = end_at;
            end_at = i + 2;
            found++;
        }
    }
    cr_assert(found == 3);
}

static void teardown(void)
{
    guarded_fini(&guarded);
}

TestSuite(ocsp_response, .init = setup, .fini = teardown);

static enum ocsp_result parse(size_t length)
{
    memset(&facts, 0xA5, sizeof(facts));
    return ocsp_response_parse((struct span){guarded_copy(&guarded, response, length), length},
                               serial, &facts);
}

Test(ocsp_response, what_it_says)
{
    cr_assert(parse(bytes) == OCSP_DONE);
    cr_expect(facts.status == OCSP_GOOD);
    cr_expect(facts.begin_s > 1790000000 && facts.begin_s < 1800000000);
    cr_expect(facts.end_s == facts.begin_s + 24000UL * 24 * 3600);
}

Test(ocsp_response, a_part_is_none)
{
    for (size_t length = 0; length < bytes; length++) {
        cr_assert(parse(length) == OCSP_BAD, "%zu bytes", length);
        cr_assert(facts.end_s == 0);
    }
    response[bytes] = 0;
    cr_expect(parse(bytes + 1) == OCSP_BAD);
}

Test(ocsp_response, another_serial_is_another_certificate)
{
    static const struct span others[] = {SPAN_LITERAL("\xb2\xc4"), SPAN_LITERAL("\xb2"),
                                         SPAN_LITERAL("\1\xb2\xc3"), SPAN_LITERAL("")};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cr_expect(ocsp_response_parse((struct span){response, bytes}, others[i], &facts) ==
                  OCSP_OTHER);
    }
    cr_expect(ocsp_response_parse((struct span){response, bytes}, SPAN_LITERAL("\xb2\xc3"),
                                  &facts) == OCSP_DONE);
}

Test(ocsp_response, a_refusal)
{
    static const struct span refusal = SPAN_LITERAL("\x30\x03\x0a\x01\x03");
    cr_expect(ocsp_response_parse(refusal, serial, &facts) == OCSP_REFUSED);
}

static void expect_date(const char *date, uint64_t seconds)
{
    memcpy(response + begin_at, date, 15);
    if (seconds == 0) {
        cr_expect(parse(bytes) == OCSP_BAD, "%s", date);
        return;
    }
    cr_expect(parse(bytes) == OCSP_DONE, "%s", date);
    cr_expect(facts.begin_s == seconds, "%s is %lu", date, facts.begin_s);
}

Test(ocsp_response, dates)
{
    expect_date("19700101000001Z", 1);
    expect_date("20000228235959Z", 951782399);
    expect_date("20000301000000Z", 951868800);
    expect_date("20240229120000Z", 1709208000);
    expect_date("21000301000000Z", 4107542400);
    expect_date("99991231235959Z", 253402300799);
    static const char *const bad[] = {
        "19691231235959Z", "20261301000000Z", "20260001000000Z", "20260100000000Z",
        "20260132000000Z", "20260101240000Z", "20260101006000Z", "20260101000061Z",
        "2026010100000+Z", "20260101000000+", "2026 101000000Z",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect_date(bad[i], 0);
    }
}

Test(ocsp_response, without_an_end)
{
    /* Another tag in front: an extension of the single response. */
    response[end_at - 4] = (char)0xA1;
    cr_assert(parse(bytes) == OCSP_DONE);
    cr_expect(facts.end_s == 0);
}

Test(ocsp_response, status)
{
    response[begin_at - 4] = (char)0x82;
    cr_assert(parse(bytes) == OCSP_DONE);
    cr_expect(facts.status == OCSP_UNKNOWN);
    response[begin_at - 4] = (char)0xA1;
    cr_assert(parse(bytes) == OCSP_DONE);
    cr_expect(facts.status == OCSP_REVOKED);
    response[begin_at - 4] = (char)0x83;
    cr_expect(parse(bytes) == OCSP_BAD);
}

/* Whatever stands anywhere, nothing outside is read. */
Test(ocsp_response, damage_at_every_point)
{
    for (size_t i = 0; i < bytes; i++) {
        for (int bit = 0; bit < 8; bit++) {
            response[i] = (char)(response[i] ^ 1 << bit);
            (void)parse(bytes);
            response[i] = (char)(response[i] ^ 1 << bit);
        }
    }
}
