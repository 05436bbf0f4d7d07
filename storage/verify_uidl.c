/* verify_uidl: the pass of a verification that looks for UIDLs that are there twice.
 *
 * A maildrop may hold more UIDLs than memory does. So their 32-bit sums are sorted part by part:
 * one walk over the log for the sums of each part, which fit the buffer, and only equal sums make
 * it look at the UIDLs themselves.
 */
#include "storage/crc32c.h"
#include "storage/verify_pass.h"

#include <string.h>

/* An entry is the sum in the upper half and the ordinal in the lower, so that sorting numbers puts
 * equal sums side by side in the order of delivery. */
#define ENTRY_BYTES   8
#define ENTRIES_MAX   (VERIFY_BUFFER_BYTES / ENTRY_BYTES)
#define ENTRIES_AIMED (ENTRIES_MAX / 2)

static enum mail_result collect(struct verify *verify, uint32_t part, uint32_t part_count,
                                uint32_t *out_count);
static enum mail_result compare(struct verify *verify, uint32_t count);
static enum mail_result compare_one(struct verify *verify, uint32_t at, bool *out_twice);
static enum mail_result read_record(struct verify *verify, uint32_t ordinal,
                                    struct record *out_record);
static void sort(char *entries, uint32_t count);
static void sift_down(char *entries, uint32_t root, uint32_t count);
static uint64_t entry_at(const char *entries, uint32_t at);
static void put_entry(char *entries, uint32_t at, uint64_t entry);

enum mail_result verify_uidls(struct verify *verify)
{
    uint32_t part_count = verify->summary->message_count / ENTRIES_AIMED + 1;
    for (uint32_t part = 0; part < part_count; part++) {
        uint32_t count;
        enum mail_result result = collect(verify, part, part_count, &count);
        if (result == MAIL_DONE)
            result = compare(verify, count);
        if (result != MAIL_DONE)
            return result;
    }
    return MAIL_DONE;
}

/* Entries of one part. A part can only outgrow the buffer, twice its due, where masses of UIDLs are
 * the same; then those that do fit are enough to say so. */
static enum mail_result collect(struct verify *verify, uint32_t part, uint32_t part_count,
                                uint32_t *out_count)
{
    char *entries = verify->access->scratch + VERIFY_BUFFER_PLACE;
    uint32_t count = 0;
    struct record record;
    for (uint32_t ordinal = 1; ordinal < verify->end && count < ENTRIES_MAX; ordinal++) {
        enum mail_result result = verify_next_live(verify, &ordinal, &record);
        if (result != MAIL_DONE)
            return result;
        if (ordinal == verify->end)
            break;
        uint32_t sum = crc32c(0, record.uidl.bytes, record.uidl.length);
        if (sum % part_count == part)
            put_entry(entries, count++, (uint64_t)sum << 32 | ordinal);
    }
    *out_count = count;
    return MAIL_DONE;
}

static enum mail_result compare(struct verify *verify, uint32_t count)
{
    char *entries = verify->access->scratch + VERIFY_BUFFER_PLACE;
    sort(entries, count);
    for (uint32_t at = 1; at < count; at++) {
        bool twice;
        enum mail_result result = compare_one(verify, at, &twice);
        if (result != MAIL_DONE)
            return result;
        if (twice)
            verify_found(verify, VERIFY_UIDL_TWICE, (uint32_t)entry_at(entries, at), 0);
    }
    return MAIL_DONE;
}

/* Whether one before entry `at` has the same UIDL; the nearest first, so that a mass of equal ones
 * takes one look each. */
static enum mail_result compare_one(struct verify *verify, uint32_t at, bool *out_twice)
{
    const char *entries = verify->access->scratch + VERIFY_BUFFER_PLACE;
    uint64_t entry = entry_at(entries, at);
    *out_twice = false;
    for (uint32_t other = at; other-- > 0 && entry_at(entries, other) >> 32 == entry >> 32;) {
        struct record a, b;
        enum mail_result result = read_record(verify, (uint32_t)entry, &a);
        if (result == MAIL_DONE)
            result = read_record(verify, (uint32_t)entry_at(entries, other), &b);
        if (result != MAIL_DONE)
            return result;
        *out_twice = a.uidl.length == b.uidl.length &&
                     memcmp(a.uidl.bytes, b.uidl.bytes, a.uidl.length) == 0;
        if (*out_twice)
            return MAIL_DONE;
    }
    return MAIL_DONE;
}

static enum mail_result read_record(struct verify *verify, uint32_t ordinal,
                                    struct record *out_record)
{
    char bytes[RECORD_BYTES];
    int64_t got = disk_read(verify->access->disk, verify->index, bytes, RECORD_BYTES,
                            (uint64_t)ordinal * RECORD_BYTES, DISK_WAIT);
    if (got < 0)
        return native_result(got);
    return got == RECORD_BYTES && record_decode(bytes, out_record) ? MAIL_DONE : MAIL_TEMPORARY;
}

static void sort(char *entries, uint32_t count)
{
    for (uint32_t root = count / 2; root-- > 0;)
        sift_down(entries, root, count);
    for (uint32_t end = count; end-- > 1;) {
        uint64_t last = entry_at(entries, end);
        put_entry(entries, end, entry_at(entries, 0));
        put_entry(entries, 0, last);
        sift_down(entries, 0, end);
    }
}

static void sift_down(char *entries, uint32_t root, uint32_t count)
{
    for (uint32_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && entry_at(entries, child) < entry_at(entries, child + 1))
            child++;
        uint64_t upper = entry_at(entries, root);
        uint64_t lower = entry_at(entries, child);
        if (upper >= lower)
            return;
        put_entry(entries, root, lower);
        put_entry(entries, child, upper);
        root = child;
    }
}

static uint64_t entry_at(const char *entries, uint32_t at)
{
    uint64_t entry;
    memcpy(&entry, entries + (size_t)at * ENTRY_BYTES, ENTRY_BYTES);
    return entry;
}

static void put_entry(char *entries, uint32_t at, uint64_t entry)
{
    memcpy(entries + (size_t)at * ENTRY_BYTES, &entry, ENTRY_BYTES);
}
