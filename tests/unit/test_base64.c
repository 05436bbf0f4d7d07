/* test_base64: the vectors of RFC 4648, and every way to spell one content wrongly. */
#include "proto/base64.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <string.h>

static struct guarded guarded_input, guarded_output;

static void setup(void)
{
    guarded_init(&guarded_input, 4096);
    guarded_init(&guarded_output, 4096);
}

static void teardown(void)
{
    guarded_fini(&guarded_input);
    guarded_fini(&guarded_output);
}

TestSuite(base64, .init = setup, .fini = teardown);

/* Decodes beside the input and in place; both must come to the same. */
static bool decode(const char *coded, size_t length, char *out_bytes, size_t *out_length)
{
    char *input = guarded_copy(&guarded_input, coded, length);
    char *beside = guarded_last(&guarded_output, length / 4 * 3);
    size_t beside_length;
    bool is_good = base64_decode((struct span){input, length}, beside, &beside_length);
    cr_assert(memcmp(input, coded, length) == 0);
    bool is_good_in_place = base64_decode((struct span){input, length}, input, out_length);
    cr_assert(is_good == is_good_in_place);
    if (is_good) {
        cr_assert(*out_length == beside_length);
        cr_assert(memcmp(input, beside, beside_length) == 0);
        memcpy(out_bytes, beside, beside_length);
    }
    return is_good;
}

static void expect(const char *coded, const char *plain)
{
    char bytes[64];
    size_t length;
    cr_assert(decode(coded, strlen(coded), bytes, &length), "%s is refused", coded);
    cr_assert(length == strlen(plain) && memcmp(bytes, plain, length) == 0, "%s is wrong", coded);
}

Test(base64, vectors_of_rfc_4648)
{
    expect("", "");
    expect("Zg==", "f");
    expect("Zm8=", "fo");
    expect("Zm9v", "foo");
    expect("Zm9vYg==", "foob");
    expect("Zm9vYmE=", "fooba");
    expect("Zm9vYmFy", "foobar");
}

Test(base64, challenges_of_login)
{
    expect("VXNlcm5hbWU6", "Username:");
    expect("UGFzc3dvcmQ6", "Password:");
}

Test(base64, all_letters_and_octets)
{
    char bytes[64];
    size_t length;
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    cr_assert(decode(letters, 64, bytes, &length) && length == 48);
    /* The letters in order are the six-bit numbers in order. */
    for (size_t i = 0; i < 64; i++) {
        unsigned value = 0;
        for (size_t bit = 6 * i; bit < 6 * i + 6; bit++) {
            value = value << 1 | ((unsigned char)bytes[bit / 8] >> (7 - bit % 8) & 1);
        }
        cr_assert(value == i);
    }
    cr_assert(decode("AP//gA==", 8, bytes, &length));
    cr_assert(length == 4 && memcmp(bytes, "\0\xFF\xFF\x80", 4) == 0);
}

Test(base64, every_other_octet_is_refused)
{
    char bytes[64];
    size_t length;
    for (int octet = 0; octet < 256; octet++) {
        bool is_letter = octet != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                              "0123456789+/",
                                              octet) != NULL;
        for (size_t place = 0; place < 4; place++) {
            char coded[8];
            memcpy(coded, "AAAAAAAA", 8);
            coded[place] = (char)octet;
            cr_assert(decode(coded, 8, bytes, &length) == is_letter, "octet %d at %zu", octet,
                      place);
        }
    }
}

Test(base64, padding_is_whole_and_only_at_the_end)
{
    static const char *const bad[] = {"Z",        "Zg",       "Zg=",      "Zm8",  "Zm9vYg",
                                      "Zg===",    "=",        "==",       "====", "Z===",
                                      "Zg==Zm8=", "Zg==Zg==", "Zm=v",     "=m9v", "Zm8=Zm9v",
                                      "Zm9v====", "Zg==\r\n", "Zm9v Zm9v"};
    char bytes[64];
    size_t length;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_not(decode(bad[i], strlen(bad[i]), bytes, &length), "%s is taken", bad[i]);
    }
}

Test(base64, bits_that_carry_nothing_must_be_zero)
{
    char bytes[64];
    size_t length;
    cr_assert_not(decode("Zh==", 4, bytes, &length));
    cr_assert_not(decode("Zv==", 4, bytes, &length));
    cr_assert_not(decode("Zm9=", 4, bytes, &length));
    cr_assert_not(decode("Zm/=", 4, bytes, &length));
}
