/* test_disk_posix: the storage's port on a real file system: patience, locks, holes, no escapes. */
#include "core/disk_posix.h"
#include "core/residency.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESIDENCY_BYTES (1 << 20)

static char root[64];
static struct disk *disk;

static void begin_folder(void)
{
    strcpy(root, "/tmp/ringpost-disk-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
    disk = disk_posix_open(root);
    cr_assert_not_null(disk);
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts, (void)kind, (void)place;
    return remove(path);
}

static void end_folder(void)
{
    disk_posix_close(&disk);
    cr_assert_null(disk);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(disk_posix, .init = begin_folder, .fini = end_folder);

static const char *in_root(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static int make_file(const char *name, size_t bytes)
{
    int file = disk_open(disk, name, DISK_CREATE_NEW, DISK_WAIT);
    cr_assert_geq(file, 0);
    char *content = malloc(bytes + 1);
    memset(content, 'm', bytes + 1);
    cr_assert_eq(disk_write(disk, file, content, bytes, 0), 0);
    cr_assert_eq(disk_sync(disk, file), 0);
    free(content);
    return file;
}

Test(disk_posix, missing_root_is_null_with_errno)
{
    cr_assert_null(disk_posix_open("/tmp/ringpost-is-not-there"));
    cr_assert_eq(errno, ENOENT);
}

Test(disk_posix, syncs_can_be_put_off)
{
    cr_assert_eq(disk_sync(disk, -1), -EBADF);
    cr_assert_eq(disk_sync_folder(disk, "missing"), -ENOENT);
    disk_posix_put_off_syncs(disk);
    cr_assert_eq(disk_sync(disk, -1), 0);
    cr_assert_eq(disk_sync_folder(disk, "missing"), 0);
    cr_assert_eq(disk_posix_sync_all(disk), 0);
}

Test(disk_posix, modes_open_and_create)
{
    cr_assert_eq(disk_open(disk, "mail", DISK_READ, DISK_WAIT), -ENOENT);
    cr_assert_eq(disk_open(disk, "no/mail", DISK_CREATE, DISK_WAIT), -ENOENT);
    int file = make_file("mail", 5);
    struct stat facts;
    cr_assert_eq(fstat(file, &facts), 0);
    cr_assert_eq(facts.st_mode & 07777, 0600);
    cr_assert_neq(fcntl(file, F_GETFD) & FD_CLOEXEC, 0);
    disk_close(disk, file);

    file = disk_open(disk, "mail", DISK_CREATE, DISK_WAIT);
    cr_assert_eq(disk_size(disk, file), 5, "DISK_CREATE keeps what is there");
    disk_close(disk, file);
    file = disk_open(disk, "mail", DISK_CREATE_NEW, DISK_WAIT);
    cr_assert_eq(disk_size(disk, file), 0);
    disk_close(disk, file);
    file = disk_open(disk, "mail", DISK_READ, DISK_WAIT);
    cr_assert_lt(disk_write(disk, file, "x", 1, 0), 0);
    disk_close(disk, file);
}

Test(disk_posix, open_now_never_creates)
{
    cr_assert_eq(disk_open(disk, "mail", DISK_CREATE, DISK_NOW), -EAGAIN);
    cr_assert_eq(disk_open(disk, "mail", DISK_CREATE_NEW, DISK_NOW), -EAGAIN);
    cr_assert_eq(disk_open(disk, "mail", DISK_READ, DISK_WAIT), -ENOENT);
    int file = make_file("mail", 5);
    int again = disk_open(disk, "mail", DISK_READ, DISK_NOW);
    cr_assert(again >= 0 || again == -EAGAIN, "%d", again);
    if (again >= 0)
        disk_close(disk, again);
    disk_close(disk, file);
}

Test(disk_posix, nothing_leads_out_of_the_root)
{
    cr_assert_eq(symlink("/etc", in_root("link")), 0);
    cr_assert_eq(symlink("/etc/passwd", in_root("file")), 0);
    cr_assert_eq(disk_open(disk, "link/passwd", DISK_READ, DISK_WAIT), -ELOOP);
    cr_assert_eq(disk_open(disk, "file", DISK_READ, DISK_WAIT), -ELOOP);
    cr_assert_eq(disk_open(disk, "../../etc/passwd", DISK_READ, DISK_WAIT), -EXDEV);
    cr_assert_eq(disk_open(disk, "/etc/passwd", DISK_READ, DISK_WAIT), -EXDEV);
    cr_assert_eq(disk_open(disk, "/etc/passwd", DISK_READ, DISK_NOW), -EXDEV);
    cr_assert_eq(disk_make_folder(disk, "link/ringpost"), -ELOOP);
    cr_assert_eq(disk_remove(disk, "link/ringpost"), -ELOOP);
    disk_close(disk, make_file("mail", 1));
    cr_assert_eq(disk_rename(disk, "mail", "link/ringpost-mail"), -ELOOP);
    cr_assert_eq(disk_rename(disk, "link/ringpost-mail", "mail"), -ELOOP);
    cr_assert_eq(disk_sync_folder(disk, "link"), -ELOOP);
}

Test(disk_posix, reads_up_to_the_end)
{
    int file = make_file("mail", 10);
    char buffer[32];
    cr_assert_eq(disk_read(disk, file, buffer, 4, 3, DISK_WAIT), 4);
    cr_assert_eq(disk_read(disk, file, buffer, sizeof buffer, 3, DISK_WAIT), 7);
    cr_assert_eq(disk_read(disk, file, buffer, sizeof buffer, 10, DISK_WAIT), 0);
    cr_assert_eq(disk_read(disk, file, buffer, sizeof buffer, 99, DISK_WAIT), 0);
    int64_t now = disk_read(disk, file, buffer, sizeof buffer, 3, DISK_NOW);
    cr_assert(now == 7 || now == -EAGAIN, "%jd", (intmax_t)now);
    disk_close(disk, file);
}

/* Half of the file is dropped from memory: a read of all of it with DISK_NOW may be whole or
 * -EAGAIN, never the half that was there. */
Test(disk_posix, read_now_is_never_short_of_the_end)
{
    enum { BYTES = 1 << 20 };
    int file = make_file("mail", BYTES);
    cr_assert_eq(posix_fadvise(file, BYTES / 2, 0, POSIX_FADV_DONTNEED), 0);
    char *buffer = malloc(BYTES + 100);
    int64_t now = disk_read(disk, file, buffer, BYTES + 100, 0, DISK_NOW);
    cr_assert(now == BYTES || now == -EAGAIN, "%jd", (intmax_t)now);
    cr_assert_eq(disk_read(disk, file, buffer, BYTES + 100, 0, DISK_WAIT), BYTES);
    cr_assert_eq(buffer[BYTES - 1], 'm');
    free(buffer);
    disk_close(disk, file);
}

/* mincore(2) as the judge, because file systems drop more or less of what they are told to. */
static bool is_in_memory(const void *pages, size_t offset, size_t bytes)
{
    unsigned char seen[RESIDENCY_BYTES / 4096];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t begin = offset / page * page, end = offset + bytes;
    cr_assert_eq(mincore((char *)(uintptr_t)pages + begin, end - begin, seen), 0);
    for (size_t i = 0; i < (end - begin + page - 1) / page; i++)
        if ((seen[i] & 1) == 0)
            return false;
    return true;
}

Test(disk_posix, residency)
{
    enum { BYTES = RESIDENCY_BYTES };
    int file = make_file("mail", BYTES);
    void *pages = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, file, 0);
    cr_assert_neq(pages, MAP_FAILED);
    static char scratch[DISK_SCRATCH_BYTES];
    cr_expect(disk_posix_is_resident(disk, file, 0, 0, scratch));
    cr_expect(disk_posix_is_resident(disk, file, 0, BYTES, scratch), "it has just been written");
    cr_expect(disk_posix_is_resident(disk, file, 4095, 2, scratch));
    cr_assert_eq(posix_fadvise(file, BYTES / 2, 0, POSIX_FADV_DONTNEED), 0);
    static const size_t ranges[][2] = {
        {0, BYTES}, {0, BYTES / 2}, {1, BYTES / 2 - 1}, {BYTES / 2, 1}, {BYTES - 1, 1}, {4095, 2},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        cr_expect_eq(disk_posix_is_resident(disk, file, ranges[i][0], ranges[i][1], scratch),
                     is_in_memory(pages, ranges[i][0], ranges[i][1]), "%zu", i);
    residency_settle(file, 0, BYTES);
    cr_expect(disk_posix_is_resident(disk, file, 0, BYTES, scratch));
    cr_expect(is_in_memory(pages, 0, BYTES));
    residency_settle(file, BYTES - 1, 100); /* to the end, and no further */
    munmap(pages, BYTES);
    disk_close(disk, file);
}

Test(disk_posix, truncate_and_size)
{
    int file = make_file("mail", 100);
    cr_assert_eq(disk_truncate(disk, file, 40), 0);
    cr_assert_eq(disk_size(disk, file), 40);
    cr_assert_eq(disk_write(disk, file, "end", 3, 50), 0);
    cr_assert_eq(disk_size(disk, file), 53);
    disk_close(disk, file);
}

/* Only whole blocks inside the range may change; none of the bytes outside. */
Test(disk_posix, punch_stays_inside)
{
    enum { BYTES = 256 * 1024, FROM = 5000, COUNT = 200000 };
    int file = make_file("mail", BYTES);
    struct stat before, after;
    cr_assert_eq(fstat(file, &before), 0);
    int result = disk_punch(disk, file, FROM, COUNT);
    if (result == -EOPNOTSUPP)
        cr_skip("this file system punches no holes");
    cr_assert_eq(result, 0);
    cr_assert_eq(fstat(file, &after), 0);
    cr_assert_eq(after.st_size, BYTES);
    cr_assert_lt(after.st_blocks, before.st_blocks);
    char *buffer = malloc(BYTES);
    cr_assert_eq(disk_read(disk, file, buffer, BYTES, 0, DISK_WAIT), BYTES);
    for (size_t i = 0; i < BYTES; i++)
        if (i < 8192 || i >= (FROM + COUNT) / 4096 * 4096)
            cr_assert_eq(buffer[i], 'm', "%zu", i);
    cr_assert_eq(disk_punch(disk, file, 0, 4095), 0);
    cr_assert_eq(disk_read(disk, file, buffer, 1, 0, DISK_WAIT), 1);
    cr_assert_eq(buffer[0], 'm', "less than a block is no block");
    cr_assert_eq(disk_punch(disk, file, 1, UINT64_MAX), -EINVAL);
    free(buffer);
    disk_close(disk, file);
}

Test(disk_posix, names)
{
    cr_assert_eq(disk_make_folder(disk, "ab"), 0);
    cr_assert_eq(disk_make_folder(disk, "ab"), 0);
    cr_assert_eq(disk_make_folder(disk, "ab/cd"), 0);
    cr_assert_eq(disk_make_folder(disk, "no/cd"), -ENOENT);
    struct stat facts;
    cr_assert_eq(stat(in_root("ab/cd"), &facts), 0);
    cr_assert_eq(facts.st_mode & 07777, 0700);
    disk_close(disk, make_file("ab/cd/new", 3));
    disk_close(disk, make_file("ab/old", 4));
    cr_assert_eq(disk_rename(disk, "ab/cd/new", "ab/old"), 0);
    int file = disk_open(disk, "ab/old", DISK_READ, DISK_WAIT);
    cr_assert_eq(disk_size(disk, file), 3);
    disk_close(disk, file);
    cr_assert_eq(disk_rename(disk, "ab/cd/new", "ab/old"), -ENOENT);
    cr_assert_eq(disk_sync_folder(disk, "ab/cd"), 0);
    cr_assert_eq(disk_sync_folder(disk, "."), 0);
    cr_assert_eq(disk_sync_folder(disk, ""), 0);
    cr_assert_eq(disk_sync_folder(disk, "xx"), -ENOENT);
    cr_assert_eq(disk_remove(disk, "ab/old"), 0);
    cr_assert_eq(disk_remove(disk, "ab/old"), -ENOENT);
}

Test(disk_posix, locks_exclude_two_handles_of_one_process)
{
    int first = make_file("index", 1);
    int second = disk_open(disk, "index", DISK_READ_WRITE, DISK_WAIT);
    cr_assert_eq(disk_lock(disk, first, DISK_LOCK_SESSION, DISK_NOW), 0);
    cr_assert_eq(disk_lock(disk, second, DISK_LOCK_SESSION, DISK_NOW), -EBUSY);
    cr_assert_eq(disk_lock(disk, second, DISK_LOCK_SESSION, DISK_WAIT), -EBUSY);
    cr_assert_eq(disk_lock(disk, second, DISK_LOCK_DELIVERY, DISK_NOW), 0, "they are two locks");
    cr_assert_eq(disk_lock(disk, first, DISK_LOCK_DELIVERY, DISK_NOW), -EAGAIN);
    cr_assert_eq(disk_lock(disk, first, DISK_LOCK_DELIVERY_NOW, DISK_WAIT), -EAGAIN);
    disk_unlock(disk, first, DISK_LOCK_SESSION);
    cr_assert_eq(disk_lock(disk, second, DISK_LOCK_SESSION, DISK_NOW), 0);
    disk_close(disk, second);
    cr_assert_eq(disk_lock(disk, first, DISK_LOCK_SESSION, DISK_NOW), 0, "closing frees");
    cr_assert_eq(disk_lock(disk, first, DISK_LOCK_DELIVERY_NOW, DISK_WAIT), 0);
    second = disk_open(disk, "index", DISK_READ_WRITE, DISK_WAIT);
    cr_assert_eq(disk_lock(disk, second, DISK_LOCK_DELIVERY, DISK_NOW), -EAGAIN, "it is the same");
    disk_close(disk, second);
    disk_close(disk, first);
}

static atomic_bool freed;

static void *free_soon(void *file)
{
    usleep(20000);
    atomic_store(&freed, true);
    disk_unlock(disk, *(int *)file, DISK_LOCK_DELIVERY);
    return NULL;
}

Test(disk_posix, delivery_lock_waits)
{
    int first = make_file("index", 1);
    int second = disk_open(disk, "index", DISK_READ_WRITE, DISK_WAIT);
    cr_assert_eq(disk_lock(disk, first, DISK_LOCK_DELIVERY, DISK_WAIT), 0);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, free_soon, &first), 0);
    cr_assert_eq(disk_lock(disk, second, DISK_LOCK_DELIVERY, DISK_WAIT), 0);
    cr_assert(atomic_load(&freed));
    pthread_join(thread, NULL);
    disk_close(disk, first);
    disk_close(disk, second);
}

/* Waits until the file's last change is older than a tick of the clock. */
static uint64_t state_of(int file)
{
    uint64_t state = 0;
    int result;
    while ((result = disk_state(disk, file, &state)) == -EAGAIN)
        usleep(1000);
    cr_assert_eq(result, 0);
    return state;
}

Test(disk_posix, a_change_is_another_state)
{
    int file = make_file("a", 1000);
    uint64_t ignored;
    cr_expect_eq(disk_write(disk, file, "x", 1, 10), 0);
    cr_expect_eq(disk_state(disk, file, &ignored), -EAGAIN);
    uint64_t state = state_of(file);
    cr_expect_eq(state_of(file), state);
    char byte;
    cr_expect_eq(disk_read(disk, file, &byte, 1, 10, DISK_WAIT), 1);
    cr_expect_eq(state_of(file), state);
    cr_expect_eq(disk_write(disk, file, "y", 1, 10), 0);
    cr_expect_neq(state_of(file), state);
    state = state_of(file);
    cr_expect_eq(disk_truncate(disk, file, 999), 0);
    cr_expect_neq(state_of(file), state);
    int other = make_file("b", 999);
    cr_expect_neq(state_of(other), state_of(file));
    disk_close(disk, file);
    disk_close(disk, other);
    cr_expect_eq(disk_state(disk, file, &ignored), -EBADF);
}

Test(disk_posix, what_was_checked_is_known)
{
    disk_set_checked(disk, 77);
    cr_expect_not(disk_was_checked(disk, 77), "nothing is remembered by itself");
    disk_posix_remember_checks(disk, 64, 100);
    cr_expect_not(disk_was_checked(disk, 77));
    disk_set_checked(disk, 77);
    cr_expect(disk_was_checked(disk, 77));
    cr_expect_not(disk_was_checked(disk, UINT64_C(77) << 32));
}

Test(disk_posix, what_is_in_memory_is_told)
{
    int file = make_file("a", 8192);
    bool has_cachestat = disk_is_resident(disk, file, 0, 8192);
    if (!has_cachestat)
        cr_skip_test("this kernel lacks cachestat");
    cr_expect_not(disk_is_resident(disk, file, 0, 8193 + 4096), "not all of it is in the file");
    cr_assert_eq(disk_sync(disk, file), 0);
    if (posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0 &&
        !disk_posix_is_resident(disk, file, 0, 8192, NULL))
        cr_expect_not(disk_is_resident(disk, file, 0, 8192));
    disk_close(disk, file);
}

static uint32_t names_in_root(void)
{
    struct dirent **names;
    int count = scandir(root, &names, NULL, NULL);
    cr_assert_geq(count, 2);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return (uint32_t)count - 2;
}

static void check_temporary(int (*open_one)(struct disk *disk))
{
    char bytes[5];
    struct stat facts;
    int first = open_one(disk), second = open_one(disk);
    cr_assert_geq(first, 0);
    cr_assert_geq(second, 0);
    cr_assert_eq(disk_write(disk, first, "first", 5, 0), 0);
    cr_assert_eq(disk_write(disk, second, "other", 5, 0), 0);
    cr_assert_eq(disk_read(disk, first, bytes, 5, 0, DISK_WAIT), 5);
    cr_assert_eq(memcmp(bytes, "first", 5), 0);
    cr_assert_eq(fstat(first, &facts), 0);
    cr_assert_eq(facts.st_nlink, 0);
    cr_assert_eq(facts.st_mode & 0777, 0600);
    cr_assert_eq(names_in_root(), 0);
    disk_close(disk, first);
    disk_close(disk, second);
}

Test(disk_posix, a_temporary_file_has_no_name)
{
    check_temporary(disk_open_temporary);
}

Test(disk_posix, without_nameless_files_the_name_is_removed)
{
    check_temporary(disk_posix_open_removed);
}

Test(disk_posix, a_name_that_a_killed_process_left_is_passed_over)
{
    char name[64];
    snprintf(name, sizeof name, "temporary-%d-0", (int)getpid());
    disk_close(disk, make_file(name, 3));
    int file = disk_posix_open_removed(disk);
    cr_assert_geq(file, 0);
    cr_assert_eq(disk_size(disk, file), 0);
    cr_assert_eq(names_in_root(), 1);
    disk_close(disk, file);
}
