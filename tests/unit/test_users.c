/* test_users: where a user's maildrop is. The vectors are for ever: they are where the mail is. */
#include "storage/users.h"

#include <criterion/criterion.h>
#include <string.h>

static struct span name_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

Test(users, vectors)
{
    static const struct {
        const char *user;
        const char *folder;
    } vectors[] = {
        {"a", "cd/20/a"},
        {"alice", "94/c5/alice"},
        {"alice@example.org", "48/5f/alice@example.org"},
        {"Alice", "a9/5a/Alice"},
        {"../../etc/passwd", "a6/37/%2E.%2F..%2Fetc%2Fpasswd"},
        {".hidden", "b6/c2/%2Ehidden"},
        {"a b%c", "2f/5d/a%20b%25c"},
        {"j\xC3\xB6rg", "5a/23/j%C3%B6rg"},
        {"x_y-z+1=2.", "83/8a/x_y-z+1=2."},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        char folder[USERS_FOLDER_BYTES], name[USERS_NAME_MAX + 1];
        cr_assert(users_folder(name_of(vectors[i].user), folder));
        cr_assert_str_eq(folder, vectors[i].folder);
        cr_assert(users_name(name_of(folder + 6), name));
        cr_assert_str_eq(name, vectors[i].user);
    }
}

Test(users, every_byte_comes_back_and_none_leaves_the_folder)
{
    for (int byte = 1; byte < 256; byte++) {
        char user[3] = {(char)byte, (char)byte, '\0'};
        char folder[USERS_FOLDER_BYTES], name[USERS_NAME_MAX + 1];
        cr_assert(users_folder(name_of(user), folder));
        cr_assert_eq(strchr(folder + 6, '/'), NULL);
        cr_assert_neq(folder[6], '.');
        cr_assert(users_name(name_of(folder + 6), name));
        cr_assert_str_eq(name, user);
    }
}

Test(users, names_that_are_refused)
{
    char folder[USERS_FOLDER_BYTES], name[USERS_NAME_MAX + 2];
    cr_assert_not(users_folder((struct span){"", 0}, folder));
    cr_assert_not(users_folder((struct span){"a\0b", 3}, folder));
    memset(name, 'a', sizeof name);
    cr_assert(users_folder((struct span){name, USERS_NAME_MAX}, folder));
    cr_assert_eq(strlen(folder), 6 + USERS_NAME_MAX);
    cr_assert_not(users_folder((struct span){name, USERS_NAME_MAX + 1}, folder));
    memset(name, '/', sizeof name);
    cr_assert(users_folder((struct span){name, 85}, folder));
    cr_assert_eq(strlen(folder), 6 + 255);
    cr_assert_not(users_folder((struct span){name, 86}, folder));
}

Test(users, folders_that_are_no_names)
{
    static const char *const folders[] = {"",    ".",    "..",  ".a",    "a/b", "a b",
                                          "%",   "%4",   "a%2", "%2e a", "%2f", "%41",
                                          "%00", "a%2E", "%GG", "\xC3"};
    char name[USERS_NAME_MAX + 1];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        cr_assert_not(users_name(name_of(folders[i]), name), "'%s'", folders[i]);
    char folder[300];
    memset(folder, 'a', sizeof folder);
    cr_assert(users_name((struct span){folder, USERS_NAME_MAX}, name));
    cr_assert_not(users_name((struct span){folder, USERS_NAME_MAX + 1}, name));
}

Test(users, files)
{
    char folder[USERS_FOLDER_BYTES], path[USERS_FILE_BYTES], user[USERS_NAME_MAX];
    users_file("ab/cd/x", "index", path);
    cr_assert_str_eq(path, "ab/cd/x/index");
    memset(user, 'a', sizeof user);
    cr_assert(users_folder((struct span){user, sizeof user}, folder));
    users_file(folder, "wire.4294967295", path);
    cr_assert_eq(strlen(path), 6 + USERS_NAME_MAX + 16);
}

Test(users, folders_spread)
{
    static uint16_t counts[256];
    char user[] = "user0000@example.org";
    for (int i = 0; i < 10000; i++) {
        for (int digit = 0, rest = i; digit < 4; digit++, rest /= 10)
            user[7 - digit] = (char)('0' + rest % 10);
        char folder[USERS_FOLDER_BYTES];
        cr_assert(users_folder(name_of(user), folder));
        unsigned int top = 0;
        for (int digit = 0; digit < 2; digit++)
            top = top * 16 +
                  (unsigned int)(strchr("0123456789abcdef", folder[digit]) - "0123456789abcdef");
        counts[top]++;
    }
    for (int i = 0; i < 256; i++)
        cr_assert(counts[i] > 10 && counts[i] < 100, "%d users in folder %d", counts[i], i);
}
