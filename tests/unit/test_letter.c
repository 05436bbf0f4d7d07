/* test_letter: coding as it arrives, in a block and beyond it, limits to the octet, every failure.
 */
#include "storage/letter.h"
#include "tests/support/fake_disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_BYTES 3000

static struct disk *disk;
static struct disk_access access_wait;
static char message[MESSAGE_BYTES];
static char coded[2 * MESSAGE_BYTES + DOT_END_MAX];
static size_t coded_bytes;
static struct dot_coder expected;

/* Lines with dots, bare LF, CR, NUL and high octets, after a header; no line end at its end. */
static void make_message(void)
{
    uint64_t random = 7;
    static const char octets[] = "..\n\r\n\0ab\xE4 c";
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = octets[fake_random(&random) % (sizeof octets - 1)];
    memcpy(message, "Subject: x\n\n", 12);
    message[sizeof message - 1] = 'e';
}

/* What the coder makes of it in one piece, from the room below. */
static void code(struct span raw)
{
    dot_init(&expected);
    coded_bytes = dot_code(&expected, &raw, coded, sizeof coded);
    coded_bytes += dot_finish(&expected, coded + coded_bytes);
}

static void begin_store(void)
{
    disk = fake_disk_make();
    access_wait = fake_disk_access(disk, DISK_WAIT);
    make_message();
}

static void end_store(void)
{
    fake_disk_free(&disk);
}

TestSuite(letter, .init = begin_store, .fini = end_store);

/* Writes in pieces of `piece` bytes and spills when asked to, until something fails. */
static enum mail_result fill(struct letter *letter, struct span raw, size_t piece)
{
    enum mail_result result = MAIL_DONE;
    while (raw.length > 0 && result == MAIL_DONE) {
        struct span part = {raw.bytes, piece < raw.length ? piece : raw.length};
        raw = (struct span){raw.bytes + part.length, raw.length - part.length};
        while ((result = letter_write(letter, &part)) == MAIL_LATER) {
            result = letter_spill(letter, &access_wait);
            if (result != MAIL_DONE)
                return result;
        }
        cr_assert_eq(part.length, 0);
    }
    return result;
}

static void check_reads(const struct letter *letter, uint32_t piece)
{
    char bytes[sizeof coded];
    cr_assert_eq(letter->wire_bytes, coded_bytes);
    for (uint32_t at = 0; at < letter->wire_bytes; at += piece) {
        uint32_t left = letter->wire_bytes - at;
        uint32_t wanted = piece < left ? piece : left;
        cr_assert_eq(letter_read(letter, &access_wait, at, bytes, wanted), MAIL_DONE);
        cr_assert_eq(memcmp(bytes, coded + at, wanted), 0, "at %d", (int)at);
    }
}

Test(letter, one_that_fits_the_block_never_meets_the_disk)
{
    struct letter letter;
    char block[2 * MESSAGE_BYTES];
    struct span raw = {message, sizeof message};
    code(raw);
    letter_begin(&letter, block, sizeof block, LETTER_OCTETS_MAX);
    cr_assert_eq(letter_write(&letter, &raw), MAIL_DONE);
    cr_assert_eq(letter_end(&letter), MAIL_DONE);
    cr_assert_not(letter_is_in_file(&letter));
    cr_assert_eq(letter.octets, expected.octets);
    cr_assert_eq(letter.header_bytes, strlen("Subject: x\r\n\r\n"));
    check_reads(&letter, 100);
    letter_fini(&letter, disk);
    cr_assert_eq(fake_disk_operations(disk), 0);
}

Test(letter, blocks_and_pieces_of_any_size_give_the_same)
{
    static const uint32_t blocks[] = {LETTER_BLOCK_BYTES_MIN, 65, 100, 1000, 4096};
    static const size_t pieces[] = {1, 2, 63, 1000, MESSAGE_BYTES};
    char block[4096];
    code((struct span){message, sizeof message});
    for (size_t i = 0; i < 25; i++) {
        struct letter letter;
        letter_begin(&letter, block, blocks[i / 5], LETTER_OCTETS_MAX);
        cr_assert_eq(fill(&letter, (struct span){message, sizeof message}, pieces[i % 5]),
                     MAIL_DONE);
        cr_assert_eq(letter_end(&letter), MAIL_DONE);
        cr_assert_eq(letter.octets, expected.octets);
        cr_assert_eq(letter.header_bytes, expected.header_bytes);
        check_reads(&letter, 1);
        check_reads(&letter, 997);
        check_reads(&letter, sizeof coded);
        letter_fini(&letter, disk);
        cr_assert_eq(fake_disk_open_files(disk), 0);
    }
}

/* Whatever is in the block when the message ends, its end has room there. */
Test(letter, every_length_around_the_block_can_be_ended)
{
    char block[LETTER_BLOCK_BYTES_MIN];
    for (size_t length = 0; length < 3 * sizeof block; length++) {
        struct letter letter;
        code((struct span){message, length});
        letter_begin(&letter, block, sizeof block, LETTER_OCTETS_MAX);
        cr_assert_eq(fill(&letter, (struct span){message, length}, length + 1), MAIL_DONE);
        cr_assert_eq(letter_end(&letter), MAIL_DONE);
        check_reads(&letter, sizeof coded);
        letter_fini(&letter, disk);
    }
}

Test(letter, without_an_empty_line_all_is_header)
{
    struct letter letter;
    char block[LETTER_BLOCK_BYTES_MIN];
    struct span raw = SPAN_LITERAL("A: b\nC: d");
    letter_begin(&letter, block, sizeof block, LETTER_OCTETS_MAX);
    cr_assert_eq(letter_write(&letter, &raw), MAIL_DONE);
    cr_assert_eq(letter_end(&letter), MAIL_DONE);
    cr_assert_eq(letter.header_bytes, 12);
    cr_assert_eq(letter.octets, 12);
    letter_fini(&letter, disk);
}

Test(letter, an_octet_too_many_spoils_it_and_the_rest_is_dropped)
{
    struct letter letter;
    char block[LETTER_BLOCK_BYTES_MIN];
    struct span exact = SPAN_LITERAL("12345678\n"), more = SPAN_LITERAL("x"), rest;
    letter_begin(&letter, block, sizeof block, 10);
    cr_assert_eq(letter_write(&letter, &exact), MAIL_DONE);
    cr_assert_eq(letter_write(&letter, &more), MAIL_TOO_BIG);
    cr_assert_eq(more.length, 0);
    for (int i = 0; i < 3; i++) {
        rest = (struct span){message, sizeof message};
        cr_assert_eq(letter_write(&letter, &rest), MAIL_TOO_BIG);
        cr_assert_eq(rest.length, 0);
    }
    cr_assert_eq(letter_end(&letter), MAIL_TOO_BIG);
    letter_fini(&letter, disk);

    exact = SPAN_LITERAL("12345678\n");
    letter_begin(&letter, block, sizeof block, 10);
    cr_assert_eq(letter_write(&letter, &exact), MAIL_DONE);
    cr_assert_eq(letter_end(&letter), MAIL_DONE);
    letter_fini(&letter, disk);

    struct span unfinished = SPAN_LITERAL("123456789");
    letter_begin(&letter, block, sizeof block, 10);
    cr_assert_eq(letter_write(&letter, &unfinished), MAIL_DONE);
    cr_assert_eq(letter_end(&letter), MAIL_TOO_BIG, "the line end that is added counts");
    letter_fini(&letter, disk);
}

Test(letter, every_failed_operation_spoils_it_and_leaves_no_file)
{
    /* What a file system should not say here may come all the same, and is no "later". */
    static const int errors[] = {EIO, ENOSPC, EAGAIN, EBUSY};
    for (uint64_t n = 4;; n++) {
        struct letter letter;
        char block[1000];
        const int error = errors[n % 4];
        letter_begin(&letter, block, sizeof block, LETTER_OCTETS_MAX);
        fake_disk_fail_at(disk, n / 4, error);
        enum mail_result result = fill(&letter, (struct span){message, sizeof message}, 777);
        fake_disk_fail_at(disk, 0, 0);
        if (result == MAIL_DONE) {
            letter_fini(&letter, disk);
            cr_assert_gt(n / 4, 3);
            break;
        }
        struct span rest = {message, sizeof message};
        cr_assert_eq(result, error == ENOSPC ? MAIL_NO_SPACE : MAIL_TEMPORARY);
        cr_assert_eq(letter_write(&letter, &rest), result);
        cr_assert_eq(rest.length, 0);
        cr_assert_eq(letter_spill(&letter, &access_wait), result);
        cr_assert_eq(letter_end(&letter), result);
        letter_fini(&letter, disk);
        cr_assert_eq(fake_disk_open_files(disk), 0);
    }
}

Test(letter, a_file_that_cannot_be_read_is_told)
{
    struct letter letter;
    char block[1000], bytes[2000];
    letter_begin(&letter, block, sizeof block, LETTER_OCTETS_MAX);
    cr_assert_eq(fill(&letter, (struct span){message, sizeof message}, MESSAGE_BYTES), MAIL_DONE);
    cr_assert_eq(letter_end(&letter), MAIL_DONE);
    fake_disk_fail_at(disk, 1, EIO);
    cr_assert_eq(letter_read(&letter, &access_wait, 0, bytes, sizeof bytes), MAIL_TEMPORARY);
    cr_assert_eq(letter_read(&letter, &access_wait, 0, bytes, sizeof bytes), MAIL_DONE);
    cr_assert_eq(disk_truncate(disk, letter.file, 10), 0);
    cr_assert_eq(letter_read(&letter, &access_wait, 0, bytes, sizeof bytes), MAIL_TEMPORARY);
    letter_fini(&letter, disk);
}
