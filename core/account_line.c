/* account_line: a line of the passwd-file, as Dovecot and the system write it:
 * name:hash:uid:gid:::home:::extra. */
#include "core/account_line.h"

#include "storage/users.h"

#include <string.h>

static const char *find_colon(struct span text);

const char *account_line_cut(struct span line, struct account *out_account)
{
    const char *colon = find_colon(line);
    if (colon == NULL)
        return "there is no ':' behind the name; write name:{SCHEME}hash";
    struct span name = {line.bytes, (size_t)(colon - line.bytes)};
    struct span field = {colon + 1, line.length - name.length - 1};
    const char *end = find_colon(field);
    if (end != NULL)
        field.length = (size_t)(end - field.bytes);
    *out_account = (struct account){.name = name, .scheme = PASSWORD_CRYPT, .hash = field};
    if (!account_name_is_valid(name))
        return "the name must have 1 to 248 characters, and no control characters";
    if (field.length > 0 && field.bytes[0] == '{') {
        const char *brace = memchr(field.bytes, '}', field.length);
        if (brace == NULL)
            return "the name of the scheme does not end; write name:{SCHEME}hash";
        size_t taken = (size_t)(brace + 1 - field.bytes);
        if (!password_scheme_named((struct span){field.bytes + 1, taken - 2}, &out_account->scheme))
            return "the scheme in the braces is not known; known are PLAIN, CRYPT, BLF-CRYPT, "
                   "SHA256-CRYPT, SHA512-CRYPT, YESCRYPT, MD5-CRYPT, ARGON2ID and ARGON2I";
        out_account->hash = (struct span){field.bytes + taken, field.length - taken};
    }
    size_t two_fields = name.length + 1 + field.length + (end != NULL);
    struct span rest = {line.bytes + two_fields, line.length - two_fields};
    for (int fields = 3; fields < 8 && rest.length > 0; fields++) {
        const char *next = find_colon(rest);
        size_t taken = next == NULL ? rest.length : (size_t)(next - rest.bytes) + 1;
        if (fields == 6)
            out_account->home = (struct span){rest.bytes, taken - (next != NULL)};
        rest = (struct span){rest.bytes + taken, rest.length - taken};
    }
    out_account->extra = rest;
    size_t most = out_account->scheme == PASSWORD_PLAIN ? PASSWORD_MAX : PASSWORD_HASH_BYTES - 1;
    return out_account->hash.length > most ? "the hash is too long" : NULL;
}

bool account_name_is_valid(struct span name)
{
    if (name.length == 0 || name.length > USERS_NAME_MAX || name.bytes[0] == '#')
        return false;
    for (size_t i = 0; i < name.length; i++) {
        unsigned char byte = (unsigned char)name.bytes[i];
        if (byte < ' ' || byte == 0x7F || byte == ':')
            return false;
    }
    return true;
}

/* As memchr; most fields of most lines are empty. */
static const char *find_colon(struct span text)
{
    if (text.length == 0 || text.bytes[0] == ':')
        return text.length == 0 ? NULL : text.bytes;
    return memchr(text.bytes, ':', text.length);
}
