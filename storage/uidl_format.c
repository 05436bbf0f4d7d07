/* uidl_format: reads a format once for each UIDL, for it is a few bytes long; see uidl_format.h.
 *
 * It never writes beyond MAIL_UIDL_MAX, whatever width a format asks for, and allocates nothing.
 */
#include "storage/uidl_format.h"

#include "storage/decimal.h"
#include "storage/uidl.h"

#include <string.h>

static const struct {
    char letter;
    const char *name;
} variables[] = {{'u', "uid"}, {'v', "uidvalidity"}, {'f', "filename"}, {'g', "guid"}};
#define VARIABLES (sizeof variables / sizeof variables[0])

/* What stands for itself, or one "%...". */
struct item {
    char letter; /* of `variables`, '%', or '\0': the byte `itself` */
    const char *itself;
    bool from_end;
    bool zero_padded;
    bool hexadecimal, lower, upper;
    uint32_t offset, width; /* width 0: all of it */
};

struct output {
    char *bytes;
    size_t length;
    bool is_full;
};

static const char *take_item(struct span *rest, struct item *out_item);
static const char *take_braces(struct span *rest, struct item *item);
static bool names(struct span format, const char *letters);
static enum uidl_format_result put_item(struct output *output, const struct item *item,
                                        const struct uidl_parts *parts);
static void put(struct output *output, struct span bytes, const struct item *item);

enum uidl_format_result uidl_format_write(struct span format, const struct uidl_parts *parts,
                                          char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length)
{
    struct output output = {.bytes = out_uidl};
    *out_length = 0;
    while (format.length > 0) {
        struct item item;
        if (take_item(&format, &item) != NULL)
            return UIDL_FORMAT_WRONG;
        const enum uidl_format_result result = put_item(&output, &item, parts);
        if (result != UIDL_FORMAT_DONE)
            return result;
    }
    if (output.is_full || !uidl_is_valid((struct span){out_uidl, output.length}))
        return UIDL_FORMAT_INVALID;
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

const char *uidl_format_mistake(struct span format)
{
    while (format.length > 0) {
        struct item item;
        const char *mistake = take_item(&format, &item);
        if (mistake != NULL)
            return mistake;
        if (item.letter == '\0' && !uidl_is_valid((struct span){item.itself, 1}))
            return "has a character that no UIDL may have; RFC 1939 allows 0x21 to 0x7E";
    }
    return NULL;
}

bool uidl_format_needs_uid(struct span format)
{
    return names(format, "uv");
}

bool uidl_format_tells_apart(struct span format)
{
    return names(format, "ufg");
}

/* Whether it has one of these variables, as far as it is a format. */
static bool names(struct span format, const char *letters)
{
    while (format.length > 0) {
        struct item item;
        if (take_item(&format, &item) != NULL)
            return false;
        if (item.letter != '\0' && span_holds(span_of(letters), item.letter))
            return true;
    }
    return false;
}

static char peek(struct span text)
{
    return text.length > 0 ? text.bytes[0] : '\0';
}

static char step(struct span *text)
{
    char letter = peek(*text);
    text->bytes += text->length > 0;
    text->length -= text->length > 0;
    return letter;
}

/* A number, a zero in front said beside. */
static uint32_t take_width(struct span *text, bool *out_zero)
{
    uint32_t number = 0;
    *out_zero = peek(*text) == '0';
    while (peek(*text) >= '0' && peek(*text) <= '9' && number <= UIDL_FORMAT_WIDTH_MAX)
        number = number * 10 + (uint32_t)(step(text) - '0');
    return number;
}

/* NULL, or what is wrong with it; `rest`, which is not empty, loses at least a byte. */
static const char *take_item(struct span *rest, struct item *out_item)
{
    *out_item = (struct item){.itself = rest->bytes};
    if (step(rest) != '%')
        return NULL;
    const bool is_negative = peek(*rest) == '-';
    if (is_negative)
        step(rest);
    out_item->width = take_width(rest, &out_item->zero_padded);
    if (peek(*rest) == '.') {
        step(rest);
        out_item->offset = out_item->width;
        out_item->from_end = is_negative;
        out_item->width = take_width(rest, &out_item->zero_padded);
    } else if (is_negative) {
        return "has a minus sign without an offset; write %-offset.width and the letter";
    }
    if (out_item->width > UIDL_FORMAT_WIDTH_MAX || out_item->offset > UIDL_FORMAT_WIDTH_MAX)
        return "has a width or offset above 99";
    for (char letter = peek(*rest); letter == 'X' || letter == 'L' || letter == 'U';
         letter = peek(*rest)) {
        /* Dovecot acts on them in order, so that X undoes what came before. */
        out_item->hexadecimal = out_item->hexadecimal || letter == 'X';
        out_item->lower = letter == 'L';
        out_item->upper = letter == 'U';
        step(rest);
    }
    if (peek(*rest) == '{')
        return take_braces(rest, out_item);
    const char letter = step(rest);
    out_item->letter = letter;
    if (letter != 'u' && letter != 'v' && letter != 'f' && letter != 'g' && letter != '%')
        return "has a variable that is not known; known are %u, %v, %f, %g and %%";
    return NULL;
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
static bool take_filter(struct span filter, struct item *item)
{
    const struct span name = SPAN_LITERAL("hex");
    uint64_t width = 0;
    item->hexadecimal = true;
    if (span_equal(filter, name))
        return true;
    if (filter.length < name.length + 3 || memcmp(filter.bytes, name.bytes, name.length) != 0 ||
        filter.bytes[name.length] != '(' || filter.bytes[filter.length - 1] != ')')
        return false;
    const struct span digits = {filter.bytes + name.length + 1, filter.length - name.length - 2};
    if (!span_number(trim(digits), &width) || width > UIDL_FORMAT_WIDTH_MAX)
        return false;
    item->width = (uint32_t)width;
    item->zero_padded = true;
    return true;
}

static const char *take_braces(struct span *rest, struct item *item)
{
    static const char mistake[] = "has braces that are not known; write %{uid}, %{uidvalidity}, "
                                  "%{filename} or %{guid}, or %{uid | hex(8)}";
    const char *end = memchr(rest->bytes, '}', rest->length);
    if (end == NULL)
        return "has a brace that is not closed";
    struct span name = {rest->bytes + 1, (size_t)(end - rest->bytes) - 1};
    rest->length -= (size_t)(end + 1 - rest->bytes);
    rest->bytes = end + 1;
    const char *bar = name.length > 0 ? memchr(name.bytes, '|', name.length) : NULL;
    if (bar != NULL) {
        const size_t left = (size_t)(bar - name.bytes);
        if (!take_filter(trim((struct span){bar + 1, name.length - left - 1}), item))
            return mistake;
        name.length = left;
    }
    name = trim(name);
    for (size_t i = 0; i < VARIABLES; i++) {
        if (span_equal(name, span_of(variables[i].name))) {
            item->letter = variables[i].letter;
            return NULL;
        }
    }
    return mistake;
}

static struct span number_text(uint32_t number, bool hexadecimal, char digits[DECIMAL_BYTES_MAX])
{
    if (!hexadecimal)
        return (struct span){digits, decimal_write(number, digits)};
    size_t first = DECIMAL_BYTES_MAX;
    do {
        digits[--first] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (number != 0);
    return (struct span){digits + first, DECIMAL_BYTES_MAX - first};
}

/* The value, cut as its offset and width say, and the zeros that stand before it. */
static enum uidl_format_result put_item(struct output *output, const struct item *item,
                                        const struct uidl_parts *parts)
{
    char digits[DECIMAL_BYTES_MAX];
    struct span value = {item->letter == '%' ? "%" : item->itself, 1};
    if (item->letter == 'u' || item->letter == 'v') {
        const uint32_t number = item->letter == 'u' ? parts->uid : parts->uid_validity;
        if (number == 0)
            return UIDL_FORMAT_UNKNOWN;
        value = number_text(number, item->hexadecimal, digits);
    } else if (item->letter == 'f' || item->letter == 'g') {
        value = item->letter == 'f' ? parts->name : parts->guid;
        if (value.length == 0)
            return UIDL_FORMAT_UNKNOWN;
    }
    size_t skip = item->offset;
    if (item->from_end)
        skip = value.length > skip ? value.length - skip : 0;
    skip = skip < value.length ? skip : value.length;
    value = (struct span){value.bytes + skip, value.length - skip};
    if (item->zero_padded) {
        for (size_t length = value.length; length < item->width; length++)
            put(output, SPAN_LITERAL("0"), item);
    } else if (item->width > 0 && value.length > item->width) {
        value.length = item->width;
    }
    put(output, value, item);
    return UIDL_FORMAT_DONE;
}

static void put(struct output *output, struct span bytes, const struct item *item)
{
    output->is_full = output->is_full || bytes.length > MAIL_UIDL_MAX - output->length;
    for (size_t i = 0; i < bytes.length && !output->is_full; i++) {
        char byte = bytes.bytes[i];
        if (item->lower && byte >= 'A' && byte <= 'Z')
            byte = (char)(byte - 'A' + 'a');
        if (item->upper && byte >= 'a' && byte <= 'z')
            byte = (char)(byte - 'a' + 'A');
        output->bytes[output->length++] = byte;
    }
}
