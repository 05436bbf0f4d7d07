/* test_account_edit: users added, changed, deleted; what is kept, refused, and done at once. */
#include "core/account_edit.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[128], aside[128];
static char error[400];

static void begin_folder(void)
{
    strcpy(folder, "/tmp/ringpost-edit-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/passwd", folder);
    snprintf(aside, sizeof aside, "%s/passwd.new", folder);
}

static void end_folder(void)
{
    cr_expect_neq(access(aside, F_OK), 0, "nothing is left beside the file");
    unlink(aside);
    unlink(path);
    rmdir(folder);
}

TestSuite(account_edit, .init = begin_folder, .fini = end_folder);

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect_file(const char *text)
{
    static char content[20000];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    cr_expect_str_eq(content, text);
}

static bool add(const char *name, const char *hash)
{
    return account_edit_add(path, span_of(name), span_of(hash), error, sizeof error);
}

static bool change(const char *name, const char *hash)
{
    return account_edit_change(path, span_of(name), span_of(hash), error, sizeof error);
}

static bool delete_user(const char *name)
{
    return account_edit_delete(path, span_of(name), error, sizeof error);
}

static void expect_error(const char *part)
{
    cr_expect_not_null(strstr(error, part), "%s: %s", part, error);
}

Test(account_edit, new_file_is_private)
{
    cr_assert(add("ann", "{PLAIN}x"), "%s", error);
    expect_file("ann:{PLAIN}x::::::\n");
    struct stat facts;
    cr_assert_eq(stat(path, &facts), 0);
    cr_expect_eq(facts.st_mode & 07777, 0600);
}

static const char before[] = "# our users\n"
                             "ann:{PLAIN}x:1000:1000::/home/ann::extra=1\n"
                             "\n"
                             "annabel:{PLAIN}y\r\n"
                             "#ann2:{PLAIN}z\n"
                             "bob:{PLAIN}b";

Test(account_edit, keeps_all_it_does_not_change)
{
    write_file(before);
    cr_assert_eq(chmod(path, 0640), 0);
    cr_assert(change("ann", "{CRYPT}$6$new"), "%s", error);
    cr_assert(change("annabel", "{PLAIN}longer"), "%s", error);
    cr_assert(change("bob", ""), "%s", error);
    cr_assert(add("carl", "{PLAIN}c"), "%s", error);
    expect_file("# our users\n"
                "ann:{CRYPT}$6$new:1000:1000::/home/ann::extra=1\n"
                "\n"
                "annabel:{PLAIN}longer\r\n"
                "#ann2:{PLAIN}z\n"
                "bob:\n"
                "carl:{PLAIN}c::::::\n");
    struct stat facts;
    cr_assert_eq(stat(path, &facts), 0);
    cr_expect_eq(facts.st_mode & 07777, 0640);
}

Test(account_edit, deletes_one_line)
{
    write_file(before);
    cr_assert(delete_user("ann"), "%s", error);
    cr_assert(delete_user("bob"), "%s", error);
    expect_file("# our users\n\nannabel:{PLAIN}y\r\n#ann2:{PLAIN}z\n");
    cr_assert(delete_user("annabel"), "%s", error);
    expect_file("# our users\n\n#ann2:{PLAIN}z\n");
}

Test(account_edit, refuses_and_touches_nothing)
{
    write_file(before);
    cr_expect_not(add("ann", "{PLAIN}x"));
    expect_error("ann is there already");
    cr_expect_not(change("an", "{PLAIN}x"));
    expect_error("there is no user an");
    cr_expect_not(delete_user("ann2"));
    expect_error("there is no user ann2");
    static const char *const names[] = {"", "a:b", "#a", "a\nb", "a\rb"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cr_expect_not(add(names[i], "{PLAIN}x"));
        expect_error("this name cannot");
    }
    cr_expect_not(add("dora", "{PLAIN}x:y"));
    expect_error("a hash may not hold");
    cr_expect_not(add("dora", "{PLAIN}x\neve:{PLAIN}y"));
    expect_error("a hash may not hold");
    cr_expect_not(change("ann", "{NEW}x"));
    expect_error(":2: the scheme");
    expect_file(before);
}

Test(account_edit, damaged_file_is_left_alone)
{
    write_file("ann:{PLAIN}x\nthis is no user\n");
    cr_expect_not(change("ann", "{PLAIN}y"));
    expect_error("passwd:2: there is no ':'");
    expect_file("ann:{PLAIN}x\nthis is no user\n");
}

Test(account_edit, missing_file)
{
    cr_expect_not(change("ann", "{PLAIN}x"));
    expect_error("cannot be opened");
    cr_expect_neq(access(path, F_OK), 0);
}

Test(account_edit, left_over_from_a_crash)
{
    FILE *file = fopen(aside, "w");
    fputs("half a li", file);
    fclose(file);
    cr_assert(add("ann", "{PLAIN}x"), "%s", error);
    expect_file("ann:{PLAIN}x::::::\n");
}

Test(account_edit, symbolic_link_stays)
{
    char link[128];
    snprintf(link, sizeof link, "%s/link", folder);
    write_file(before);
    cr_assert_eq(symlink("passwd", link), 0);
    cr_assert(account_edit_delete(link, span_of("bob"), error, sizeof error), "%s", error);
    struct stat facts;
    cr_assert_eq(lstat(link, &facts), 0);
    cr_expect(S_ISLNK(facts.st_mode));
    cr_expect_not(delete_user("bob"), "the file behind it was changed");
    unlink(link);
}

#define THREADS 4
#define EACH    12

static void *add_some(void *number)
{
    for (int i = 0; i < EACH; i++) {
        char name[32], sentence[300] = "";
        snprintf(name, sizeof name, "u%d-%d", *(int *)number, i);
        cr_expect(account_edit_add(path, span_of(name), SPAN_LITERAL("{PLAIN}x"), sentence,
                                   sizeof sentence),
                  "%s", sentence);
    }
    return NULL;
}

Test(account_edit, many_at_once_lose_nothing)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, add_some, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS * EACH; i++) {
        char name[32];
        snprintf(name, sizeof name, "u%d-%d", i / EACH, i % EACH);
        cr_expect(delete_user(name), "%s", error);
    }
    expect_file("");
}
