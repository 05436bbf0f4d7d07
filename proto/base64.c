/* base64: four letters to three octets, one group after the other.
 *
 * Used once a login, on a line of a SASL exchange; written to be checked by eye. Owns nothing and
 * never accepts what it would have to guess.
 */
#include "proto/base64.h"

static bool decode_group(const char *letters, bool is_last, char *out_bytes, size_t *out_length);
static int letter_value(char letter);

bool base64_decode(struct span coded, char *out_bytes, size_t *out_length)
{
    *out_length = 0;
    if (coded.length % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < coded.length; i += 4) {
        size_t group_length;
        if (!decode_group(coded.bytes + i, i + 4 == coded.length, out_bytes + *out_length,
                          &group_length)) {
            return false;
        }
        *out_length += group_length;
    }
    return true;
}

/* All four letters are read before the first octet is written: the two may be the same memory. */
static bool decode_group(const char *letters, bool is_last, char *out_bytes, size_t *out_length)
{
    size_t padding = 0;
    if (is_last && letters[3] == '=') {
        padding = letters[2] == '=' ? 2 : 1;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - padding ? letter_value(letters[i]) : 0;
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
    }
    uint32_t unused_bits = padding == 0 ? 0 : padding == 1 ? 0xFF : 0xFFFF;
    if ((bits & unused_bits) != 0) {
        return false;
    }
    *out_length = 3 - padding;
    for (size_t i = 0; i < *out_length; i++) {
        out_bytes[i] = (char)(bits >> (16 - 8 * i) & 0xFF);
    }
    return true;
}

static int letter_value(char letter)
{
    if (letter >= 'A' && letter <= 'Z') {
        return letter - 'A';
    }
    if (letter >= 'a' && letter <= 'z') {
        return letter - 'a' + 26;
    }
    if (letter >= '0' && letter <= '9') {
        return letter - '0' + 52;
    }
    if (letter == '+') {
        return 62;
    }
    return letter == '/' ? 63 : -1;
}
