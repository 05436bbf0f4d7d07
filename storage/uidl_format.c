/* uidl_format: reads a format once for each UIDL, for it is a few bytes long; see uidl_format.h.
 *
 * It never writes beyond MAIL_UIDL_MAX, whatever width a format asks for, and allocates nothing.
 */
#include "storage/uidl_format.h"

#include <string.h>

/* A number in at most so many digits: 2^32 - 1 in decimal, or a width. */
#define DIGITS_MAX MAIL_UIDL_MAX

struct variable {
    char letter;
    const char *name;
};

static const struct variable variables[] = {
    {'u', "uid"}, {'v', "uidvalidity"}, {'f', "filename"}, {'g', "guid"}};
#define VARIABLES (sizeof variables / sizeof variables[0])

/* One "%..." of a format. */
struct item {
    char letter; /* of `variables`, or '%' */
    bool is_hexadecimal;
    uint32_t width;
};

struct output {
    char *bytes;
    size_t length;
    bool is_full;
};

static bool take_item(struct span *rest, struct item *out_item);
static bool take_braces(struct span *rest, struct item *out_item);
static enum uidl_format_result put_item(struct output *output, const struct item *item,
                                        const struct uidl_parts *parts);
static void put(struct output *output, struct span bytes);
static void put_number(struct output *output, uint32_t number, const struct item *item);

enum uidl_format_result uidl_format_write(struct span format, const struct uidl_parts *parts,
                                          char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length)
{
    struct output output = {.bytes = out_uidl};
    *out_length = 0;
    while (format.length > 0) {
        const char byte = *format.bytes;
        format.bytes++;
        format.length--;
        struct item item;
        if (byte != '%') {
            put(&output, (struct span){&byte, 1});
            continue;
        }
        if (!take_item(&format, &item))
            return UIDL_FORMAT_WRONG;
        const enum uidl_format_result result = put_item(&output, &item, parts);
        if (result != UIDL_FORMAT_DONE)
            return result;
    }
    if (output.is_full || output.length == 0)
        return UIDL_FORMAT_INVALID;
    for (size_t i = 0; i < output.length; i++) {
        if (out_uidl[i] < 0x21 || out_uidl[i] > 0x7e)
            return UIDL_FORMAT_INVALID;
    }
    *out_length = (uint8_t)output.length;
    return UIDL_FORMAT_DONE;
}

struct span uidl_format_named(struct span text)
{
    static const struct {
        const char *name, *format;
    } servers[] = {
        {"dovecot", "%08Xu%08Xv"}, {"courier", "UID%u-%v"}, {"cyrus", "%v.%u"},
        {"uw", "%08Xv%08Xu"},      {"own", "%f"},
    };
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        if (span_equal(text, span_of(servers[i].name)))
            return span_of(servers[i].format);
    }
    return text;
}

bool uidl_format_needs_uid(struct span format)
{
    while (format.length > 0) {
        const char byte = *format.bytes;
        format.bytes++;
        format.length--;
        struct item item;
        if (byte == '%' && take_item(&format, &item) && (item.letter == 'u' || item.letter == 'v'))
            return true;
    }
    return false;
}

/* What follows the percent sign. */
static bool take_item(struct span *rest, struct item *out_item)
{
    *out_item = (struct item){.width = 0};
    for (; rest->length > 0; rest->bytes++, rest->length--) {
        const char byte = *rest->bytes;
        if (byte >= '0' && byte <= '9') {
            out_item->width = out_item->width * 10 + (uint32_t)(byte - '0');
            if (out_item->width > DIGITS_MAX)
                return false;
        } else if (byte == 'X' && !out_item->is_hexadecimal) {
            out_item->is_hexadecimal = true;
        } else {
            break;
        }
    }
    if (rest->length == 0)
        return false;
    if (*rest->bytes == '{')
        return take_braces(rest, out_item);
    out_item->letter = *rest->bytes;
    rest->bytes++;
    rest->length--;
    for (size_t i = 0; i < VARIABLES; i++) {
        if (variables[i].letter == out_item->letter)
            return true;
    }
    return out_item->letter == '%';
}

static struct span trim(struct span text)
{
    for (; text.length > 0 && *text.bytes == ' '; text.bytes++)
        text.length--;
    while (text.length > 0 && text.bytes[text.length - 1] == ' ')
        text.length--;
    return text;
}

/* "hex" or "hex(8)". */
static bool take_filter(struct span filter, struct item *out_item)
{
    const struct span name = SPAN_LITERAL("hex");
    uint64_t width = 0;
    out_item->is_hexadecimal = true;
    if (span_equal(filter, name))
        return true;
    if (filter.length < name.length + 3 || memcmp(filter.bytes, name.bytes, name.length) != 0 ||
        filter.bytes[name.length] != '(' || filter.bytes[filter.length - 1] != ')')
        return false;
    const struct span digits = {filter.bytes + name.length + 1, filter.length - name.length - 2};
    if (!span_number(trim(digits), &width) || width > DIGITS_MAX)
        return false;
    out_item->width = (uint32_t)width;
    return true;
}

static bool take_braces(struct span *rest, struct item *out_item)
{
    const char *end = memchr(rest->bytes, '}', rest->length);
    if (end == NULL)
        return false;
    struct span name = {rest->bytes + 1, (size_t)(end - rest->bytes) - 1};
    rest->length -= (size_t)(end + 1 - rest->bytes);
    rest->bytes = end + 1;
    const char *bar = name.length > 0 ? memchr(name.bytes, '|', name.length) : NULL;
    if (bar != NULL) {
        const size_t left = (size_t)(bar - name.bytes);
        if (!take_filter(trim((struct span){bar + 1, name.length - left - 1}), out_item))
            return false;
        name.length = left;
    }
    name = trim(name);
    for (size_t i = 0; i < VARIABLES; i++) {
        if (span_equal(name, span_of(variables[i].name))) {
            out_item->letter = variables[i].letter;
            return true;
        }
    }
    return false;
}

static enum uidl_format_result put_item(struct output *output, const struct item *item,
                                        const struct uidl_parts *parts)
{
    if (item->letter == '%') {
        put(output, SPAN_LITERAL("%"));
    } else if (item->letter == 'u' || item->letter == 'v') {
        const uint32_t number = item->letter == 'u' ? parts->uid : parts->uid_validity;
        if (number == 0)
            return UIDL_FORMAT_UNKNOWN;
        put_number(output, number, item);
    } else {
        const struct span text = item->letter == 'f' ? parts->name : parts->guid;
        if (text.length == 0)
            return UIDL_FORMAT_UNKNOWN;
        put(output, text);
    }
    return UIDL_FORMAT_DONE;
}

static void put(struct output *output, struct span bytes)
{
    output->is_full = output->is_full || bytes.length > MAIL_UIDL_MAX - output->length;
    if (output->is_full)
        return;
    memcpy(output->bytes + output->length, bytes.bytes, bytes.length);
    output->length += bytes.length;
}

static void put_number(struct output *output, uint32_t number, const struct item *item)
{
    static const char letters[] = "0123456789abcdef";
    const uint32_t base = item->is_hexadecimal ? 16 : 10;
    char digits[DIGITS_MAX];
    uint32_t first = DIGITS_MAX;
    for (; number != 0 || first == DIGITS_MAX; number /= base)
        digits[--first] = letters[number % base];
    while (DIGITS_MAX - first < item->width)
        digits[--first] = '0';
    put(output, (struct span){digits + first, DIGITS_MAX - first});
}
