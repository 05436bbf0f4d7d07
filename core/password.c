/* password: hashes of passwords, checked and made.
 *
 * What is not PLAIN goes to libxcrypt or libargon2 as it is: the hash itself says how it was made.
 * Owns no memory beyond a call, and every copy of a password is wiped before the call returns.
 */
#include "core/password.h"

#include <argon2.h>
#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/md5.h>

/* bcrypt looks at 72 octets and silently forgets the others. */
#define BCRYPT_PASSWORD_MAX 72

/* 2^12 rounds of bcrypt are about 0.2 s; what the library would take, 2^5, is of the last century.
 */
#define BCRYPT_COST 12

/* Argon2id with 19 MiB and two passes: as costly for an attacker as more memory and one pass, and
 * many log-ins at once still fit into a server's memory. */
#define ARGON2_PASSES     2
#define ARGON2_KIB        (19 * 1024)
#define ARGON2_LANES      1
#define ARGON2_SALT_BYTES 16
#define ARGON2_HASH_BYTES 32

static enum password_check verify_plain(struct span stored, struct span password);
static enum password_check verify_crypt(struct span hash, struct span password);
static enum password_check verify_argon2(struct span hash, struct span password);

enum password_check password_verify(enum password_scheme scheme, struct span hash,
                                    struct span password)
{
    if (hash.length == 0 || password.length > PASSWORD_MAX)
        return PASSWORD_WRONG;
    switch (scheme) {
    case PASSWORD_PLAIN:
        return verify_plain(hash, password);
    case PASSWORD_CRYPT:
        return verify_crypt(hash, password);
    case PASSWORD_ARGON2ID:
        return verify_argon2(hash, password);
    }
    return PASSWORD_FAULT;
}

/* Looks at all `count` bytes wherever the first difference is. */
static bool equal_in_constant_time(const void *a, const void *b, size_t count)
{
    const unsigned char *left = a, *right = b;
    unsigned char difference = 0;
    for (size_t i = 0; i < count; i++)
        difference |= (unsigned char)(left[i] ^ right[i]);
    return difference == 0;
}

/* Both sides fill fields of one size with zeros behind them, so that not even the length of the
 * right password shows in the time. */
static enum password_check verify_plain(struct span stored, struct span password)
{
    char fields[2][PASSWORD_MAX] = {{0}};
    if (stored.length > PASSWORD_MAX)
        return PASSWORD_FAULT;
    memcpy(fields[0], stored.bytes, stored.length);
    if (password.length > 0)
        memcpy(fields[1], password.bytes, password.length);
    bool same = equal_in_constant_time(fields[0], fields[1], PASSWORD_MAX) &
                (stored.length == password.length);
    password_wipe(fields, sizeof fields);
    return same ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

/* Copies a span as a string; false where it is too long or a NUL would cut it off. */
static bool copy_string(struct span from, char *out_string, size_t room)
{
    if (from.length >= room)
        return false;
    if (from.length > 0)
        memcpy(out_string, from.bytes, from.length);
    out_string[from.length] = '\0';
    return strlen(out_string) == from.length;
}

static enum password_check verify_crypt(struct span hash, struct span password)
{
    char setting[PASSWORD_HASH_BYTES];
    char phrase[CRYPT_MAX_PASSPHRASE_SIZE];
    if (!copy_string(hash, setting, sizeof setting))
        return PASSWORD_FAULT;
    if (setting[0] == '!' || setting[0] == '*') /* how a locked account is written */
        return PASSWORD_WRONG;
    enum password_check check = PASSWORD_WRONG;
    if (copy_string(password, phrase, sizeof phrase)) {
        struct crypt_data data;
        memset(&data, 0, sizeof data);
        const char *made = crypt_rn(phrase, setting, &data, (int)sizeof data);
        if (made == NULL)
            check = PASSWORD_FAULT;
        else if (strlen(made) == hash.length && equal_in_constant_time(made, setting, hash.length))
            check = PASSWORD_RIGHT;
        password_wipe(&data, sizeof data);
    }
    password_wipe(phrase, sizeof phrase);
    return check;
}

static enum password_check verify_argon2(struct span hash, struct span password)
{
    static const char argon2id[] = "$argon2id$";
    static const char argon2i[] = "$argon2i$";
    char encoded[PASSWORD_HASH_BYTES];
    if (!copy_string(hash, encoded, sizeof encoded))
        return PASSWORD_FAULT;
    int result = ARGON2_INCORRECT_TYPE;
    if (strncmp(encoded, argon2id, sizeof argon2id - 1) == 0)
        result = argon2id_verify(encoded, password.bytes, password.length);
    else if (strncmp(encoded, argon2i, sizeof argon2i - 1) == 0)
        result = argon2i_verify(encoded, password.bytes, password.length);
    if (result == ARGON2_OK)
        return PASSWORD_RIGHT;
    return result == ARGON2_VERIFY_MISMATCH ? PASSWORD_WRONG : PASSWORD_FAULT;
}

bool password_is_quick(enum password_scheme scheme)
{
    return scheme == PASSWORD_PLAIN;
}

bool password_scheme_named(struct span name, enum password_scheme *out_scheme)
{
    static const struct {
        const char *name;
        enum password_scheme scheme;
    } schemes[] = {
        {"PLAIN", PASSWORD_PLAIN},        {"CLEARTEXT", PASSWORD_PLAIN},
        {"CRYPT", PASSWORD_CRYPT},        {"BLF-CRYPT", PASSWORD_CRYPT},
        {"SHA256-CRYPT", PASSWORD_CRYPT}, {"SHA512-CRYPT", PASSWORD_CRYPT},
        {"YESCRYPT", PASSWORD_CRYPT},     {"MD5-CRYPT", PASSWORD_CRYPT},
        {"ARGON2ID", PASSWORD_ARGON2ID},  {"ARGON2I", PASSWORD_ARGON2ID},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (span_equal_ignoring_case(name, span_of(schemes[i].name))) {
            *out_scheme = schemes[i].scheme;
            return true;
        }
    return false;
}

/* The schemes that password_make knows. Yescrypt is written as {CRYPT}, because other readers of
 * such files have no name for it. */
enum recipe { RECIPE_YESCRYPT, RECIPE_BCRYPT, RECIPE_SHA512, RECIPE_ARGON2ID, RECIPE_PLAIN };
static const struct {
    const char *name;
    const char *braces;
    const char *crypt_prefix;
    unsigned long crypt_cost; /* 0: the library's */
    size_t password_max;
} recipes[] = {
    [RECIPE_YESCRYPT] = {"yescrypt", "{CRYPT}", "$y$", 0, CRYPT_MAX_PASSPHRASE_SIZE - 1},
    [RECIPE_BCRYPT] = {"bcrypt", "{BLF-CRYPT}", "$2b$", BCRYPT_COST, BCRYPT_PASSWORD_MAX},
    [RECIPE_SHA512] = {"sha512-crypt", "{SHA512-CRYPT}", "$6$", 0, CRYPT_MAX_PASSPHRASE_SIZE - 1},
    [RECIPE_ARGON2ID] = {"argon2id", "{ARGON2ID}", NULL, 0, PASSWORD_MAX},
    [RECIPE_PLAIN] = {"plain", "{PLAIN}", NULL, 0, PASSWORD_HASH_BYTES - sizeof "{PLAIN}"},
};
#define RECIPES (sizeof recipes / sizeof recipes[0])

static bool make_crypt(enum recipe recipe, struct span password, char *out_hash, size_t room)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    char phrase[CRYPT_MAX_PASSPHRASE_SIZE];
    struct crypt_data data;
    memset(&data, 0, sizeof data);
    bool made = false;
    if (copy_string(password, phrase, sizeof phrase) &&
        crypt_gensalt_rn(recipes[recipe].crypt_prefix, recipes[recipe].crypt_cost, NULL, 0, setting,
                         (int)sizeof setting) != NULL) {
        const char *hash = crypt_rn(phrase, setting, &data, (int)sizeof data);
        made = hash != NULL && copy_string(span_of(hash), out_hash, room);
    }
    password_wipe(&data, sizeof data);
    password_wipe(phrase, sizeof phrase);
    return made;
}

static bool make_argon2(struct span password, char *out_hash, size_t room)
{
    unsigned char salt[ARGON2_SALT_BYTES];
    ssize_t drawn;
    do
        drawn = getrandom(salt, sizeof salt, 0);
    while (drawn < 0 && errno == EINTR);
    return drawn == sizeof salt &&
           argon2id_hash_encoded(ARGON2_PASSES, ARGON2_KIB, ARGON2_LANES, password.bytes,
                                 password.length, salt, sizeof salt, ARGON2_HASH_BYTES, out_hash,
                                 room) == ARGON2_OK;
}

/* What is wrong with a password as text, or NULL. */
static const char *find_fault(enum recipe recipe, struct span password)
{
    if (password.length == 0)
        return "the password is empty";
    if (memchr(password.bytes, '\0', password.length) != NULL)
        return "the password holds a NUL byte";
    for (size_t i = 0; i < password.length && recipe == RECIPE_PLAIN; i++)
        if (strchr(":\r\n", password.bytes[i]) != NULL)
            return "a plain password may not hold ':' or a line end; choose another scheme";
    return NULL;
}

bool password_make(const char *scheme_name, struct span password,
                   char out_hash[PASSWORD_HASH_BYTES], char *out_error, size_t error_bytes)
{
    enum recipe recipe = 0;
    while (recipe < RECIPES && strcasecmp(scheme_name, recipes[recipe].name) != 0)
        recipe++;
    if (recipe == RECIPES) {
        snprintf(out_error, error_bytes,
                 "the scheme %.40s is not known; write yescrypt, bcrypt, sha512-crypt, argon2id or "
                 "plain",
                 scheme_name);
        return false;
    }
    const char *fault = find_fault(recipe, password);
    if (fault != NULL) {
        snprintf(out_error, error_bytes, "%s", fault);
        return false;
    }
    if (password.length > recipes[recipe].password_max) {
        snprintf(out_error, error_bytes, "the password is too long; %s takes up to %zu octets",
                 recipes[recipe].name, recipes[recipe].password_max);
        return false;
    }
    size_t used = strlen(recipes[recipe].braces);
    memcpy(out_hash, recipes[recipe].braces, used);
    char *hash = out_hash + used;
    size_t room = PASSWORD_HASH_BYTES - used;
    bool made = false;
    switch (recipe) {
    case RECIPE_YESCRYPT:
    case RECIPE_BCRYPT:
    case RECIPE_SHA512:
        made = make_crypt(recipe, password, hash, room);
        break;
    case RECIPE_ARGON2ID:
        made = make_argon2(password, hash, room);
        break;
    case RECIPE_PLAIN:
        made = copy_string(password, hash, room);
        break;
    }
    if (!made)
        snprintf(out_error, error_bytes, "the library cannot make a %s hash on this machine",
                 recipes[recipe].name);
    return made;
}

/* The value of a hexadecimal digit, or -1. */
static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool password_apop(struct span timestamp, struct span password, struct span digest)
{
    unsigned char given[WC_MD5_DIGEST_SIZE], made[WC_MD5_DIGEST_SIZE];
    if (digest.length != 2 * sizeof given || password.length == 0 || password.length > PASSWORD_MAX)
        return false;
    for (size_t i = 0; i < sizeof given; i++) {
        int high = digit_value(digest.bytes[2 * i]), low = digit_value(digest.bytes[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        given[i] = (unsigned char)(high << 4 | low);
    }
    wc_Md5 md5;
    bool same = wc_InitMd5(&md5) == 0 &&
                wc_Md5Update(&md5, (const byte *)timestamp.bytes, (word32)timestamp.length) == 0 &&
                wc_Md5Update(&md5, (const byte *)password.bytes, (word32)password.length) == 0 &&
                wc_Md5Final(&md5, made) == 0 && equal_in_constant_time(given, made, sizeof given);
    wc_Md5Free(&md5);
    password_wipe(&md5, sizeof md5);
    password_wipe(made, sizeof made);
    return same;
}

void password_wipe(void *bytes, size_t count)
{
    explicit_bzero(bytes, count);
}
