/* fuzz_maildir_uidl: any bytes as a format of UIDLs and, behind the first line end, a file name.
 *
 * What is taken for a format must give a valid UIDL for every name, and the same one each time.
 */
#include "proto/must.h"
#include "storage/maildir_uidl.h"
#include "storage/uidl.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct span text = {(const char *)bytes, count};
    const char *end = count > 0 ? memchr(text.bytes, '\n', count) : NULL;
    struct span base = {text.bytes, 0};
    if (end != NULL) {
        text.length = (size_t)(end - text.bytes);
        base = (struct span){end + 1, count - text.length - 1};
    }
    struct maildir_uidl_format format;
    if (maildir_uidl_parse(text, &format) != NULL)
        return 0;
    for (uint32_t uid = 0; uid < 3; uid++) {
        struct uidl_parts source = {uid * UINT32_MAX / 2, 7, base, {base.bytes, base.length / 2}};
        char uidl[MAIL_UIDL_MAX], again[MAIL_UIDL_MAX];
        uint8_t length = maildir_uidl_make(&format, &source, uidl);
        must(uidl_is_valid((struct span){uidl, length}));
        must(maildir_uidl_make(&format, &source, again) == length);
        must(memcmp(uidl, again, length) == 0);
    }
    return 0;
}
