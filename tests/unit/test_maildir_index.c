/* test_maildir_index: bytes of the index, whole and with every bit turned. */
#include "storage/maildir_index.h"
#include "tests/support/guarded.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct maildir_record some = {
    .octets = 4000000000,
    .uid = 77,
    .flags = MAILDIR_RECORD_COUNTED | MAILDIR_RECORD_IN_NEW,
    .uidl = SPAN_LITERAL("0000004d00000009"),
    .name = SPAN_LITERAL("1.M2P3.host,S=5:2,S"),
};

Test(maildir_index, a_record_is_read_as_it_was_written)
{
    struct guarded guarded;
    guarded_init(&guarded, 4096);
    char bytes[MAILDIR_RECORD_MAX];
    uint32_t length = maildir_record_encode(&some, 9, bytes);
    struct maildir_record record;
    struct span input = {guarded_copy(&guarded, bytes, length), length};
    cr_assert(maildir_record_decode(input, 9, &record));
    cr_assert(record.octets == some.octets && record.uid == 77 && record.flags == 3);
    cr_assert(span_equal(record.uidl, some.uidl) && span_equal(record.name, some.name));
    cr_assert(!maildir_record_decode(input, 8, &record), "another's place");
    for (uint32_t less = 1; less <= length; less++) {
        struct span part = {guarded_copy(&guarded, bytes, length - less), length - less};
        cr_assert(!maildir_record_decode(part, 9, &record));
    }
    for (uint32_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        cr_assert(!maildir_record_decode((struct span){bytes, length}, 9, &record));
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    guarded_fini(&guarded);
}

Test(maildir_index, names_that_would_lead_elsewhere_are_damage)
{
    static const char *const names[] = {"../x", "a/b", ".hidden"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct maildir_record record = some;
        char bytes[MAILDIR_RECORD_MAX];
        record.name = span_of(names[i]);
        uint32_t length = maildir_record_encode(&record, 0, bytes);
        cr_assert(!maildir_record_decode((struct span){bytes, length}, 0, &record));
    }
}

Test(maildir_index, a_header_is_read_as_it_was_written)
{
    const struct maildir_index_header header = {
        .is_settled = true,
        .format_crc = 0x12345678,
        .view = {3, 5000000000},
        .stamp = {-1, 2, 3, 4, UINT64_MAX},
        .body_bytes = 100,
        .body_crc = 7,
    };
    char bytes[MAILDIR_INDEX_HEADER_BYTES];
    struct maildir_index_header again;
    maildir_index_encode_header(&header, bytes);
    cr_assert(maildir_index_decode_header(bytes, &again));
    char twice[MAILDIR_INDEX_HEADER_BYTES];
    maildir_index_encode_header(&again, twice);
    cr_assert_arr_eq(bytes, twice, sizeof bytes);
    cr_assert(again.stamp.new_ns == -1 && again.stamp.list_inode == UINT64_MAX &&
              again.view.octets == 5000000000);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        cr_assert(!maildir_index_decode_header(bytes, &again));
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    struct maildir_index_header small = header;
    small.body_bytes = 15;
    maildir_index_encode_header(&small, bytes);
    cr_assert(!maildir_index_decode_header(bytes, &again), "the table does not fit");
}
