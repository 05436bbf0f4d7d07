/* users: see users.h; the bytes are described in docs/FORMAT.md.
 *
 * One user has exactly one path, and one path at most one user: the way back accepts a name only in
 * the form that the way there writes.
 */
#include "storage/users.h"

#include "proto/must.h"

#include <string.h>

#define NAME_MAX_BYTES 255

static const char upper_digits[] = "0123456789ABCDEF";
static const char lower_digits[] = "0123456789abcdef";

static uint32_t name_hash(struct span user);
static bool byte_stays(char byte, size_t place);
static bool hex_value(char digit, uint32_t *out_value);

bool users_folder(struct span user, char out_path[USERS_FOLDER_BYTES])
{
    if (user.length == 0 || user.length > USERS_NAME_MAX)
        return false;
    uint32_t hash = name_hash(user);
    char path[USERS_FOLDER_BYTES] = {
        lower_digits[hash >> 12 & 15], lower_digits[hash >> 8 & 15], '/',
        lower_digits[hash >> 4 & 15],  lower_digits[hash & 15],      '/'};
    size_t used = 6;
    for (size_t i = 0; i < user.length; i++) {
        uint8_t byte = (uint8_t)user.bytes[i];
        bool stays = byte_stays(user.bytes[i], i);
        if (byte == 0 || used + (stays ? 1 : 3) > 6 + NAME_MAX_BYTES)
            return false;
        if (stays) {
            path[used++] = (char)byte;
            continue;
        }
        path[used++] = '%';
        path[used++] = upper_digits[byte >> 4];
        path[used++] = upper_digits[byte & 15];
    }
    path[used] = '\0';
    memcpy(out_path, path, used + 1);
    return true;
}

bool users_name(struct span folder_name, char out_name[USERS_NAME_MAX + 1])
{
    size_t used = 0;
    for (size_t i = 0; i < folder_name.length; used++) {
        if (used == USERS_NAME_MAX)
            return false;
        char byte = folder_name.bytes[i++];
        if (byte != '%') {
            if (!byte_stays(byte, used))
                return false;
            out_name[used] = byte;
            continue;
        }
        uint32_t high, low;
        if (folder_name.length - i < 2 || !hex_value(folder_name.bytes[i], &high) ||
            !hex_value(folder_name.bytes[i + 1], &low))
            return false;
        byte = (char)(uint8_t)(high << 4 | low);
        i += 2;
        if (byte == '\0' || byte_stays(byte, used))
            return false;
        out_name[used] = byte;
    }
    out_name[used] = '\0';
    return used > 0 && folder_name.length <= NAME_MAX_BYTES;
}

void users_file(const char *folder, const char *name, char out_path[USERS_FILE_BYTES])
{
    size_t folder_bytes = strlen(folder);
    size_t name_bytes = strlen(name);
    must(folder_bytes + 1 + name_bytes < USERS_FILE_BYTES);
    memcpy(out_path, folder, folder_bytes);
    out_path[folder_bytes] = '/';
    memcpy(out_path + folder_bytes + 1, name, name_bytes + 1);
}

/* FNV-1a of 32 bits, its halves folded to 16 (the authors' own advice for shorter hashes). It must
 * never change: it is where the mail is. */
static uint32_t name_hash(struct span user)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < user.length; i++)
        hash = (hash ^ (uint8_t)user.bytes[i]) * 16777619U;
    return (hash >> 16 ^ hash) & 0xFFFF;
}

static bool byte_stays(char byte, size_t place)
{
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9'))
        return true;
    if (byte == '.')
        return place > 0;
    return byte == '@' || byte == '_' || byte == '-' || byte == '+' || byte == '=';
}

static bool hex_value(char digit, uint32_t *out_value)
{
    const char *found = digit == '\0' ? NULL : memchr(upper_digits, digit, 16);
    if (found == NULL)
        return false;
    *out_value = (uint32_t)(found - upper_digits);
    return true;
}
