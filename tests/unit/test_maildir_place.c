/* test_maildir_place: who has a Maildir, where, and whose name could lead elsewhere. */
#include "core/maildir_place.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config config;

static const struct {
    const char *template, *user, *home, *extra, *expected; /* NULL: native; "": bad */
} places[] = {
    {"/var/mail/%d/%n/Maildir", "joe@example.org", "", "", "var/mail/example.org/joe/Maildir"},
    {"/var/mail/%u", "joe@example.org", "", "", "var/mail/joe@example.org"},
    {"/m/%n/%d", "a@b@c", "", "", "m/a@b/c"},
    {"/m/%n", "joe", "", "", "m/joe"},
    {"/m/%d/%n", "joe", "", "", ""},
    {"/m/%u%%", "joe", "", "", "m/joe%"},
    {"~/Maildir", "joe", "/srv/joe", "", "srv/joe/Maildir"},
    {"%h/Maildir", "joe", "/srv/joe", "", "srv/joe/Maildir"},
    {"~/Maildir", "joe", "", "", ""},
    {"~/Maildir", "joe", "relative", "", ""},
    {"~/Maildir", "joe", "/srv/../etc", "", ""},
    {"/m/%u", "../x", "", "", ""},
    {"/m/%u", "a/b", "", "", ""},
    {"/m/%u", "..", "", "", ""},
    {"/m/%n/x", "..@d", "", "", ""},
    {"/m/%n/x", "@d", "", "", ""},
    {"/m/%u", "joe", "/h", "userdb_mail=maildir:~/Mail:INDEX=/x", "h/Mail"},
    {"/m/%u", "joe", "/h", "a=b userdb_mail=maildir:/x/%u", "x/joe"},
    {"/m/%u", "joe", "/h", "userdb_mail=mbox:~/mail", "m/joe"},
    {"/m/%u", "joe", "/h", "ringpost_driver=native", NULL},
    {"/m/%u", "joe", "/h", "userdb_mail=maildir:~/M ringpost_driver=native", NULL},
    {"/m/%u", "joe", "/h", "userdb_mail=maildir:relative", ""},
    {"/m/%u", "joe", "/h", "userdb_mail=maildir:/x/../y", ""},
    {"/m/%u", "joe", "/h", "userdb_mail=maildir:/x/%q", ""},
};

Test(maildir_place, templates_and_users)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[MAILDIR_PATH_BYTES];
        config.driver = CONFIG_DRIVER_MAILDIR;
        strcpy(config.maildir, places[i].template);
        struct account account = {.home = span_of(places[i].home),
                                  .extra = span_of(places[i].extra)};
        enum maildir_place_result result =
            maildir_place(&config, span_of(places[i].user), &account, path);
        enum maildir_place_result expected = places[i].expected == NULL    ? MAILDIR_PLACE_NATIVE
                                             : *places[i].expected == '\0' ? MAILDIR_PLACE_BAD
                                                                           : MAILDIR_PLACE_FOUND;
        cr_expect_eq(result, expected, "%s for %s", places[i].template, places[i].user);
        if (result == MAILDIR_PLACE_FOUND && expected == result)
            cr_expect_str_eq(path, places[i].expected);
    }
}

Test(maildir_place, the_driver_is_the_configurations_unless_the_user_says_otherwise)
{
    char path[MAILDIR_PATH_BYTES];
    config.driver = CONFIG_DRIVER_NATIVE;
    strcpy(config.maildir, "/m/%u");
    cr_assert_eq(maildir_place(&config, SPAN_LITERAL("joe"), NULL, path), MAILDIR_PLACE_NATIVE);
    struct account account = {.extra = SPAN_LITERAL("ringpost_driver=maildir")};
    cr_assert_eq(maildir_place(&config, SPAN_LITERAL("joe"), &account, path), MAILDIR_PLACE_FOUND);
    account.extra = SPAN_LITERAL("userdb_mail=maildir:/x");
    cr_assert_eq(maildir_place(&config, SPAN_LITERAL("joe"), &account, path), MAILDIR_PLACE_FOUND);
    config.driver = CONFIG_DRIVER_MAILDIR;
    cr_assert_eq(maildir_place(&config, SPAN_LITERAL("joe"), NULL, path), MAILDIR_PLACE_FOUND);
}

/* 261 bytes are the most. */
Test(maildir_place, long_paths)
{
    char path[MAILDIR_PATH_BYTES], user[248];
    memset(user, 'u', sizeof user);
    config.driver = CONFIG_DRIVER_MAILDIR;
    strcpy(config.maildir, "/mail4567890/%u");
    cr_assert_eq(maildir_place(&config, (struct span){user, 248}, NULL, path), MAILDIR_PLACE_FOUND);
    cr_assert_eq(strlen(path), 260);
    strcpy(config.maildir, "/mail456789012/%u");
    cr_assert_eq(maildir_place(&config, (struct span){user, 248}, NULL, path), MAILDIR_PLACE_BAD);
}

Test(maildir_place, templates_are_checked)
{
    static const char *const wrong[] = {"",     "mail/%u", "/mail",    "~",        "~x/%u", "/%q",
                                        "/m/%", "/m/%h",   "/m/../%u", "/m/%u/..", "~joe/M"};
    static const char *const right[] = {"/m/%u", "~/Maildir", "%h/M", "/m/%d/%n/..M", "/%%/%u"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_not_null(maildir_place_check(wrong[i]), "%s", wrong[i]);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        cr_expect_null(maildir_place_check(right[i]), "%s", right[i]);
}

Test(maildir_place, the_operators_links_are_followed_once)
{
    char folder[] = "/tmp/ringpost-place-XXXXXX", path[CONFIG_PATH_BYTES], expected[300];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(expected, sizeof expected, "%s/real", folder);
    cr_assert_eq(mkdir(expected, 0700), 0);
    snprintf(path, sizeof path, "%s/link", folder);
    cr_assert_eq(symlink("real", path), 0);
    snprintf(path, sizeof path, "%s/link/%%d/%%n", folder);
    snprintf(expected, sizeof expected, "%s/real/%%d/%%n", folder);
    maildir_place_resolve(path);
    cr_expect_str_eq(path, expected);
    strcpy(path, "/nowhere/at/all/%u");
    maildir_place_resolve(path);
    cr_expect_str_eq(path, "/nowhere/at/all/%u");
    strcpy(path, "/%u");
    maildir_place_resolve(path);
    cr_expect_str_eq(path, "/%u");
    snprintf(path, sizeof path, "%s/link", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/real", folder);
    rmdir(path);
    rmdir(folder);
}
