/* test_disk_folder: folders and memory through the port, on the real kernel. */
#include "core/disk_posix.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static struct disk *disk;

static void begin_folder(void)
{
    strcpy(root, "/tmp/ringpost-folder-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
    cr_assert_eq(chdir(root), 0);
    disk = disk_posix_open(root);
    cr_assert_not_null(disk);
}

static void end_folder(void)
{
    char command[128];
    disk_posix_close(&disk);
    cr_assert_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -r %s", root);
    cr_assert_eq(system(command), 0);
}

TestSuite(disk_folder, .init = begin_folder, .fini = end_folder);

static void make(const char *name, size_t bytes)
{
    int file = open(name, O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(file, 0);
    cr_assert_eq(ftruncate(file, (off_t)bytes), 0);
    close(file);
}

Test(disk_folder, a_look_says_what_is_there)
{
    struct disk_facts facts;
    make("file", 7);
    cr_assert_eq(mkdir("folder", 0700), 0);
    cr_assert_eq(symlink("file", "link"), 0);
    cr_assert_eq(utimensat(AT_FDCWD, "folder", (struct timespec[]){{5, 6}, {7, 8}}, 0), 0);
    cr_assert_eq(disk_look(disk, "file", DISK_WAIT, &facts), 0);
    cr_assert(!facts.is_folder && facts.bytes == 7 && facts.inode != 0);
    cr_assert_eq(disk_look(disk, "folder", DISK_WAIT, &facts), 0);
    cr_assert(facts.is_folder && facts.modified_ns == 7000000008);
    cr_assert_eq(disk_look(disk, "folder", DISK_NOW, &facts), 0, "it is in memory");
    cr_assert_eq(disk_look(disk, "link", DISK_WAIT, &facts), -ELOOP);
    cr_assert_eq(disk_look(disk, "nothing", DISK_WAIT, &facts), -ENOENT);
    cr_assert_eq(disk_look(disk, "../x", DISK_WAIT, &facts), -EXDEV);
    int64_t now = disk_time_ns(disk);
    make("young", 0);
    cr_assert_eq(disk_look(disk, "young", DISK_WAIT, &facts), 0);
    cr_assert(facts.modified_ns >= now && facts.modified_ns - now < 20000000000);
}

Test(disk_folder, a_list_has_every_file_once_and_nothing_else)
{
    static _Alignas(16) char buffer[DISK_LIST_BYTES];
    static bool seen[1000];
    cr_assert_eq(mkdir("folder", 0700), 0);
    cr_assert_eq(mkdir("folder/inner", 0700), 0);
    cr_assert_eq(symlink("0", "folder/link"), 0);
    cr_assert_eq(mkfifo("folder/pipe", 0600), 0);
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "folder/%d", i);
        make(name, 0);
    }
    int folder = disk_open_folder(disk, "folder");
    cr_assert_geq(folder, 0);
    int64_t bytes;
    int count = 0;
    while ((bytes = disk_list(disk, folder, buffer, sizeof buffer)) > 0) {
        for (int64_t at = 0; at < bytes; at += (int64_t)strlen(buffer + at) + 1) {
            int number = atoi(buffer + at);
            cr_assert(!seen[number], "%s", buffer + at);
            seen[number] = true;
            count++;
        }
    }
    cr_assert_eq(bytes, 0);
    cr_assert_eq(count, 1000);
    disk_close(disk, folder);
    cr_assert_eq(disk_open_folder(disk, "folder/0"), -ENOTDIR);
    cr_assert_eq(disk_open_folder(disk, "none"), -ENOENT);
}

Test(disk_folder, a_lock_file_has_one_maker)
{
    int first = disk_open(disk, "lock", DISK_CREATE_LOCK, DISK_WAIT);
    cr_assert_geq(first, 0);
    cr_assert_eq(disk_open(disk, "lock", DISK_CREATE_LOCK, DISK_WAIT), -EEXIST);
    disk_close(disk, first);
    cr_assert_eq(disk_remove(disk, "lock"), 0);
    first = disk_open(disk, "lock", DISK_CREATE_LOCK, DISK_WAIT);
    cr_assert_geq(first, 0);
    disk_close(disk, first);
}

Test(disk_folder, a_pipe_is_not_waited_for)
{
    cr_assert_eq(mkfifo("pipe", 0600), 0);
    int file = disk_open(disk, "pipe", DISK_READ, DISK_WAIT);
    cr_assert_geq(file, 0);
    cr_assert_lt(disk_size(disk, file), 0);
    disk_close(disk, file);
}

Test(disk_folder, memory_grows_and_is_given_back)
{
    char *block = disk_memory(disk, NULL, 10);
    memset(block, 'x', 10);
    block = disk_memory(disk, block, 100000);
    cr_assert_eq(block[9], 'x');
    cr_assert_null(disk_memory(disk, block, 0));
    cr_assert_null(disk_memory(disk, NULL, 0));
}
