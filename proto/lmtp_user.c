/* lmtp_user: writes a user's name octet by octet, and stops where it would be none.
 *
 * An address is cut by lmtp_path already, so that nothing of its syntax has to be judged here.
 */
#include "proto/lmtp_user.h"

#include "proto/pop3.h"

_Static_assert(LMTP_USER_NAME_MAX == POP3_USER_NAME_MAX, "who gets mail can fetch it");

struct name {
    char *bytes;
    size_t length;
};

static bool write_local_part(struct name *name, struct span local_part, char delimiter);
static bool write_domain(struct name *name, struct span domain);
static bool write_byte(struct name *name, char byte);

bool lmtp_user_name(const struct lmtp_user_rule *rule, const struct lmtp_path *path,
                    char out_name[LMTP_USER_NAME_MAX], size_t *out_length)
{
    struct name name = {out_name, 0};
    *out_length = 0;
    if (!write_local_part(&name, path->local_part, rule->delimiter)) {
        return false;
    }
    if (rule->format == LMTP_USER_WHOLE_ADDRESS && path->domain.length > 0 &&
        !write_domain(&name, path->domain)) {
        return false;
    }
    *out_length = name.length;
    return name.length > 0;
}

static bool write_local_part(struct name *name, struct span local_part, char delimiter)
{
    bool is_quoted = local_part.length > 0 && local_part.bytes[0] == '"';
    size_t end = is_quoted ? local_part.length - 1 : local_part.length;
    for (size_t i = is_quoted ? 1 : 0; i < end; i++) {
        if (is_quoted && local_part.bytes[i] == '\\') {
            i++;
        }
        char byte = local_part.bytes[i];
        if (byte == delimiter && delimiter != '\0' && name->length > 0) {
            return true;
        }
        if (byte == '@' || !write_byte(name, byte)) {
            return false;
        }
    }
    return true;
}

static bool write_domain(struct name *name, struct span domain)
{
    if (!write_byte(name, '@')) {
        return false;
    }
    for (size_t i = 0; i < domain.length; i++) {
        if (!write_byte(name, domain.bytes[i])) {
            return false;
        }
    }
    return true;
}

static bool write_byte(struct name *name, char byte)
{
    if (name->length == LMTP_USER_NAME_MAX) {
        return false;
    }
    bool is_capital = byte >= 'A' && byte <= 'Z';
    name->bytes[name->length] = is_capital ? (char)(byte - 'A' + 'a') : byte;
    name->length++;
    return true;
}
