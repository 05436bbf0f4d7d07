/* fuzz_courier_sizelist: any bytes as a size list. Every good entry has a UIDL or none that fits.
 */
#include "proto/must.h"
#include "storage/courier_sizelist.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct span input = {(const char *)bytes, count};
    struct courier_sizelist list;
    if (courier_sizelist_read_header(&input, &list) != COURIER_SIZELIST_DONE)
        return 0;
    struct courier_sizelist_entry entry;
    enum courier_sizelist_result result;
    while ((result = courier_sizelist_read_entry(&input, &entry)) != COURIER_SIZELIST_MORE) {
        if (result == COURIER_SIZELIST_BAD)
            continue;
        must(entry.file_name.length > 0);
        char uidl[70];
        size_t length = courier_sizelist_uidl(&entry, uidl, sizeof uidl);
        must(length <= sizeof uidl && (entry.uid == 0 || length > 0));
        for (size_t i = 0; i < length; i++)
            must(uidl[i] > 0x20 && uidl[i] < 0x7f);
    }
    return 0;
}
