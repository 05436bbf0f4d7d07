/* script_login: how a POP3 client says who he is (RFC 1939, RFC 5034).
 *
 * The inside of the room script. The password is that of the run, with the user's name in it where
 * it has a place for one.
 */
#include "bench/script_inside.h"

#include "proto/must.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/md5.h>

#include <stdio.h>
#include <string.h>

static void base64(struct span plain, char *out_text, size_t text_bytes);
static size_t password_of(const struct script *script, struct span user, char *out_password,
                          size_t password_bytes);
static void apop_digest(const char *timestamp, struct span password, char *out_text);

enum script_wish script_login_next(struct script *script, struct script_out *out, uint64_t now_ns)
{
    if (script->queue_count > 0)
        return SCRIPT_WAIT;
    char name[USER_NAME_MAX], password[512], text[1024], plain[1024];
    struct span user = {name, user_range_name(&script->settings->users, script->user, name)};
    size_t length = password_of(script, user, password, sizeof password);
    int part = script->part++;
    switch (script->settings->auth) {
    case SCRIPT_AUTH_USER:
        if (part == 0) {
            script_ask(script, out, STEP_USER, 0, now_ns, "USER %.*s", (int)user.length, name);
            return SCRIPT_SAID;
        }
        script_ask(script, out, STEP_PASS, 0, now_ns, "PASS %.*s", (int)length, password);
        break;
    case SCRIPT_AUTH_PLAIN: {
        int count = snprintf(plain, sizeof plain, "%c%.*s%c%.*s", 0, (int)user.length, name, 0,
                             (int)length, password);
        base64((struct span){plain, (size_t)count}, text, sizeof text);
        script_ask(script, out, STEP_AUTH, 0, now_ns, "AUTH PLAIN %s", text);
        break;
    }
    case SCRIPT_AUTH_LOGIN:
        if (part == 0) {
            script_ask(script, out, STEP_AUTH, 0, now_ns, "AUTH LOGIN");
            return SCRIPT_SAID;
        }
        base64(part == 1 ? user : (struct span){password, length}, text, sizeof text);
        script_ask(script, out, STEP_AUTH, 0, now_ns, "%s", text);
        if (part == 1)
            return SCRIPT_SAID;
        break;
    case SCRIPT_AUTH_APOP:
        apop_digest(script->timestamp, (struct span){password, length}, text);
        script_ask(script, out, STEP_APOP, 0, now_ns, "APOP %.*s %s", (int)user.length, name, text);
        break;
    }
    /* The next stage waits for the answer: nothing is pipelined before the login is through. */
    script_advance(script);
    return SCRIPT_SAID;
}

bool script_login_timestamp(struct script *script)
{
    const struct span head = answer_head(&script->answer);
    const char *begin = memchr(head.bytes, '<', head.length);
    const size_t rest = begin == NULL ? 0 : head.length - (size_t)(begin - head.bytes);
    const char *end = rest == 0 ? NULL : memchr(begin, '>', rest);
    const size_t length = end == NULL ? 0 : (size_t)(end - begin) + 1;
    if (length == 0 || length >= sizeof script->timestamp) {
        script_fail(script, FAULT_REFUSED, "the greeting has no timestamp, so there is no APOP");
        return false;
    }
    memcpy(script->timestamp, begin, length);
    return true;
}

static void base64(struct span plain, char *out_text, size_t text_bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0;
    for (size_t i = 0; i < plain.length && at + 5 < text_bytes; i += 3) {
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (i + j < plain.length ? (uint8_t)plain.bytes[i + j] : 0);
        for (int j = 0; j < 4; j++)
            out_text[at++] = i + (size_t)j > plain.length ? '=' : digits[bits >> (18 - 6 * j) & 63];
    }
    out_text[at] = '\0';
}

static size_t password_of(const struct script *script, struct span user, char *out_password,
                          size_t password_bytes)
{
    const char *password = script->settings->password;
    const char *place = strstr(password, "%u");
    int length = place == NULL
                     ? snprintf(out_password, password_bytes, "%s", password)
                     : snprintf(out_password, password_bytes, "%.*s%.*s%s", (int)(place - password),
                                password, (int)user.length, user.bytes, place + 2);
    return (size_t)length < password_bytes ? (size_t)length : password_bytes - 1;
}

/* 32 digits and a NUL. */
static void apop_digest(const char *timestamp, struct span password, char *out_text)
{
    byte digest[WC_MD5_DIGEST_SIZE] = {0};
    wc_Md5 md5;
    must(wc_InitMd5(&md5) == 0 &&
         wc_Md5Update(&md5, (const byte *)timestamp, (word32)strlen(timestamp)) == 0 &&
         wc_Md5Update(&md5, (const byte *)password.bytes, (word32)password.length) == 0 &&
         wc_Md5Final(&md5, digest) == 0);
    wc_Md5Free(&md5);
    for (size_t i = 0; i < sizeof digest; i++)
        sprintf(out_text + 2 * i, "%02x", digest[i]);
}
