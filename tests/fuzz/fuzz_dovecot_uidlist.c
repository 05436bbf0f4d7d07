/* fuzz_dovecot_uidlist: any bytes as a uidlist.
 *
 * Each good entry that can be written must be read again as the same one, and UIDs only go up.
 */
#include "proto/must.h"
#include "storage/dovecot_uidlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void write_and_read(const struct dovecot_uidlist_entry *entry)
{
    static char text[65536];
    size_t length = dovecot_uidlist_write_entry(entry, text, sizeof text);
    if (length == 0)
        return;
    struct span input = {text, length};
    struct dovecot_uidlist list = {.version = 3};
    struct dovecot_uidlist_entry again;
    must(dovecot_uidlist_read_entry(&list, &input, &again) == DOVECOT_UIDLIST_DONE);
    must(input.length == 0 && again.uid == entry->uid);
    must(again.has_octets == entry->has_octets && again.octets == entry->octets);
    must(again.has_order == entry->has_order && again.order == entry->order);
    must(span_equal(again.uidl, entry->uidl) && span_equal(again.guid, entry->guid));
    must(span_equal(again.file_name, entry->file_name));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct span input = {(const char *)bytes, count};
    struct dovecot_uidlist list;
    if (dovecot_uidlist_read_header(&input, &list) != DOVECOT_UIDLIST_DONE)
        return 0;
    char header[DOVECOT_UIDLIST_HEADER_MAX];
    must(dovecot_uidlist_write_header(&list, header, sizeof header) > 0);
    struct dovecot_uidlist_entry entry;
    enum dovecot_uidlist_result result;
    uint32_t before = 0;
    while ((result = dovecot_uidlist_read_entry(&list, &input, &entry)) != DOVECOT_UIDLIST_MORE) {
        if (result == DOVECOT_UIDLIST_BAD)
            continue;
        must(entry.uid > before && list.next_uid > entry.uid);
        before = entry.uid;
        write_and_read(&entry);
    }
    return 0;
}
