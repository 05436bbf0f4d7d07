/* ocsp_response: what an OCSP response says of one certificate, and for how long.
 *
 * Each element is taken off the front of what is left of the one around it, so nothing is read
 * beyond the input, nor an element beyond the one that it stands in.
 */
#include "proto/ocsp_response.h"

/* DER tags (X.690); 0xA0 + n is the n-th of a choice or an optional one, when it has parts. */
#define TAG_INTEGER          0x02
#define TAG_OCTETS           0x04
#define TAG_OBJECT           0x06
#define TAG_ENUMERATED       0x0A
#define TAG_GENERALIZED_TIME 0x18
#define TAG_SEQUENCE         0x30
#define TAG_FIRST            0xA0
#define TAG_STATUS_GOOD      0x80
#define TAG_STATUS_REVOKED   0xA1
#define TAG_STATUS_UNKNOWN   0x82

#define SUCCESSFUL 0 /* OCSPResponseStatus */

#define TIME_BYTES                                                                                 \
    15 /* "20261125223900Z" (RFC 6960 section 4.2.2.1, RFC 5280 section 4.1.2.5.2)                 \
        */

static bool find_responses(struct span der, struct span *out_responses, bool *out_is_refused);
static bool read_single(struct span *responses, struct span *out_serial,
                        struct ocsp_facts *out_facts);
static bool read_status(struct span *single, enum ocsp_status *out_status);
static bool read_time(struct span *from, uint64_t *out_s);
static bool read_digits(const char *digits, size_t count, uint32_t *out_number);
static uint64_t days_before(uint32_t year, uint32_t month);
static struct span without_zeros(struct span number);
static bool take(struct span *from, uint8_t tag, struct span *out_content);
static bool take_any(struct span *from, uint8_t *out_tag, struct span *out_content);
static bool take_length(struct span *from, size_t *out_length);

enum ocsp_result ocsp_response_parse(struct span der, struct span serial,
                                     struct ocsp_facts *out_facts)
{
    struct span responses;
    bool is_refused = false;
    *out_facts = (struct ocsp_facts){0};
    if (!find_responses(der, &responses, &is_refused))
        return is_refused ? OCSP_REFUSED : OCSP_BAD;
    while (responses.length > 0) {
        struct span named;
        struct ocsp_facts facts;
        if (!read_single(&responses, &named, &facts))
            return OCSP_BAD;
        if (span_equal(without_zeros(named), without_zeros(serial))) {
            *out_facts = facts;
            return OCSP_DONE;
        }
    }
    return OCSP_OTHER;
}

/* OCSPResponse, BasicOCSPResponse and ResponseData, down to the list in it. */
static bool find_responses(struct span der, struct span *out_responses, bool *out_is_refused)
{
    struct span response, status, rest, type, octets, basic, data, part;
    uint8_t tag;
    if (!take(&der, TAG_SEQUENCE, &response) || der.length > 0 ||
        !take(&response, TAG_ENUMERATED, &status) || status.length != 1)
        return false;
    if (status.bytes[0] != SUCCESSFUL) {
        *out_is_refused = true;
        return false;
    }
    if (!take(&response, TAG_FIRST, &rest) || !take(&rest, TAG_SEQUENCE, &rest) ||
        !take(&rest, TAG_OBJECT, &type) || !take(&rest, TAG_OCTETS, &octets) ||
        !take(&octets, TAG_SEQUENCE, &basic) || !take(&basic, TAG_SEQUENCE, &data) ||
        !take_any(&data, &tag, &part))
        return false;
    /* The version is left out where it is the first; then comes who has answered, and when. */
    if (tag == TAG_FIRST && !take_any(&data, &tag, &part))
        return false;
    return take(&data, TAG_GENERALIZED_TIME, &part) && take(&data, TAG_SEQUENCE, out_responses);
}

static bool read_single(struct span *responses, struct span *out_serial,
                        struct ocsp_facts *out_facts)
{
    struct span single, certificate, part;
    *out_facts = (struct ocsp_facts){0};
    if (!take(responses, TAG_SEQUENCE, &single) || !take(&single, TAG_SEQUENCE, &certificate) ||
        !take(&certificate, TAG_SEQUENCE, &part) || !take(&certificate, TAG_OCTETS, &part) ||
        !take(&certificate, TAG_OCTETS, &part) || !take(&certificate, TAG_INTEGER, out_serial) ||
        !read_status(&single, &out_facts->status) || !read_time(&single, &out_facts->begin_s))
        return false;
    if (single.length == 0 || (uint8_t)single.bytes[0] != TAG_FIRST)
        return true;
    return take(&single, TAG_FIRST, &part) && read_time(&part, &out_facts->end_s);
}

static bool read_status(struct span *single, enum ocsp_status *out_status)
{
    uint8_t tag;
    struct span reason;
    if (!take_any(single, &tag, &reason))
        return false;
    if (tag == TAG_STATUS_GOOD)
        *out_status = OCSP_GOOD;
    else if (tag == TAG_STATUS_REVOKED)
        *out_status = OCSP_REVOKED;
    else if (tag == TAG_STATUS_UNKNOWN)
        *out_status = OCSP_UNKNOWN;
    else
        return false;
    return true;
}

static bool read_time(struct span *from, uint64_t *out_s)
{
    struct span text;
    uint32_t year, month, day, hour, minute, second;
    if (!take(from, TAG_GENERALIZED_TIME, &text) || text.length != TIME_BYTES ||
        text.bytes[14] != 'Z' || !read_digits(text.bytes, 4, &year) ||
        !read_digits(text.bytes + 4, 2, &month) || !read_digits(text.bytes + 6, 2, &day) ||
        !read_digits(text.bytes + 8, 2, &hour) || !read_digits(text.bytes + 10, 2, &minute) ||
        !read_digits(text.bytes + 12, 2, &second) || year < 1970 || month < 1 || month > 12 ||
        day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    *out_s = ((days_before(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second;
    return true;
}

static bool read_digits(const char *digits, size_t count, uint32_t *out_number)
{
    *out_number = 0;
    for (size_t i = 0; i < count; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return false;
        *out_number = *out_number * 10 + (uint32_t)(digits[i] - '0');
    }
    return true;
}

/* From 1970 to the first of a month. */
static uint64_t days_before(uint32_t year, uint32_t month)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint32_t past = year - 1;
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    uint64_t leap_days = past / 4 - past / 100 + past / 400 - 477; /* 477 before 1970 */
    return (uint64_t)(year - 1970) * 365 + leap_days + before[month - 1] + (is_leap && month > 2);
}

static struct span without_zeros(struct span number)
{
    while (number.length > 1 && number.bytes[0] == 0) {
        number.bytes++;
        number.length--;
    }
    return number;
}

static bool take(struct span *from, uint8_t tag, struct span *out_content)
{
    uint8_t found;
    return take_any(from, &found, out_content) && found == tag;
}

/* `out_content` may be the same as `from`: then what lies behind the element is left out. */
static bool take_any(struct span *from, uint8_t *out_tag, struct span *out_content)
{
    size_t length;
    if (from->length < 2)
        return false;
    *out_tag = (uint8_t)from->bytes[0];
    from->bytes++;
    from->length--;
    if (!take_length(from, &length) || length > from->length)
        return false;
    struct span content = {from->bytes, length};
    from->bytes += length;
    from->length -= length;
    *out_content = content;
    return true;
}

/* Definite lengths of up to 65535, in as few bytes as DER wants or more. */
static bool take_length(struct span *from, size_t *out_length)
{
    size_t bytes = 0, length = (uint8_t)from->bytes[0];
    if (length >= 0x80) {
        bytes = length - 0x80;
        length = 0;
    }
    if (bytes > 2 || from->length < bytes + 1 || (bytes == 0 && (uint8_t)from->bytes[0] == 0x80))
        return false;
    for (size_t i = 1; i <= bytes; i++)
        length = length << 8 | (uint8_t)from->bytes[i];
    from->bytes += bytes + 1;
    from->length -= bytes + 1;
    *out_length = length;
    return true;
}
