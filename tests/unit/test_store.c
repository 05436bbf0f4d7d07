/* test_store: who may make a store, and which folders are never taken for one. */
#include "core/store.h"

#include "storage/native_index.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];
static char error[512];

static void begin_folder(void)
{
    strcpy(top, "/tmp/ringpost-store-XXXXXX");
    cr_assert_not_null(mkdtemp(top));
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts, (void)kind, (void)place;
    return remove(path);
}

static void end_folder(void)
{
    nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(store, .init = begin_folder, .fini = end_folder);

/* A path in the test's folder; good until the next but three. */
static const char *in_top(const char *name)
{
    static char paths[4][128];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", top, name);
    return path;
}

static bool has_sentinel(const char *store)
{
    char path[192];
    struct stat facts;
    snprintf(path, sizeof path, "%s/%s", store, STORE_SENTINEL);
    return lstat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

/* Opens and closes; whether it could, and whether it has made one. */
static bool opens(const char *store, enum store_making making, bool *out_made)
{
    strcpy(error, "");
    struct disk *disk = store_open(store, making, out_made, error, sizeof error);
    const bool opened = disk != NULL;
    cr_assert_eq(opened, strlen(error) == 0, "%s", error);
    if (opened)
        disk_posix_close(&disk);
    return opened;
}

Test(store, missing_folder)
{
    bool made = true;
    const char *store = in_top("store");
    cr_assert_not(opens(store, STORE_NEVER_MAKE, &made));
    cr_assert_not(made);
    cr_assert_not_null(strstr(error, "ringpost store create"), "%s", error);
    cr_assert_eq(access(store, F_OK), -1);

    cr_assert(opens(store, STORE_MAKE_FOLDER, &made));
    cr_assert(made);
    cr_assert(has_sentinel(store));
    cr_assert(opens(store, STORE_NEVER_MAKE, &made));
    cr_assert_not(made);
}

Test(store, empty_folder_may_be_a_mount_point)
{
    bool made = true;
    const char *store = in_top("store");
    cr_assert_eq(mkdir(store, 0700), 0);
    cr_assert_not(opens(store, STORE_NEVER_MAKE, &made));
    cr_assert_not(opens(store, STORE_MAKE_FOLDER, &made));
    cr_assert_not(made);
    cr_assert_not_null(strstr(error, "mount"), "%s", error);
    cr_assert_not_null(strstr(error, "ringpost store create"), "%s", error);
    cr_assert_not(has_sentinel(store));

    cr_assert_eq(mkdir(in_top("store/lost+found"), 0700), 0);
    cr_assert(opens(store, STORE_MAKE_IN_EMPTY, &made));
    cr_assert(made);
    cr_assert(opens(store, STORE_MAKE_IN_EMPTY, &made));
    cr_assert_not(made);
}

Test(store, folder_of_something_else)
{
    bool made = true;
    const char *store = in_top("store");
    cr_assert_eq(mkdir(store, 0700), 0);
    cr_assert_eq(mkdir(in_top("store/photos"), 0700), 0);
    for (int making = STORE_NEVER_MAKE; making <= STORE_MAKE_IN_EMPTY; making++)
        cr_assert_not(opens(store, (enum store_making)making, &made));
    cr_assert_not(has_sentinel(store));
    cr_assert_not_null(strstr(error, "no store"), "%s", error);
}

Test(store, sentinel_must_be_a_file)
{
    bool made = true;
    const char *store = in_top("store");
    cr_assert_eq(mkdir(store, 0700), 0);
    cr_assert_eq(symlink("/dev/null", in_top("store/" STORE_SENTINEL)), 0);
    cr_assert_not(opens(store, STORE_MAKE_IN_EMPTY, &made));
    cr_assert_not_null(strstr(error, "regular file"), "%s", error);
}

Test(store, what_is_no_folder)
{
    bool made = true;
    const int file = open(in_top("file"), O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(file, 0);
    close(file);
    cr_assert_not(opens(in_top("file"), STORE_MAKE_IN_EMPTY, &made));
    cr_assert_not(opens(in_top("file/store"), STORE_MAKE_IN_EMPTY, &made));
    cr_assert_not(opens(in_top("none/store"), STORE_MAKE_IN_EMPTY, &made));
    cr_assert_not(made);
}

Test(store, sentinel_belongs_to_the_folders_owner)
{
    bool made = false;
    struct stat facts;
    const char *store = in_top("store");
    cr_assert_eq(mkdir(store, 0700), 0);
    const uid_t owner = geteuid() == 0 ? 12345 : geteuid();
    if (geteuid() == 0)
        cr_assert_eq(chown(store, owner, owner), 0);
    cr_assert(opens(store, STORE_MAKE_IN_EMPTY, &made));
    cr_assert_eq(stat(in_top("store/" STORE_SENTINEL), &facts), 0);
    cr_assert_eq(facts.st_uid, owner);
}
