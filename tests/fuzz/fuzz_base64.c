/* fuzz_base64: whatever is accepted is the one right spelling of its content.
 *
 * The content is encoded again by the shortest encoder there is; the same letters must come out.
 * What is refused must be refused in place as well.
 */
#include "proto/base64.h"
#include "proto/must.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void must_encode_to(const char *plain, size_t length, struct span coded);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct span coded = {(const char *)bytes, count};
    /* Exactly the room that the contract asks for, and one octet so that it has an address. */
    char *plain = malloc(count / 4 * 3 + 1);
    char *in_place = malloc(count + 1);
    must(plain != NULL && in_place != NULL);
    memcpy(in_place, bytes, count);
    size_t length, length_in_place;
    bool is_good = base64_decode(coded, plain, &length);
    must(base64_decode((struct span){in_place, count}, in_place, &length_in_place) == is_good);
    if (is_good) {
        must(length == length_in_place && memcmp(plain, in_place, length) == 0);
        must_encode_to(plain, length, coded);
    }
    free(plain);
    free(in_place);
    return 0;
}

static void must_encode_to(const char *plain, size_t length, struct span coded)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    must(coded.length == (length + 2) / 3 * 4);
    for (size_t i = 0; i < coded.length; i++) {
        /* Letter i has the bits 6 * i to 6 * i + 5. */
        if (6 * i >= 8 * length) {
            must(coded.bytes[i] == '=');
            continue;
        }
        unsigned value = 0;
        for (size_t bit = 6 * i; bit < 6 * i + 6; bit++) {
            unsigned octet = bit / 8 < length ? (unsigned char)plain[bit / 8] : 0;
            value = value << 1 | (octet >> (7 - bit % 8) & 1);
        }
        must(coded.bytes[i] == letters[value]);
    }
}
