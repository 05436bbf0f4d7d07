/* test_fake_disk: the disk that other tests believe: what is durable, what a fault does, who waits.
 */
#include "tests/support/fake_disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct disk *disk;

static void begin_disk(void)
{
    disk = fake_disk_make();
}

static void end_disk(void)
{
    fake_disk_free(&disk);
}

TestSuite(fake_disk, .init = begin_disk, .fini = end_disk);

static int make(const char *path)
{
    return disk_open(disk, path, DISK_CREATE, DISK_WAIT);
}

static size_t size_of(const char *path)
{
    size_t bytes = SIZE_MAX;
    return fake_disk_peek(disk, path, &bytes) ? bytes : SIZE_MAX;
}

Test(fake_disk, files_are_read_as_they_were_written)
{
    char buffer[8] = {0};
    cr_assert_eq(disk_open(disk, "a", DISK_READ, DISK_WAIT), -ENOENT);
    cr_assert_eq(disk_open(disk, "no/a", DISK_CREATE, DISK_WAIT), -ENOENT);
    int file = make("a");
    cr_assert_geq(file, 0);
    cr_assert_eq(disk_write(disk, file, "hello", 5, 3), 0);
    cr_assert_eq(disk_size(disk, file), 8);
    cr_assert_eq(disk_read(disk, file, buffer, 8, 2, DISK_WAIT), 6);
    cr_assert_eq(memcmp(buffer, "\0hello", 6), 0);
    cr_assert_eq(disk_read(disk, file, buffer, 8, 99, DISK_WAIT), 0);
    cr_assert_eq(disk_truncate(disk, file, 4), 0);
    cr_assert_eq(disk_truncate(disk, file, 6), 0);
    cr_assert_eq(disk_read(disk, file, buffer, 8, 3, DISK_WAIT), 3);
    cr_assert_eq(memcmp(buffer, "h\0\0", 3), 0);
    disk_close(disk, file);
    file = disk_open(disk, "a", DISK_CREATE_NEW, DISK_WAIT);
    cr_assert_eq(disk_size(disk, file), 0);
    disk_close(disk, file);
    cr_assert_eq(fake_disk_open_files(disk), 0);
    cr_assert_eq(fake_disk_calls(disk, FAKE_WRITE), 1);
    cr_assert_eq(fake_disk_calls(disk, FAKE_CLOSE), 2);
}

Test(fake_disk, only_what_was_synced_is_durable)
{
    int file = make("a");
    cr_assert_eq(disk_write(disk, file, "old", 3, 0), 0);
    cr_assert_eq(disk_sync(disk, file), 0);
    fake_disk_restart(disk, FAKE_LOSE_ALL, 1);
    cr_assert_eq(size_of("a"), SIZE_MAX, "the name was not synced");

    file = make("a");
    cr_assert_eq(disk_write(disk, file, "old", 3, 0), 0);
    cr_assert_eq(disk_sync_folder(disk, "."), 0);
    fake_disk_restart(disk, FAKE_LOSE_ALL, 1);
    cr_assert_eq(size_of("a"), 0, "the data was not synced");

    file = make("a");
    cr_assert_eq(disk_write(disk, file, "old", 3, 0), 0);
    cr_assert_eq(disk_sync(disk, file), 0);
    cr_assert_eq(disk_write(disk, file, "new and longer", 14, 0), 0);
    fake_disk_restart_process(disk);
    cr_assert_eq(size_of("a"), 14, "a killed process loses no bytes");
    fake_disk_restart(disk, FAKE_LOSE_ALL, 1);
    cr_assert_eq(size_of("a"), 3);
    size_t bytes;
    cr_assert_eq(memcmp(fake_disk_peek(disk, "a", &bytes), "old", 3), 0);
}

Test(fake_disk, some_sectors_may_survive_and_others_not)
{
    static char ones[4 * FAKE_SECTOR_BYTES], twos[4 * FAKE_SECTOR_BYTES];
    bool was_mixed = false, was_old = false, was_new = false;
    memset(ones, 1, sizeof(ones));
    memset(twos, 2, sizeof(twos));
    for (uint64_t seed = 0; seed < 60; seed++) {
        fake_disk_put(disk, "a", ones, sizeof(ones));
        int file = make("a");
        cr_assert_eq(disk_write(disk, file, twos, sizeof(twos), 0), 0);
        fake_disk_restart(disk, FAKE_LOSE_SOME, seed);
        size_t bytes;
        const char *now = fake_disk_peek(disk, "a", &bytes);
        int sum = 0;
        for (int sector = 0; sector < 4; sector++) {
            const char *at = now + sector * FAKE_SECTOR_BYTES;
            cr_assert_eq(at[0], at[FAKE_SECTOR_BYTES - 1], "a sector is never torn");
            sum += at[0];
        }
        was_old = was_old || sum == 4;
        was_new = was_new || sum == 8;
        was_mixed = was_mixed || (sum > 4 && sum < 8);
    }
    cr_assert(was_old && was_new && was_mixed);
}

Test(fake_disk, names_wait_for_their_folder)
{
    cr_assert_eq(disk_make_folder(disk, "f"), 0);
    cr_assert_eq(disk_make_folder(disk, "f"), 0);
    cr_assert_eq(disk_make_folder(disk, "g/h"), -ENOENT);
    cr_assert_eq(disk_sync_folder(disk, "."), 0);
    fake_disk_put(disk, "f/a", "a", 1);
    fake_disk_put(disk, "f/b", "bb", 2);
    cr_assert_eq(disk_rename(disk, "f/a", "f/b"), 0);
    cr_assert_eq(disk_sync_folder(disk, "."), 0, "another folder");
    cr_assert_eq(size_of("f/b"), 1);
    fake_disk_restart(disk, FAKE_LOSE_ALL, 1);
    cr_assert_eq(size_of("f/a"), 1);
    cr_assert_eq(size_of("f/b"), 2);

    cr_assert_eq(disk_rename(disk, "f/a", "f/b"), 0);
    cr_assert_eq(disk_sync_folder(disk, "f"), 0);
    cr_assert_eq(disk_remove(disk, "f/b"), 0);
    cr_assert_eq(disk_remove(disk, "f/b"), -ENOENT);
    fake_disk_restart(disk, FAKE_LOSE_ALL, 1);
    cr_assert_eq(size_of("f/a"), SIZE_MAX);
    cr_assert_eq(size_of("f/b"), 1);
    cr_assert_eq(disk_remove(disk, "f/b"), 0);
    fake_disk_restart(disk, FAKE_LOSE_NONE, 1);
    cr_assert_eq(size_of("f/b"), SIZE_MAX);
}

Test(fake_disk, a_file_in_a_folder_that_was_lost_is_lost)
{
    cr_assert_eq(disk_make_folder(disk, "f"), 0);
    int file = make("f/a");
    cr_assert_eq(disk_sync(disk, file), 0);
    cr_assert_eq(disk_sync_folder(disk, "f"), 0);
    fake_disk_restart(disk, FAKE_LOSE_ALL, 1);
    cr_assert_null(fake_disk_path(disk, 0));
}

Test(fake_disk, a_fault_hits_once_and_a_crash_stays)
{
    int file = make("a");
    fake_disk_fail_at(disk, 2, ENOSPC);
    cr_assert_eq(disk_size(disk, file), 0);
    cr_assert_eq(disk_write(disk, file, "1234", 4, 0), -ENOSPC);
    cr_assert_eq(disk_write(disk, file, "1234", 4, 0), 0);
    fake_disk_crash_at(disk, 2);
    cr_assert_eq(disk_sync(disk, file), 0);
    cr_assert_eq(disk_write(disk, file, "5678", 4, 0), -EIO);
    cr_assert(fake_disk_has_crashed(disk));
    cr_assert_eq(disk_size(disk, file), -EIO);
    disk_close(disk, file);
    fake_disk_restart(disk, FAKE_LOSE_NONE, 1);
    cr_assert_not(fake_disk_has_crashed(disk));
    cr_assert_eq(size_of("a"), 4);
}

Test(fake_disk, a_failed_sync_may_lose_what_no_later_sync_finds)
{
    static char ones[64 * FAKE_SECTOR_BYTES];
    memset(ones, 1, sizeof(ones));
    int file = make("a");
    cr_assert_eq(disk_sync_folder(disk, "."), 0);
    cr_assert_eq(disk_write(disk, file, ones, sizeof(ones), 0), 0);
    fake_disk_fail_at(disk, 1, EIO);
    cr_assert_eq(disk_sync(disk, file), -EIO);
    cr_assert_eq(disk_sync(disk, file), 0);
    size_t bytes;
    cr_assert_eq(memcmp(fake_disk_peek(disk, "a", &bytes), ones, sizeof(ones)), 0);
    fake_disk_restart(disk, FAKE_LOSE_ALL, 1);
    const char *now = fake_disk_peek(disk, "a", &bytes);
    cr_assert_eq(bytes, sizeof(ones));
    cr_assert_neq(memcmp(now, ones, bytes), 0);
}

Test(fake_disk, locks_exclude_other_handles_of_the_same_file)
{
    int one = make("a"), two = make("a"), other = make("b");
    cr_assert_eq(disk_lock(disk, one, DISK_LOCK_SESSION, DISK_WAIT), 0);
    cr_assert_eq(disk_lock(disk, one, DISK_LOCK_DELIVERY, DISK_WAIT), 0);
    cr_assert_eq(disk_lock(disk, one, DISK_LOCK_SESSION, DISK_WAIT), 0, "it is mine");
    cr_assert_eq(disk_lock(disk, two, DISK_LOCK_SESSION, DISK_WAIT), -EBUSY);
    cr_assert_eq(disk_lock(disk, two, DISK_LOCK_DELIVERY, DISK_NOW), -EAGAIN);
    cr_assert_eq(disk_lock(disk, two, DISK_LOCK_DELIVERY, DISK_WAIT), -EDEADLK);
    cr_assert_eq(disk_lock(disk, other, DISK_LOCK_SESSION, DISK_WAIT), 0);
    disk_unlock(disk, one, DISK_LOCK_DELIVERY);
    cr_assert_eq(disk_lock(disk, two, DISK_LOCK_DELIVERY, DISK_WAIT), 0);
    disk_close(disk, one);
    cr_assert_eq(disk_lock(disk, two, DISK_LOCK_SESSION, DISK_WAIT), 0);
}

Test(fake_disk, waiting_is_refused_as_often_as_told)
{
    char byte;
    int file = make("a");
    fake_disk_wait_every(disk, 2);
    cr_assert_eq(disk_read(disk, file, &byte, 1, 0, DISK_NOW), 0);
    cr_assert_eq(disk_read(disk, file, &byte, 1, 0, DISK_NOW), -EAGAIN);
    cr_assert_eq(disk_read(disk, file, &byte, 1, 0, DISK_WAIT), 0);
    cr_assert_eq(disk_open(disk, "a", DISK_READ, DISK_NOW), file + 1);
    cr_assert_eq(disk_open(disk, "a", DISK_READ, DISK_NOW), -EAGAIN);
}

Test(fake_disk, punching_zeroes_whole_blocks_only)
{
    static char ones[3 * FAKE_BLOCK_BYTES];
    memset(ones, 1, sizeof(ones));
    fake_disk_put(disk, "a", ones, sizeof(ones));
    int file = make("a");
    cr_assert_eq(disk_punch(disk, file, 1, sizeof(ones) - 2), 0);
    size_t bytes;
    const char *now = fake_disk_peek(disk, "a", &bytes);
    cr_assert_eq(bytes, sizeof(ones));
    cr_assert_eq(now[FAKE_BLOCK_BYTES - 1], 1);
    cr_assert_eq(now[FAKE_BLOCK_BYTES], 0);
    cr_assert_eq(now[2 * FAKE_BLOCK_BYTES - 1], 0);
    cr_assert_eq(now[2 * FAKE_BLOCK_BYTES], 1);
    fake_disk_refuse_punch(disk, true);
    cr_assert_eq(disk_punch(disk, file, 0, sizeof(ones)), -EOPNOTSUPP);
}
