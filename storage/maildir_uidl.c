/* maildir_uidl: see maildir_uidl.h.
 *
 * A template is checked once when it is parsed and walked again for each message.
 */
#include "storage/maildir_uidl.h"

#include "storage/courier_sizelist.h"
#include "storage/crc32c.h"
#include "storage/decimal.h"

#include <string.h>

/* "%-9.099XLUu" and a little more. */
#define WIDTH_MAX 99

/* One variable of a template. */
struct variable {
    char letter; /* u, v, f, g or % */
    bool from_end;
    bool zero_padded;
    bool hexadecimal, lower, upper;
    uint32_t offset, width; /* width 0: all of it */
};

static const struct {
    const char *word;
    const char *text;
} words[] = {
    {"dovecot", "%08Xu%08Xv"}, {"cyrus", "%v.%u"}, {"uw", "%08Xv%08Xu"}, {"own", "%f"},
    {"courier", ""},           {"filename", ""},
};

static const char *take_variable(struct span *text, struct variable *out_variable);
static uint8_t expand(const char *text, const struct maildir_uidl_source *source,
                      char out[MAIL_UIDL_MAX]);
static size_t value_of(const struct variable *variable, const struct maildir_uidl_source *source,
                       char digits[DECIMAL_BYTES_MAX], struct span *out_value);

const char *maildir_uidl_parse(struct span text, struct maildir_uidl_format *out_format)
{
    *out_format = (struct maildir_uidl_format){
        .is_courier = span_equal(text, SPAN_LITERAL("courier")),
        .is_file_name = span_equal(text, SPAN_LITERAL("filename")),
        .crc = crc32c(0, text.bytes, text.length),
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (span_equal(text, span_of(words[i].word)))
            text = span_of(words[i].text);
    if (out_format->is_courier || out_format->is_file_name)
        return NULL;
    if (text.length > MAILDIR_UIDL_TEMPLATE_MAX)
        return "is too long; a template has at most 63 characters";
    memcpy(out_format->text, text.bytes, text.length);
    bool tells_apart = false;
    while (text.length > 0) {
        if (text.bytes[0] < 0x21 || text.bytes[0] > 0x7e)
            return "has a character that no UIDL may have; RFC 1939 allows 0x21 to 0x7E";
        struct variable variable = {.letter = '%'};
        if (text.bytes[0] == '%') {
            const char *mistake = take_variable(&text, &variable);
            if (mistake != NULL)
                return mistake;
        } else {
            text.bytes++;
            text.length--;
        }
        bool is_uid = variable.letter == 'u';
        out_format->needs_uid = out_format->needs_uid || is_uid || variable.letter == 'v';
        tells_apart = tells_apart || is_uid || variable.letter == 'f' || variable.letter == 'g';
    }
    return tells_apart ? NULL : "gives every message the same UIDL; use %u, %f or %g in it";
}

uint8_t maildir_uidl_make(const struct maildir_uidl_format *format,
                          const struct maildir_uidl_source *source, char out[MAIL_UIDL_MAX])
{
    uint8_t length = 0;
    if (format->is_courier || format->is_file_name)
        length = (uint8_t)courier_sizelist_name_uidl(source->base, out, MAIL_UIDL_MAX);
    else if (!format->needs_uid || source->uid != 0)
        length = expand(format->text, source, out);
    return maildir_uidl_is_valid((struct span){out, length}) ? length
                                                             : maildir_uidl_own(source->base, out);
}

uint8_t maildir_uidl_own(struct span base, char out[MAIL_UIDL_MAX])
{
    if (!maildir_uidl_is_valid(base))
        return maildir_uidl_hash(base, out);
    memcpy(out, base.bytes, base.length);
    return (uint8_t)base.length;
}

uint8_t maildir_uidl_hash(struct span base, char out[MAIL_UIDL_MAX])
{
    static const char digits[] = "0123456789abcdef";
    const unsigned __int128 prime = (unsigned __int128)0x1000000 << 64 | 0x13B;
    unsigned __int128 hash =
        (unsigned __int128)UINT64_C(0x6C62272E07BB0142) << 64 | UINT64_C(0x62B821756295C58D);
    for (size_t i = 0; i < base.length; i++) {
        hash ^= (unsigned char)base.bytes[i];
        hash *= prime;
    }
    for (int i = MAILDIR_UIDL_HASH_BYTES - 1; i >= 0; i--) {
        out[i] = digits[(unsigned)hash & 15];
        hash >>= 4;
    }
    return MAILDIR_UIDL_HASH_BYTES;
}

bool maildir_uidl_is_valid(struct span uidl)
{
    if (uidl.length == 0 || uidl.length > MAIL_UIDL_MAX)
        return false;
    for (size_t i = 0; i < uidl.length; i++)
        if (uidl.bytes[i] < 0x21 || uidl.bytes[i] > 0x7e)
            return false;
    return true;
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
    while (peek(*text) >= '0' && peek(*text) <= '9' && number <= WIDTH_MAX)
        number = number * 10 + (uint32_t)(step(text) - '0');
    return number;
}

/* Takes a percent sign and what belongs to it. NULL, or what is wrong with it. */
static const char *take_variable(struct span *text, struct variable *out_variable)
{
    struct variable variable = {0};
    step(text);
    bool is_negative = peek(*text) == '-';
    if (is_negative)
        step(text);
    variable.width = take_width(text, &variable.zero_padded);
    if (peek(*text) == '.') {
        step(text);
        variable.offset = variable.width;
        variable.from_end = is_negative;
        variable.width = take_width(text, &variable.zero_padded);
    } else if (is_negative) {
        return "has a minus sign without an offset; write %-offset.width and the letter";
    }
    if (variable.width > WIDTH_MAX || variable.offset > WIDTH_MAX)
        return "has a width or offset above 99";
    for (char letter = peek(*text); letter == 'X' || letter == 'L' || letter == 'U';
         letter = peek(*text)) {
        /* Dovecot acts on them in order, so that X undoes what came before. */
        variable.hexadecimal = variable.hexadecimal || letter == 'X';
        variable.lower = letter == 'L';
        variable.upper = letter == 'U';
        step(text);
    }
    variable.letter = step(text);
    char letter = variable.letter;
    if (letter != 'u' && letter != 'v' && letter != 'f' && letter != 'g' && letter != '%')
        return "has a variable that is not known; known are %u, %v, %f, %g and %%";
    *out_variable = variable;
    return NULL;
}

static uint8_t put(char *out, uint8_t used, struct span text, const struct variable *variable)
{
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.bytes[i];
        if (variable->lower && byte >= 'A' && byte <= 'Z')
            byte = (char)(byte - 'A' + 'a');
        if (variable->upper && byte >= 'a' && byte <= 'z')
            byte = (char)(byte - 'a' + 'A');
        out[used++] = byte;
    }
    return used;
}

/* 0 where it does not fit. */
static uint8_t expand(const char *text, const struct maildir_uidl_source *source,
                      char out[MAIL_UIDL_MAX])
{
    uint8_t used = 0;
    for (struct span rest = span_of(text); rest.length > 0;) {
        char digits[DECIMAL_BYTES_MAX];
        struct variable variable = {.letter = '\0'};
        struct span value = {rest.bytes, 1};
        size_t padding = 0;
        if (peek(rest) != '%') {
            step(&rest);
        } else {
            take_variable(&rest, &variable);
            padding = value_of(&variable, source, digits, &value);
        }
        if (value.length + padding > (size_t)(MAIL_UIDL_MAX - used))
            return 0;
        for (; padding > 0; padding--)
            out[used++] = '0';
        used = put(out, used, value, &variable);
    }
    return used;
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

/* The value, cut as its offset and width say; returns the zeros that stand before it. */
static size_t value_of(const struct variable *variable, const struct maildir_uidl_source *source,
                       char digits[DECIMAL_BYTES_MAX], struct span *out_value)
{
    struct span value = {"%", 1};
    if (variable->letter == 'u')
        value = number_text(source->uid, variable->hexadecimal, digits);
    else if (variable->letter == 'v')
        value = number_text(source->uid_validity, variable->hexadecimal, digits);
    else if (variable->letter == 'f')
        value = source->base;
    else if (variable->letter == 'g')
        value = source->guid.length > 0 ? source->guid : source->base;
    size_t skip = variable->offset;
    if (variable->from_end)
        skip = value.length > skip ? value.length - skip : 0;
    skip = skip < value.length ? skip : value.length;
    value = (struct span){value.bytes + skip, value.length - skip};
    size_t padding = 0;
    if (variable->width > 0 && variable->zero_padded)
        padding = value.length < variable->width ? variable->width - value.length : 0;
    else if (variable->width > 0 && value.length > variable->width)
        value.length = variable->width;
    *out_value = value;
    return padding;
}
