/* fuzz_account: any bytes as a passwd-file.
 *
 * What is refused has a sentence. What is accepted gives every user back by index and by name, and
 * each of them, and the stranger, has a hash of a length that a check takes.
 */
#include "core/account.h"
#include "core/account_line.h"
#include "proto/must.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    char error[64] = "";
    struct span text = {(const char *)bytes, count};
    struct accounts *accounts = accounts_parse("users", text, error, sizeof error);
    if (accounts == NULL) {
        must(strncmp(error, "users:", 6) == 0);
        return 0;
    }
    struct account stranger = accounts_stranger(accounts);
    must(stranger.hash.length < PASSWORD_HASH_BYTES);
    struct account at, found;
    uint32_t walked = 0;
    for (uint64_t cursor = 0; accounts_next(accounts, &cursor, &at); walked++) {
        must(account_name_is_valid(at.name));
        must(at.hash.length <= PASSWORD_MAX);
        must(accounts_find(accounts, at.name, &found));
        must(span_equal(found.name, at.name));
        must(span_equal(found.hash, at.hash) || span_equal(found.hash, stranger.hash));
        struct span shorter = {at.name.bytes, at.name.length - 1};
        if (accounts_find(accounts, shorter, &found))
            must(span_equal(found.name, shorter));
    }
    must(walked == accounts_count(accounts));
    accounts_free(&accounts);
    return 0;
}
