/* fuzz_maildir_name: any bytes as the names of two files in a Maildir.
 *
 * The input is cut in two at its first line end. The order must be one: the same both ways round,
 * and equal only for the same name.
 */
#include "proto/must.h"
#include "storage/maildir_name.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct span a = {(const char *)bytes, count};
    const uint8_t *cut = count > 0 ? memchr(bytes, '\n', count) : NULL;
    struct span b = {a.bytes, 0};
    if (cut != NULL) {
        a.length = (size_t)(cut - bytes);
        b = (struct span){(const char *)cut + 1, count - a.length - 1};
    }
    struct maildir_name name;
    if (maildir_name_parse(a, &name)) {
        must(a.length > 0 && a.bytes[0] != '.' && memchr(a.bytes, '/', a.length) == NULL);
        must(name.base.length <= a.length);
    }
    must(sign(maildir_name_compare(a, b)) == -sign(maildir_name_compare(b, a)));
    must((maildir_name_compare(a, b) == 0) == span_equal(a, b));
    return 0;
}
