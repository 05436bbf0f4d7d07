/* lmtp_path: the grammar of a path, one function a rule, each taking its part off a cursor.
 *
 * Kinder than RFC 5321 in one thing: dots may stand anywhere in a local part, because such
 * addresses are in use. Stricter in one: a control character is refused in every form that it can
 * take, UTF-8's too, so that no address can disturb a header line or a log.
 */
#include "proto/lmtp_path.h"

#include "proto/must.h"

static bool take_source_route(struct span *rest);
static bool take_mailbox(struct span *rest, struct lmtp_path *out_path);
static bool take_local_part(struct span *rest, bool *out_is_utf8);
static bool take_quoted(struct span *rest, bool *out_is_utf8);
static bool take_domain(struct span *rest, bool *out_is_utf8);
static bool take_literal(struct span *rest);
static bool take_byte(struct span *rest, char byte);
static bool take_utf8(struct span *rest);
static void drop(struct span *rest, size_t length);
static struct span taken(struct span from, struct span rest);
static bool is_alphanumeric(char byte);
static bool is_printable(char byte);

enum lmtp_path_result lmtp_path_take(struct span *rest, struct lmtp_path *out_path)
{
    *out_path = (struct lmtp_path){.is_utf8 = false};
    if (!take_byte(rest, '<')) {
        return LMTP_PATH_BAD;
    }
    if (take_byte(rest, '>')) {
        return rest->length == 0 || rest->bytes[0] == ' ' ? LMTP_PATH_GOOD : LMTP_PATH_BAD;
    }
    if (!take_source_route(rest) || !take_mailbox(rest, out_path) || !take_byte(rest, '>') ||
        (rest->length > 0 && rest->bytes[0] != ' ')) {
        return LMTP_PATH_BAD;
    }
    return out_path->address.length <= LMTP_ADDRESS_MAX ? LMTP_PATH_GOOD : LMTP_PATH_TOO_LONG;
}

bool lmtp_parameter_take(struct span *rest, struct lmtp_parameter *out_parameter)
{
    must(rest->length > 0);
    while (take_byte(rest, ' ')) {
    }
    struct span word = span_take_word(rest);
    /* The space belongs to the next parameter. */
    if (rest->length > 0) {
        *rest = (struct span){rest->bytes - 1, rest->length + 1};
    }
    struct span from = word;
    while (word.length > 0 && (is_alphanumeric(word.bytes[0]) || word.bytes[0] == '-')) {
        drop(&word, 1);
    }
    *out_parameter = (struct lmtp_parameter){.keyword = taken(from, word)};
    if (out_parameter->keyword.length == 0 || out_parameter->keyword.bytes[0] == '-') {
        return false;
    }
    if (word.length == 0) {
        return true;
    }
    if (!take_byte(&word, '=') || word.length == 0) {
        return false;
    }
    out_parameter->value = word;
    while (word.length > 0 && is_printable(word.bytes[0]) && word.bytes[0] != '=') {
        drop(&word, 1);
    }
    return word.length == 0;
}

/* "@one.example,@two.example:" in front of a mailbox (RFC 5321 appendix C): accepted, not obeyed.
 */
static bool take_source_route(struct span *rest)
{
    bool is_utf8;
    if (rest->length == 0 || rest->bytes[0] != '@') {
        return true;
    }
    do {
        if (!take_byte(rest, '@') || !take_domain(rest, &is_utf8)) {
            return false;
        }
    } while (take_byte(rest, ','));
    return take_byte(rest, ':');
}

static bool take_mailbox(struct span *rest, struct lmtp_path *out_path)
{
    struct span from = *rest;
    if (!take_local_part(rest, &out_path->is_utf8)) {
        return false;
    }
    out_path->local_part = taken(from, *rest);
    if (take_byte(rest, '@')) {
        struct span domain = *rest;
        if (!take_domain(rest, &out_path->is_utf8)) {
            return false;
        }
        out_path->domain = taken(domain, *rest);
    }
    out_path->address = taken(from, *rest);
    return true;
}

/* `out_is_utf8` is set where there is UTF-8, and else left alone; so in all of these. */
static bool take_local_part(struct span *rest, bool *out_is_utf8)
{
    if (rest->length > 0 && rest->bytes[0] == '"') {
        return take_quoted(rest, out_is_utf8);
    }
    struct span from = *rest;
    while (rest->length > 0) {
        char byte = rest->bytes[0];
        if (is_alphanumeric(byte) || span_holds(SPAN_LITERAL("!#$%&'*+-/=?^_`{|}~."), byte)) {
            drop(rest, 1);
        } else if (take_utf8(rest)) {
            *out_is_utf8 = true;
        } else {
            break;
        }
    }
    return rest->length < from.length;
}

/* Anything but an empty one, which nobody is called. */
static bool take_quoted(struct span *rest, bool *out_is_utf8)
{
    take_byte(rest, '"');
    struct span from = *rest;
    while (rest->length > 0 && rest->bytes[0] != '"') {
        bool is_pair = take_byte(rest, '\\');
        if (rest->length > 0 && (is_printable(rest->bytes[0]) || rest->bytes[0] == ' ')) {
            drop(rest, 1);
        } else if (!is_pair && take_utf8(rest)) {
            *out_is_utf8 = true;
        } else {
            return false;
        }
    }
    return rest->length < from.length && take_byte(rest, '"');
}

/* Underscores are in no host's name, and in the domains that people use. */
static bool take_domain(struct span *rest, bool *out_is_utf8)
{
    if (rest->length > 0 && rest->bytes[0] == '[') {
        return take_literal(rest);
    }
    struct span from = *rest;
    while (rest->length > 0) {
        char byte = rest->bytes[0];
        if (is_alphanumeric(byte) || span_holds(SPAN_LITERAL("-._"), byte)) {
            drop(rest, 1);
        } else if (take_utf8(rest)) {
            *out_is_utf8 = true;
        } else {
            break;
        }
    }
    return rest->length < from.length && from.bytes[0] != '.';
}

static bool take_literal(struct span *rest)
{
    take_byte(rest, '[');
    struct span from = *rest;
    while (rest->length > 0 && is_printable(rest->bytes[0]) &&
           !span_holds(SPAN_LITERAL("[]\\<>\"@"), rest->bytes[0])) {
        drop(rest, 1);
    }
    return rest->length < from.length && take_byte(rest, ']');
}

static bool take_byte(struct span *rest, char byte)
{
    if (rest->length == 0 || rest->bytes[0] != byte) {
        return false;
    }
    drop(rest, 1);
    return true;
}

/* One character above ASCII in its shortest form (RFC 3629 section 4), no surrogate, and none of
 * the control characters U+0080 to U+009F. */
static bool take_utf8(struct span *rest)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        size_t length;
    } forms[] = {
        {0xC2, 0xC2, 0xA0, 0xBF, 2}, {0xC3, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    const unsigned char *bytes = (const unsigned char *)rest->bytes;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (rest->length < forms[i].length || bytes[0] < forms[i].first_min ||
            bytes[0] > forms[i].first_max || bytes[1] < forms[i].second_min ||
            bytes[1] > forms[i].second_max) {
            continue;
        }
        for (size_t at = 2; at < forms[i].length; at++) {
            if ((bytes[at] & 0xC0) != 0x80) {
                return false;
            }
        }
        drop(rest, forms[i].length);
        return true;
    }
    return false;
}

static void drop(struct span *rest, size_t length)
{
    *rest = (struct span){rest->bytes + length, rest->length - length};
}

/* What lies between two states of a cursor. */
static struct span taken(struct span from, struct span rest)
{
    return (struct span){from.bytes, from.length - rest.length};
}

static bool is_alphanumeric(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9');
}

static bool is_printable(char byte)
{
    return byte > ' ' && byte < 0x7F;
}
